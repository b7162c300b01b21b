"""The lines of TAP that carry meaning: test points with what their YAML block says, and the numbering of a document.

Test Anything Protocol, versions 12 to 14. Of the directives `SKIP` and `TODO` a loose spelling is enough to take a
point from the passed ones, and only the strict one excuses a point that failed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.numbers import seconds
from collector.formats.testing.outcomes import TEXT_CHARS, Outcome
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.limits import Limits

YAML_BEGIN, YAML_END = "---", "..."

_POINT = re.compile(r"(not\s+)?ok\b(?:\s+([0-9]{1,15})(?![\w.]))?\s*(?:-\s+)?")
_LOOSE = re.compile(r"(?<!\\)#\s*(?:skip|todo)", re.IGNORECASE)
_STRICT = re.compile(r"(?:^|(?<=\s))#\s+(?:skip(?:ped)?|todo)(?=[\s:]|$)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([\\#])")
_OPENS = " {"
_BLOCK_SCALARS = frozenset({"", "|", "|-", "|+", ">", ">-", ">+"})
_MILLISECONDS = 1_000


@dataclass(slots=True)
class Point:
    """A test point: how it ended, its number if it has one, its description, whether its subtests follow in braces."""

    outcome: Outcome
    number: int | None
    name: str
    opens: bool
    seconds: float | None = None
    message: str | None = None
    text: str | None = None


def point(line: str) -> Point | None:
    """Read a line without its indentation; None if it is no test point."""
    found = _POINT.match(line)
    if found is None:
        return None
    rest = line[found.end() :].rstrip()
    excuse = (_STRICT if found[1] else _LOOSE).search(rest)
    outcome = Outcome.SKIPPED if excuse else Outcome.FAILED if found[1] else Outcome.PASSED
    name = rest[: excuse.start()] if excuse else rest.removesuffix(_OPENS)
    return Point(outcome, int(found[2]) if found[2] else None, _ESCAPE.sub(r"\1", name).strip(), rest.endswith(_OPENS))


@dataclass(slots=True)
class Diagnostics:
    """The YAML block of a test point, `indent` deep. It is no YAML to us: a message, a duration and lines to show."""

    indent: int
    _kept: list[str] = field(default_factory=list)
    _room: int = TEXT_CHARS
    _is_message_next: bool = False

    def take(self, line: str, about: Point) -> None:
        """Take a line between the marks."""
        line = line[self.indent :]
        if self._room > 0:
            self._kept.append(line[: self._room])
            self._room -= len(line) + 1
        if self._is_message_next and line.strip():
            about.message, self._is_message_next = line.strip(), False
        key, colon, value = line.partition(":")
        value = value.strip()
        if not colon:
            return
        if key in {"message", "error"} and about.message is None:
            self._is_message_next = value in _BLOCK_SCALARS
            about.message = None if self._is_message_next else value.strip("'\"")
        elif key == "duration_ms" and (time := seconds(value)) is not None:
            about.seconds = time / _MILLISECONDS

    def end(self, about: Point) -> None:
        """Hand over what was kept."""
        about.text = "\n".join(self._kept)


@dataclass(slots=True)
class Document:
    """The document, or a subtest: its suite, its plan, and which of the planned numbers came.

    `failures` is how many cases had failed before it, `opened_by` the point whose braces it stands in, `title` what
    was announced last. Points may come in any order; only numbers that ran ahead are remembered, at most
    `limits.max_tracked`.
    """

    limits: Limits
    suite: str = ""
    failures: int = 0
    opened_by: Point | None = None
    title: str = ""
    plan: int | None = None
    points: int = 0
    _plans: int = 0
    _last: int = 0
    _next: int = 1
    _ahead: set[int] = field(default_factory=set)
    _is_repeated: bool = False

    def take_plan(self, number: int) -> None:
        """Take a plan."""
        self.plan, self._plans = number, self._plans + 1

    def take_point(self, number: int | None) -> None:
        """Take the number of a point; one without has the number after the last."""
        self._last = number = self._last + 1 if number is None else number
        self.points += 1
        self.title = ""
        if number < self._next or number in self._ahead:
            self._is_repeated = True
        elif number > self._next:
            self._ahead.add(number)
            if len(self._ahead) > self.limits.max_tracked:
                raise MalformedError(Code.TOO_LARGE, f"more than {self.limits.max_tracked} test points ran ahead")
        else:
            self._next += 1
            while self._next in self._ahead:
                self._ahead.remove(self._next)
                self._next += 1

    def faults(self) -> list[str]:
        """Say what is wrong with plan and numbers; nothing can be wrong where there is neither."""
        said: list[str] = []
        if self._plans > 1:
            said.append("there is more than one plan")
        if self.plan is None and self.points:
            said.append("there is no plan, so nothing says that this is all")
        if self._is_repeated or (self._ahead and self.plan == self.points):
            said.append("the numbers of the tests are not those of the plan")
        return said
