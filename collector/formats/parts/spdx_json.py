"""SPDX 2.2 and 2.3 as JSON (ISO/IEC 5962), by the rules of `spdx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Kind
from collector.formats.json_items import json_items
from collector.formats.json_places import ALL
from collector.formats.parts import spdx
from collector.formats.parts.objects import items, objects, text
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = spdx.TITLE

_VERSION: Path = ("spdxVersion",)
_CREATION: Path = ("creationInfo",)
_DESCRIBED: Path = ("documentDescribes", EACH)
_PACKAGE: Path = ("packages", EACH)
_RELATIONSHIP: Path = ("relationships", EACH)
_PLACES: Places = {
    _VERSION: ALL,
    _CREATION: (("created",), ("creators",)),
    _DESCRIBED: ALL,
    _PACKAGE: (
        ("SPDXID",),
        ("name",),
        ("versionInfo",),
        ("licenseConcluded",),
        ("licenseDeclared",),
        ("checksums",),
        ("externalRefs",),
    ),
    _RELATIONSHIP: (("spdxElementId",), ("relationshipType",), ("relatedSpdxElement",)),
}
_HINT = "make the parts list again as SPDX JSON"


def recognise(head: Head) -> bool:
    """Say whether the top of the document says SPDX 2, is the document element of one, or begins with its packages."""
    return (
        head.text("spdxVersion").startswith("SPDX-2")
        or head.text("SPDXID") == spdx.DOCUMENT
        or ("packages", "[]", "SPDXID") in head.keys
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the packages of a parts list; raises `MalformedError` where it is no whole JSON document."""
    del thresholds
    document = spdx.Document(limits)
    for piece in json_items(stream, limits, _PLACES):
        value = piece.value
        if piece.path == _PACKAGE:
            if not isinstance(value, dict):
                raise MalformedError(Code.BAD_SYNTAX, f"/packages/{piece.name} is not an object", _HINT)
            document.package(_package(value))
        elif piece.path == _RELATIONSHIP:
            if text(value, "spdxElementId") == spdx.DOCUMENT and text(value, "relationshipType") == spdx.DESCRIBES:
                document.describes(text(value, "relatedSpdxElement"))
        elif piece.path == _VERSION and isinstance(value, str):
            document.version = value
        elif piece.path == _DESCRIBED and isinstance(value, str):
            document.describes(value)
        elif piece.path == _CREATION:
            document.created = text(value, "created")
            for creator in items(value, "creators"):
                if isinstance(creator, str):
                    document.creator(creator)
        elif piece.path == _PACKAGE[:1] and piece.kind is Kind.VALUE:
            raise MalformedError(Code.BAD_SYNTAX, "/packages is not an array", _HINT)
    return document.claim()


def _package(value: JsonObject) -> spdx.Package:
    purl = sha256 = ""
    for reference in objects(value, "externalRefs"):
        if not purl and spdx.is_purl(_text(reference.get("referenceType"))):
            purl = _text(reference.get("referenceLocator"))
    for checksum in objects(value, "checksums"):
        if not sha256 and checksum.get("algorithm") == spdx.SHA256:
            sha256 = _text(checksum.get("checksumValue"))
    return spdx.Package(
        name=_text(value.get("name")),
        version=_text(value.get("versionInfo")),
        spdx_id=_text(value.get("SPDXID")),
        purl=purl,
        concluded=_text(value.get("licenseConcluded")),
        declared=_text(value.get("licenseDeclared")),
        sha256=sha256,
    )


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
