"""What is expected of a sample file: rows for the tables of `expected_<group>.py`, one maker for each kind of claim.

What stands in the tables was counted with other means than our readers: grep, jq, ElementTree, the tool itself and by
eye.
"""

from collections.abc import Mapping
from typing import NamedTuple

from shared.encoding import JsonValue
from shared.errors import Code


class Expected(NamedTuple):
    """What a file is and says.

    `format` is the key of the row that takes it, `also` of the rows behind it that would have. `evidence` fields have
    exactly that value, None is a field that is not there; `lengths` are those of lists and objects. `refused` is the
    reason why a file that was recognised cannot be read, and then nothing else counts.
    """

    format: str
    passed: bool = False
    evidence: Mapping[str, JsonValue] = {}
    lengths: Mapping[str, int] = {}
    also: tuple[str, ...] = ()
    refused: Code | None = None


def ran(
    key: str,
    passed: int,
    failed: int = 0,
    errors: int = 0,
    skipped: int = 0,
    *,
    flaky: int = 0,
    suites: int | None = None,
    seconds: float | None = None,
    tool: str | None = None,
    version: str | None = None,
    declared: dict[str, JsonValue] | None = None,
    reported_at: str | None = None,
) -> Expected:
    """A report of tests: cases by outcome, suites that are listed, seconds, contradicting totals."""
    return Expected(
        key,
        passed=passed > 0 and failed == errors == 0,
        evidence={
            "totalTests": passed + failed + errors + skipped,
            "passed": passed,
            "failed": failed,
            "errors": errors,
            "skipped": skipped,
            "flaky": flaky,
            "durationSeconds": seconds,
            "declaredTotals": declared,
            **_said(tool, version, reported_at),
        },
        lengths={"failedTests": failed + errors} | ({} if suites is None else {"suites": suites}),
    )


def covered(
    key: str,
    percent: float | None,
    lines_covered: int | None,
    lines: int | None,
    branches_covered: int | None = None,
    branches: int | None = None,
    *,
    tool: str | None = None,
    version: str | None = None,
    reported_at: str | None = None,
) -> Expected:
    """A report of coverage: percentage, lines covered and all, branches covered and all; no minimum is configured."""
    return Expected(
        key,
        passed=True,
        evidence={
            "coverage": percent,
            "linesCovered": lines_covered,
            "linesTotal": lines,
            "branchesCovered": branches_covered,
            "branchesTotal": branches,
            **_said(tool, version, reported_at),
        },
    )


def scanned(
    key: str,
    critical: int = 0,
    high: int = 0,
    medium: int = 0,
    low: int = 0,
    info: int = 0,
    *,
    rules: int,
    tool: str | None = None,
    version: str | None = None,
    reported_at: str | None = None,
    suppressed: int = 0,
    is_whole: bool = True,
    **more: JsonValue,
) -> Expected:
    """A report of findings by severity, and how many rules they are of; `fail_on` is high. `more` are other fields."""
    return Expected(
        key,
        passed=is_whole and critical == high == 0,
        evidence={
            "critical": critical,
            "high": high,
            "medium": medium,
            "low": low,
            "info": info,
            "total": critical + high + medium + low + info,
            "suppressed": suppressed,
            **_said(tool, version, reported_at),
            **more,
        },
        lengths={"rules": rules},
    )


def listed(
    key: str,
    spelling: str,
    version: str,
    components: int,
    *,
    named: int | None = None,
    licenses: int = 0,
    vulnerabilities: int | None = None,
    tool: str | None = None,
    tool_version: str | None = None,
    reported_at: str | None = None,
) -> Expected:
    """A parts list: its spelling and version, parts, those that have a name or package url, distinct licences."""
    return Expected(
        key,
        passed=True,
        evidence={
            "format": spelling,
            "specVersion": version,
            "componentCount": components,
            "vulnerabilities": vulnerabilities,
            **_said(tool, tool_version, reported_at),
        },
        lengths={"components": components if named is None else named, "licenses": licenses},
    )


def refused(key: str, code: Code) -> Expected:
    """A file that is of the format, and cannot be read."""
    return Expected(key, refused=code)


def _said(tool: str | None, version: str | None, reported_at: str | None) -> dict[str, JsonValue]:
    return {"tool": tool, "toolVersion": version, "reportedAt": reported_at}
