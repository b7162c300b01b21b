"""A JSON object is taken apart into the exact bytes that its sender wrote, whatever they are."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Code, MalformedError
from shared.members import Members, split_members
from shared.wire import MAX_BATCH_BYTES

SPACE = b" \t\r\n"


def split(body: bytes, max_elements: int = 100) -> Members:
    return split_members(body, raw=frozenset({"beat"}), lists=frozenset({"list"}), max_elements=max_elements)


def refusal(body: bytes, max_elements: int = 100) -> MalformedError:
    with pytest.raises(MalformedError) as refused:
        split(body, max_elements)
    return refused.value


@pytest.mark.parametrize(
    "element",
    [
        b"{}",
        b"[]",
        b"null",
        b"-1.50e+3",
        b'{"a":1,"a":2}',
        b'{ "b" : 1 ,\n\t"a":[ 1 , 2 ] }',
        b'"]},{[\\"\\\\"',
        b'["]","[","}","{",",",":","\\""]',
        b'{"]":"["}',
        '"é€\U0001f600"'.encode(),
        b'"\\ud800"',
        b"NaN",
        b"99999999999999999999999999999999",
        b"1e999999",
        b"[" * 90 + b"]" * 90,
    ],
    ids=lambda element: element[:24].decode(),
)
def test_an_element_comes_out_as_the_bytes_that_went_in(element: bytes) -> None:
    body = b'{"list":[' + element + b", 1 ," + element + b'],"beat":' + element + b"}"
    found = split(body)
    assert found.lists == {"list": (element, b"1", element)}
    assert found.raw == ({} if element == b"null" else {"beat": element})


def test_white_space_belongs_to_no_element() -> None:
    body = SPACE + b"{" + SPACE + b'"list"' + SPACE + b":" + SPACE + b"[" + SPACE + b'{ "a" : 1 }' + SPACE
    body += b"," + SPACE + b"2" + SPACE + b"]" + SPACE + b"," + SPACE + b'"id"' + SPACE + b":" + SPACE
    body += b'"x y"' + SPACE + b"}" + SPACE
    found = split(body)
    assert found.lists == {"list": (b'{ "a" : 1 }', b"2")}
    assert found.values == {"id": "x y"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(_VALUES, max_size=8), _VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(max_examples=300)
def test_whatever_stands_in_a_list_is_cut_at_its_own_ends(
    elements: list[object],
    beat: object,
    indent: int | str | None,
    escaped: bool,  # noqa: FBT001
) -> None:
    def write(value: object) -> str:
        return json.dumps(value, ensure_ascii=escaped, indent=indent)

    try:
        written = [write(element).encode() for element in elements]
        body = ('{"id":7,"list":[' + " ,\n".join(map(write, elements)) + '],"beat":' + write(beat) + "}").encode()
    except UnicodeEncodeError:
        return  # half of a surrogate pair, which has no bytes
    found = split(body)
    assert list(found.lists["list"]) == written
    assert found.values == {"id": 7}
    assert found.raw.get("beat") == (None if beat is None else write(beat).encode())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(body, code, id=name)
        for name, body, code in [
            ("empty", b"", Code.BAD_JSON),
            ("white space", SPACE, Code.BAD_JSON),
            ("null", b"null", Code.BAD_JSON),
            ("an array", b"[]", Code.BAD_JSON),
            ("cut", b'{"list":[1', Code.BAD_JSON),
            ("cut behind a comma", b'{"list":[1,', Code.BAD_JSON),
            ("cut in a string", b'{"list":["', Code.BAD_JSON),
            ("cut before the end", b'{"list":[1]', Code.BAD_JSON),
            ("text behind", b'{"list":[1]}x', Code.BAD_JSON),
            ("another object behind", b"{}{}", Code.BAD_JSON),
            ("NUL behind", b"{}\x00", Code.BAD_JSON),
            ("comma behind an element", b'{"list":[1,]}', Code.BAD_JSON),
            ("comma behind a member", b'{"list":[1],}', Code.BAD_JSON),
            ("no comma", b'{"list":[1 2]}', Code.BAD_JSON),
            ("no comma between members", b'{"list":[1] "id":1}', Code.BAD_JSON),
            ("no colon", b'{"list" [1]}', Code.BAD_JSON),
            ("wrong bracket", b'{"list":[1}}', Code.BAD_JSON),
            ("list is an object", b'{"list":{}}', Code.BAD_JSON),
            ("list is a string", b'{"list":"[]"}', Code.BAD_JSON),
            ("list is null", b'{"list":null}', Code.BAD_JSON),
            ("name is a number", b'{1:"a"}', Code.BAD_JSON),
            ("name is a list", b'{["list"]:1}', Code.BAD_JSON),
            ("name is missing", b"{:1}", Code.BAD_JSON),
            ("no value", b'{"beat":}', Code.BAD_JSON),
            ("control character in an element", b'{"list":["a\tb"]}', Code.BAD_JSON),
            ("form feed", b'{"list":[\x0c1]}', Code.BAD_JSON),
            ("byte-order mark", b"\xef\xbb\xbf{}", Code.BAD_JSON),
            ("utf-16", '{"list":[]}'.encode("utf-16"), Code.BAD_JSON),
            ("not utf-8 in an element", b'{"list":["\xff"]}', Code.BAD_JSON),
            ("NaN as a plain member", b'{"id":NaN}', Code.BAD_JSON),
            ("large integer as a plain member", b'{"id":9007199254740993}', Code.BAD_JSON),
            ("half a pair as a plain member", b'{"id":"\\ud800"}', Code.BAD_JSON),
            ("half a pair as a name", b'{"\\ud800":1}', Code.BAD_JSON),
            ("101 levels in a plain member", b'{"id":' + b"[" * 101 + b"]" * 101 + b"}", Code.BAD_JSON),
            ("list twice", b'{"list":[1],"list":[2]}', Code.DUPLICATE_KEY),
            ("list twice, once escaped", b'{"list":[1],"\\u006cist":[2]}', Code.DUPLICATE_KEY),
            ("raw member twice", b'{"beat":1,"beat":1}', Code.DUPLICATE_KEY),
            ("raw member twice, both null", b'{"beat":null,"beat":null}', Code.DUPLICATE_KEY),
            ("plain member twice", b'{"id":1,"id":1}', Code.DUPLICATE_KEY),
            ("twice inside a plain member", b'{"id":{"a":1,"a":1}}', Code.DUPLICATE_KEY),
        ]
    ],
)
def test_what_is_no_object_of_this_shape_is_refused_whole(body: bytes, code: Code) -> None:
    error = refusal(body)
    assert error.code is code
    assert error.hint


@pytest.mark.parametrize(("count", "limit"), [(0, 0), (1, 1), (100, 100), (10, 100)])
def test_as_many_elements_as_allowed_are_read(count: int, limit: int) -> None:
    body = b'{"list":[' + b",".join([b"{}"] * count) + b"]}"
    assert len(split(body, limit).lists["list"]) == count


@pytest.mark.parametrize(("count", "limit"), [(1, 0), (2, 1), (101, 100)])
def test_one_element_more_is_refused(count: int, limit: int) -> None:
    error = refusal(b'{"list":[' + b",".join([b"{}"] * count) + b"]}", limit)
    assert error.code is Code.BAD_JSON
    assert str(limit) in str(error.hint)


def test_more_members_than_anything_of_ours_has_are_refused() -> None:
    hundred = b",".join(b'"%d":0' % number for number in range(100))
    assert len(split(b"{" + hundred + b"}").values) == 100
    assert "100 members" in refusal(b"{" + hundred + b',"one more":0}').detail


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ abelist10', max_size=60).map(str.encode))
@settings(max_examples=1000)
def test_any_bytes_are_split_or_refused_in_our_words(body: bytes) -> None:
    try:
        found = split(body)
    except MalformedError:
        return
    assert isinstance(json.loads(body), dict)
    assert all(piece in body for pieces in found.lists.values() for piece in pieces)


_FULL = MAX_BATCH_BYTES
HEAVY: dict[str, Callable[[], bytes]] = {
    "white space": lambda: b'{"list":[' + b" " * _FULL + b"1]}",
    "white space before a name": lambda: b"{" + b"\n" * _FULL + b"}",
    "white space behind": lambda: b'{"list":[]}' + b"\t" * _FULL,
    "opening brackets": lambda: b'{"list":[' + b"[" * _FULL,
    "opening braces": lambda: b'{"list":[' + b'{"a":' * (_FULL // 5),
    "opening brackets in a plain member": lambda: b'{"id":' + b"[" * _FULL,
    "digits": lambda: b'{"list":[' + b"9" * _FULL + b"]}",
    "digits of a fraction": lambda: b'{"list":[0.' + b"9" * _FULL + b"]}",
    "digits of an exponent": lambda: b'{"list":[1e' + b"9" * _FULL + b"]}",
    "digits in a plain member": lambda: b'{"id":' + b"9" * _FULL + b"}",
    "an open string": lambda: b'{"list":["' + b"a" * _FULL,
    "backslashes": lambda: b'{"list":["' + b"\\\\" * (_FULL // 2) + b'"]}',
    "a hundred large entries": lambda: b'{"list":[' + b",".join([b'"' + b"x" * 160_000 + b'"'] * 100) + b"]}",
    "a hundred entries beyond ASCII": lambda: (
        b'{"list":[' + b",".join([b'"' + "é€\U0001f600".encode() * 17_000 + b'"'] * 100) + b"]}"
    ),
    "millions of small entries": lambda: b'{"list":[' + b",".join([b"1"] * (_FULL // 2)) + b"]}",
    "an entry of millions of names": lambda: b'{"list":[{' + b",".join([b'"a":1'] * (_FULL // 6)) + b"}]}",
    "a million members": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
    "a name of escapes": lambda: b'{"' + b"\\u0041" * (_FULL // 6) + b'":1}',
    "line ends and a fault at the end": lambda: b'{"list":[' + b"\n" * _FULL + b"!",
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in HEAVY.items()])
def test_no_body_of_16_mib_takes_long(make: Callable[[], bytes]) -> None:
    body = make()
    began = time.process_time()
    try:
        split(body)
    except MalformedError as error:
        said: str | None = str(error)
    else:
        said = None
    # Of a processor, and far more than it takes: what grows with the square takes hours.
    assert time.process_time() - began < 20
    assert said is None or len(said) < 400
