"""How the sequence and branch points of OpenCover become lines and branches."""

import pytest

from collector.formats import Limits, Thresholds
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of


def point(line: int | str, visits: int | str, file: str = "fileid='1'", kind: str = "SequencePoint") -> str:
    return f"<{kind} vc='{visits}' sl='{line}' {file}/>"


def branch(line: int | str, visits: int) -> str:
    return point(line, visits, kind="BranchPoint")


def method(*points: str) -> str:
    return f"<Method><Summary numSequencePoints='99'/><FileRef uid='1'/>{''.join(points)}</Method>"


def module(*methods: str, file: str = "a.cs") -> str:
    files = f"<Files><File uid='1' fullPath='{file}'/></Files>"
    return f"<Module>{files}<Classes><Class><Methods>{''.join(methods)}</Methods></Class></Classes></Module>"


def report(*modules: str, summary: str = "") -> bytes:
    return f"<CoverageSession><Summary {summary}/><Modules>{''.join(modules)}</Modules></CoverageSession>".encode()


def read(*modules: str) -> tuple[object, ...]:
    seen = claim_of(report(*modules)).evidence
    return seen.get("coverage"), seen["linesCovered"], seen["linesTotal"]


def test_lines_are_where_points_begin_and_covered_if_any_of_them_was_visited() -> None:
    assert read(module(method(point(1, 0), point(1, 2), point(2, 0)), method(point(3, 1)))) == (66.67, 2, 3)


@pytest.mark.parametrize("visits", ["", "-1", "x", "0"])
def test_what_is_no_positive_number_covers_nothing(visits: str) -> None:
    assert read(module(method(point(1, visits)))) == (0.0, 0, 1)


def test_a_point_without_a_file_is_in_that_of_its_method() -> None:
    assert read(module(method(point(1, 0, ""), point(1, 1)))) == (100.0, 1, 1)


def test_a_file_of_two_modules_is_one_and_numbers_of_files_are_those_of_a_module() -> None:
    assert read(module(method(point(1, 0))), module(method(point(1, 1)))) == (100.0, 1, 1)
    assert read(module(method(point(1, 0))), module(method(point(1, 1)), file="b.cs")) == (50.0, 1, 2)


def test_branches_stand_on_their_line_or_on_the_first_of_their_method() -> None:
    points = (point(1, 1), point(2, 1), branch(2, 1), branch(2, 0), branch(7, 1), branch("", 0))
    seen = claim_of(report(module(method(*points)))).evidence
    assert (seen["branchesCovered"], seen["branchesTotal"]) == (2, 4)
    assert seen["linesTotal"] == 2


SUMMARY = "numSequencePoints='4' visitedSequencePoints='3' numBranchPoints='2' visitedBranchPoints='1'"


def test_the_summary_counts_only_without_any_point() -> None:
    evidence = claim_of(report(summary=SUMMARY)).evidence
    assert evidence == {
        "coverage": 75.0,
        "linesCovered": 3,
        "linesTotal": 4,
        "branchesCovered": 1,
        "branchesTotal": 2,
    }
    assert claim_of(report(module(method(point(1, 0))), summary=SUMMARY)).evidence["linesTotal"] == 1


@pytest.mark.parametrize("summary", ["", "numSequencePoints='0' visitedSequencePoints='0'"])
def test_without_any_measure_no_minimum_is_met(summary: str) -> None:
    claim = claim_of(report(summary=summary), Thresholds(min_coverage=0.0))
    assert not claim.passed
    assert "coverage" not in claim.evidence


@pytest.mark.parametrize(
    "data",
    [
        report(module(method(*(point(number, 1) for number in range(9))))),
        report(
            "<Module><Files>" + "".join(f"<File uid='{n}' fullPath='{n}'/>" for n in range(9)) + "</Files></Module>"
        ),
    ],
)
def test_what_is_held_of_a_method_and_a_module_is_bounded(data: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(data, limits=Limits(max_tracked=5))
    assert refused.value.code is Code.TOO_LARGE
