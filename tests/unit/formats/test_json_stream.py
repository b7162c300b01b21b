"""JSON values one behind the other are read as strictly as one, whatever stands between them."""

import io

import pytest

from collector.formats import Limits
from collector.formats.json_events import Kind
from collector.formats.json_stream import json_stream
from shared.errors import Code, MalformedError

STREAMS: dict[str, tuple[bytes, list[object]]] = {
    "one value": (b'{"a":1}', [1]),
    "a line each": (b'{"a":1}\n{"a":2}\n', [1, 2]),
    "nothing between them": (b'{"a":1}{"a":2}', [1, 2]),
    "many lines each": (b'{\n  "a": 1\n}\r\n{\n  "a": 2\n}\n', [1, 2]),
    "a byte-order mark in front": (b'\xef\xbb\xbf{"a":1}', [1]),
    "empty lines": (b'\n\n{"a":1}\n \n\t\n{"a":2}\n\n', [1, 2]),
    "brackets in strings": (rb'{"a":"}{"}{"a":"\"}"}{"a":"\\"}', ["}{", '"}', "\\"]),
    "an array": (b'[{"a":1},{"a":2}]', [1, 2]),
    "scalars, a line each": (b"1\ntrue\n", [1, True]),
}

REFUSED: dict[str, tuple[bytes, Code, str]] = {
    "nothing": (b"", Code.TRUNCATED, ""),
    "white space": (b" \n\n", Code.TRUNCATED, ""),
    "cut in an object": (b'{"a":1}\n{"a"', Code.TRUNCATED, "line 2"),
    "cut in a string": (b'{"a":1}\n\n{"a":"x', Code.TRUNCATED, "line 3"),
    "cut behind an escape": (b'{"a":"x\\', Code.TRUNCATED, "line 1"),
    "cut in an array": (b'[{"a":1}\n', Code.TRUNCATED, "line 1"),
    "a bracket too many": (b'{"a":1}}', Code.BAD_SYNTAX, "line 1"),
    "text between": (b'{"a":1}\nx\n{"a":2}', Code.BAD_SYNTAX, "line 2"),
    "a comma between": (b'{"a":1},{"a":2}', Code.BAD_SYNTAX, "line 1"),
    "a line feed in a string": (b'{"a":"x\ny"}', Code.BAD_SYNTAX, "line 1"),
    "a key twice": (b'{"a":1}\n{"a":1,"a":2}', Code.BAD_SYNTAX, "line 2"),
    "a byte-order mark between": (b'{"a":1}\n\xef\xbb\xbf{"a":2}', Code.BAD_SYNTAX, "line 2"),
    "not UTF-8": (b'{"a":1}\n{"a":"\xe9"}', Code.BAD_ENCODING, "line 2"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), Code.BAD_ENCODING, ""),
    "deep": (b'{"a":1}' + b"[" * 101 + b"]" * 101, Code.TOO_DEEP, "line 1"),
    "a long line": (b'{"a":1}\n' + b" " * 2_000_000, Code.TOO_LARGE, "line 2"),
    "many values": (b"{}" * 1_001, Code.TOO_LARGE, "1000"),
    "quotes that never end": (b'{"a":"' + rb"\"" * 200_000 + b"\\", Code.TRUNCATED, "line 1"),
}


def values(data: bytes) -> list[object]:
    limits = Limits(max_token_bytes=1_000_000, max_tracked=1_000)
    streams = json_stream(io.BytesIO(data), limits)
    return [event.value for events in streams for event in events if event.kind is Kind.VALUE]


@pytest.mark.parametrize("name", STREAMS)
def test_the_values_of_a_stream_are_read_in_order(name: str) -> None:
    data, expected = STREAMS[name]
    assert values(data) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_stream_that_is_none_is_refused_with_its_reason_and_line(name: str) -> None:
    data, code, place = REFUSED[name]
    with pytest.raises(MalformedError) as refused:
        values(data)
    assert refused.value.code is code
    assert place in refused.value.detail
