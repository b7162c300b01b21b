"""Strict YAML as a tree that knows its lines and columns; the one module that knows the library.

One document of maps, lists and scalars (YAML 1.2, core schema). Anchors, aliases, tags, a key that stands twice, a
second document and what is nested deeper than 20 are refused: a policy says each thing in one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from shared.encoding import decode_utf8
from shared.errors import Code, MalformedError
from shared.judging.problems import PolicyError, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}|0o[0-7]{1,15}|0x[0-9a-fA-F]{1,12}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something begins, both from 1 on; the column in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word or a text; `value` is what the core schema makes of it, a text where nothing else fits.

    `inner` is where its characters begin if they stand in the document just as they are, else None.
    """

    place: Place
    text: str
    value: bool | int | float | str | None
    inner: Place | None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A map from words to values, in the order of the text."""

    place: Place
    fields: tuple[tuple[Scalar, Node], ...]


Node: TypeAlias = Scalar | Items | Fields


def read(data: bytes) -> Node:
    """Read one document; raises `PolicyError` with the place of what is wrong."""
    if len(data) > MAX_BYTES:
        raise _refused(Place(1, 1), f"the document has {len(data)} bytes", f"at most {MAX_BYTES}", Code.BODY_TOO_LARGE)
    try:
        text = decode_utf8(data)
    except MalformedError as error:
        raise _refused(Place(1, 1), error.detail, "write it in UTF-8", Code.BAD_ENCODING) from None
    try:
        return _Builder(text).build()
    except yaml.reader.ReaderError as error:
        raise _refused(_place(text, error.position), "a character that no text holds", "remove it") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
        raise _refused(place, f"not YAML: {error.problem or error.context}", "", Code.BAD_SYNTAX) from None


def _refused(place: Place, text: str, hint: str, code: Code = Code.BAD_SYNTAX) -> PolicyError:
    return PolicyError((Problem(place.line, place.column, text, hint, code),))


def _place(text: str, index: int) -> Place:
    before = text[:index]
    return Place(before.count("\n") + 1, index - before.rfind("\n"))


def _at(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


class _Builder:
    """Turns the library's events into a tree; what nests is bounded before anything recurses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=yaml.SafeLoader))

    def build(self) -> Node:
        """Give the one document's root."""
        self._take(yaml.StreamStartEvent)
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            raise _refused(Place(1, 1), "the document is empty", "write a policy")
        root = self._node(next(self._events), 1)
        self._take(yaml.DocumentEndEvent)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _refused(_at(after), "a second document begins", "write one policy a document")
        return root

    def _take(self, kind: type[yaml.Event]) -> None:
        if not isinstance(next(self._events), kind):  # pragma: no cover - the library's own order
            raise _refused(Place(1, 1), "not YAML", "")

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = _at(event)
        if depth > MAX_DEPTH:
            raise _refused(place, f"nested deeper than {MAX_DEPTH}", "")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refused(place, "anchors and aliases are not taken", "write it out")
        if getattr(event, "tag", None) is not None:
            raise _refused(place, "tags are not taken", "leave it out")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(place, tuple(self._rest(yaml.SequenceEndEvent, depth)))
        return self._fields(place, depth)

    def _rest(self, end: type[yaml.Event], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth + 1)

    def _fields(self, place: Place, depth: int) -> Fields:
        nodes = list(self._rest(yaml.MappingEndEvent, depth))
        fields: list[tuple[Scalar, Node]] = []
        seen: set[str] = set()
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise _refused(key.place, "a key is no word", "write NAME: VALUE")
            if key.text in seen:
                raise _refused(
                    key.place, f"the key {key.text[:80]!r} stands twice", "once is enough", Code.DUPLICATE_KEY
                )
            seen.add(key.text)
            fields.append((key, value))
        return Fields(place, tuple(fields))

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        text = event.value
        plain = event.style is None
        begins = (0 if event.start_mark is None else event.start_mark.index) + (0 if plain else 1)
        as_it_stands = "\n" not in text and self._text.startswith(text, begins)
        inner = Place(place.line, place.column + (0 if plain else 1)) if as_it_stands else None
        return Scalar(place, text, _core(text) if plain else text, inner)


def _core(text: str) -> bool | int | float | str | None:
    """Resolve a plain word by the core schema (YAML 1.2, section 10.3): `no` and `on` are words."""
    if text in _NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
