"""How the lines and branches of JaCoCo are counted."""

import pytest

from collector.formats import Thresholds
from tests.unit.formats.reading import claim_of


def line(number: int | str, covered: int | str, branches: str = "mb='0' cb='0'") -> str:
    return f"<line nr='{number}' mi='1' ci='{covered}' {branches}/>"


def package(*lines: str, name: str = "p", file: str = "A.java") -> str:
    method = "<class name='p/A'><method name='m'><counter type='LINE' missed='0' covered='9'/></method></class>"
    return f"<package name='{name}'>{method}<sourcefile name='{file}'>{''.join(lines)}</sourcefile></package>"


def report(*inside: str) -> bytes:
    return f"<report name='r'><sessioninfo id='s'/>{''.join(inside)}</report>".encode()


def read(*inside: str) -> tuple[object, ...]:
    seen = claim_of(report(*inside)).evidence
    return seen.get("coverage"), seen["linesCovered"], seen["linesTotal"]


def test_a_line_of_which_anything_was_covered_is_covered() -> None:
    assert read(package(line(1, 3), line(2, 0), line(3, 1))) == (66.67, 2, 3)


@pytest.mark.parametrize("covered", ["", "-1", "x", "0"])
def test_what_is_no_positive_number_covers_nothing(covered: str) -> None:
    assert read(package(line(1, covered))) == (0.0, 0, 1)


def test_a_line_of_a_file_counts_once_and_files_of_two_modules_are_two() -> None:
    assert read(package(line(1, 0)), package(line(1, 1))) == (100.0, 1, 1)
    modules = [f"<group name='{name}'>{package(line(1, 0))}</group>" for name in ("a", "b")]
    assert read(*modules) == (0.0, 0, 2)
    files = claim_of(report(*modules)).evidence["files"]
    assert files == [{"path": f"{name}/p/A.java", "covered": 0, "total": 1} for name in ("a", "b")]


def test_branches_are_those_of_the_lines() -> None:
    seen = claim_of(report(package(line(1, 1, "mb='1' cb='3'"), line(2, 0, "mb='2' cb='0'")))).evidence
    assert (seen["branchesCovered"], seen["branchesTotal"]) == (3, 6)


COUNTERS = "<counter type='LINE' missed='1' covered='3'/><counter type='BRANCH' missed='1' covered='1'/>"


def test_counters_of_the_report_count_only_without_any_line() -> None:
    evidence = claim_of(report(COUNTERS)).evidence
    assert evidence == {
        "coverage": 75.0,
        "linesCovered": 3,
        "linesTotal": 4,
        "branchesCovered": 1,
        "branchesTotal": 2,
    }
    assert read(package(line(1, 0)), COUNTERS) == (0.0, 0, 1)


@pytest.mark.parametrize(
    "inside", ["", f"<package name='p'>{COUNTERS}</package>", "<counter type='INSTRUCTION' missed='0' covered='9'/>"]
)
def test_without_any_line_nothing_was_measured_and_no_minimum_is_met(inside: str) -> None:
    claim = claim_of(report(inside), Thresholds(min_coverage=0.0))
    assert not claim.passed
    assert "coverage" not in claim.evidence


@pytest.mark.parametrize(("least", "passed"), [(None, True), (50.0, True), (50.01, False)])
def test_it_passes_from_the_least_percentage_on(least: float | None, passed: bool) -> None:  # noqa: FBT001
    claim = claim_of(report(package(line(1, 1), line(2, 0))), Thresholds(min_coverage=least))
    assert claim.passed is passed
