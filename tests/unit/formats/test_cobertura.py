"""How Cobertura's lines and branches are counted."""

import pytest

from collector.formats import Limits, Thresholds
from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of


def line(number: int | str, hits: int | str, condition: str = "") -> str:
    return f"<line number='{number}' hits='{hits}' condition-coverage='{condition}'/>"


def klass(*lines: str, file: str = "a.py", methods: str = "") -> str:
    inside = f"<methods><method>{methods}</method></methods>" if methods else ""
    return f"<class name='A' filename='{file}'>{inside}<lines>{''.join(lines)}</lines></class>"


def report(*packages: str, attributes: str = "line-rate='0.1'") -> bytes:
    inside = "".join(f"<package><classes>{classes}</classes></package>" for classes in packages)
    return f"<coverage {attributes}><packages>{inside}</packages></coverage>".encode()


def read(*packages: str) -> tuple[object, ...]:
    seen = claim_of(report(*packages)).evidence
    return seen.get("coverage"), seen["linesCovered"], seen["linesTotal"]


def test_lines_with_hits_are_covered() -> None:
    assert read(klass(line(1, 3), line(2, 0), line(3, "1.0"))) == (66.67, 2, 3)


@pytest.mark.parametrize("hits", ["", "-1", "x", "0", "0.0", "000"])
def test_hits_that_are_no_positive_number_cover_nothing(hits: str) -> None:
    assert read(klass(line(1, hits))) == (0.0, 0, 1)


def test_hits_may_be_larger_than_any_integer() -> None:
    assert read(klass(line(1, "18446744073709551615" * 3))) == (100.0, 1, 1)


def test_lines_of_methods_are_those_of_the_class_again() -> None:
    assert read(klass(line(1, 1), line(2, 0), methods=f"<lines>{line(1, 1)}{line(2, 0)}</lines>")) == (50.0, 1, 2)


def test_lines_of_methods_count_where_the_class_has_none() -> None:
    assert read(klass(methods=f"<lines>{line(1, 1)}{line(2, 0)}{line(2, 5)}</lines>")) == (100.0, 2, 2)


def test_a_line_of_a_file_counts_once_and_is_covered_if_any_class_hit_it() -> None:
    assert read(klass(line(1, 0), line(2, 0)) + klass(line(2, 7), line(3, 0))) == (33.33, 1, 3)
    assert read(klass(line(1, 0)) + klass(line(1, 0), file="b.py")) == (0.0, 0, 2)


def test_a_line_without_a_number_counts_for_itself() -> None:
    assert read(klass(line("", 1), line("", 0)) + klass(line("", 1))) == (66.67, 2, 3)


def test_branches_are_the_conditions() -> None:
    seen = claim_of(report(klass(line(1, 1, "50% (1/2)"), line(2, 1, "100% (4/4)"), line(3, 1, "50%")))).evidence
    assert (seen["branchesCovered"], seen["branchesTotal"]) == (5, 6)


def test_more_conditions_covered_than_there_are_is_no_more_than_all() -> None:
    assert claim_of(report(klass(line(1, 1, "100% (9/2)")))).evidence["branchesCovered"] == 2


def test_full_coverage_is_said_only_of_all_lines() -> None:
    lines = [line(number, 1) for number in range(100_000)]
    assert read(klass(*lines, line(100_000, 0))) == (99.99, 100_000, 100_001)
    assert read(klass(*lines[:10])) == (100.0, 10, 10)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("line-rate='0.5' lines-covered='3' lines-valid='4'", {"coverage": 75.0, "linesCovered": 3, "linesTotal": 4}),
        ("line-rate='0.1234'", {"coverage": 12.34}),
        ("line-rate='1' lines-covered='0' lines-valid='0'", {"linesCovered": 0, "linesTotal": 0}),
        ("line-rate='NaN'", {"linesCovered": 0, "linesTotal": 0}),
        ("line-rate='7'", {"linesCovered": 0, "linesTotal": 0}),
    ],
)
def test_what_is_declared_counts_only_without_any_line(attributes: str, expected: dict[str, object]) -> None:
    assert claim_of(report(attributes=attributes)).evidence == expected


@pytest.mark.parametrize(
    ("hit", "least", "passed"),
    [(1, None, True), (0, None, True), (1, 100.0, True), (0, 0.1, False), (0, 0.0, True)],
)
def test_it_passes_from_the_least_percentage_on(hit: int, least: float | None, passed: bool) -> None:  # noqa: FBT001
    claim: Claim = claim_of(report(klass(line(1, hit))), Thresholds(min_coverage=least))
    assert claim.passed is passed


@pytest.mark.parametrize(("least", "passed"), [(None, True), (0.0, False), (50.0, False)])
def test_without_any_measure_it_passes_only_if_no_least_is_set(least: float | None, passed: bool) -> None:  # noqa: FBT001
    claim = claim_of(report(attributes="line-rate='x'"), Thresholds(min_coverage=least))
    assert claim.passed is passed
    assert "coverage" not in claim.evidence


def test_past_the_tracking_limit_lines_still_count() -> None:
    data = report("".join(klass(line(1, 1), line(2, 0), file=f"{number}.py") for number in range(50)))
    assert claim_of(data, limits=Limits(max_tracked=7)).evidence["linesTotal"] == 100
