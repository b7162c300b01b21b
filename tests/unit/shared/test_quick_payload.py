"""The quick way of reading a payload says what the strict way says, or leaves the bytes to it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.encoding import (
    _CANONICAL_DECODER,
    JsonObject,
    JsonValue,
    _parse,
    _parse_own_spelling,
    canonical,
    parse_payload,
)

SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def agrees(data: bytes) -> bool:
    """Read quickly; where that gives a value, the strict way must give the same one. True where it was quick."""
    quick = _parse_own_spelling(data)
    if quick is not None:
        strict = _parse(data, _CANONICAL_DECODER)
        assert repr(quick) == repr(strict)
    return quick is not None


@settings(max_examples=300)
@given(value=st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_both_ways_agree_on_whatever_can_be_written(value: JsonObject) -> None:
    try:
        data = canonical(value)
    except ValueError:
        return
    agrees(data)
    assert parse_payload(data) == value


def nested(depth: int) -> JsonValue:
    value: JsonValue = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [2**53 + 1, -(2**53) - 1, 10**40, nested(100), nested(5000), "\ud800", float("nan"), float("-inf")],
    ids=["above", "below", "far above", "too deep", "far too deep", "half a pair", "no number", "infinite"],
)
def test_what_nobody_could_read_again_is_never_written(value: JsonValue) -> None:
    around: list[JsonValue] = [{"a": value}, {"a": [0, value]}, {"a": {"b": value, "c": "x"}}]
    for written in around:
        with pytest.raises(ValueError, match=r".+"):
            canonical(written)


@pytest.mark.parametrize("value", [2**53, -(2**53), nested(99), "1234567890123456789", "[" * 200])
def test_what_is_just_within_the_bounds_is_written(value: JsonValue) -> None:
    assert parse_payload(canonical({"a": value})) == {"a": value}


@settings(max_examples=500)
@given(at=st.integers(0, 60), cut=st.integers(0, 3), put=st.binary(max_size=3))
def test_both_ways_agree_on_mutants(at: int, cut: int, put: bytes) -> None:
    good = b'{"a":[1,2.5,-3],"b":{"c":"x\xc3\xa9","d":null},"e":9007199254740992}'
    assert agrees(good)
    agrees(good[:at] + put + good[at + cut :])


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":9007199254740993}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":-0}',
        b'{"a":1.0e0}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b"[1]",
        b"",
        b'{"a":' + b"[" * 101 + b"]" * 101 + b"}",
    ],
)
def test_what_is_spelled_otherwise_is_left_to_the_strict_way(data: bytes) -> None:
    assert not agrees(data)


def test_what_is_large_and_flat_is_read_quickly_too() -> None:
    assert agrees(canonical({"evidence": [{"against": [], "arrival": one} for one in range(200)]}))
