"""CTRF, the Common Test Report Format (ctrf.io), which reporters of many test tools write.

`pending` is skipped. `other` failed unless the tool's own word for it is one for skipped (`todo` of Jest), and so did
any word that CTRF does not know. A test that passed is flaky if it says so or counts retries. A summary that is
missing, or declares failures where no test failed, is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.json_events import EACH, Kind
from collector.formats.testing.outcomes import Outcome, outcome_of
from collector.formats.testing.records import Record, number, records
from collector.formats.testing.tally import Tally
from collector.formats.times import epoch, moment

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "CTRF"

_TEST: Path = ("results", "tests", EACH)
_TOOL: Path = ("results", "tool")
_SUMMARY: Path = ("results", "summary")
_FIELDS = ("name", "status", "duration", "suite", "message", "trace", "flaky", "retries", "rawStatus")
_PLACES = {_TEST: frozenset({(name,) for name in _FIELDS} | {("suite", EACH)})}


def recognise(head: Head) -> bool:
    """Say whether it names the format, or holds results of a tool with a summary or tests."""
    return head.text("reportFormat") == "CTRF" or (
        ("results", "tool") in head.keys and (_SUMMARY in head.keys or ("results", "tests") in head.keys)
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the tests of a report; raises `MalformedError` where it is no whole JSON document of that shape."""
    del thresholds
    tally = Tally(limits)
    summary: dict[str, Scalar] = {}
    for event in records(stream, limits, _PLACES):
        if isinstance(event, Record):
            _test(tally, event)
        elif event.kind is not Kind.VALUE:
            continue
        elif event.path[:-1] == _SUMMARY:
            summary[str(event.path[-1])] = event.value
        elif event.path == (*_TOOL, "name"):
            tally.tool = _word(event.value, limits)
        elif event.path == (*_TOOL, "version"):
            tally.tool_version = _word(event.value, limits)
        elif event.path == ("timestamp",):
            tally.reported_at = moment(event.value)
    tally.reported_at = tally.reported_at or epoch(number(summary.get("start")))
    _judge_summary(tally, summary)
    return tally.claim(TITLE)


def _test(tally: Tally, record: Record) -> None:
    outcome = outcome_of(record.text("status"))
    if record.text("status") == "other" and outcome_of(record.text("rawStatus")) is Outcome.SKIPPED:
        outcome = Outcome.SKIPPED
    is_retried = record.first("flaky") is True or bool(record.number("retries"))
    milliseconds = record.number("duration")
    tally.case(
        record.text("suite") or record.text("suite", EACH),
        record.text("name"),
        Outcome.FLAKY if outcome is Outcome.PASSED and is_retried else outcome,
        seconds=None if milliseconds is None else milliseconds / 1_000,
        message=record.text("message") or None,
        text=record.text("trace") or None,
    )


def _judge_summary(tally: Tally, summary: dict[str, Scalar]) -> None:
    counts, failures = tally.counts(), _declared(summary, "failed")
    if (failures or _declared(summary, "tests") is None) and not (counts.failed or counts.errors):
        tally.case("", TITLE, Outcome.ERROR, message="the summary does not say that no test failed")
        return
    tally.declare(tests=_declared(summary, "tests"))
    if not _declared(summary, "other"):
        tally.declare(failures=failures, skipped=_declared(summary, "skipped", "pending"))


def _declared(summary: dict[str, Scalar], *names: str) -> int | None:
    numbers = [value for name in names if (value := number(summary.get(name))) is not None]
    return int(sum(numbers)) if numbers else None


def _word(value: Scalar, limits: Limits) -> str | None:
    return value[: limits.max_text_chars] if isinstance(value, str) else None
