"""The evidence fields that exist, what each may hold, and from which disclosure level on it may leave.

This is the allow-list of `collector.disclose`: a field that does not stand here never leaves. A format that
adds a field adds a row, and says in docs/formats.md what the field means.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from collector.formats.claim import ClaimType


class Level(StrEnum):
    """How much of a claim may leave, least first."""

    VERDICT = "verdict"
    SUMMARY = "summary"
    FULL = "full"

    def covers(self, other: Level) -> bool:
        """Say whether what may leave at `other` may leave at this level too."""
        levels = tuple(Level)
        return levels.index(other) <= levels.index(self)


class Shape(Enum):
    """What a field holds."""

    NUMBER = "a number"
    FLAG = "true or false"
    WORD = "a short word: a tool, a version, a format"
    DIGEST = "a SHA-256 in hex"
    COMMIT = "a full git commit in hex"
    DOCUMENT = "a file as it is, in base64"
    WORDS = "a list of short words"
    TIME = "a moment in UTC, RFC 3339"
    NAME = "a name"
    NAMES = "a list of names"
    MESSAGE = "one line out of a report"
    TEXT = "lines out of a report"
    COUNTS = "numbers by name"
    ROWS = "a list of objects with the columns below"
    TOTALS = "an object with the columns below"


class Field(NamedTuple):
    """One field: its shape, the least level at which it leaves, and the columns of rows and totals."""

    shape: Shape
    level: Level = Level.VERDICT
    columns: Mapping[str, Shape] = MappingProxyType({})


_NUMBER, _WORD, _FLAG = Field(Shape.NUMBER), Field(Shape.WORD), Field(Shape.FLAG)
_OMITTED, _OMITTED_FULL = Field(Shape.NUMBER, Level.SUMMARY), Field(Shape.NUMBER, Level.FULL)


def _numbers(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, _NUMBER)


COMMON: Mapping[str, Field] = MappingProxyType(
    {
        "tool": _WORD,
        "toolVersion": _WORD,
        "reportedAt": Field(Shape.TIME),
        "unreadable": _WORD,
        "alsoMatched": Field(Shape.WORDS),
    }
)
"""Fields that a claim of any type may have."""

_CARRIED: Mapping[str, Field] = MappingProxyType(
    {
        **_numbers("statements", "subjects", "signatures"),
        "signaturesChecked": _FLAG,
        "sourceCommit": Field(Shape.COMMIT),
        "predicateType": Field(Shape.NAME, Level.SUMMARY),
        "builder": Field(Shape.NAME, Level.SUMMARY),
        "document": Field(Shape.DOCUMENT, Level.FULL),
        "documentOmitted": Field(Shape.FLAG, Level.FULL),
    }
)
"""What a foreign statement says that is carried."""

FIELDS: Mapping[ClaimType, Mapping[str, Field]] = MappingProxyType(
    {
        ClaimType.TEST_RESULTS: {
            **_numbers("totalTests", "passed", "failed", "failures", "errors", "skipped", "flaky"),
            **_numbers("durationSeconds", "timeSeconds"),
            "declaredTotals": Field(
                Shape.TOTALS,
                columns=dict.fromkeys(("tests", "failures", "errors", "skipped"), Shape.NUMBER),
            ),
            "suites": Field(
                Shape.ROWS,
                Level.SUMMARY,
                {
                    "name": Shape.NAME,
                    "tests": Shape.NUMBER,
                    "failed": Shape.NUMBER,
                    "errors": Shape.NUMBER,
                    "skipped": Shape.NUMBER,
                },
            ),
            "suitesOmitted": _OMITTED,
            "failedTests": Field(Shape.NAMES, Level.SUMMARY),
            "failedTestsOmitted": _OMITTED,
            "failedCases": Field(
                Shape.ROWS,
                Level.FULL,
                {"name": Shape.NAME, "suite": Shape.NAME, "message": Shape.MESSAGE, "text": Shape.TEXT},
            ),
            "failedCasesOmitted": _OMITTED_FULL,
        },
        ClaimType.COVERAGE: {
            **_numbers("coverage", "linesCovered", "linesTotal", "branchesCovered", "branchesTotal"),
            "files": Field(
                Shape.ROWS, Level.FULL, {"path": Shape.NAME, "covered": Shape.NUMBER, "total": Shape.NUMBER}
            ),
            "filesOmitted": _OMITTED_FULL,
        },
        ClaimType.SECURITY_SCAN: {
            **_numbers("critical", "high", "medium", "low", "info", "total", "fixable"),
            **_numbers("suppressed", "undecided", "runs", "runsWithoutResults"),
            "executionSuccessful": _FLAG,
            "complete": _FLAG,
            "rules": Field(
                Shape.ROWS, Level.SUMMARY, {"id": Shape.NAME, "severity": Shape.WORD, "count": Shape.NUMBER}
            ),
            "rulesOmitted": _OMITTED,
            "findings": Field(
                Shape.ROWS,
                Level.FULL,
                {
                    "id": Shape.NAME,
                    "severity": Shape.WORD,
                    "path": Shape.NAME,
                    "line": Shape.NUMBER,
                    "message": Shape.MESSAGE,
                },
            ),
            "findingsOmitted": _OMITTED_FULL,
        },
        ClaimType.SBOM: {
            "format": _WORD,
            "specVersion": _WORD,
            **_numbers("componentCount", "vulnerabilities"),
            "documentSha256": Field(Shape.DIGEST),
            "components": Field(Shape.NAMES, Level.SUMMARY),
            "componentsOmitted": _OMITTED,
            "licenses": Field(Shape.COUNTS, Level.SUMMARY),
            "licensesOmitted": _OMITTED,
        },
        ClaimType.BUILD_PROVENANCE: {
            "sha256": Field(Shape.DIGEST),
            **_numbers("size", "images"),
            "name": Field(Shape.NAME, Level.SUMMARY),
            **_CARRIED,
        },
        ClaimType.VEX: {
            "format": _WORD,
            "specVersion": _WORD,
            **_numbers("notAffected", "affected", "fixed", "underInvestigation", "vulnerabilities"),
            **_CARRIED,
        },
        ClaimType.CUSTOM: _CARRIED,
    }
)
"""Fields by claim type; a type that does not stand here has the common ones only."""
