"""S13: JSON is read in one way only; a table says for each doubtful text what we do.

The rows follow the classes that are usual for such tables: `y` must be read (RFC 8259), `n` must be refused (it
is no JSON), `i` is left to the reader by the RFC, and the row is our decision.
"""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.encoding import JsonValue, canonical, compact, parse_json, parse_object, parse_payload
from shared.errors import Code, MalformedError

READ: dict[str, tuple[bytes, JsonValue]] = {
    # Values on their own.
    "y null": (b"null", None),
    "y true": (b"true", True),
    "y false": (b"false", False),
    "y string": (b'"a"', "a"),
    "y empty string": (b'""', ""),
    "y number": (b"42", 42),
    "y empty array": (b"[]", []),
    "y empty object": (b"{}", {}),
    # White space.
    "y white space around": (b" \t\r\n[ 1 , 2 ]\n", [1, 2]),
    "y white space in an object": (b'{ "a" :\t1 ,\n"b":2 }', {"a": 1, "b": 2}),
    # Numbers.
    "y zero": (b"[0]", [0]),
    "y negative": (b"[-1]", [-1]),
    "y exponent": (b"[1e2,1E2,1e+2,1e-2]", [100.0, 100.0, 100.0, 0.01]),
    "y fraction": (b"[0.5,-0.5,1.25]", [0.5, -0.5, 1.25]),
    "y exponent of zero": (b"[0e0,0E+0]", [0.0, 0.0]),
    "y largest integer": (b"[9007199254740992]", [2**53]),
    "y smallest integer": (b"[-9007199254740992]", [-(2**53)]),
    "y integral fraction stays a fraction": (b"[1.0]", [1.0]),
    "i minus zero is zero": (b"[-0]", [0]),
    "i fraction that vanishes is zero": (b"[1e-400]", [0.0]),
    "i fraction of many digits is rounded": (b"[0.1000000000000000055511151231257827]", [0.1]),
    "i large fraction within a double": (b"[1e308]", [1e308]),
    "i integral value beyond 2^53 with an exponent is a fraction": (b"[1e20]", [1e20]),
    # Strings.
    "y two-character escapes": (b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]', ['"\\/\b\f\n\r\t']),
    "y escaped NUL": (b'["\\u0000"]', ["\x00"]),
    "y escape in capitals and not": (b'["\\u00E9\\u00e9"]', ["éé"]),
    "y surrogate pair": (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
    "y surrogate pair in capitals": (b'["\\uD83D\\uDE00"]', ["\U0001f600"]),
    "y utf-8": ('["é€\U0001f600"]'.encode(), ["é€\U0001f600"]),
    "y delete character": (b'["\x7f"]', ["\x7f"]),
    "y line and paragraph separators": ('["\u2028\u2029"]'.encode(), ["\u2028\u2029"]),
    "y escaped backslash before u": (b'["\\\\u0041"]', ["\\u0041"]),
    "y non-character": ('["\uffff\U0010ffff"]'.encode(), ["\uffff\U0010ffff"]),
    "y byte-order mark inside a string": ('["\ufeff"]'.encode(), ["\ufeff"]),
    "y comment signs inside a string": (b'["/* a */ // b # c"]', ["/* a */ // b # c"]),
    "i not normalised": ('["e\u0301","é"]'.encode(), ["e\u0301", "é"]),
    # Objects.
    "y empty name": (b'{"":0}', {"": 0}),
    "y NUL in a name": (b'{"a\\u0000b":0}', {"a\x00b": 0}),
    "y names that differ in case": (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    "y names that differ by normalisation": ('{"é":1,"e\u0301":2}'.encode(), {"é": 1, "e\u0301": 2}),
    "y not sorted": (b'{"b":1,"a":2}', {"a": 2, "b": 1}),
    "y same name at different depths": (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
    "y same name in neighbours": (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
}

_N: dict[str, bytes] = {
    # Nothing, too little, too much.
    "n empty": b"",
    "n white space alone": b" \n",
    "n two values": b"1 2",
    "n text behind": b"[] x",
    "n closing bracket behind": b"[]]",
    "n NUL behind": b"[]\x00",
    "n open array": b"[1",
    "n open object": b'{"a":1',
    "n open string": b'["a',
    "n object without value": b'{"a":}',
    "n object without colon": b'{"a" 1}',
    "n name alone": b'{"a"}',
    "n only a comma": b"[,]",
    "n comma in front": b"[,1]",
    "n comma behind in an array": b"[1,]",
    "n comma behind in an object": b'{"a":1,}',
    "n two commas": b"[1,,2]",
    "n no comma": b"[1 2]",
    "n colon in an array": b'["a":1]',
    "n wrong bracket": b"[1}",
    "n semicolon": b'{"a":1;"b":2}',
    "n name not a string": b"{1:1}",
    "n name without quotes": b"{a:1}",
    "n name in single quotes": b"{'a':1}",
    "n null as name": b"{null:1}",
    "n comment": b"[1] // one",
    "n block comment": b"[1/* one */]",
    "n hash comment": b"[1] # one",
    # Words.
    "n NaN": b"[NaN]",
    "n nan": b"[nan]",
    "n Infinity": b"[Infinity]",
    "n minus Infinity": b"[-Infinity]",
    "n minus NaN": b"[-NaN]",
    "n inf": b"[inf]",
    "n True": b"[True]",
    "n None": b"[None]",
    "n undefined": b"[undefined]",
    "n nul": b"[nul]",
    "n nulls": b"[nulls]",
    "n TRUE": b"[TRUE]",
    # Numbers.
    "n leading zero": b"[01]",
    "n minus leading zero": b"[-01]",
    "n plus": b"[+1]",
    "n two signs": b"[--1]",
    "n minus alone": b"[-]",
    "n no digit before the point": b"[.5]",
    "n minus and no digit before the point": b"[-.5]",
    "n no digit behind the point": b"[1.]",
    "n no digit before the exponent": b"[1.e1]",
    "n no digit in the exponent": b"[1e]",
    "n sign alone in the exponent": b"[1e+]",
    "n fraction in the exponent": b"[1e1.5]",
    "n hexadecimal": b"[0x1]",
    "n octal": b"[0o1]",
    "n underscore": b"[1_000]",
    "n comma for point": b"[1,5,]",
    "n space inside": b"[1 000]",
    "n full-width digit": "[\uff11]".encode(),
    "n arabic digit": "[\u0661]".encode(),
    "n two points": b"[1.2.3]",
    "n letter behind": b"[1a]",
    # Strings.
    "n single quotes": b"['a']",
    "n line end inside": b'["a\nb"]',
    "n tab inside": b'["a\tb"]',
    "n NUL inside": b'["a\x00b"]',
    "n unit separator inside": b'["a\x1fb"]',
    "n unknown escape": b'["\\a"]',
    "n hexadecimal escape": b'["\\x41"]',
    "n octal escape": b'["\\101"]',
    "n escaped single quote": b'["\\\'"]',
    "n short escape": b'["\\u00"]',
    "n escape with a letter": b'["\\u00g0"]',
    "n escape with a sign": b'["\\u+041"]',
    "n escape with a space": b'["\\u 041"]',
    "n escape with an underscore": b'["\\u0_41"]',
    "n escape in braces": b'["\\u{41}"]',
    "n escape in capital U": b'["\\U00000041"]',
    "n backslash alone": b'["\\"]',
    "n escaped line end": b'["\\\n"]',
    # White space that is none.
    "n form feed": b"[\x0c1]",
    "n vertical tab": b"[\x0b1]",
    "n no-break space": "[\u00a01]".encode(),
    "n word joiner": "[\u20601]".encode(),
    "n line separator": "[1]\u2028".encode(),
    # Encodings.
    "n latin-1": b'["\xe9"]',
    "n overlong slash": b'["\xc0\xaf"]',
    "n overlong NUL": b'["\xc0\x80"]',
    "n overlong, three bytes": b'["\xe0\x80\xaf"]',
    "n overlong, four bytes": b'["\xf0\x80\x80\xaf"]',
    "n surrogate in utf-8": b'["\xed\xa0\x80"]',
    "n surrogate pair in utf-8": b'["\xed\xa0\xbd\xed\xb8\x80"]',
    "n beyond U+10FFFF": b'["\xf4\x90\x80\x80"]',
    "n five bytes": b'["\xf8\x88\x80\x80\x80"]',
    "n continuation byte alone": b'["\x80"]',
    "n cut utf-8": b'["\xe2\x82"]',
    "n byte ff": b'["\xff"]',
    "n utf-16 with mark": '["a"]'.encode("utf-16"),
    "n utf-16 little": '["a"]'.encode("utf-16-le"),
    "n utf-16 big": '["a"]'.encode("utf-16-be"),
    "n utf-32": '["a"]'.encode("utf-32-le"),
    "n bytes of a picture": b"\x89PNG\r\n\x1a\n",
    # Left to the reader, and refused by us.
    "i byte-order mark": b"\xef\xbb\xbf[]",
    "i byte-order mark alone": b"\xef\xbb\xbf",
    "i integer beyond 2^53": b"[9007199254740993]",
    "i integer below -2^53": b"[-9007199254740993]",
    "i integer of 18 digits": b"[123456789012345678]",
    "i integer of 1000 digits": b"[" + b"1" * 1000 + b"]",
    "i number too large": b"[1e400]",
    "i number too small": b"[-1e400]",
    "i first half of a pair": b'["\\ud800"]',
    "i second half of a pair": b'["\\udc00"]',
    "i pair in the wrong order": b'["\\ude00\\ud83d"]',
    "i first half and a letter": b'["\\ud800a"]',
    "i first half twice": b'["\\ud800\\ud800"]',
    "i half of a pair in a name": b'{"\\ud800":1}',
    "i half of a pair deep inside": b'[[[{"a":["\\udfff"]}]]]',
    "i 101 arrays": b"[" * 101 + b"]" * 101,
    "i 101 arrays around a number": b"[" * 101 + b"1" + b"]" * 101,
    "i 101 objects": b'{"a":' * 100 + b"{}" + b"}" * 100,
    "i 101 objects around a number": b'{"a":' * 101 + b"1" + b"}" * 101,
    "i 100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
    "i 100,000 open arrays": b"[" * 100_000,
    "i 100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}
_TWICE: dict[str, bytes] = {
    "i name twice": b'{"a":1,"a":1}',
    "i name twice with other values": b'{"a":1,"a":2}',
    "i name twice apart": b'{"a":1,"b":2,"a":3}',
    "i name twice, once escaped": b'{"a":1,"\\u0061":2}',
    "i name twice in an array": b'[1,{"a":1,"a":2}]',
    "i name twice deep inside": b'{"a":[{"b":{"c":1,"c":1}}]}',
    "i name twice at depth 99": b"[" * 98 + b'{"a":1,"a":1}' + b"]" * 98,
    "i empty name twice": b'{"":1,"":2}',
    "i name twice beyond ASCII": '{"é":1,"\\u00e9":2}'.encode(),
    "i __proto__ twice": b'{"__proto__":1,"__proto__":2}',
}
REFUSED = [pytest.param(data, Code.BAD_JSON, id=name) for name, data in _N.items()] + [
    pytest.param(data, Code.DUPLICATE_KEY, id=name) for name, data in _TWICE.items()
]


def same(left: JsonValue, right: JsonValue) -> bool:
    """Equal in value and in type: 1, 1.0 and true are three values."""
    return repr(left) == repr(right)


@pytest.mark.parametrize(
    ("data", "value"), [pytest.param(data, value, id=name) for name, (data, value) in READ.items()]
)
def test_json_is_read_as_the_value_that_it_is(data: bytes, value: JsonValue) -> None:
    found = parse_json(data)
    assert found == value
    assert same(canonical_order(found), canonical_order(value))


def canonical_order(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: canonical_order(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [canonical_order(one) for one in value]
    return value


@pytest.mark.parametrize(("data", "code"), REFUSED)
def test_what_is_no_json_of_ours_is_refused(data: bytes, code: Code) -> None:
    for read in (parse_json, parse_object):
        with pytest.raises(MalformedError) as refused:
            read(data)
        assert refused.value.code is code
        assert refused.value.hint


@pytest.mark.parametrize(("data", "code"), REFUSED)
def test_what_is_no_json_of_ours_is_no_signed_payload(data: bytes, code: Code) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_payload(data)
    assert refused.value.code in (code, Code.BAD_JSON)


def test_a_byte_order_mark_is_refused_as_what_it_is() -> None:
    with pytest.raises(MalformedError, match="byte-order mark"):
        parse_json(b"\xef\xbb\xbf[]")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
@pytest.mark.parametrize("inside", [b"1", b'"a"', b"null"])
def test_a_hundred_levels_are_read(opening: bytes, inside: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert compact(parse_json(opening * 100 + inside + closing * 100)) == (opening * 100 + inside + closing * 100)
    assert parse_json(b"[" * 100 + b"]" * 100)


@pytest.mark.parametrize("data", [b"null", b"1", b'"{}"', b"[]", b'[{"a":1}]', b"true"])
def test_where_an_object_is_due_another_value_is_refused(data: bytes) -> None:
    for read in (parse_object, parse_payload):
        with pytest.raises(MalformedError, match="object is expected"):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":1}',
        b'{"a":{"c":1,"b":1}}',
        b'{"a":[{"c":1,"b":1}]}',
        b'{"a":1,"A":1}',
        b'{"a":1,"":1}',
        b'{"aa":1,"a":1}',
        '{"\U0001f600":1,"\uffff":1}'.encode(),
        b'{"a": 1}',
        b'{ "a":1}',
        b'{"a":1 }',
        b'{"a":1}\n',
        b'\n{"a":1}',
        b'{"a":[1, 2]}',
        b'{"a":"b c" ,"d":1}',
        b'{"a":"\\\\" ,"d":1}',
        b'{"a":"\\"" ,"d":1}',
    ],
)
def test_a_payload_with_keys_out_of_order_or_white_space_between_is_refused(data: bytes) -> None:
    parse_object(data)
    with pytest.raises(MalformedError) as refused:
        parse_payload(data)
    assert refused.value.code is Code.BAD_JSON


@pytest.mark.parametrize(
    "data",
    [
        b'{"a b":"c d\\n\\t e"}',
        b'{"a":"\\\\ ","b":"\\" , \\""}',
        b'{"":1,"A":1,"a":1,"aa":1}',
        '{"\uffff":1,"\U0001f600":" "}'.encode(),
        b'{"a":"[ 1 , 2 ]"}',
        b"{}",
    ],
)
def test_a_payload_may_have_spaces_in_its_strings_and_sorts_by_code_point(data: bytes) -> None:
    assert parse_payload(data) == parse_object(data)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=12)


@given(st.dictionaries(_TEXT, _VALUES))
@settings(max_examples=150)
def test_what_is_written_is_read_back_as_the_same_value(value: dict[str, JsonValue]) -> None:
    written = canonical(value)
    found = parse_payload(written)
    assert same(canonical_order(found), canonical_order(value))
    assert canonical(found) == written
    assert same(parse_json(compact(value)), value)
    assert json.loads(written) == value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        2**53 + 1,
        -(2**53) - 1,
        "\ud800",
        {"\udfff": 1},
        [{"a": ["\ud800"]}],
    ],
    ids=["nan", "inf", "-inf", "large", "small", "half a pair", "in a name", "deep"],
)
def test_what_could_not_be_read_back_is_not_written(value: JsonValue) -> None:
    with pytest.raises(ValueError, match=r"NaN|JSON compliant|integer|surrogate"):
        canonical({"a": value})


def test_what_is_nested_too_deep_to_be_read_back_is_not_written() -> None:
    value: JsonValue = 1
    for _ in range(99):
        value = [value]
    assert parse_payload(canonical({"a": value}))
    with pytest.raises(ValueError, match="deeper"):
        canonical({"a": [value]})


def refusal(read: Callable[[bytes], object], data: bytes) -> MalformedError | None:
    try:
        read(data)
    except MalformedError as error:
        return error
    return None


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_any_bytes_are_read_or_refused_in_our_words(data: bytes) -> None:
    for read in (parse_json, parse_object, parse_payload):
        error = refusal(read, data)
        assert error is None or error.code in (Code.BAD_JSON, Code.DUPLICATE_KEY)


_MEBIBYTE = 1 << 20
HEAVY: dict[str, Callable[[], bytes]] = {
    "an integer of a mebibyte": lambda: b'{"a":' + b"9" * _MEBIBYTE + b"}",
    "a fraction of a mebibyte": lambda: b'{"a":0.' + b"9" * _MEBIBYTE + b"}",
    "an exponent of a mebibyte": lambda: b'{"a":1e' + b"9" * _MEBIBYTE + b"}",
    "a mebibyte of white space": lambda: b'{"a":1' + b" " * _MEBIBYTE + b"}",
    "a mebibyte of opening brackets": lambda: b"[" * _MEBIBYTE,
    "a string of a mebibyte with a space": lambda: b'{"a":"' + b"x" * _MEBIBYTE + b' "}',
    "a string of escaped quotes with a space": lambda: b'{"a":"' + b'\\"' * (_MEBIBYTE // 2) + b' "}',
    "half a mebibyte of empty strings": lambda: b'{"a":[" "' + b',""' * (_MEBIBYTE // 3) + b"]}",
    "many names": lambda: b"{" + b",".join(b'"%06d":0' % n for n in range(_MEBIBYTE // 11)) + b"}",
    "one name again and again": lambda: b"{" + b",".join([b'"a":0'] * (_MEBIBYTE // 6)) + b"}",
    "many small numbers": lambda: b'{"a":[' + b",".join([b"0"] * (_MEBIBYTE // 2)) + b"]}",
    "many small objects": lambda: b'{"a":[' + b",".join([b"{}"] * (_MEBIBYTE // 3)) + b"]}",
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in HEAVY.items()])
def test_no_mebibyte_takes_long(make: Callable[[], bytes]) -> None:
    data = make()
    began = time.process_time()
    errors = [refusal(read, data) for read in (parse_json, parse_payload)]
    assert time.process_time() - began < 20
    assert all(len(str(error)) < 400 for error in errors)


def test_a_refusal_never_repeats_the_text_that_it_refuses_at_length() -> None:
    name = b"x" * 100_000
    with pytest.raises(MalformedError) as refused:
        parse_json(b'{"' + name + b'":1,"' + name + b'":2}')
    assert len(str(refused.value)) < 300
