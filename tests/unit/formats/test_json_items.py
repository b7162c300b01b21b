"""The reader of items: as strict as the reader of events, the same values, memory and time in proportion."""

import contextlib
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.formats.json_events import EACH, Kind, Path, json_events
from collector.formats.json_items import Piece, json_items
from collector.formats.json_places import ALL, ANY, Places
from collector.formats.json_quick import has_odd_number, strict_members
from collector.formats.limits import Limits
from shared.encoding import DECODER, JsonValue
from shared.errors import Code, MalformedError
from tests.unit.formats.generated import Generated
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


GIVEN = {name: data for name, (_, data) in REFUSED.items()} | {name: data for name, (data, _) in ACCEPTED.items()}
ITEMS = {name: data for name, data in GIVEN.items() if data.strip()[:1] in {b"[", b"{"}}


@pytest.mark.parametrize("name", [name for name, data in ITEMS.items() if len(data) < 1_000])
@pytest.mark.parametrize("chunk_bytes", [64, 400, 65_536])
def test_is_as_strict_where_many_members_are_read_at_a_time(name: str, chunk_bytes: int) -> None:
    items = [b'{"a":[1]}'] * 60 + [ITEMS[name]] + [b'{"a":[1]}'] * 60
    members = [b'"%d": %s' % numbered for numbered in enumerate(items)]
    limits = Limits(chunk_bytes=chunk_bytes)
    for data in (b"[" + b",\n ".join(items) + b"]", b"{" + b",\n ".join(members) + b"}"):
        expected = outcome_by_events(data)
        assert outcome(data, limits) == expected
        assert isinstance(expected, Code) == (name in REFUSED)


@pytest.mark.parametrize("levels", [1, 2, 50, 100])
@pytest.mark.parametrize(
    "text", ["2],[3", "2]],[[3", "2],3,[4", "2]", "[3", "],[", "{}],[", "[]]],[[[]", "1]]],2,[[[3"]
)
def test_brackets_that_close_what_stands_around_members_are_none_of_them(text: str, levels: int) -> None:
    assert strict_members(text, levels, is_array=True) is None
    assert strict_members(f'"a":[{text}],"b":{{"c":[{text}]}}', levels, is_array=False) is None
    assert strict_members(f'"a":1}},{{"b":[{text}]', levels, is_array=False) is None
    assert strict_members('"a":1},{"b":2', levels, is_array=False) is None


ODD = [
    "9007199254740993",
    "-9007199254740993",
    "12345678901234567890",
    "1" * 400,
    "1" * 400 + ".5",
    "1" * 400 + "e-5",
    "1" * 400 + "E+5",
    "1e309",
    "-1E309",
    "1e+309",
    "1E+0309",
    "0.1e310",
    "-12.5E00400",
    "1" * 300 + "e99",
]
EVEN = [
    "9007199254740992",
    "1e308",
    "1e-400",
    "1234567890123456.5",
    "12345678901234567e-5",
    "1e+10",
    "0e999",
    "0.0e-999",
]
AROUND = ["{}", "[{}]", "[ {}]", "[1,{}]", "[1,\n{}\n]", "[{},1]", "[{} ,1]", "[[{}]]", '{{"a":{}}}', '{{"a": {} }}']
AROUND += ['{{"a":{},"b":1}}', '{{"a":\t{}\r\n,"b":1}}', '"a","b",{}', '"sha256:12e34",{},"1e999"', "1,{},2"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("number", ODD + EVEN)
def test_a_number_that_cannot_be_is_seen_wherever_it_stands(number: str, around: str) -> None:
    text = around.format(number)
    assert (strict_members(text, 3, is_array=True) is None) == (number in ODD)
    assert (strict_members(f'"a":[{text}]', 4, is_array=False) is None) == (number in ODD)


NUMBERS = st.from_regex(
    r"\A-?(?:0|[1-9][0-9]{0,2}|[1-9][0-9]{14,17}|[1-9][0-9]{300,320})(?:\.[0-9]{1,3})?(?:[eE][+-]?[0-9]{1,4})?\Z"
)


@given(NUMBERS, st.sampled_from(AROUND))
def test_a_number_is_refused_as_by_the_strict_decoder(number: str, around: str) -> None:
    text = around.format(number)
    try:
        expected = DECODER.decode(f"[{text}]")
    except MalformedError:
        expected = None
    assert strict_members(text, 3, is_array=True) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"sha256:12e345abcdef0123"',
        '"sha256:1234567890123456abcdef"',
        '"2026-01-31T09:30:00.123456789Z"',
        '"0aff-1234567890123456-1e456-x"',
        '"a1e456:1"',
        '"1e456"',
        '"12345678901234567890"',
    ],
)
def test_what_is_no_number_is_not_looked_at_twice(text: str) -> None:
    assert not has_odd_number(f'[{text},{{"a":{text}}}]'.encode())


SPELLINGS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
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
        value: JsonValue = {} if piece.kind is Kind.MAP else [] if piece.kind is Kind.ARRAY else piece.value
        container = inside[-1]
        if isinstance(container, dict):
            container[str(piece.name)] = value
        elif isinstance(container, list):
            container.append(value)
        if piece.kind is not Kind.VALUE:
            inside.append(value)
    return holder[0]


@settings(max_examples=400)
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


@settings(max_examples=400)
@given(DOCUMENTS, PATHS, SPELLINGS, SIZES)
def test_the_values_at_a_place_are_those_of_the_document(
    document: JsonValue, path: Path, spelling: dict[str, Any], limits: Limits
) -> None:
    pieces = json_items(io.BytesIO(json.dumps(document, **spelling).encode()), limits, {path: ALL})
    found: list[JsonValue] = []
    with contextlib.suppress(MalformedError):  # where the way to the place has another shape
        found.extend(piece.value for piece in pieces if piece.path == path and piece.value is not None)
        assert found == [value for value in at(document, path) if value is not None]
    assert found == [value for value in at(document, path) if value is not None][: len(found)]


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
    data = json.dumps(draw(DOCUMENTS), **draw(SPELLINGS)).encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 20)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(data[start:end] * 2), st.just(b"")))
        data = data[:start] + piece + data[end:]
    return data


def outcome(data: bytes, limits: Limits | None = None) -> str | Code:
    """The value as it is read with `rest` and put together again, or why it is refused."""
    try:
        return repr(assembled(read(data, {}, limits, rest=True)))
    except MalformedError as error:
        return error.code


def outcome_by_events(data: bytes) -> str | Code:
    """The value as the reader of events gives it, or why it is refused."""
    try:
        events = [
            Piece(event.kind, (), event.path[-1] if event.path else "", event.value)
            for event in json_events(io.BytesIO(data), Limits())
        ]
    except MalformedError as error:
        return error.code
    return repr(assembled(events))


@settings(max_examples=1_000)
@given(mutated(), SIZES)
def test_broken_documents_are_refused_as_by_the_reader_of_events(data: bytes, limits: Limits) -> None:
    expected, found = outcome_by_events(data), outcome(data, limits)
    assert isinstance(found, Code) == isinstance(expected, Code)
    assert isinstance(found, Code) or found == expected
    assert found != Code.TRUNCATED or expected == Code.TRUNCATED


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


@settings(max_examples=1_500)
@given(st.lists(st.tuples(KEYS, COLONS, INNER), max_size=5))
def test_a_key_that_stands_twice_is_seen_however_it_is_spelled(members: list[tuple[str, str, str]]) -> None:
    data = ("[{" + ",".join("".join(member) for member in members) + "}]").encode()
    assert outcome(data) == outcome_by_events(data)


BRACKETS = st.lists(
    st.sampled_from(['"["', '"]"', r'"\"["', r'"\\"', '"{}"', "[]", "{}", r'"]\""', '""', "1"]), max_size=4
)


@settings(max_examples=300)
@given(st.integers(90, 110), st.integers(0, 110), BRACKETS, BRACKETS)
def test_depth_is_counted_whatever_brackets_stand_in_strings(
    deep: int, at_level: int, before: list[str], behind: list[str]
) -> None:
    text = "".join(f"[{''.join(word + ',' for word in before) if level == at_level else ''}" for level in range(deep))
    text += "0" + "".join(
        f"{''.join(',' + word for word in behind) if level == at_level else ''}]" for level in range(deep)
    )
    assert outcome(text.encode()) == outcome_by_events(text.encode())


# --- what is wanted ---------------------------------------------------------------------------------------------------

REPORT = b"""{"version": "1", "other": {"version": 2, "runs": [3]},
    "runs": [{"tool": {"name": "t"}, "results": [{"id": 1, "x": 0}, {"id": 2}]}, {"results": []}, {"results": null}]}"""
RESULTS: Path = ("runs", EACH, "results")
TWO_PLACES: Places = {("version",): ALL, (*RESULTS, EACH): [("id",)]}


def test_the_values_at_the_places_come_in_order_with_the_containers_on_the_way() -> None:
    assert [(piece.kind, piece.path, piece.name, piece.value) for piece in read(REPORT, TWO_PLACES)] == [
        (Kind.MAP, (), "", None),
        (Kind.VALUE, ("version",), "version", "1"),
        (Kind.ARRAY, ("runs",), "runs", None),
        (Kind.MAP, ("runs", EACH), 0, None),
        (Kind.ARRAY, RESULTS, "results", None),
        (Kind.VALUE, (*RESULTS, EACH), 0, {"id": 1, "x": 0}),
        (Kind.VALUE, (*RESULTS, EACH), 1, {"id": 2}),
        (Kind.ARRAY_END, RESULTS, "results", None),
        (Kind.MAP_END, ("runs", EACH), 0, None),
        (Kind.MAP, ("runs", EACH), 1, None),
        (Kind.ARRAY, RESULTS, "results", None),
        (Kind.ARRAY_END, RESULTS, "results", None),
        (Kind.MAP_END, ("runs", EACH), 1, None),
        (Kind.MAP, ("runs", EACH), 2, None),
        (Kind.VALUE, RESULTS, "results", None),
        (Kind.MAP_END, ("runs", EACH), 2, None),
        (Kind.ARRAY_END, ("runs",), "runs", None),
        (Kind.MAP_END, (), "", None),
    ]


def test_any_key_has_its_name() -> None:
    data = b'{"files": {"a.py": {"s": 1}, "b.py": {"s": 2}}, "meta": {"c.py": {"s": 3}}}'
    assert values(data, {("files", ANY, "s"): ALL}) == [("s", 1), ("s", 2)]
    assert values(data, {("files", ANY): ALL}) == [("a.py", {"s": 1}), ("b.py", {"s": 2})]


def test_of_an_item_that_is_too_large_comes_what_is_wanted() -> None:
    long = ["y" * 10] * 100
    item = {
        "id": 1,
        "long": long,
        "deep": {"no": 1, "in": [{"a": 1, "b": long}, {"b": 5}]},
        "all": {"n": [3]},
    }
    data = json.dumps([item, {"id": 2, "x": 1}], indent=1).encode()
    fields: list[Path] = [("id",), ("deep", "in", EACH, "a"), ("all",), ("none",)]
    assert values(data, {(EACH,): fields}, replace(SMALL, max_item_chars=300)) == [
        (0, {"id": 1, "deep": {"in": [{"a": 1}, {"b": 5}]}, "all": {"n": [3]}}),
        (1, {"id": 2, "x": 1}),
    ]


def test_a_place_inside_of_an_item_that_is_too_large_comes_by_itself() -> None:
    place: Path = ("parts", EACH)
    parts = [{"n": number, "pad": "y" * 40} for number in range(20)]
    data = json.dumps({"parts": [{"n": "outer", "parts": parts}, {"n": "last", "parts": parts[:1]}]}).encode()
    places: Places = {place: [("n",)], place * 2: [("n",)]}
    found = values(data, places, Limits(chunk_bytes=64, max_item_chars=200))
    assert [value["n"] for _, value in found[:20] if isinstance(value, dict)] == list(range(20))
    assert found[20:] == [(0, {"n": "outer"}), (1, {"n": "last", "parts": parts[:1]})]


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (b"[]", "/ is not an object"),
        (b'"x"', "/ is not an object"),
        (b'{"runs":{}}', "/runs is not an array"),
        (b'{"runs":5}', "/runs is not an array"),
        (b'{"runs":[[]]}', "/runs/* is not an object"),
        (b'{"runs":[{"results":"x"}]}', "/runs/*/results is not an array"),
    ],
)
def test_another_shape_on_the_way_is_refused(data: bytes, pointer: str) -> None:
    error = refused(data, TWO_PLACES)
    assert error.code is Code.BAD_SYNTAX
    assert pointer in error.detail


@pytest.mark.parametrize(
    ("behind", "code"),
    [(b"", Code.TRUNCATED), (b"}x", Code.BAD_SYNTAX), (b',"a":[' + b"[" * 200, Code.TOO_DEEP)],
)
def test_what_is_no_json_is_refused_for_that_before_its_shape(behind: bytes, code: Code) -> None:
    error = refused(b'{"runs":{"a":1}' + behind, TWO_PLACES)
    assert error.code is code
    assert "is not an array" not in error.detail


def test_a_refusal_points_at_the_place_and_quotes_nothing_of_the_values() -> None:
    error = refused(b'{"runs":[{"results":[{"id":1},{"id":"hunter2","id":3}]}]}', TWO_PLACES)
    assert "/runs/0/results/1/id" in error.detail
    assert "hunter2" not in str(error)
    error = refused(b'{"runs":[{"results":[{"id":1},{"id":"hunter2" 3}]}]}', TWO_PLACES)
    assert "/runs/0/results/1" in error.detail
    assert "hunter2" not in str(error)


# --- bounds -----------------------------------------------------------------------------------------------------------

MIB = 1024 * 1024


def giant_array_beside() -> Iterator[bytes]:
    yield b'{"other":{"deep":[['
    for number in range(5):
        yield (b"," if number else b"") + b",".join(b'[%d,{"a":"xx"},[],"y"]' % n for n in range(45_000))
    yield b']]},"items":[{"a":1}]}'


def giant_object_beside() -> Iterator[bytes]:
    yield b'{"other":{'
    for number in range(190):
        yield (b"," if number else b"") + b",".join(b'"k%d-%d":{"a":[1,2,3]}' % (number, n) for n in range(1_000))
    yield b'},"items":[{"a":1}]}'


def giant_item() -> Iterator[bytes]:
    yield b'{"items":[{"noise":['
    for number in range(25):
        yield (b"," if number else b"") + b",".join([b'{"p":[{},{}],"q":"text of some length"}'] * 5_000)
    yield b'],"a":1}]}'


def long_strings() -> Iterator[bytes]:
    yield b'{"other":["'
    for number in range(4):
        yield (b'","' if number else b"") + "😀é\\n".encode() * 800_000
    yield b'"],"items":[{"a":1}]}'


def only_white_space() -> Iterator[bytes]:
    yield b'{"items":'
    for _ in range(20):
        yield b" " * MIB
    yield b'[{"a":1}' + b"\n" * MIB + b"]}"


def chains() -> Iterator[bytes]:
    yield b'{"other":['
    for number in range(10):
        yield (b"," if number else b"") + b"[" * 90 + b'[{"k":[1,2]},"x"],' * 25_000 + b"1" + b"]" * 90
    yield b'],"items":[{"a":1}]}'


GIANTS = {
    "an array beside": giant_array_beside,
    "an object beside": giant_object_beside,
    "one item": giant_item,
    "long strings": long_strings,
    "white space": only_white_space,
    "chains of arrays": chains,
}


@pytest.mark.parametrize("name", GIANTS)
def test_memory_does_not_grow_with_the_file(name: str) -> None:
    source = Generated(GIANTS[name]())
    tracemalloc.start()
    try:
        pieces = json_items(io.BufferedReader(source), Limits(), {("items", EACH): [("a",)]})
        found = [piece.value for piece in pieces if piece.kind is Kind.VALUE]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [{"a": 1}]
    assert source.size > 4 * MIB
    assert peak < 32 * MIB


def test_more_than_is_kept_of_one_item_is_refused() -> None:
    data = b'[{"a":[' + b",".join([b"[]"] * 300_000) + b"]}]"
    assert refused(data, {(EACH,): [("a",)]}).code is Code.TOO_LARGE
    assert values(data, {(EACH,): [("b",)]}) == [(0, {})]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'["' + b"x" * 9_000_000 + b'"]', "one string"),
        (b'{"' + b"x" * 9_000_000 + b'":1}', "a key"),
        (b"[" + b"1," * 50 + b"1]", "40 values"),
        (b"{" + b",".join(b'"%d":1' % key for key in range(50)) + b"}", "40 keys"),
    ],
)
def test_what_is_beyond_a_limit_is_refused(data: bytes, why: str) -> None:
    limits = Limits(
        chunk_bytes=64 if len(data) < 1_000 else 65_536, max_events=40 + 60 * ("keys" in why), max_tracked=40
    )
    error = refused(data, {(EACH,): ALL, (ANY,): ALL}, limits)
    assert error.code is Code.TOO_LARGE
    assert why in error.detail


def seconds(data: bytes) -> float:
    start = process_time()
    with contextlib.suppress(MalformedError):
        read(data, {("items", EACH): [("a",)]})
    return process_time() - start


REPEATED: dict[str, tuple[bytes, bytes, bytes]] = {
    "items": (b'{"items":[', b'{"a":1,"b":[1,2,{"c":"d"}]},', b"{}]}"),
    "a large item": (b'{"items":[[', b'{"a":1,"b":[1,2,{"c":"d"}]},', b"{}]]}"),
    "chains": (b"[", b"[" * 90 + b'{"k":[1,2]},' * 3_000 + b"1" + b"]" * 90 + b",", b"1]"),
    "large chains": (b"[", b"[" * 90 + b'{"k":[1,2]},' * 22_500 + b"1" + b"]" * 90 + b",", b"1]"),
    "backslashes": (b'["', b"\\\\", b'"]'),
    "quotes": (b"[", b'"",', b'""]'),
    "brackets in strings": (b"[", b'"[{","\\"]",', b"1]"),
    "unclosed": (b"[", b'[{"a":', b""),
}


@pytest.mark.parametrize("name", REPEATED)
def test_time_is_in_proportion_to_the_file(name: str) -> None:
    """Sixteen times the file: were it quadratic, 256 times the time; there is room for a busy machine."""
    before, unit, behind = REPEATED[name]
    number = 100_000 // len(unit) + 1
    short = min(seconds(before + unit * number + behind) for _ in range(3))
    long = seconds(before + unit * number * 16 + behind)
    assert long < 16 * 6 * max(short, 0.001)
