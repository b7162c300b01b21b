"""pytest-json-report (`pytest --json-report`).

* `xfailed` is skipped and `xpassed` passed, as in pytest's own JUnit XML; `rerun` (pytest-rerunfailures) is flaky if
  all stages of the last attempt passed. A failed set-up or tear-down is an error, whatever else the test says.
* A module that could not be collected is an error; one that was skipped as a whole is skipped.
* A run whose exit code is neither 0 nor 5 (nothing collected), or is not said, is an error if nothing else is: a
  threshold of another plugin, an interruption, an internal error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Kind
from collector.formats.testing.outcomes import Outcome, outcome_of
from collector.formats.testing.records import Record, number, records
from collector.formats.testing.tally import Tally
from collector.formats.times import epoch
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "pytest"

_TEST: Path = ("tests", EACH)
_COLLECTOR: Path = ("collectors", EACH)
_STAGES = ("setup", "call", "teardown")
_PLACES = {
    _TEST: frozenset({("nodeid",), ("outcome",)}).union(
        *({(stage, "outcome"), (stage, "duration"), (stage, "longrepr"), (stage, "crash", "message")}
          for stage in _STAGES)
    ),
    _COLLECTOR: frozenset({("nodeid",), ("outcome",), ("longrepr",)}),
}  # fmt: skip
_NO_FAILURE = frozenset({0, 5})
_EXPECTED = {"xfailed": Outcome.SKIPPED, "xpassed": Outcome.PASSED}


def recognise(head: Head) -> bool:
    """Say whether the plugin's moment, exit code and root directory stand at the top."""
    return all((key,) in head.keys for key in ("created", "exitcode", "root"))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the tests of a run; raises `MalformedError` where it is no whole JSON document with its tests."""
    del thresholds
    tally = Tally(limits)
    has_tests = False
    said: dict[str, Scalar] = {}
    for event in records(stream, limits, _PLACES):
        if isinstance(event, Record):
            _collector(tally, event) if event.place == _COLLECTOR else _test(tally, event)
        elif event.kind is Kind.VALUE and len(event.path) == 1:
            said[str(event.path[0])] = event.value
        has_tests = has_tests or isinstance(event, Record) or event.path == ("tests",)
    if not has_tests:
        raise MalformedError(Code.BAD_SYNTAX, "there are no tests in it", "leave out --json-report-summary")
    counts = tally.counts()
    if not (counts.failed or counts.errors or _is_well(said.get("exitcode"))):
        tally.case("", TITLE, Outcome.ERROR, message="pytest ended with an exit code that is not 0")
    tally.seconds = number(said.get("duration"))
    tally.reported_at = epoch(number(said.get("created")))
    return tally.claim(TITLE)


def _is_well(exitcode: Scalar) -> bool:
    return exitcode in _NO_FAILURE and not isinstance(exitcode, bool)


def _collector(tally: Tally, record: Record) -> None:
    outcome = outcome_of(record.text("outcome"))
    if outcome is not Outcome.PASSED:
        name = record.text("nodeid")
        is_skipped = outcome is Outcome.SKIPPED
        tally.case(name, name, Outcome.SKIPPED if is_skipped else Outcome.ERROR, text=record.text("longrepr") or None)


def _test(tally: Tally, record: Record) -> None:
    word = record.text("outcome")
    outcome = _EXPECTED.get(word, outcome_of(word))
    if word == "rerun" and all(record.text(stage, "outcome") == "passed" for stage in _STAGES):
        outcome = Outcome.FLAKY
    failed = [stage for stage in _STAGES if record.text(stage, "outcome") not in {"", "passed", "skipped"}]
    if failed:
        outcome = max(outcome, Outcome.FAILED if failed == ["call"] else Outcome.ERROR)
    name, stage = record.text("nodeid"), failed[0] if failed else "call"
    tally.case(
        name.partition("::")[0],
        name,
        outcome,
        message=record.text(stage, "crash", "message") or None,
        text=record.text(stage, "longrepr") or None,
    )
