"""How the lines and conditionals of Clover are counted, whoever wrote them."""

import pytest

from collector.formats import Thresholds
from tests.unit.formats.reading import claim_of


def stmt(number: int, hits: int | str) -> str:
    return f"<line num='{number}' type='stmt' count='{hits}'/>"


def file(*lines: str, path: str = "path='a.ts'", metrics: str = "") -> str:
    return f"<file {path}><metrics {metrics}/>{''.join(lines)}</file>"


def report(inside: str, metrics: str = "") -> bytes:
    project = f"<project timestamp='1'><metrics {metrics}/><package name='p'><metrics/>{inside}</package></project>"
    return f"<coverage generated='1700000000' clover='3.2.0'>{project}</coverage>".encode()


def read(inside: str) -> tuple[object, ...]:
    seen = claim_of(report(inside)).evidence
    return seen.get("coverage"), seen["linesCovered"], seen["linesTotal"]


def test_lines_with_hits_are_covered() -> None:
    assert read(file(stmt(1, 3), stmt(2, 0))) == (50.0, 1, 2)


@pytest.mark.parametrize("hits", ["", "-1", "x", "0"])
def test_what_is_no_positive_number_covers_nothing(hits: str) -> None:
    assert read(file(stmt(1, hits))) == (0.0, 0, 1)


def test_methods_are_no_lines() -> None:
    assert read(file("<line num='1' type='method' count='1'/>", "<line num='9' count='1'/>", stmt(2, 0))) == (0.0, 0, 1)


def test_a_line_of_a_file_counts_once() -> None:
    assert read(file(stmt(1, 0), "<line num='1' type='cond' truecount='2' falsecount='0'/>")) == (100.0, 1, 1)
    assert read(file(stmt(1, 0)) + file(stmt(1, 1), path="name='b.php'")) == (50.0, 1, 2)


@pytest.mark.parametrize(
    ("attributes", "hit"),
    [
        ("count='1' truecount='0' falsecount='1'", 1),
        ("count='0' truecount='0' falsecount='1'", 0),
        ("truecount='1' falsecount='0'", 1),
        ("truecount='0' falsecount='1'", 0),
        ("", 0),
    ],
)
def test_a_condition_is_covered_by_its_count_else_where_it_was_true(attributes: str, hit: int) -> None:
    assert read(file(f"<line num='1' type='cond' {attributes}/>"))[1:] == (hit, 1)


def test_branches_are_those_that_the_metrics_of_files_state() -> None:
    lines = [f"<line num='{n}' type='cond' count='1' truecount='1' falsecount='1'/>" for n in (1, 2)]
    one = file(*lines, metrics="conditionals='5' coveredconditionals='3'")
    other = file(*lines, path="path='b.ts'", metrics="conditionals='4' coveredconditionals='4'")
    seen = claim_of(report(one + other)).evidence
    assert (seen["branchesCovered"], seen["branchesTotal"]) == (7, 9)
    assert "branchesTotal" not in claim_of(report(file(*lines))).evidence


def test_the_tests_themselves_are_not_measured() -> None:
    data = report(file(stmt(1, 0))).replace(
        b"</coverage>", f"<testproject>{file(stmt(1, 1), stmt(2, 1), path='')}</testproject></coverage>".encode()
    )
    assert claim_of(data).evidence["linesTotal"] == 1


METRICS = "statements='4' coveredstatements='3' conditionals='2' coveredconditionals='1'"


def test_metrics_of_the_project_count_only_without_any_line() -> None:
    evidence = claim_of(report("", METRICS)).evidence
    assert evidence == {
        "coverage": 75.0,
        "linesCovered": 3,
        "linesTotal": 4,
        "branchesCovered": 1,
        "branchesTotal": 2,
        "reportedAt": "2023-11-14T22:13:20.000000Z",
    }
    assert claim_of(report(file(stmt(1, 0)), METRICS)).evidence["linesTotal"] == 1


@pytest.mark.parametrize(
    "metrics", ["", "statements='0' coveredstatements='0'", "statements='1' coveredstatements='2'"]
)
def test_without_any_measure_no_minimum_is_met(metrics: str) -> None:
    claim = claim_of(report("", metrics), Thresholds(min_coverage=0.0))
    assert not claim.passed
    assert "coverage" not in claim.evidence
