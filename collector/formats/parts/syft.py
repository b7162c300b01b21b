"""Syft's own JSON (`syft -o json`, `syft-json`): the packages that it found in an image, a folder or a file.

* Every artifact counts, by its package url. A licence is its SPDX expression, else as it was found; schemas before 9
  had bare strings.
* Well-formed, and so passed: an array of artifacts, made by `syft`, with the version of its schema.
* The subjects are the file that was looked at, by its SHA-256, and the image by the digests that its registry gave.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Kind
from collector.formats.json_items import json_items
from collector.formats.parts.objects import items, objects, text
from collector.formats.parts.tally import Tally
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path
    from collector.formats.json_places import Places
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = "Syft"

_ARTIFACT: Path = ("artifacts", EACH)
_SOURCE: Path = ("source",)
_DESCRIPTOR: Path = ("descriptor",)
_SCHEMA: Path = ("schema",)
_DETAILS = ("metadata", "target")
"""Where a source says more: the second is the name before schema 11."""
_PLACES: Places = {
    _ARTIFACT: (("name",), ("version",), ("purl",), ("licenses",)),
    _SOURCE: (("name",), *((key, name) for key in _DETAILS for name in ("digests", "repoDigests"))),
    _DESCRIPTOR: (("name",), ("version",)),
    _SCHEMA: (("version",),),
}
_SCHEMA_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}", re.ASCII)
_SHA256_PREFIX = "sha256:"
_HINT = "make the parts list again with syft -o json"


def recognise(head: Head) -> bool:
    """Say whether artifacts come first that a cataloger found, or stand beside their relationships or Syft's name."""
    return ("artifacts", "[]", "foundBy") in head.keys or (
        ("artifacts",) in head.keys
        and (("artifactRelationships",) in head.keys or head.text("descriptor", "name") == "syft")
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the artifacts of a parts list; raises `MalformedError` where it is no whole JSON document."""
    del thresholds
    tally = Tally(limits)
    has_artifacts, maker, schema = False, "", ""
    for piece in json_items(stream, limits, _PLACES):
        value = piece.value
        if piece.path == _ARTIFACT:
            if not isinstance(value, dict):
                raise MalformedError(Code.BAD_SYNTAX, f"/artifacts/{piece.name} is not an object", _HINT)
            _take_artifact(tally, value)
        elif piece.path == _ARTIFACT[:1]:
            if piece.kind is Kind.VALUE:
                raise MalformedError(Code.BAD_SYNTAX, "/artifacts is not an array", _HINT)
            has_artifacts = True
        elif piece.path == _SOURCE:
            _take_source(tally, value, limits)
        elif piece.path == _DESCRIPTOR:
            maker = text(value, "name")[: limits.max_text_chars]
            tally.tool, tally.tool_version = maker, text(value, "version")[: limits.max_text_chars]
        elif piece.path == _SCHEMA:
            schema = text(value, "version")[: limits.max_text_chars]
    is_known = has_artifacts and maker == "syft" and _SCHEMA_VERSION.fullmatch(schema) is not None
    return tally.claim(TITLE, spelling="syft", version=schema, passed=is_known)


def _take_artifact(tally: Tally, artifact: JsonObject) -> None:
    tally.component(
        purl=text(artifact, "purl") or None,
        name=text(artifact, "name"),
        version=text(artifact, "version") or None,
        licenses=[found for one in items(artifact, "licenses") if (found := _license(one))],
    )


def _license(value: JsonValue) -> str:
    return value if isinstance(value, str) else text(value, "spdxExpression") or text(value, "value")


def _take_source(tally: Tally, source: JsonValue, limits: Limits) -> None:
    name = text(source, "name")[: limits.max_text_chars] or None
    for details in (source.get(key) for key in _DETAILS) if isinstance(source, dict) else ():
        for digest in objects(details, "digests"):
            if text(digest, "algorithm") == "sha256":
                tally.product(name, text(digest, "value"))
        for reference in items(details, "repoDigests"):
            image, _, digest_of_image = reference.rpartition("@") if isinstance(reference, str) else ("", "", "")
            if digest_of_image.startswith(_SHA256_PREFIX):
                tally.product(image[: limits.max_text_chars], digest_of_image.removeprefix(_SHA256_PREFIX))
