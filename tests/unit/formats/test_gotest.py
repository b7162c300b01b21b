"""How runs of Go packages, and their reruns, are counted."""

import json

import pytest

from collector.formats import HEAD_BYTES, Limits, recognise
from collector.formats.claim import Claim
from shared.errors import Code, MalformedError
from tests.unit.formats.reading import claim_of

Event = tuple[str, str] | str
"""Action and test, an action of the package, or what it prints (with a blank in front)."""


def stream(*events: Event, package: str = "p") -> list[str]:
    lines = []
    for event in events:
        if isinstance(event, tuple):
            fields = {"Action": event[0], "Package": package, "Test": event[1]}
        elif event.startswith(" "):
            fields = {"Action": "output", "Package": package, "Output": f"{event[1:]}\n"}
        else:
            fields = {"Action": event, "Package": package}
        lines.append(json.dumps(fields, separators=(",", ":")))
    return lines


def read(*lines: str) -> Claim:
    return claim_of("\n".join(lines).encode())


def counts(claim: Claim) -> tuple[object, ...]:
    return tuple(claim.evidence[key] for key in ("passed", "failed", "errors", "skipped", "flaky"))


def ran(name: str, word: str) -> list[Event]:
    return [("run", name), (word, name)]


FAILED: list[Event] = [" FAIL", "fail"]

RUNS: dict[str, tuple[list[Event], tuple[int, int, int, int]]] = {
    "a pass": ([*ran("TestA", "pass"), "pass"], (1, 0, 0, 0)),
    "nothing but skipped": ([*ran("TestA", "skip"), "pass"], (0, 0, 0, 1)),
    "no test files": (["skip"], (0, 0, 0, 0)),
    "no tests": (["start", "pass"], (0, 0, 0, 0)),
    "a test and its subtests": ([*ran("TestA/x", "pass"), *ran("TestA/y", "skip"), *ran("TestA", "pass"), "pass"],
                                (2, 0, 0, 1)),
    "a failed subtest fails its parent": ([*ran("TestA/x", "fail"), *ran("TestA", "fail"), *FAILED], (0, 2, 0, 0)),
    "a test that never ended": ([("run", "TestA"), *ran("TestB", "pass"), "pass"], (1, 0, 1, 0)),
    "a subtest that never ended": ([("run", "TestA"), ("run", "TestA/x"), ("pass", "TestA"), "pass"], (1, 0, 1, 0)),
    "a package that never ended": (ran("TestA", "pass"), (1, 0, 1, 0)),
    "neither of them ended": ([("run", "TestA")], (0, 0, 2, 0)),
    "only output": ([" hello"], (0, 0, 1, 0)),
    "a package that failed without a test": ([*ran("TestA", "pass"), "fail"], (1, 0, 1, 0)),
    "a package that failed with all tests passed (TestMain, -race)": ([*ran("TestA", "pass"), *FAILED], (1, 0, 1, 0)),
    "a panic": ([*ran("TestA", "pass"), *ran("TestB", "fail"), " exit status 2", "fail"], (1, 1, 1, 0)),
    "a failed test in a package that passed": ([*ran("TestA", "fail"), "pass"], (0, 1, 0, 0)),
    "twice the same, both passed (-count)": ([*ran("TestA", "pass") * 2, "pass"], (1, 0, 0, 0)),
    "failed, then passed in one run": ([*ran("TestA", "fail"), *ran("TestA", "pass"), *FAILED], (0, 1, 0, 0)),
    "passed, then never ended": ([*ran("TestA", "pass"), ("run", "TestA"), "fail"], (0, 0, 2, 0)),
    "a benchmark": ([("run", "BenchmarkX"), "pass"], (1, 0, 0, 0)),
    "a benchmark that logs": ([("run", "BenchmarkX"), ("bench", "BenchmarkX"), "pass"], (1, 0, 0, 0)),
    "a benchmark that failed": ([*ran("BenchmarkX", "fail"), *FAILED], (0, 1, 0, 0)),
    "a benchmark that never ended": ([("run", "BenchmarkX"), "fail"], (0, 0, 2, 0)),
    "an action that is not known": ([("run", "TestA"), ("won", "TestA"), "pass"], (0, 0, 1, 0)),
    "an end of a package that is not known": ([*ran("TestA", "pass"), "won"], (1, 0, 1, 0)),
    "pauses": ([("run", "TestA"), ("pause", "TestA"), ("cont", "TestA"), ("pass", "TestA"), "pass"], (1, 0, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_a_package_counts_its_tests_and_what_went_wrong_outside(name: str) -> None:
    events, expected = RUNS[name]
    claim = read(*stream(*events))
    assert counts(claim)[:4] == expected
    assert claim.passed == (expected[0] > 0 and expected[1] == expected[2] == 0)


FIRST: list[Event] = [*ran("TestA", "fail"), *ran("TestB", "pass"), *FAILED]

RERUNS: dict[str, tuple[list[list[Event]], tuple[int, int, int, int, int]]] = {
    "passed": ([FIRST, [*ran("TestA", "pass"), "pass"]], (2, 0, 0, 0, 1)),
    "passed the third time": ([FIRST, [*ran("TestA", "fail"), *FAILED], [*ran("TestA", "pass"), "pass"]],
                              (2, 0, 0, 0, 1)),
    "never passed": ([FIRST, [*ran("TestA", "fail"), *FAILED]], (1, 1, 0, 0, 0)),
    "skipped": ([FIRST, [*ran("TestA", "skip"), "pass"]], (1, 1, 0, 0, 0)),
    "never ended": ([FIRST, [("run", "TestA"), *FAILED]], (1, 0, 1, 0, 0)),
    "of two subtests, one by one": (
        [
            [*ran("TestA/x", "fail"), *ran("TestA/y", "fail"), *ran("TestA/z", "pass"), *ran("TestA", "fail"), *FAILED],
            [*ran("TestA/x", "pass"), *ran("TestA", "pass"), "pass"],
            [*ran("TestA/y", "pass"), *ran("TestA", "pass"), "pass"],
        ],
        (4, 0, 0, 0, 3),
    ),
    "of the whole test of a subtest": (
        [
            [*ran("TestA/x", "fail"), *ran("TestA/z", "pass"), *ran("TestA", "fail"), *FAILED],
            [*ran("TestA/x", "pass"), *ran("TestA/z", "pass"), *ran("TestA", "pass"), "pass"],
        ],
        (3, 0, 0, 0, 2),
    ),
    "in which another subtest failed": (
        [
            [*ran("TestA/x", "fail"), *ran("TestA", "fail"), *FAILED],
            [*ran("TestA/x", "pass"), *ran("TestA/y", "fail"), *ran("TestA", "fail"), *FAILED],
        ],
        (1, 2, 0, 0, 1),
    ),
    "after a panic, so others were not run": (
        [[*ran("TestA", "fail"), " exit status 2", "fail"], [*ran("TestA", "pass"), "pass"]],
        (1, 0, 1, 0, 1),
    ),
    "that is none: other tests were run too": ([FIRST, [*ran("TestA", "pass"), *ran("TestC", "pass"), "pass"]],
                                               (3, 1, 0, 0, 0)),
    "that is none: the failure came later": ([[*ran("TestA", "pass"), "pass"], [*ran("TestA", "fail"), *FAILED]],
                                             (1, 1, 0, 0, 0)),
    "of which there is only output": ([FIRST, [" hello"]], (1, 1, 0, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", RERUNS)
def test_a_rerun_of_what_failed_makes_it_flaky_if_it_passed(name: str) -> None:
    runs, expected = RERUNS[name]
    assert counts(read(*(line for events in runs for line in stream(*events)))) == expected


def test_a_pass_in_another_package_makes_nothing_good() -> None:
    claim = read(*stream(*FIRST), *stream(*ran("TestA", "pass"), "pass", package="q"))
    assert counts(claim) == (2, 1, 0, 0, 0)


def test_events_of_packages_may_be_mixed() -> None:
    mixed = [line for pair in zip(stream(*FIRST), stream(*FIRST, package="q"), strict=True) for line in pair]
    claim = read(*mixed)
    assert counts(claim) == (2, 2, 0, 0, 0)
    assert claim.evidence["failedTests"] == ["p.TestA", "q.TestA"]


def test_what_failed_is_kept_with_what_it_said() -> None:
    said = [json.dumps({"Action": "output", "Package": "p", "Test": "TestA", "Output": f"line {n}\n"}) for n in (1, 2)]
    claim = read(*stream(("run", "TestA")), *said, *stream(("fail", "TestA"), *FAILED))
    assert claim.evidence["failedCases"] == [{"name": "p.TestA", "suite": "p", "text": "line 1\nline 2\n"}]


BUILD_FAILED = '{"ImportPath":"q","Action":"build-output","Output":"x"}\n{"ImportPath":"q","Action":"build-fail"}'


def test_a_build_that_failed_is_an_error_once() -> None:
    good = stream(*ran("TestA", "pass"), "pass")
    assert counts(read(BUILD_FAILED, *good)) == (1, 0, 1, 0, 0)
    failed = '{"Action":"fail","Package":"p.test","FailedBuild":"q"}'
    assert counts(read(BUILD_FAILED, failed, *good)) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize("line", ["FAIL", "FAIL\tq [build failed]", "FAIL q"])
def test_a_plain_line_that_says_fail_is_an_error(line: str) -> None:
    good = stream(*ran("TestA", "pass"), "pass")
    assert counts(read(*good, line)) == (1, 0, 1, 0, 0)
    assert counts(read(line, *good)) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize("line", ["", "go: downloading example.org/x v1.0.0", "# q", "FAILURES are none"])
def test_other_plain_lines_mean_nothing(line: str) -> None:
    assert counts(read(line, *stream(*ran("TestA", "pass"), "pass"), line)) == (1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{}", Code.BAD_SYNTAX),
        ('{"Action":1}', Code.BAD_SYNTAX),
        ('{"Action":"pass","Package":[]}', Code.BAD_SYNTAX),
        ('{"Action":"pass","Package":"p","Test":{}}', Code.BAD_SYNTAX),
        ("{what}", Code.BAD_SYNTAX),
        ('{"Action":"pa', Code.TRUNCATED),
    ],
)
def test_a_line_that_should_be_an_event_and_is_none_is_refused_with_its_number(line: str, code: Code) -> None:
    with pytest.raises(MalformedError, match="line 4") as refused:
        read(*stream(*ran("TestA", "pass"), "pass"), line)
    assert refused.value.code is code


def test_more_open_tests_than_the_limit_are_refused() -> None:
    events = stream(*(("run", f"Test{number}") for number in range(20)))
    with pytest.raises(MalformedError) as refused:
        claim_of("\n".join(events).encode(), limits=Limits(max_tracked=10))
    assert refused.value.code is Code.TOO_LARGE


def test_more_failures_than_the_limit_still_count() -> None:
    runs = [stream(*ran("TestA", "fail"), *FAILED, package=f"p{number}") for number in range(8)]
    claim = claim_of("\n".join(line for run in runs for line in run).encode(), limits=Limits(max_tracked=9))
    assert counts(claim) == (0, 8, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b'{"Action":"run","Test":"TestA"}',
        b'{"Action":"sold","Package":"p"}',
        b'{"action":"pass","Package":"p"}',
        b'{"Type":"container","Action":"pull","Package":"p"}',
        b'go: x\n{"level":"info"}',
    ],
)
def test_other_events_are_left_alone(data: bytes) -> None:
    assert recognise(data[:HEAD_BYTES]) is None
