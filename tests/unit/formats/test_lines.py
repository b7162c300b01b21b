"""Text and JSON lines: what is read, and what is wrong with which line."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.formats import Limits
from collector.formats.lines import text_lines
from collector.formats.ndjson import MARK, json_lines, mixed_lines
from shared.errors import Code, MalformedError

SMALL = Limits(max_token_bytes=20, max_events=5)


def lines(data: bytes, limits: Limits = SMALL) -> list[tuple[int, str]]:
    return list(text_lines(io.BytesIO(data), limits))


def objects(data: bytes, limits: Limits = SMALL) -> list[tuple[int, object]]:
    return list(json_lines(io.BytesIO(data), limits))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\nb\n", [(1, "a"), (2, "b")]),
        (b"a\r\n\r\nb", [(1, "a"), (2, ""), (3, "b")]),
        (b"\xef\xbb\xbfcaf\xc3\xa9\n", [(1, "café")]),
        (b"a\rb\x0cc\xe2\x80\xa8d\n", [(1, "a\rb\x0cc\u2028d")]),
        (b"x" * 19 + b"\n", [(1, "x" * 19)]),
    ],
)
def test_lines_end_with_a_line_feed_and_nothing_else(data: bytes, expected: list[tuple[int, str]]) -> None:
    assert lines(data) == expected


WRONG = {
    "nothing": (b"", Code.TRUNCATED, ""),
    "only white space": (b"\n \r\n", Code.TRUNCATED, ""),
    "not UTF-8": (b"a\nb\xe9\n", Code.BAD_ENCODING, "line 2"),
    "UTF-16": ("a\n".encode("utf-16"), Code.BAD_ENCODING, "line 1"),
    "NUL": (b"a\nb\nc\0\n", Code.BAD_ENCODING, "line 3"),
    "a long line": (b"a\n" + b"b" * 30, Code.TOO_LARGE, "line 2"),
    "many lines": (b"a\n" * 6, Code.TOO_LARGE, "5 lines"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_text_that_is_none_is_refused_with_its_line(name: str) -> None:
    data, code, where = WRONG[name]
    for read in (lines, objects):
        if read is objects and name == "a long line":
            data = data.replace(b"a\n", b"{}\n")
        if read is objects and name not in {"nothing", "only white space", "UTF-16", "a long line"}:
            continue
        with pytest.raises(MalformedError) as refused:
            read(data)
        assert refused.value.code is code
        assert where in refused.value.detail


def test_each_line_is_an_object_and_blank_lines_are_passed_over() -> None:
    assert objects(b'\xef\xbb\xbf{"a":1}\r\n\n {"b":[2.5]} \n') == [(1, {"a": 1}), (3, {"b": [2.5]})]


WRONG_JSON = {
    "cut in the last line": (b'{"a":1}\n{"b":', Code.TRUNCATED, "line 2"),
    "cut in the middle": (b'{"a":1\n{"b":2}\n', Code.BAD_SYNTAX, "line 1"),
    "no object": (b'{"a":1}\n[1]\n', Code.BAD_SYNTAX, "line 2"),
    "not JSON": (b"{}\nFAIL\n{}\n", Code.BAD_SYNTAX, "line 2"),
    "a duplicate key": (b'{"a":1,"a":2}\n', Code.BAD_SYNTAX, "line 1"),
    "NaN": (b'{"a":NaN}\n', Code.BAD_SYNTAX, "line 1"),
    "half of a surrogate pair": (b'{"a":"\\ud800"}\n', Code.BAD_SYNTAX, "line 1"),
    "two on a line": (b"{}{}\n", Code.BAD_SYNTAX, "line 1"),
    "not UTF-8": (b'{}\n{"a":"\xe9"}', Code.BAD_ENCODING, "line 2"),
    "deep": (b'{}\n{"a":' + b"[" * 200 + b"]" * 200 + b"}\n", Code.TOO_DEEP, "line 2"),
}


@pytest.mark.parametrize("name", WRONG_JSON)
def test_a_line_that_is_no_strict_object_is_refused_with_its_number(name: str) -> None:
    data, code, where = WRONG_JSON[name]
    with pytest.raises(MalformedError) as refused:
        objects(data, Limits())
    assert refused.value.code is code
    assert where in refused.value.detail


# Lines are read many at a time with this number between them; the lines here try to be other lines together.
BETWEEN = MARK
TOGETHER = {
    "two objects on a line, one on two": [b"{},{}", b'{"a":[{}', b"{}]}"],
    "two objects on a line, a string on two": [b"{},{}", b'{"a":"}', b'{"}'],
    "the number itself on a line": [f"{{}},{BETWEEN},{{}}".encode(), b'{"a":[{}', b"{}]}"],
    "a number that is equal on a line": [b"{},2.71828182e8,{}", b'{"a":[{}', b"{}]}"],
    "a number that is equal with a point": [f"{{}},{BETWEEN}.0,{{}}".encode(), b'{"a":[{}', b"{}]}"],
    "the number beside an object": [f"{{}},{BETWEEN}".encode(), b"{}"],
    "a bracket that is closed": [b"{}],[{}", b"{}"],
    "a bracket that is closed on one line and opened on another": [b"{}]", b"[{}"],
    "all brackets that stand around are closed": [b"{}" + b"]" * 100, b"[" * 100 + b"{}"],
    "a comma behind an object": [b"{},", b"{}"],
    "an object and a comment": [b"{} // {}", b"{}"],
}


@pytest.mark.parametrize("chunk_bytes", [8, 65_536])
@pytest.mark.parametrize("around", [0, 3])
@pytest.mark.parametrize("name", TOGETHER)
def test_lines_that_are_objects_only_together_are_none(name: str, around: int, chunk_bytes: int) -> None:
    whole = [b'{"a":1}'] * around
    data = b"\n".join([*whole, *TOGETHER[name], *whole])
    limits = Limits(chunk_bytes=chunk_bytes)
    for read in (json_lines, mixed_lines):
        with pytest.raises(MalformedError) as refused:
            list(read(io.BytesIO(data), limits))
        assert refused.value.code is Code.BAD_SYNTAX
        assert f"line {around + 1} " in refused.value.detail.replace(":", " ")


@pytest.mark.parametrize("apart", [b"\n", b"\n\n", b"\r\n"])
@pytest.mark.parametrize("chunk_bytes", [8, 65_536])
def test_lines_that_hold_what_is_put_between_lines_are_read(chunk_bytes: int, apart: bytes) -> None:
    said: list[dict[str, object]] = [
        {"a": int(BETWEEN)},
        {"a": [BETWEEN, float(BETWEEN)]},
        {BETWEEN: f"}},{BETWEEN},{{"},
        {"a": "\n"},
    ]
    data = apart.join(json.dumps(one).encode() for one in said)
    assert [found for _, found in objects(data, Limits(chunk_bytes=chunk_bytes))] == said


@given(
    st.lists(st.sampled_from(["{}", '{"a":[{}', "{}]}", "{},{}", '{"a":"}', '{"}', f"{{}},{BETWEEN},{{}}", "", "x"]))
)
def test_many_lines_are_read_as_each_of_them_is(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    refused = [number for number, line in enumerate(lines, 1) if line not in {"", "{}"}]
    if refused or not any(lines):
        with pytest.raises(MalformedError):
            objects(data, Limits())
    else:
        assert objects(data, Limits()) == [(number, {}) for number, line in enumerate(lines, 1) if line]


def test_text_among_objects_keeps_its_place() -> None:
    read = list(mixed_lines(io.BytesIO(b'ok\n{"a":1}\n\nFAIL x\n{"b":2}\n'), Limits()))
    assert read == [(1, "ok"), (2, {"a": 1}), (3, ""), (4, "FAIL x"), (5, {"b": 2})]
