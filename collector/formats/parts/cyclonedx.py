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

from collector.formats.json_events import EACH, Event, Kind, json_events
from collector.formats.parts.tally import Tally
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "CycloneDX"

_VERSIONS = frozenset({"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"})
_SAID: frozenset[Path] = frozenset({("bomFormat",), ("specVersion",)})
_TIMESTAMP: Path = ("metadata", "timestamp")
_PRODUCT: Path = ("metadata", "component")
_NAMED: frozenset[Path] = frozenset({("purl",), ("name",), ("version",)})
_LICENSE: frozenset[Path] = frozenset(
    {("licenses", EACH, "license", "id"), ("licenses", EACH, "license", "name"), ("licenses", EACH, "expression")}
)
_MARKS = (("components", "[]", "bom-ref"), ("metadata", "component", "bom-ref"))
_HINT = "make the parts list again as CycloneDX JSON"

# Tools stand in an array up to 1.4, and in an object of components and services since 1.5.
_TOOLS: tuple[Path, ...] = (("metadata", "tools", EACH), ("metadata", "tools", "components", EACH))
_ARRAYS: frozenset[Path] = frozenset({("components",), ("vulnerabilities",)})


@dataclass(slots=True)
class _Component:
    """A component that is open."""

    said: dict[str, str] = field(default_factory=dict)
    licenses: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Report:
    """What is known of the whole file so far."""

    limits: Limits
    tally: Tally
    said: dict[Path, str] = field(default_factory=dict)
    open_components: list[_Component] = field(default_factory=list)
    tool: dict[str, str] = field(default_factory=dict)
    tools_seen: int = 0
    product_hash: dict[str, str] = field(default_factory=dict)
    product_digest: str | None = None
    product: dict[str, str] = field(default_factory=dict)


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
    for event in json_events(stream, limits):
        path = event.path
        if path[:1] == ("components",):
            _take_component(report, event)
        elif path[:1] == ("metadata",):
            _take_metadata(report, event)
        elif path == ("vulnerabilities", EACH) and event.kind is Kind.MAP:
            report.tally.vulnerabilities += 1
        elif path in _SAID and isinstance(event.value, str):
            report.said[path] = event.value[: limits.max_text_chars]
        _check_shape(event)
    return _claim(report)


def _check_shape(event: Event) -> None:
    if event.path == () and event.kind not in {Kind.MAP, Kind.MAP_END}:
        raise MalformedError(Code.BAD_SYNTAX, "a parts list is one object", _HINT)
    if event.path in _ARRAYS and event.kind not in {Kind.ARRAY, Kind.ARRAY_END}:
        raise MalformedError(Code.BAD_SYNTAX, f"/{event.path[0]} is not an array", _HINT)


def _component_depth(path: Path) -> int:
    """Return how many parts of the path lead to the innermost component: `components, EACH, ...`."""
    depth = 0
    while path[depth : depth + 2] == ("components", EACH):
        depth += 2
    return depth


def _take_component(report: _Report, event: Event) -> None:
    depth = _component_depth(event.path)
    inner = event.path[depth:]
    if inner == () and depth:
        if event.kind is Kind.MAP:
            report.open_components.append(_Component())
        elif event.kind is Kind.MAP_END:
            _end_component(report)
        else:
            raise MalformedError(Code.BAD_SYNTAX, "a component is not an object", _HINT)
    elif isinstance(event.value, str) and report.open_components:
        component = report.open_components[-1]
        value = event.value[: report.limits.max_text_chars]
        if inner in _NAMED:
            component.said[str(inner[0])] = value
        elif inner in _LICENSE:
            component.licenses.add(value)
            if len(component.licenses) > report.limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"a component has more than {report.limits.max_tracked} licences")


def _end_component(report: _Report) -> None:
    ended = report.open_components.pop()
    report.tally.component(
        purl=ended.said.get("purl"),
        name=ended.said.get("name", ""),
        version=ended.said.get("version"),
        licenses=ended.licenses,
    )


def _take_metadata(report: _Report, event: Event) -> None:
    path, value = event.path, event.value
    if path == _TIMESTAMP:
        report.tally.reported_at = moment(value)
    elif path in _TOOLS and event.kind is Kind.MAP:
        report.tools_seen += 1
    elif path[:-1] in _TOOLS and report.tools_seen == 1:
        _keep(report, report.tool, path[-1], value)
    elif path[:-1] == _PRODUCT:
        _keep(report, report.product, path[-1], value)
    elif path == (*_PRODUCT, "hashes", EACH) and event.kind is Kind.MAP_END:
        if report.product_hash.get("alg") == "SHA-256":
            report.product_digest = report.product_hash.get("content")
        report.product_hash = {}
    elif path[:-1] == (*_PRODUCT, "hashes", EACH):
        _keep(report, report.product_hash, path[-1], value)


def _keep(report: _Report, fields: dict[str, str], name: str | int, value: Scalar) -> None:
    if name in {"name", "version", "alg", "content"} and isinstance(value, str):
        fields[str(name)] = value[: report.limits.max_text_chars]


def _claim(report: _Report) -> Claim:
    tally, version = report.tally, report.said.get(("specVersion",), "")
    tally.tool, tally.tool_version = report.tool.get("name"), report.tool.get("version")
    if report.product_digest is not None:
        tally.product(report.product.get("name"), report.product_digest)
    is_known = report.said.get(("bomFormat",)) == "CycloneDX" and version in _VERSIONS
    return tally.claim(TITLE, spelling="cyclonedx", version=version, passed=is_known)
