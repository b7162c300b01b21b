"""The strict JSON reader: RFC 8259 in the manner of the public JSONTestSuite, a name and a reason a row."""

import io

import pytest

from collector.formats.json_events import EACH, Event, Kind, json_events
from collector.formats.limits import Limits
from shared.errors import Code, MalformedError


def read(data: bytes, limits: Limits | None = None) -> list[Event]:
    return list(json_events(io.BytesIO(data), limits or Limits()))


ACCEPTED: dict[str, tuple[bytes, object]] = {
    "an integer": (b"[17]", 17),
    "a negative integer": (b"[-17]", -17),
    "zero": (b"[0]", 0),
    "minus zero": (b"[-0]", 0),
    "a fraction": (b"[0.5]", 0.5),
    "an exponent": (b"[1e5]", 100_000.0),
    "an exponent with sign": (b"[1E+2]", 100.0),
    "a tiny number": (b"[1e-400]", 0.0),
    "the largest exact integer": (b"[9007199254740992]", 2**53),
    "true": (b"[true]", True),
    "false": (b"[false]", False),
    "null": (b"[null]", None),
    "an empty string": (b'[""]', ""),
    "all short escapes": (rb'["\"\\\/\b\f\n\r\t"]', '"\\/\b\f\n\r\t'),
    "an escaped letter": (rb'["\u00e9"]', "é"),
    "a surrogate pair": (rb'["\ud83d\ude00"]', "😀"),
    "an escaped backslash before u": (rb'["\\ud83d"]', "\\ud83d"),
    "an escaped NUL": (rb'["\u0000"]', "\0"),
    "raw utf-8": ('["é€😀"]'.encode(), "é€😀"),
    "DEL": (b'["\x7f"]', "\x7f"),
    "white space all around": (b" \t\r\n[ 1 ]\n", 1),
    "a utf-8 byte-order mark": (b"\xef\xbb\xbf[1]", 1),
    "a noncharacter": (b'["\xef\xbf\xbf"]', "\uffff"),
}


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("chunk_bytes", [4, 65_536])
def test_accepts(name: str, chunk_bytes: int) -> None:
    data, value = ACCEPTED[name]
    events = read(data, Limits(chunk_bytes=chunk_bytes))
    assert [event.kind for event in events] == [Kind.ARRAY, Kind.VALUE, Kind.ARRAY_END]
    assert events[1] == Event(Kind.VALUE, (EACH,), value)  # type: ignore[arg-type]
    assert type(events[1].value) is type(value)


REFUSED: dict[str, tuple[Code, bytes]] = {
    "nothing": (Code.TRUNCATED, b""),
    "only white space": (Code.TRUNCATED, b" \n"),
    "only a byte-order mark": (Code.TRUNCATED, b"\xef\xbb\xbf"),
    "an open array": (Code.TRUNCATED, b"[1"),
    "an open object": (Code.TRUNCATED, b'{"a":'),
    "an open string": (Code.TRUNCATED, b'["abc'),
    "an open escape": (Code.TRUNCATED, b'["\\'),
    "an open unicode escape": (Code.TRUNCATED, b'["\\u12'),
    "an open surrogate pair": (Code.TRUNCATED, b'["\\ud83d\\ude'),
    "an open character": (Code.TRUNCATED, b'["\xe2\x82'),
    "an open literal": (Code.TRUNCATED, b"[tru"),
    "an open number": (Code.TRUNCATED, b"[1."),
    "NaN": (Code.BAD_SYNTAX, b"[NaN]"),
    "Infinity": (Code.BAD_SYNTAX, b"[Infinity]"),
    "minus Infinity": (Code.BAD_SYNTAX, b"[-Infinity]"),
    "a number that is infinite as a float": (Code.BAD_SYNTAX, b"[1e999]"),
    "an integer beyond 2^53": (Code.BAD_SYNTAX, b"[9007199254740993]"),
    "a negative integer beyond 2^53": (Code.BAD_SYNTAX, b"[-9007199254740993]"),
    "an integer of 30 digits": (Code.BAD_SYNTAX, b"[123456789012345678901234567890]"),
    "a leading zero": (Code.BAD_SYNTAX, b"[01]"),
    "a leading plus": (Code.BAD_SYNTAX, b"[+1]"),
    "no digit before the point": (Code.BAD_SYNTAX, b"[.5]"),
    "no digit behind the point": (Code.BAD_SYNTAX, b"[1.]"),
    "no digit in the exponent": (Code.BAD_SYNTAX, b"[1e]"),
    "only a minus": (Code.BAD_SYNTAX, b"[-]"),
    "a hexadecimal number": (Code.BAD_SYNTAX, b"[0x1]"),
    "a duplicate key": (Code.BAD_SYNTAX, b'{"a":1,"a":2}'),
    "a duplicate key by escape": (Code.BAD_SYNTAX, rb'{"a":1,"\u0061":2}'),
    "a duplicate key further down": (Code.BAD_SYNTAX, b'[{"b":{"a":1,"c":2,"a":3}}]'),
    "a trailing comma in an array": (Code.BAD_SYNTAX, b"[1,]"),
    "a trailing comma in an object": (Code.BAD_SYNTAX, b'{"a":1,}'),
    "a missing comma": (Code.BAD_SYNTAX, b"[1 2]"),
    "a missing colon": (Code.BAD_SYNTAX, b'{"a" 1}'),
    "a key without quotes": (Code.BAD_SYNTAX, b"{a:1}"),
    "a number as key": (Code.BAD_SYNTAX, b"{1:1}"),
    "single quotes": (Code.BAD_SYNTAX, b"['a']"),
    "crossed brackets": (Code.BAD_SYNTAX, b'[{"a":1]}'),
    "text behind the value": (Code.BAD_SYNTAX, b"[1]x"),
    "two values": (Code.BAD_SYNTAX, b"[1] [2]"),
    "NUL behind the value": (Code.BAD_SYNTAX, b"[1]\0"),
    "a comment": (Code.BAD_SYNTAX, b"[1/* x */]"),
    "a line comment": (Code.BAD_SYNTAX, b"[1]// x\n"),
    "a wrong literal": (Code.BAD_SYNTAX, b"[True]"),
    "an unknown escape": (Code.BAD_SYNTAX, rb'["\x41"]'),
    "an escape that is no hex": (Code.BAD_SYNTAX, rb'["\u12g4"]'),
    "half of a surrogate pair, first": (Code.BAD_SYNTAX, rb'["\ud800"]'),
    "half of a surrogate pair, second": (Code.BAD_SYNTAX, rb'["\udc00"]'),
    "half of a surrogate pair before an escape": (Code.BAD_SYNTAX, rb'["\ud800\u0041"]'),
    "half of a surrogate pair behind a backslash": (Code.BAD_SYNTAX, rb'["\\\ud800"]'),
    "half of a surrogate pair in a key": (Code.BAD_SYNTAX, rb'{"\ud800":1}'),
    "a raw tab in a string": (Code.BAD_SYNTAX, b'["a\tb"]'),
    "a raw line feed in a string": (Code.BAD_SYNTAX, b'["a\nb"]'),
    "NUL in a string": (Code.BAD_SYNTAX, b'["abc\0"]'),
    "a form feed as white space": (Code.BAD_SYNTAX, b"\x0c[1]"),
    "a vertical tab as white space": (Code.BAD_SYNTAX, b"[1,\x0b2]"),
    "a no-break space as white space": (Code.BAD_SYNTAX, b"[1,\xc2\xa02]"),
    "bytes that are not utf-8": (Code.BAD_ENCODING, b'["ab\xff"]'),
    "overlong utf-8": (Code.BAD_ENCODING, b'["ab\xc0\xaf"]'),
    "a surrogate in utf-8": (Code.BAD_ENCODING, b'["ab\xed\xa0\x80"]'),
    "beyond unicode": (Code.BAD_ENCODING, b'["ab\xf4\x90\x80\x80"]'),
    "latin-1": (Code.BAD_ENCODING, '["café!"]'.encode("latin-1")),
    "utf-16 with byte-order mark": (Code.BAD_ENCODING, "[1]".encode("utf-16")),
    "utf-16 without byte-order mark": (Code.BAD_ENCODING, "[1]".encode("utf-16-be")),
    "utf-32": (Code.BAD_ENCODING, "[1]".encode("utf-32")),
    "101 arrays": (Code.TOO_DEEP, b"[" * 101 + b"]" * 101),
    "101 containers of both kinds": (Code.TOO_DEEP, b'[{"a":' * 51 + b"1" + b"}]" * 51),
    "a hundred thousand open arrays": (Code.TOO_DEEP, b"[" * 100_000),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("chunk_bytes", [4, 65_536])
def test_refuses(name: str, chunk_bytes: int) -> None:
    expected, data = REFUSED[name]
    with pytest.raises(MalformedError) as refused:
        read(data, Limits(chunk_bytes=chunk_bytes))
    assert refused.value.code is expected


def test_a_hundred_levels_are_accepted() -> None:
    assert len(read(b"[" * 100 + b"]" * 100)) == 200


def test_paths_name_keys_and_stand_for_items() -> None:
    events = read(b'{"a":[{"b":1},{"b":[true]}],"c":null}')
    assert [(event.kind, event.path) for event in events if event.kind is Kind.VALUE] == [
        (Kind.VALUE, ("a", EACH, "b")),
        (Kind.VALUE, ("a", EACH, "b", EACH)),
        (Kind.VALUE, ("c",)),
    ]
    assert events[2] == Event(Kind.MAP, ("a", EACH), None)
    assert events[-1] == Event(Kind.MAP_END, (), None)


def test_a_refusal_points_at_the_place() -> None:
    with pytest.raises(MalformedError, match="/runs/1/results"):
        read(b'{"runs":[1,{"results":[1,2],"results":0}]}')


def test_a_refusal_quotes_nothing_of_the_values() -> None:
    with pytest.raises(MalformedError) as refused:
        read(b'{"a":"hunter2" "b"}')
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("split", range(1, 14))
def test_a_surrogate_pair_may_be_cut_by_a_chunk_anywhere(split: int) -> None:
    prefix = b'["' + b"x" * split
    data = prefix + rb'\ud83d\ude00"]'
    assert read(data, Limits(chunk_bytes=16))[1].value == "x" * split + "😀"


def test_a_string_larger_than_the_limit_is_refused() -> None:
    with pytest.raises(MalformedError) as refused:
        read(b'["' + b"x" * 10_000_000 + b'"]')
    assert refused.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("data", [b"[" + b"1," * 50 + b"1]", b"{" + b",".join(b'"%d":1' % n for n in range(50)) + b"}"])
def test_more_values_or_keys_than_the_limit_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        read(data, Limits(max_events=40, max_tracked=40))
    assert refused.value.code is Code.TOO_LARGE
