"""Recognisers and parsers of report formats: the bytes of one file in, one claim out.

Formats are recognised by content, never by extension. A format is one module with `recognise` and `read` in
the package of its group, and one row in that package's `ROWS`. Everything here is pure: no I/O besides the
stream handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector.formats import coverage, findings, images, parts, statements, testing
from collector.formats.claim import Basis, Claim, ClaimType, Severity, Thresholds
from collector.formats.format import Format
from collector.formats.head import HEAD_BYTES, Head, look
from collector.formats.limits import Limits

if TYPE_CHECKING:
    from shared.errors import Code

__all__ = [
    "FORMATS",
    "HEAD_BYTES",
    "Basis",
    "Claim",
    "ClaimType",
    "Format",
    "Head",
    "Limits",
    "Recognised",
    "Severity",
    "Thresholds",
    "artifact",
    "look",
    "recognise",
    "unreadable",
]

FORMATS: tuple[Format, ...] = (
    *testing.ROWS,
    *coverage.ROWS,
    *findings.ROWS,
    *parts.ROWS,
    *images.ROWS,
    *statements.ROWS,
)
"""The table; of the rows that recognise a file the first has it, so the more specific one stands earlier."""


class Recognised(NamedTuple):
    """The format that takes a file, and the formats behind it in the table that would have taken it too."""

    format: Format
    also: tuple[Format, ...] = ()


def recognise(head: bytes) -> Recognised | None:
    """Return the format of a file by its first `HEAD_BYTES` bytes, None if it is of no known format."""
    seen = look(head)
    matching = tuple(row for row in FORMATS if row.recognise(seen))
    return Recognised(matching[0], matching[1:]) if matching else None


def unreadable(fmt: Format, code: Code) -> Claim:
    """Return the claim of a file of a format that cannot be read to its end: not passed, and why."""
    return Claim(
        type=fmt.type or ClaimType.CUSTOM,
        name=fmt.title,
        basis=Basis.MEASURED,
        passed=False,
        evidence={"unreadable": str(code)},
    )


def artifact(name: str, sha256: str, size: int) -> Claim:
    """Return the claim of a file that is only hashed: its name, its SHA-256 in hex and its size in bytes."""
    return Claim(
        type=ClaimType.BUILD_PROVENANCE,
        name="Artifact",
        basis=Basis.MEASURED,
        passed=True,
        evidence={"sha256": sha256, "size": size, "name": name},
        subjects=((name, sha256),),
    )
