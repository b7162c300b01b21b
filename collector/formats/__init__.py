"""Recognisers and parsers of report formats: the bytes of one file in, one claim out.

Formats are recognised by content, never by extension. A format is one module with `recognise` and `read`,
and one row in the table; the first row that recognises a file has it. Everything here is pure: no I/O
besides the stream handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from collector.formats import attest, cobertura, cyclonedx, junit, sarif
from collector.formats.claim import Basis, Claim, ClaimType, Severity, Thresholds
from collector.formats.head import HEAD_BYTES, Head, look
from collector.formats.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "Severity",
    "Thresholds",
    "artifact",
    "recognise",
    "unreadable",
]


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    `key` names the format in attestations, `title` for people; `type` is what its claims are about, None
    where the file itself says it; `recognise` looks at a head, `read` turns a stream at its first byte into
    a claim or raises `MalformedError`; `ends` says that a file which parses to its end is complete, so that
    nobody need wait for more.
    """

    key: str
    title: str
    type: ClaimType | None
    recognise: Callable[[Head], bool]
    read: Callable[[BinaryIO, Thresholds, Limits], Claim]
    ends: bool


FORMATS: tuple[Format, ...] = (
    Format("junit-xml", junit.TITLE, ClaimType.TEST_RESULTS, junit.recognise, junit.read, ends=True),
    Format("cobertura-xml", cobertura.TITLE, ClaimType.COVERAGE, cobertura.recognise, cobertura.read, ends=True),
    Format("sarif", sarif.TITLE, ClaimType.SECURITY_SCAN, sarif.recognise, sarif.read, ends=True),
    Format("cyclonedx-json", cyclonedx.TITLE, ClaimType.SBOM, cyclonedx.recognise, cyclonedx.read, ends=True),
    Format("attest", attest.TITLE, None, attest.recognise, attest.read, ends=True),
)


def recognise(head: bytes) -> Format | None:
    """Return the format of a file by its first `HEAD_BYTES` bytes, None if it is of no known format."""
    seen = look(head)
    return next((row for row in FORMATS if row.recognise(seen)), None)


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
