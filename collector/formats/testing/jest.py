"""Jest's JSON (`jest --json`), and Vitest's (`--reporter=json`), which is made like it.

* `pending`, `todo` and the like are skipped. A test that passed on a retry is flaky: Jest says how often it was
  invoked, Vitest keeps what the earlier tries said.
* A test file that failed without a failed test did not run, or its set-up or tear-down failed: an error.
* A run is an error, if nothing else is, unless it says `success: true`, was not interrupted and declares no failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from collector.formats.json_events import EACH, Kind
from collector.formats.testing.outcomes import MESSAGE_CHARS, Outcome, outcome_of
from collector.formats.testing.records import Record, number, records
from collector.formats.testing.tally import LISTED_CASES, Tally
from collector.formats.times import epoch
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "Jest"

_FILE: Path = ("testResults", EACH)
_TEST: Path = (*_FILE, "assertionResults", EACH)
_FAILURE: Path = ("failureMessages", EACH)
_PLACES = {
    _TEST: frozenset({("fullName",), ("title",), ("status",), ("duration",), ("invocations",), _FAILURE}),
}
_MARKS = ("numTotalTestSuites", "numFailedTestSuites", "numTotalTests")
_FILE_IS_WELL = frozenset({"passed", "focused", "skipped", "pending", "todo"})
_FAILED_TOTALS = ("numFailedTests", "numFailedTestSuites", "numRuntimeErrorTestSuites")


class _Test(NamedTuple):
    """A test whose file is not yet named."""

    name: str
    outcome: Outcome
    seconds: float | None
    text: str | None


@dataclass(slots=True)
class _File:
    """The test file that is open: its tests, and what it says of itself."""

    tests: list[_Test] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)


def recognise(head: Head) -> bool:
    """Say whether the totals that both tools begin with stand at the top."""
    return any((key,) in head.keys for key in _MARKS)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the tests of a run; raises `MalformedError` where it is no whole JSON document of that shape."""
    del thresholds
    tally, file = Tally(limits), _File()
    totals: dict[str, Scalar] = {}
    for event in records(stream, limits, _PLACES):
        if isinstance(event, Record):
            file.tests.append(_test(event, is_kept=len(file.tests) < LISTED_CASES))
            if len(file.tests) > limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"a file has more than {limits.max_tracked} tests")
        elif event.path == _FILE and event.kind is Kind.MAP_END:
            _end_file(tally, file)
            file = _File()
        elif event.kind is Kind.VALUE and event.path[:-1] == _FILE:
            if isinstance(event.value, str):
                file.said[str(event.path[-1])] = event.value[:MESSAGE_CHARS]
        elif event.kind is Kind.VALUE and len(event.path) == 1:
            totals[str(event.path[0])] = event.value
    _end_run(tally, totals)
    return tally.claim(TITLE)


def _test(record: Record, *, is_kept: bool) -> _Test:
    outcome, text = outcome_of(record.text("status")), record.text(*_FAILURE)
    if outcome is Outcome.PASSED and (text or (record.number("invocations") or 1) > 1):
        outcome = Outcome.FLAKY
    milliseconds = record.number("duration")
    return _Test(
        record.text("fullName") or record.text("title"),
        outcome,
        None if milliseconds is None else milliseconds / 1_000,
        text if is_kept and outcome.is_failure else None,
    )


def _end_file(tally: Tally, file: _File) -> None:
    name = file.said.get("name", "")
    tally.suite(name)
    for test in file.tests:
        message = test.text.partition("\n")[0] if test.text else None
        tally.case(name, test.name, test.outcome, seconds=test.seconds, message=message, text=test.text)
    if file.said.get("status") not in _FILE_IS_WELL and not any(test.outcome.is_failure for test in file.tests):
        tally.case(name, name, Outcome.ERROR, text=file.said.get("message"))


def _end_run(tally: Tally, totals: dict[str, Scalar]) -> None:
    tally.reported_at = epoch(number(totals.get("startTime")))
    counts = tally.counts()
    failures = counts.failed + counts.errors
    is_well = totals.get("success") is True and not totals.get("wasInterrupted")
    if not failures and not (is_well and not any(totals.get(name) for name in _FAILED_TOTALS)):
        tally.case("", TITLE, Outcome.ERROR, message="the run does not say that it succeeded")
    if (total := _whole(totals, "numTotalTests")) is not None:
        tally.declare(tests=total + tally.counts().errors)  # errors are none of Jest's tests
    tally.declare(failures=_whole(totals, "numFailedTests"), skipped=_whole(totals, "numPendingTests"))
    tally.declare(skipped=_whole(totals, "numTodoTests"))


def _whole(totals: dict[str, Scalar], name: str) -> int | None:
    value = number(totals.get(name))
    return None if value is None else int(value)
