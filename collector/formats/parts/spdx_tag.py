"""SPDX 2.2 and 2.3 as tag and value, one a line, by the rules of `spdx`.

* A value that begins with `<text>` goes on to the next `</text>`; lines that begin with `#` and blank lines are
  comments. Any other line has a tag and a colon.
* What follows `PackageName` is said of that package until a file, a snippet or a licence of its own begins.
* The format has no mark at its end: a file that was cut between two lines looks whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.lines import text_lines
from collector.formats.parts import spdx
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = spdx.TITLE

_VERSION = "SPDXVersion"
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9]{0,99})\s*:\s*", re.ASCII)
_OPEN, _CLOSE = "<text>", "</text>"
_OTHER_SECTIONS = frozenset({"FileName", "SnippetSPDXID", "LicenseID"})
_FIELDS = {
    "PackageVersion": "version",
    "SPDXID": "spdx_id",
    "PackageLicenseConcluded": "concluded",
    "PackageLicenseDeclared": "declared",
}
_RELATIONSHIP_PARTS = _REFERENCE_PARTS = 3
_HINT = "make the parts list again as SPDX tag-value"


def recognise(head: Head) -> bool:
    """Say whether the first line that is no comment is the version of SPDX."""
    told = (line for line in head.lines if not _is_comment(line))
    return head.kind == "other" and next(told, "").startswith(f"{_VERSION}:")


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the packages of a parts list; raises `MalformedError` where a line is no tag with its value."""
    del thresholds
    document = spdx.Document(limits)
    package: spdx.Package | None = None
    for tag, value in _tags(stream, limits):
        if tag == "PackageName" or tag in _OTHER_SECTIONS:
            if package is not None:
                document.package(package)
            package = spdx.Package(name=value) if tag == "PackageName" else None
        elif package is not None and tag.startswith(("Package", "ExternalRef", "SPDXID")):
            _take_in_package(package, tag, value)
        else:
            _take_in_document(document, tag, value)
    if package is not None:
        document.package(package)
    return document.claim()


def _take_in_package(package: spdx.Package, tag: str, value: str) -> None:
    if (name := _FIELDS.get(tag)) is not None:
        setattr(package, name, value)
    elif tag == "PackageChecksum":
        algorithm, _, digest = value.partition(":")
        if algorithm.strip() == spdx.SHA256:
            package.sha256 = digest.strip()
    elif tag == "ExternalRef":
        parts = value.split(None, _REFERENCE_PARTS - 1)
        if len(parts) == _REFERENCE_PARTS and spdx.is_purl(parts[1]):
            package.purl = package.purl or parts[2]


def _take_in_document(document: spdx.Document, tag: str, value: str) -> None:
    if tag == _VERSION:
        document.version = document.version or value
    elif tag == "Created":
        document.created = document.created or value
    elif tag == "Creator":
        document.creator(value)
    elif tag == "Relationship":
        parts = value.split()
        if len(parts) == _RELATIONSHIP_PARTS and parts[:2] == [spdx.DOCUMENT, spdx.DESCRIBES]:
            document.describes(parts[2])


def _tags(stream: BinaryIO, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yield each tag and its value on one line, or what of it stands on its first; raises `MalformedError`."""
    open_at = 0
    for number, line in text_lines(stream, limits):
        if open_at:
            open_at = 0 if _CLOSE in line else open_at
            continue
        if _is_comment(line):
            continue
        found = _TAG.match(line)
        if found is None:
            raise MalformedError(Code.BAD_SYNTAX, f"line {number}: no tag with a colon", _HINT)
        value = line[found.end() :]
        if value.startswith(_OPEN):
            value, closed, _ = value.removeprefix(_OPEN).partition(_CLOSE)
            open_at = 0 if closed else number
        yield found[1], value.strip()
    if open_at:
        raise MalformedError(Code.TRUNCATED, f"the file ends within the text that begins in line {open_at}", _HINT)


def _is_comment(line: str) -> bool:
    told = line.lstrip()
    return not told or told.startswith("#")
