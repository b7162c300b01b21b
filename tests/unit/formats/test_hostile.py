"""No bytes at all make a reader pass what it should not, or fail with anything but a reason of ours.

All is made from the good samples of the tables: a format is attacked because it stands in the table.
"""

import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.formats import FORMATS, HEAD_BYTES, Format, Limits, Thresholds, recognise
from collector.formats.head import look
from shared.errors import FILE_CODES, Code, MalformedError
from tests.unit.formats.reading import claim_of, format_of
from tests.unit.formats.tables import GOOD, ROWS, content, smallest

KEYS = list(ROWS)
NOT_WHOLE = {Code.TRUNCATED, Code.BAD_SYNTAX}
LARGEST_MUTATED = 64 * 1024


def kind_of(key: str) -> str:
    head = look(smallest(key)[0])
    return "json lines" if head.ndjson else head.kind


XML = [key for key in KEYS if kind_of(key) == "xml"]
JSON = [key for key in KEYS if kind_of(key) == "json"]
LINES = [key for key in KEYS if kind_of(key) in {"json lines", "other"}]


def try_reading(fmt: Format, data: bytes) -> Code | None:
    """The reason of a refusal, None for a claim; any other exception fails the test."""
    try:
        claim = fmt.read(io.BytesIO(data), Thresholds(), Limits())
    except MalformedError as error:
        refused = error
    else:
        assert fmt.type in {claim.type, None}
        return None
    assert refused.code in FILE_CODES
    assert len(refused.detail) < 500
    return refused.code


@pytest.mark.parametrize("path", GOOD)
def test_a_file_cut_at_any_tenth_is_truncated_or_not_recognised(path: str) -> None:
    data = content(path).rstrip()
    fmt = format_of(data)
    for tenth in range(10):
        piece = data[: len(data) * tenth // 10]
        if fmt.ends:
            assert recognise(piece[:HEAD_BYTES]) is None or format_of(piece) in FORMATS
            assert try_reading(fmt, piece) is Code.TRUNCATED, tenth
        else:
            try_reading(fmt, piece)


@pytest.mark.parametrize("key", KEYS)
def test_a_small_file_cut_anywhere_is_refused(key: str) -> None:
    data = smallest(key)[0].rstrip()
    for end in range(0, len(data), max(1, len(data) // 200)):
        code = try_reading(ROWS[key], data[:end])
        assert code in NOT_WHOLE or not ROWS[key].ends


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n\n", b"\0" * 100])
def test_a_file_without_content_is_refused_by_every_reader(key: str, data: bytes) -> None:
    assert recognise(data) is None
    assert try_reading(ROWS[key], data) in {Code.TRUNCATED, Code.BAD_ENCODING, Code.BAD_SYNTAX}


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
EXTERNAL = b"<!ENTITY e SYSTEM 'http://127.0.0.1:9/x'>"

ENTITIES: dict[str, tuple[bytes, bytes]] = {
    "billion laughs": (b'<!ENTITY l0 "ha">' + LAUGHS, b"&l11;"),
    "quadratic blow-up": (b'<!ENTITY a "' + b"a" * 50_000 + b'">', b"&a;" * 5_000),
    "external entity": (b"<!ENTITY e SYSTEM 'file:///etc/passwd'>", b"&e;"),
    "external entity over http": (EXTERNAL, b"&e;"),
    "external parameter entity": (EXTERNAL.replace(b" e ", b" % e ") + b" %e;", b""),
}

XML_ATTACKS: dict[str, tuple[Code, bytes]] = {
    "an entity that nobody declared": (Code.ENTITY, b"&e;"),
    "deep nesting": (Code.TOO_DEEP, b"<x>" * 200_000),
    "ten megabytes of attribute": (Code.TOO_LARGE, b"<x y='" + b"z" * 10_000_000 + b"'/>"),
    "wrong encoding": (Code.BAD_ENCODING, b"caf\xe9!"),
    "NUL": (Code.BAD_SYNTAX, b"\0"),
    "an end that nothing opened": (Code.BAD_SYNTAX, b"</x>"),
}


def plain_xml(key: str) -> bytes:
    """The smallest good sample without byte-order mark, declaration and DOCTYPE."""
    data = smallest(key)[0].removeprefix(b"\xef\xbb\xbf").strip()
    return re.sub(rb"\A(?:\s*<\?[^>]*\?>|\s*<!--.*?-->|\s*<!DOCTYPE[^>\[]*>)*\s*", b"", data, flags=re.DOTALL)


def before_last(data: bytes, mark: bytes, inside: bytes) -> bytes:
    at = data.rstrip().rindex(mark)
    return data[:at] + inside + data[at:]


def into_root(data: bytes, inside: bytes) -> bytes:
    """Put something behind the last child of the root element; a root that is empty gets an end of its own."""
    if b"</" in data:
        return before_last(data, b"</", inside)
    name = re.match(rb"<([^\s/>]+)", data)
    assert name is not None
    return data.removesuffix(b"/>") + b">" + inside + b"</" + name[1] + b">"


@pytest.mark.parametrize("key", XML)
@pytest.mark.parametrize("name", ENTITIES)
def test_xml_with_entities_is_recognised_and_refused(key: str, name: str) -> None:
    declared, used = ENTITIES[name]
    document = into_root(plain_xml(key), used)
    root = re.match(rb"<([^\s/>]+)", document)
    assert root is not None
    data = b"<!DOCTYPE " + root[1] + b" [" + declared + b"]>" + document
    assert len(declared) > HEAD_BYTES // 2 or format_of(data).key == key
    assert try_reading(ROWS[key], data) is Code.ENTITY


@pytest.mark.parametrize("key", XML)
@pytest.mark.parametrize("name", XML_ATTACKS)
def test_hostile_xml_is_recognised_and_gets_its_reason(key: str, name: str) -> None:
    expected, inside = XML_ATTACKS[name]
    data = into_root(plain_xml(key), inside)
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is expected


@pytest.mark.parametrize("key", XML)
def test_xml_with_garbage_behind_is_refused(key: str) -> None:
    assert try_reading(ROWS[key], plain_xml(key) + b"\0\0\0") is Code.BAD_SYNTAX


@pytest.mark.parametrize("key", XML)
def test_utf_8_that_says_it_is_utf_16_is_refused(key: str) -> None:
    data = b"<?xml version='1.0' encoding='utf-16'?>" + plain_xml(key)
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is Code.BAD_ENCODING


@pytest.mark.parametrize("key", XML)
def test_xml_in_utf_16_is_read_and_cut_is_truncated(key: str) -> None:
    plain = plain_xml(key)
    data = plain.decode().encode("utf-16")
    assert format_of(data).key == key
    assert claim_of(data).evidence == claim_of(plain).evidence
    assert try_reading(ROWS[key], data[: len(data) // 4 * 2]) is Code.TRUNCATED


JSON_ATTACKS: dict[str, tuple[Code, bytes]] = {
    "deep nesting": (Code.TOO_DEEP, b"[" * 200_000),
    "deep nesting of objects": (Code.TOO_DEEP, b'{"a":' * 200_000),
    "ten megabytes of string": (Code.TOO_LARGE, b'"' + b"z" * 10_000_000 + b'"'),
    "ten megabytes of key": (Code.TOO_LARGE, b'{"' + b"z" * 10_000_000 + b'":1}'),
    "a number of a million digits": (Code.BAD_SYNTAX, b"1" * 1_000_000),
    "wrong encoding": (Code.BAD_ENCODING, b'"caf\xe9!"'),
    "NUL": (Code.BAD_SYNTAX, b'"\0"'),
    "NaN": (Code.BAD_SYNTAX, b"NaN"),
    "a duplicate key": (Code.BAD_SYNTAX, b'{"a":1,"a":2}'),
    "half of a surrogate pair": (Code.BAD_SYNTAX, rb'"\ud800"'),
}


def into_json(data: bytes, value: bytes) -> bytes:
    """Put a value behind the last one at the top of a document."""
    data = data.rstrip()
    is_empty = data[:-1].rstrip().endswith((b"{", b"["))
    comma = b"" if is_empty else b","
    return before_last(data, data[-1:], comma + (b'"carnet-x":' if data.endswith(b"}") else b"") + value)


@pytest.mark.parametrize("key", JSON)
@pytest.mark.parametrize("name", JSON_ATTACKS)
def test_hostile_json_is_recognised_and_gets_its_reason(key: str, name: str) -> None:
    expected, value = JSON_ATTACKS[name]
    data = into_json(smallest(key)[0], value)
    assert format_of(data).key == key
    # A number without end is refused as it comes in, or for its size where a value is read whole.
    or_else = Code.TOO_LARGE if value.isdigit() else expected
    assert try_reading(ROWS[key], data) in (expected, or_else)


@pytest.mark.parametrize("key", JSON)
def test_json_with_garbage_behind_is_refused(key: str) -> None:
    assert try_reading(ROWS[key], smallest(key)[0] + b"{}") is Code.BAD_SYNTAX


@pytest.mark.parametrize("key", JSON)
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_json_in_utf_16_is_recognised_and_refused(key: str, codec: str) -> None:
    data = smallest(key)[0].decode("utf-8-sig").encode(codec)
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is Code.BAD_ENCODING


LINE_ATTACKS: dict[str, tuple[Code, bytes]] = {
    "ten megabytes of line": (Code.TOO_LARGE, b"z" * 10_000_000),
    "wrong encoding": (Code.BAD_ENCODING, b"caf\xe9!"),
    "NUL": (Code.BAD_ENCODING, b"\0"),
}


@pytest.mark.parametrize("key", LINES)
@pytest.mark.parametrize("name", LINE_ATTACKS)
def test_a_hostile_line_is_refused_with_its_reason(key: str, name: str) -> None:
    expected, line = LINE_ATTACKS[name]
    data = smallest(key)[0].rstrip() + b"\n" + line + b"\n"
    assert format_of(data).key == key
    assert try_reading(ROWS[key], data) is expected


@pytest.mark.parametrize("key", [key for key in LINES if kind_of(key) == "json lines"])
@pytest.mark.parametrize("name", [name for name, (code, _) in JSON_ATTACKS.items() if code is not Code.TOO_LARGE])
def test_json_lines_are_as_strict_as_json(key: str, name: str) -> None:
    expected, value = JSON_ATTACKS[name]
    data = into_json(smallest(key)[0], value) + b"\n{}\n"
    acceptable = {expected, Code.BAD_SYNTAX, Code.BAD_ENCODING} if name == "NUL" else {expected, Code.BAD_SYNTAX}
    assert try_reading(ROWS[key], data) in acceptable


@st.composite
def mutated(draw: st.DrawFn, key: str) -> bytes:
    """A real file with a few places changed, cut out, doubled or overwritten with what parsers trip over."""
    data = draw(st.sampled_from(smallest(key)))[:LARGEST_MUTATED]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        piece = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"", data[start:end] * 2, b"<", b"&x;", b"]]>", b"{", b'"', b"\\ud800", b"\0", b"1e999", b"null"]
                ),
            )
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("key", KEYS)
def test_mutated_files_are_read_or_refused_and_nothing_else(key: str) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(mutated(key))
    def attack(data: bytes) -> None:
        recognise(data[:HEAD_BYTES])
        try_reading(ROWS[key], data)

    attack()


VALUES = [b"null", b"[]", b"{}", b"0", b"-1", b"1e300", b"true", b'""', b'"x"', b"[[]]", b'[{"a":null}]']


@pytest.mark.parametrize("key", [*JSON, *(key for key in LINES if kind_of(key) == "json lines")])
def test_json_with_a_value_of_another_kind_anywhere_is_read_or_refused(key: str) -> None:
    data = smallest(key)[0]
    places = list(re.finditer(rb':\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|\[\s*\]|\{\s*\})', data))
    for place in places[:: max(1, len(places) // 60)]:
        for value in VALUES:
            try_reading(ROWS[key], data[: place.start(1)] + value + data[place.end(1) :])


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_the_look_at_a_head_never_fails(data: bytes) -> None:
    for prefix in (b"", b"<", b"<a ", b"{", b'{"a":"', b"\xff\xfe", b"{}\n", b"mode: set\n"):
        recognise(prefix + data)
