"""Tokens, sealed keys, cursors: the small spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.core.cursors import read_number, read_pair, write_cursor
from receiver.core.sealing import seal, unseal
from receiver.core.tokens import Kind, make_token, parse_token
from shared.errors import Code, ConfigError, MalformedError, UntrustedError

MASTER, NONCE = bytes(range(32)), bytes(24)


@given(random=st.binary(min_size=32, max_size=32), kind=st.sampled_from(Kind))
def test_a_token_reads_back_and_matches_only_itself(random: bytes, kind: Kind) -> None:
    token = make_token(kind, random)
    parsed = parse_token(token)
    assert len(token) == len(kind.value) + 49
    assert token[len(kind.value) :].isalnum()
    assert parsed.kind is kind
    assert parsed.matches(parse_token(token).digest)
    assert not parsed.matches(parse_token(make_token(kind, random[::-1] + b"")).digest) or random == random[::-1]
    assert token not in repr(parsed)


@given(at=st.integers(8, 56), char=st.sampled_from("0aZ-\u00e9 "))
def test_a_typo_is_refused_without_a_database(at: int, char: str) -> None:
    token = make_token(Kind.API_KEY, bytes(range(32)))
    mistyped = token[:at] + char + token[at + 1 :]
    if mistyped != token:
        with pytest.raises(UntrustedError) as refused:
            parse_token(mistyped)
        assert refused.value.code is Code.UNAUTHORIZED
        assert mistyped not in str(refused.value)


@pytest.mark.parametrize("text", ["", "mw_live_", "xx_live_" + "0" * 49, make_token(Kind.GATE, bytes(32)) + "0"])
def test_another_spelling_is_no_token(text: str) -> None:
    with pytest.raises(UntrustedError):
        parse_token(text)


def test_a_number_of_more_than_256_bits_is_no_token_even_with_a_good_checksum() -> None:
    import zlib  # noqa: PLC0415

    from receiver.core.tokens import _base62  # noqa: PLC0415

    body = "mw_live_" + "z" * 43
    with pytest.raises(UntrustedError):
        parse_token(body + _base62(zlib.crc32(body.encode()), 6))


def test_a_sealed_secret_opens_under_its_master_key_alone() -> None:
    sealed = seal(MASTER, b"secret", NONCE)
    assert b"secret" not in sealed
    assert unseal(MASTER, sealed) == b"secret"
    for master, box in ((bytes(32), sealed), (MASTER, sealed[:-1]), (MASTER, b""), (b"short", sealed)):
        with pytest.raises(ConfigError):
            unseal(master, box)


@given(number=st.integers(0, 2**53), name=st.text(min_size=1, max_size=40))
def test_a_cursor_reads_back_and_is_safe_in_a_url(number: int, name: str) -> None:
    assert read_number(write_cursor(number)) == number
    cursor = write_cursor(number, name)
    assert read_pair(cursor) == (number, name)
    assert not set(cursor) & set("+/=&? ")


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "W10", write_cursor("a"), write_cursor(1, "a"), "\u00e9"])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(MalformedError):
        read_number(cursor)
