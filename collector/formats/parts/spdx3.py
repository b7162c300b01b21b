"""SPDX 3.0 as JSON-LD: the packages of an element graph.

* Every `software_Package` counts, by its package url; files, snippets and what else there is do not.
* A licence is that of the relationship `hasConcludedLicense`, else `hasDeclaredLicense`, as in SPDX 2.
* Version, time and tool are those of the `SpdxDocument`, else of the first `CreationInfo`. Well-formed, and so passed:
  a graph of version 3.0.
* The subjects are packages that are root elements and have a SHA-256. Elements come in any order: what has to be
  joined is held by a digest of its identifier, at most `limits.max_tracked` of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Kind
from collector.formats.json_items import json_items
from collector.formats.parts import spdx
from collector.formats.parts.objects import items, objects, text
from collector.formats.parts.tally import LISTED, Tally
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = spdx.TITLE

_CONTEXT = "https://spdx.org/rdf/3."
_ELEMENT: Path = ("@graph", EACH)
_FIELDS = (
    *("@id", "spdxId", "type", "@type", "name", "creationInfo", "rootElement"),
    *("specVersion", "created", "createdUsing"),
    *("software_packageUrl", "software_packageVersion", "externalIdentifier", "verifiedUsing"),
    *("relationshipType", "from", "to", "simplelicensing_licenseExpression"),
)
_PLACES: Places = {_ELEMENT: tuple((name,) for name in _FIELDS)}
_VERSION = re.compile(r"3\.0(\.\d{1,3})?", re.ASCII)
_COLLECTIONS = frozenset({"SpdxDocument", "Bom", "software_Sbom"})
_CONCLUDED, _DECLARED = "hasConcludedLicense", "hasDeclaredLicense"
_LISTED_LICENSE = "https://spdx.org/licenses/"
_HINT = "make the parts list again as SPDX 3.0 JSON-LD"


@dataclass(slots=True)
class _Creation:
    """Who made the elements: specification, time, and the identifier of the first tool."""

    version: str = ""
    created: str = ""
    tool: bytes = b""


@dataclass(slots=True)
class _Graph:
    """What is known of the whole file so far; identifiers are held by their digests."""

    limits: Limits
    tally: Tally
    packages: set[bytes] = field(default_factory=set)
    licenses: dict[bytes, str] = field(default_factory=dict)
    concluded: dict[bytes, bytes] = field(default_factory=dict)
    declared: dict[bytes, bytes] = field(default_factory=dict)
    digests: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    roots: set[bytes] = field(default_factory=set)
    tools: dict[bytes, str] = field(default_factory=dict)
    creations: dict[bytes, _Creation] = field(default_factory=dict)
    creation: _Creation | bytes | None = None


def recognise(head: Head) -> bool:
    """Say whether the context is that of SPDX 3, and no version of SPDX 2 stands beside."""
    return head.text("@context").startswith(_CONTEXT) and ("spdxVersion",) not in head.keys


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the packages of a parts list; raises `MalformedError` where it is no whole JSON document."""
    del thresholds
    graph = _Graph(limits, Tally(limits))
    for piece in json_items(stream, limits, _PLACES):
        if piece.path == _ELEMENT:
            if not isinstance(piece.value, dict):
                raise MalformedError(Code.BAD_SYNTAX, f"/@graph/{piece.name} is not an object", _HINT)
            _take(graph, piece.value)
        elif piece.path == _ELEMENT[:1] and piece.kind is Kind.VALUE:
            raise MalformedError(Code.BAD_SYNTAX, "/@graph is not an array", _HINT)
    return _claim(graph)


def _take(graph: _Graph, element: JsonObject) -> None:
    kind = text(element, "type") or text(element, "@type")
    identity = _key(text(element, "spdxId") or text(element, "@id"))
    if kind == "software_Package":
        _take_package(graph, identity, element)
    elif kind == "CreationInfo" and len(graph.creations) < LISTED:
        graph.creations[identity] = _creation(element, graph.limits)
    elif kind == "Tool" and len(graph.tools) < LISTED:
        graph.tools[identity] = text(element, "name")[: graph.limits.max_text_chars]
    elif kind in _COLLECTIONS:
        graph.roots.update(_key(root) for root in items(element, "rootElement")[:LISTED] if isinstance(root, str))
        _held(graph.roots, graph.limits)
        if kind == "SpdxDocument":
            said = element.get("creationInfo")
            graph.creation = _creation(said, graph.limits) if isinstance(said, dict) else _key(str(said))
    elif expression := text(element, "simplelicensing_licenseExpression") or (
        text(element, "name") if "licensing_" in kind else ""
    ):
        graph.licenses[identity] = expression[: graph.limits.max_text_chars]
        _held(graph.licenses, graph.limits)
    elif (relation := text(element, "relationshipType")) in {_CONCLUDED, _DECLARED}:
        _take_license(graph, element, graph.concluded if relation == _CONCLUDED else graph.declared)


def _take_package(graph: _Graph, identity: bytes, package: JsonObject) -> None:
    purls = (
        text(one, "identifier")
        for one in objects(package, "externalIdentifier")
        if text(one, "externalIdentifierType").lower() == "packageurl"
    )
    name = text(package, "name")
    graph.tally.component(
        purl=text(package, "software_packageUrl") or next(purls, None),
        name=name,
        version=text(package, "software_packageVersion") or None,
    )
    graph.packages.add(identity)
    _held(graph.packages, graph.limits)
    for one in objects(package, "verifiedUsing"):
        if text(one, "algorithm") == "sha256" and len(graph.digests) < LISTED:
            most = graph.limits.max_text_chars
            graph.digests.setdefault(identity, (name[:most], text(one, "hashValue")[:most]))


def _take_license(graph: _Graph, relationship: JsonObject, of: dict[bytes, bytes]) -> None:
    target = next((to for to in items(relationship, "to") if isinstance(to, str)), "")
    of.setdefault(_key(text(relationship, "from")), _key(target))
    _held(of, graph.limits)
    if target.startswith(_LISTED_LICENSE):
        listed = target.removeprefix(_LISTED_LICENSE)[: graph.limits.max_text_chars]
        graph.licenses.setdefault(_key(target), listed)
        _held(graph.licenses, graph.limits)


def _creation(said: JsonValue, limits: Limits) -> _Creation:
    tool = next((tool for tool in items(said, "createdUsing") if isinstance(tool, str)), "")
    return _Creation(text(said, "specVersion")[: limits.max_text_chars], text(said, "created"), _key(tool))


def _claim(graph: _Graph) -> Claim:
    tally = graph.tally
    for package in graph.packages:
        concluded, declared = (graph.licenses.get(of.get(package, b""), "") for of in (graph.concluded, graph.declared))
        tally.licensed(spdx.license_of(concluded, declared))
    for identity, (name, digest) in graph.digests.items():
        if identity in graph.roots:
            tally.product(name, digest)
    first = next(iter(graph.creations.values()), _Creation())
    creation = graph.creations.get(graph.creation, first) if isinstance(graph.creation, bytes) else graph.creation
    creation = creation or first
    tally.tool, tally.reported_at = graph.tools.get(creation.tool), moment(creation.created)
    is_known = _VERSION.fullmatch(creation.version) is not None
    return tally.claim(TITLE, spelling="spdx", version=creation.version, passed=is_known)


def _key(identity: str) -> bytes:
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _held(kept: set[bytes] | dict[bytes, str] | dict[bytes, bytes], limits: Limits) -> None:
    if len(kept) > limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"more than {limits.max_tracked} elements have to be held")
