"""Readers of the parts of a policy's text: each takes a node and gives a value, or says what is wrong and where."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from shared.errors import Code
from shared.judging.problems import PolicyError, Problem
from shared.judging.yamltext import Fields, Items, Node, Place, Scalar

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)

_DURATION = re.compile(r"([1-9][0-9]{0,7})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_GLOB_REFUSED = frozenset("?[]{}\\!")
_SHOWN = 80


def wrong(place: Place, text: str, hint: str = "", code: Code = Code.INVALID_FIELD) -> PolicyError:
    """Make the error for one place."""
    return PolicyError((Problem(place.line, place.column, text, hint, code),))


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Name what was perhaps meant, or all that there is."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"


class Table:
    """A map whose keys are all known; what is wrong with its values is gathered in `problems`, a list of its caller's.

    Raises `PolicyError` if it is no map. Keys that are unknown, and needed ones that are missing, are problems.
    """

    def __init__(self, node: Node, what: str, known: Collection[str], problems: list[Problem]) -> None:
        if not isinstance(node, Fields):
            raise wrong(node.place, f"{what} is no map", f"write {what} as NAME: VALUE")
        self.place = node.place
        self._what = what
        self._problems = problems
        self._fields = {key.text: value for key, value in node.fields if key.text in known}
        for key, _ in node.fields:
            if key.text not in known:
                hint = did_you_mean(key.text, known)
                self.blame(key.place, f"{what} has no {key.text[:_SHOWN]!r}", hint, Code.UNKNOWN_FIELD)

    def __contains__(self, name: str) -> bool:
        """Whether a key stands there."""
        return name in self._fields

    def blame(self, place: Place, text: str, hint: str = "", code: Code = Code.INVALID_FIELD) -> None:
        """Add a problem."""
        self._problems.append(Problem(place.line, place.column, text, hint, code))

    def take(self, name: str, read: Callable[[Node], T], default: D) -> T | D:
        """Read a value; the default where it is missing, or wrong, which is a problem then."""
        node = self._fields.get(name)
        if node is None:
            return default
        try:
            return read(node)
        except PolicyError as error:
            self._problems.extend(error.problems)
            return default

    def need(self, name: str, read: Callable[[Node], T], default: D) -> T | D:
        """Read a value that must be there."""
        if name not in self._fields:
            self.blame(self.place, f"{self._what} needs {name!r}")
        return self.take(name, read, default)

    def place_of(self, name: str) -> Place:
        """Say where a value stands; the map's own place where it is missing."""
        return self._fields[name].place if name in self._fields else self.place


def text(max_chars: int) -> Callable[[Node], str]:
    """Read one line of text, folded from several if need be; characters that a terminal would obey are refused."""

    def _read(node: Node) -> str:
        if not isinstance(node, Scalar):
            raise wrong(node.place, "a text is expected")
        if not isinstance(node.value, str):
            raise wrong(node.place, f"{node.text[:_SHOWN] or 'nothing'} is no text", f'write "{node.text[:_SHOWN]}"')
        line = " ".join(node.value.split())
        if not line or len(line) > max_chars or not line.isprintable():
            raise wrong(node.place, f"a text of 1 to {max_chars} printable characters is expected")
        return line

    return _read


def word(pattern: str, hint: str) -> Callable[[Node], str]:
    """Read a text that matches a pattern."""

    def _read(node: Node) -> str:
        found = text(200)(node)
        if not re.fullmatch(pattern, found, re.ASCII):
            raise wrong(node.place, f"{found[:_SHOWN]!r} is not taken", hint)
        return found

    return _read


def one_of(kind: type[E], *, but: Collection[E] = ()) -> Callable[[Node], E]:
    """Read a member of an enumeration."""
    known = [one.value for one in kind if one not in but]

    def _read(node: Node) -> E:
        found = text(200)(node)
        if found not in known:
            raise wrong(node.place, f"{found[:_SHOWN]!r} is not taken", did_you_mean(found, known))
        return kind(found)

    return _read


def exactly(expected: str) -> Callable[[Node], str]:
    """Read the one text that may stand there."""
    return word(re.escape(expected), f"write {expected}")


def flag(node: Node) -> bool:
    """Read true or false."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    raise wrong(node.place, "true or false is expected")


def whole(least: int, most: int) -> Callable[[Node], int]:
    """Read a whole number."""

    def _read(node: Node) -> int:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise wrong(node.place, f"a whole number from {least} to {most} is expected")
        return value

    return _read


def duration(most: timedelta) -> Callable[[Node], timedelta]:
    """Read a duration: a number and s, m, h or d."""

    def _read(node: Node) -> timedelta:
        found = _DURATION.fullmatch(node.text) if isinstance(node, Scalar) else None
        if found is None:
            raise wrong(node.place, "a duration is expected", "a whole number and s, m, h or d, for instance 15m")
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if length > most:
            raise wrong(node.place, f"{found[0]} is too long", f"at most {_spelt(most)}")
        return length

    return _read


def listed(read: Callable[[Node], T], most: int) -> Callable[[Node], tuple[T, ...]]:
    """Read a list of 1 to `most` values; every one that is wrong is said."""

    def _read(node: Node) -> tuple[T, ...]:
        if not isinstance(node, Items) or not 1 <= len(node.items) <= most:
            raise wrong(node.place, f"a list of 1 to {most} is expected", "write [ONE, ANOTHER]")
        found: list[T] = []
        problems: list[Problem] = []
        for item in node.items:
            try:
                found.append(read(item))
            except PolicyError as error:
                problems.extend(error.problems)
        if problems:
            raise PolicyError(tuple(problems))
        return tuple(found)

    return _read


def glob(node: Node) -> str:
    """Read a glob, in which only `*` is special."""
    found = text(300)(node)
    if not _GLOB_REFUSED.isdisjoint(found):
        raise wrong(node.place, f"{found[:_SHOWN]!r} is not taken", "only * is special in a glob")
    return found


def _spelt(length: timedelta) -> str:
    return f"{length.days}d"
