"""CycloneDX JSON, 1.2 to 1.7 (ECMA-424): the parts list of a product.

* Every component counts, also those nested in others; the product itself (`metadata.component`) and its
  tools do not. A document without components, or with vulnerabilities only (VEX), has 0 of them and is
  well-formed.
* Licences are counted as written: the SPDX id, else the name, or the expression; one count for each
  component that has it.
* Well-formed, and so passed: it says that it is CycloneDX of a version known here.
* The subject is the product, where its SHA-256 is among the hashes of `metadata.component`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Kind
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from collector.formats.json_values import text_at, values_at
from collector.formats.parts.tally import Tally
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_items import Piece
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonValue

TITLE = "CycloneDX"

_VERSIONS = frozenset({"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"})
_COMPONENT: Path = ("components", EACH)
_DEEPEST = 50
"""Components inside of components that fit into the depth of JSON that is read."""

_LICENSE: Path = ("licenses", EACH, "license")
_FIELDS = (("purl",), ("name",), ("version",), (*_LICENSE, "id"), (*_LICENSE, "name"), ("licenses", EACH, "expression"))
# Tools stand in an array up to 1.4, and in an object of components and services since 1.5.
_TOOLS: tuple[Path, ...] = (("tools", EACH), ("tools", "components", EACH))
_ABOUT_TOOLS = tuple((*tool, name) for tool in _TOOLS for name in ("name", "version"))
_ABOUT_PRODUCT = (("component", "name"), ("component", "hashes", EACH, "alg"), ("component", "hashes", EACH, "content"))
_PLACES: Places = {
    ("bomFormat",): ALL,
    ("specVersion",): ALL,
    ("metadata",): (("timestamp",), *_ABOUT_TOOLS, *_ABOUT_PRODUCT),
    ("vulnerabilities", EACH): (),
    # Each comes with those inside of it, but for one that is too large, which comes behind them.
    **{_COMPONENT * depth: _FIELDS for depth in range(1, _DEEPEST)},
}
_MARKS = (("components", "[]", "bom-ref"), ("metadata", "component", "bom-ref"))
_HINT = "make the parts list again as CycloneDX JSON"


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    tally: Tally
    said: dict[str, str] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether the top of the document says CycloneDX, names its schema, or begins with its `bom-ref`s.

    Some writers sort their keys, so that the format's name stands behind megabytes of components.
    """
    return (
        head.text("bomFormat") == "CycloneDX"
        or "cyclonedx.org/schema/bom" in head.text("$schema")
        or any(path in head.keys for path in _MARKS)
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the components of a parts list; raises `MalformedError` where it is no whole JSON document."""
    del thresholds
    report = _Report(limits, Tally(limits))
    for piece in json_items(stream, limits, _PLACES):
        if piece.kind is Kind.VALUE:
            _take(report, piece)
    return _claim(report)


def _take(report: _Report, piece: Piece) -> None:
    path, value = piece.path, piece.value
    if path[-2:] == _COMPONENT:
        _take_component(report, value)
    elif path == ("vulnerabilities", EACH):
        report.tally.vulnerabilities += isinstance(value, dict)
    elif path == ("metadata",):
        _take_metadata(report, value)
    elif path in {("bomFormat",), ("specVersion",)}:
        report.said[str(piece.name)] = _cut(report, value) or ""
    elif path == ():
        raise MalformedError(Code.BAD_SYNTAX, "a parts list is one object", _HINT)
    else:
        raise MalformedError(Code.BAD_SYNTAX, f"/{path[0]} is not an array", _HINT)


def _take_component(report: _Report, component: JsonValue) -> None:
    if not isinstance(component, dict):
        raise MalformedError(Code.BAD_SYNTAX, "a component is not an object", _HINT)
    nested = component.get("components")
    if not isinstance(nested, list | None):
        raise MalformedError(Code.BAD_SYNTAX, "the components of a component are not an array", _HINT)
    for inner in nested or ():
        _take_component(report, inner)
    purl, name, version = component.get("purl"), component.get("name"), component.get("version")
    report.tally.component(
        purl=purl if isinstance(purl, str) else None,
        name=name if isinstance(name, str) else "",
        version=version if isinstance(version, str) else None,
        licenses=_licenses(component.get("licenses")),
    )


def _licenses(choices: JsonValue) -> set[str]:
    """Return the licences of a component: each is an expression, or the SPDX id or the name of one."""
    said: list[JsonValue] = []
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            said.append(choice.get("expression"))
            if isinstance(one := choice.get("license"), dict):
                said += (one.get("id"), one.get("name"))
    return {text for text in said if isinstance(text, str)}


def _take_metadata(report: _Report, metadata: JsonValue) -> None:
    tally = report.tally
    tally.reported_at = moment(text_at(metadata, "timestamp"))
    tools = [tool for path in _TOOLS for tool in values_at(metadata, path) if isinstance(tool, dict)]
    if tools:
        tally.tool, tally.tool_version = (_cut(report, text_at(tools[0], name)) for name in ("name", "version"))
    hashes = values_at(metadata, ("component", "hashes", EACH))
    digests = [text_at(one, "content") for one in hashes if text_at(one, "alg") == "SHA-256"]
    if digests:
        tally.product(_cut(report, text_at(metadata, "component", "name")), digests[-1] or "")


def _cut(report: _Report, said: JsonValue) -> str | None:
    return said[: report.limits.max_text_chars] if isinstance(said, str) else None


def _claim(report: _Report) -> Claim:
    version = report.said.get("specVersion", "")
    is_known = report.said.get("bomFormat") == "CycloneDX" and version in _VERSIONS
    return report.tally.claim(TITLE, spelling="cyclonedx", version=version, passed=is_known)
