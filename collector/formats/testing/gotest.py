"""`go test -json` (cmd/test2json): one event a line, of all packages; also the file that gotestsum writes.

A subtest counts, and so does the test that holds it, as in gotestsum. What counts in a run of a package and
what a rerun makes good is said in `gotest_runs`. Besides events:

* A line that does not begin with `{` is what the go command says outside of its stream. Up to Go 1.19 that is
  how it says that a package was not built (`FAIL package [build failed]`): such a line is an error. Others mean
  nothing. A line that begins with `{` must be an event.
* A build that failed (`build-fail`, from Go 1.24) is an error unless a package names it as the reason of its own.

The duration is that of all packages, added up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.ndjson import mixed_lines
from collector.formats.numbers import seconds
from collector.formats.testing.gotest_runs import Runs
from collector.formats.testing.outcomes import Outcome
from collector.formats.testing.tally import Tally
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

TITLE = "go test"

_ACTIONS = frozenset(
    ("start", "run", "pause", "cont", "pass", "bench", "fail", "output", "skip", "attr", "build-output", "build-fail")
)
_EVENT = re.compile(r'\{"(?:Time|ImportPath|Action)":"[^"]*",(?:"Action":"[a-z-]+",)?"(?:Package|Action|Output)":"')
_STRINGS = ("Package", "Action", "ImportPath", "Test", "Output", "FailedBuild")
_HINT = "make the report again with go test -json, and nothing else in the file"


def recognise(head: Head) -> bool:
    """Say whether the first object is an event of Go's; lines of the go command may stand before it."""
    if head.kind == "other":
        return any(_EVENT.match(line) for line in head.lines)
    return head.text("Action") in _ACTIONS and (("Package",) in head.keys or ("ImportPath",) in head.keys)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the tests of a stream of events; raises `MalformedError` where a line that should be one is none."""
    del thresholds
    tally = Tally(limits)
    runs, failed_builds = Runs(limits, tally), set[str]()
    for number, event in runs.others(mixed_lines(stream, limits)):
        if isinstance(event, str):
            _plain(tally, event)
            continue
        if tally.reported_at is None:
            tally.reported_at = moment(event.get("Time"))
        if "Action" not in event:
            raise MalformedError(Code.BAD_SYNTAX, f"line {number} has no Action", _HINT)
        said = event.get
        action, package, test = event["Action"], said("Package", ""), said("Test", "")
        if not (isinstance(action, str) and isinstance(package, str) and isinstance(test, str)):
            raise _no_string(event, number)
        if action == "output":
            output = said("Output", "")
            if not isinstance(output, str):
                raise _no_string(event, number)
            runs.hear(package, test, output)
        elif action == "build-fail":
            _fail(failed_builds, event, number, limits)
            continue
        elif action == "build-output":
            continue
        else:
            runs.take(package, test, action)
        if not test:  # of a package, the few
            _package(tally, failed_builds, event, number)
    runs.finish()
    for build in failed_builds:
        tally.case(build, build, Outcome.ERROR)
    return tally.claim(TITLE)


def _package(tally: Tally, failed_builds: set[str], event: JsonObject, number: int) -> None:
    build = event.get("FailedBuild", "")
    if not isinstance(build, str):
        raise _no_string(event, number)
    failed_builds.discard(build)
    elapsed = seconds(str(event.get("Elapsed")))
    if elapsed is not None:
        tally.seconds = (tally.seconds or 0.0) + elapsed


def _fail(failed_builds: set[str], event: JsonObject, number: int, limits: Limits) -> None:
    build = event.get("ImportPath", "")
    if not isinstance(build, str):
        raise _no_string(event, number)
    if len(failed_builds) >= limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"more than {limits.max_tracked} builds failed")
    failed_builds.add(build)


def _plain(tally: Tally, text: str) -> None:
    word, _, rest = text.replace("\t", " ").partition(" ")
    if word == "FAIL":
        package = rest.strip().partition(" ")[0] or TITLE
        tally.case(package, package, Outcome.ERROR, text=text)


def _no_string(event: JsonObject, number: int) -> MalformedError:
    field = next(name for name in _STRINGS if not isinstance(event.get(name, ""), str))
    return MalformedError(Code.BAD_SYNTAX, f"line {number}: {field} is no string", _HINT)
