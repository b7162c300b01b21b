"""What a TAP stream says: test points, directives, plans, subtests, YAML blocks, and what is wrong with it."""

import pytest

from collector.formats import Limits
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

OUTCOMES = ("passed", "failed", "errors", "skipped")


def tap(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in ("TAP version 14", *lines)).encode()


def counts(*lines: str) -> tuple[object, ...]:
    seen = claim_of(tap(*lines)).evidence
    return tuple(seen[name] for name in OUTCOMES)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ok", "passed"),
        ("ok 1", "passed"),
        ("ok 1 - adds", "passed"),
        ("ok - adds", "passed"),
        ("ok 1 adds \\# SKIP nothing", "passed"),
        ("ok 1 - issue #12", "passed"),
        ("not ok", "failed"),
        ("not ok 1 - adds", "failed"),
        ("not  ok 1", "failed"),
        ("ok 1 # SKIP no network", "skipped"),
        ("ok 1 - adds # skip", "skipped"),
        ("ok 1 - adds #skip", "skipped"),
        ("ok 1 - adds # Skipped: later", "skipped"),
        ("ok 1 - adds # TODO", "skipped"),
        ("not ok 1 - adds # TODO not yet", "skipped"),
        ("not ok 1 - adds # todo: not yet", "skipped"),
        ("not ok 1 # SKIP", "skipped"),
        ("not ok 1 - escapes \\# TODO", "failed"),
        ("not ok 1 - reads #todo marks", "failed"),
        ("not ok 1 - issue# TODO", "failed"),
        ("not ok 1 - x # skipping", "failed"),
        ("not ok 1 - x # TODOs", "failed"),
    ],
)
def test_a_point_ends_as_its_words_say(line: str, expected: str) -> None:
    assert counts("1..1", line) == tuple(int(name == expected) for name in OUTCOMES)


@pytest.mark.parametrize("lines", [("1..2", "ok 1", "ok 2"), ("ok", "ok", "1..2"), ("1..2", "ok 2", "ok 1")])
def test_a_plan_that_holds_may_stand_first_or_last_and_points_in_any_order(lines: tuple[str, ...]) -> None:
    claim = claim_of(tap(*lines))
    assert claim.passed
    assert "declaredTotals" not in claim.evidence


@pytest.mark.parametrize(
    ("lines", "planned"),
    [
        (("1..3", "ok 1", "ok 2"), 3),
        (("1..1", "ok 1", "ok 2"), 1),
        (("1..3", "ok 1", "ok 3"), 3),
        (("1..0", "ok 1"), 0),
        (("1..2", "ok 1", "ok 2", "ok 3 # SKIP"), 2),
        (("1..2", "    1..2", "    ok 1", "    ok 2", "ok 1"), 2),
    ],
)
def test_a_plan_that_does_not_hold_is_a_contradiction_and_not_passed(lines: tuple[str, ...], planned: int) -> None:
    claim = claim_of(tap(*lines))
    assert not claim.passed
    assert claim.evidence["declaredTotals"] == {"tests": planned}


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("ok 1", "ok 2"), "there is no plan, so nothing says that this is all"),
        ((), "there is no plan and no test"),
        (("    ok 1", "    1..1"), "there is no plan and no test"),
        (("1..1", "ok 1", "1..1"), "there is more than one plan"),
        (("1..2", "ok 1", "ok 1"), "the numbers of the tests are not those of the plan"),
        (("1..2", "ok 1", "ok 3"), "the numbers of the tests are not those of the plan"),
        (("1..1", "ok 0"), "the numbers of the tests are not those of the plan"),
        (("1..2", "ok 1", "Bail out! no disk"), "Bail out!"),
        (("1..1", "    bail OUT!", "ok 1"), "Bail out!"),
        (("1..1", "ok 1", "  ---", "  a: 1"), "a YAML block never ends"),
        (("1..2", "ok 1", "  ---", "  a: 1", "ok 2"), "a YAML block never ends"),
        (("1..1", "    1..3", "    ok 1", "ok 1"), "3 tests were planned, and 1 are there"),
        (("1..1", "    ok 1", "ok 1"), "there is no plan, so nothing says that this is all"),
        (("1..1", "ok 1", "    ok 1", "    1..1"), "the test that these belong to is missing"),
        (("1..1", "ok 1 - a {", "    ok 1", "    1..1"), "the test that these belong to is missing"),
    ],
)
def test_what_is_wrong_with_the_stream_is_an_error_with_a_name(lines: tuple[str, ...], fault: str) -> None:
    claim = claim_of(tap(*lines))
    assert not claim.passed
    failed = claim.evidence["failedTests"]
    assert isinstance(failed, list)
    assert fault in failed


def test_lines_of_anything_else_mean_nothing() -> None:
    assert counts("1..1", "pragma +strict", "okay 7", "notok 3", "", "  not ok 2", "\tnot ok 2", "ok 1") == (1, 0, 0, 0)


def test_nothing_that_ran_has_not_passed() -> None:
    assert not claim_of(tap("1..0 # SKIP needs Windows")).passed
    assert not claim_of(tap("1..1", "ok 1 # SKIP")).passed


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("    ok 1", "    ok 2", "    1..2", "ok 1 - s"), (2, 0, 0, 0)),
        (("    ok 1", "    not ok 2", "    1..2", "not ok 1 - s"), (1, 1, 0, 0)),
        (("    ok 1", "    not ok 2", "    1..2", "ok 1 - s"), (1, 1, 0, 0)),
        (("    ok 1", "    1..1", "not ok 1 - s"), (1, 1, 0, 0)),
        (("    1..0 # SKIP", "ok 1 - s # SKIP"), (0, 0, 0, 1)),
        (("        ok 1", "        1..1", "    ok 1", "    1..1", "ok 1 - s"), (1, 0, 0, 0)),
        (("ok 1 - s {", "    ok 1", "    ok 2", "    1..2", "}"), (2, 0, 0, 0)),
        (("not ok 1 - s {", "    ok 1", "    1..1", "}"), (1, 1, 0, 0)),
        (("ok 1 - s {", "    1..1", "    not ok 1", "}"), (0, 1, 0, 0)),
    ],
)
def test_points_of_subtests_count_in_place_of_what_stands_for_them(
    lines: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    assert counts("1..1", *lines) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ("# Subtest: a", "    # Subtest: b", "        not ok 1 - c", "        1..1", "    not ok 1 - b", "    1..1"),
        (
            "    # Subtest: a",
            "        # Subtest: b",
            "        not ok 1 - c",
            "        1..1",
            "    not ok 1",
            "    1..1",
        ),
        ("not ok 1 - a {", "    not ok 1 - b {", "        not ok 1 - c", "        1..1", "    }", "    1..1", "}"),
    ],
)
def test_a_case_stands_in_the_subtests_around_it(lines: tuple[str, ...]) -> None:
    end = () if lines[-1] == "}" else ("not ok 1 - a",)
    evidence = claim_of(tap("1..1", *lines, *end)).evidence
    assert evidence["failedCases"] == [{"name": "c", "suite": "a > b"}]


def test_a_yaml_block_says_message_and_duration_and_is_shown() -> None:
    yaml = ("  ---", "  duration_ms: 1500", "  error: |-", "    one", "    not ok 7", "  message: two", "  ...")
    evidence = claim_of(tap("1..1", "not ok 1 - t", *yaml)).evidence
    text = "duration_ms: 1500\nerror: |-\n  one\n  not ok 7\nmessage: two"
    assert evidence["failedCases"] == [{"name": "t", "message": "one", "text": text}]
    assert evidence["durationSeconds"] == 1.5


def test_a_yaml_block_hides_no_test() -> None:
    assert counts("1..2", "ok 1", "  ---", "  x: 1", "not ok 2", "  ...") == (1, 1, 1, 0)


def test_points_that_run_ahead_and_subtests_are_bounded() -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(tap(*(f"ok {number}" for number in range(2, 12))), limits=Limits(max_tracked=5))
    assert refused.value.code is Code.TOO_LARGE
    with pytest.raises(MalformedError) as refused:
        claim_of(tap("    " * 101 + "ok 1"))
    assert refused.value.code is Code.TOO_DEEP
