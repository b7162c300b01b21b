"""The reader of items: as strict as the reader of events, the same values, memory and time in proportion."""

import io
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.formats.json_events import EACH, Kind, Path, json_events
from collector.formats.json_items import Piece, json_items
from collector.formats.json_places import ALL, ANY, Places
from collector.formats.limits import Limits
from shared.encoding import JsonValue
from shared.errors import Code, MalformedError
from tests.unit.formats.json_cases import ACCEPTED, REFUSED

SMALL = Limits(chunk_bytes=16, max_item_chars=40)
LIMITS = {"default": Limits(), "small": SMALL, "tiny": Limits(chunk_bytes=4, max_item_chars=40)}
WHOLE: Places = {(): ALL}


def read(data: bytes, places: Places, limits: Limits | None = None, *, rest: bool = False) -> list[Piece]:
    return list(json_items(io.BytesIO(data), limits or Limits(), places, rest=rest))


def values(data: bytes, places: Places, limits: Limits | None = None) -> list[tuple[str | int, JsonValue]]:
    return [(piece.name, piece.value) for piece in read(data, places, limits) if piece.kind is Kind.VALUE]


def refused(data: bytes, places: Places, limits: Limits | None = None) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        read(data, places, limits)
    return caught.value


# --- strictness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("limits", LIMITS)
def test_accepts(name: str, limits: str) -> None:
    data, value = ACCEPTED[name]
    assert read(data, {}, LIMITS[limits]) == []
    assert values(data, WHOLE, LIMITS[limits]) == [("", [value])]
    ((index, found),) = values(data, {(EACH,): ALL}, LIMITS[limits])
    assert (index, found, type(found)) == (0, value, type(value))


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("places", [WHOLE, {}])
def test_refuses_for_the_same_reason_as_the_reader_of_events(name: str, limits: str, places: Places) -> None:
    expected, data = REFUSED[name]
    assert refused(data, places, LIMITS[limits]).code is expected


SPELLINGS = st.sampled_from(
    [
        {"separators": (",", ":")},
        {},
        {"indent": 2},
        {"indent": 1, "separators": (",", " : ")},
        {"indent": "\t", "ensure_ascii": False},
        {"separators": (" ,\r\n", "\n:\t"), "ensure_ascii": False},
    ]
)
TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(['":', '" :', "a", "b", "[", "}{", "\\", '\\"', "Infinity", "0" * 20])
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=8), st.dictionaries(TEXTS, inner, max_size=6)),
    max_leaves=40,
)
SIZES = st.builds(Limits, chunk_bytes=st.integers(4, 60), max_item_chars=st.integers(150, 250))


def assembled(pieces: list[Piece]) -> JsonValue:
    """Put together again what was read with `rest`."""
    holder: list[JsonValue] = []
    inside: list[JsonValue] = [holder]
    for piece in pieces:
        if piece.kind in (Kind.MAP_END, Kind.ARRAY_END):
            inside.pop()
            continue
        empty: dict[Kind, JsonValue] = {Kind.MAP: {}, Kind.ARRAY: []}
        value: JsonValue = empty.get(piece.kind, piece.value)
        container = inside[-1]
        if isinstance(container, dict):
            container[str(piece.name)] = value
        elif isinstance(container, list):
            container.append(value)
        if piece.kind is not Kind.VALUE:
            inside.append(value)
    return holder[0]


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, SPELLINGS, SIZES)
def test_a_document_is_the_same_however_it_is_spelled_and_cut(
    document: JsonValue, spelling: dict[str, Any], limits: Limits
) -> None:
    data = json.dumps(document, **spelling).encode()
    whole = assembled(read(data, {}, limits, rest=True))
    assert repr(whole) == repr(document)


def at(document: JsonValue, path: Path) -> list[JsonValue]:
    """All values of a document at a path, as their items would be."""
    found = [document]
    for part in path:
        if part == EACH:
            found = [inner for value in found if isinstance(value, list) for inner in value]
        elif part == ANY:
            found = [inner for value in found if isinstance(value, dict) for inner in value.values()]
        else:
            found = [value[str(part)] for value in found if isinstance(value, dict) and part in value]
    return found


PATHS = st.lists(st.sampled_from([EACH, ANY, "a", "b"]), max_size=4).map(tuple)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, PATHS, SPELLINGS, SIZES)
def test_the_values_at_a_place_are_those_of_the_document(
    document: JsonValue, path: Path, spelling: dict[str, Any], limits: Limits
) -> None:
    data = json.dumps(document, **spelling).encode()
    try:
        found = [piece.value for piece in read(data, {path: ALL}, limits) if piece.path == path]
    except MalformedError as error:
        if error.code is Code.TOO_LARGE or "is not a" in error.detail:
            return
        raise
    wanted = at(document, path)
    assert [value for value in found if value is not None] == [value for value in wanted if value is not None]


PIECES = [
    b'"',
    b"\\",
    b"\\u0022",
    b"\\u003a",
    b"\\ud800",
    b",",
    b":",
    b"[",
    b"{",
    b"}",
    b" ",
    b"0",
    b"1e999",
    b"NaN",
    b"\xff",
    b"\0",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A document with a few places cut out, doubled, or overwritten with what parsers trip over."""
    spelling = cast("dict[str, Any]", draw(SPELLINGS))
    data = json.dumps(draw(DOCUMENTS), **spelling).encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 20)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(data[start:end] * 2), st.just(b"")))
        data = data[:start] + piece + data[end:]
    return data


def by_events(data: bytes) -> JsonValue:
    """The value as the reader of events gives it; raises `MalformedError`."""
    pieces = [
        Piece(event.kind, (), event.path[-1] if event.path else "", event.value)
        for event in json_events(io.BytesIO(data), Limits())
    ]
    return assembled(pieces)


def outcome(reading: Callable[[], JsonValue]) -> str | Code:
    try:
        return repr(reading())
    except MalformedError as error:
        return error.code


@settings(max_examples=1_000, deadline=None)
@given(mutated(), SIZES)
def test_broken_documents_are_refused_as_by_the_reader_of_events(data: bytes, limits: Limits) -> None:
    expected = outcome(lambda: by_events(data))
    found = outcome(lambda: assembled(read(data, {}, limits, rest=True)))
    assert isinstance(found, Code) == isinstance(expected, Code)
    assert isinstance(found, Code) or found == expected
    assert found != Code.TRUNCATED or expected == Code.TRUNCATED


QUOTES = st.sampled_from(['"', r"\u0022", r"\""][:2])
KEYS = st.sampled_from(
    ['"a"', r'"\u0061"', '"b"', r'"\"b"', r'"\u0022:"', r'"\u0022 :"', '":"', r'"\u003a"', '" :"', r'"\u0020:"']
)
COLONS = st.sampled_from([":", " :", ": ", "  :", "\t:", "\n :", " \r:"])
INNER = st.sampled_from(
    [
        "1",
        '":"',
        '" :"',
        r'"\u003a"',
        r'"\\"',
        r'"\":"',
        "{}",
        '{"a":1}',
        '{"a":1,"a":2}',
        r'["\u0022:"]',
        r'"\u0022\u003a"',
    ]
)


@settings(max_examples=1_500, deadline=None)
@given(st.lists(st.tuples(KEYS, COLONS, INNER), max_size=5))
def test_a_key_that_stands_twice_is_seen_however_it_is_spelled(members: list[tuple[str, str, str]]) -> None:
    data = ("[{" + ",".join("".join(member) for member in members) + "}]").encode()
    assert outcome(lambda: assembled(read(data, {}, rest=True))) == outcome(lambda: by_events(data))


BRACKETS = st.lists(
    st.sampled_from(['"["', '"]"', r'"\"["', r'"\\"', '"{}"', "[]", "{}", r'"]\""', '""', "1"]), max_size=4
)


@settings(max_examples=300, deadline=None)
@given(st.integers(90, 110), st.integers(0, 110), BRACKETS, BRACKETS)
def test_depth_is_counted_whatever_brackets_stand_in_strings(
    deep: int, at_level: int, before: list[str], behind: list[str]
) -> None:
    text = "".join(f"[{''.join(word + ',' for word in before) if level == at_level else ''}" for level in range(deep))
    text += "0" + "".join(
        f"{''.join(',' + word for word in behind) if level == at_level else ''}]" for level in range(deep)
    )
    assert outcome(lambda: assembled(read(text.encode(), {}, rest=True))) == outcome(lambda: by_events(text.encode()))
