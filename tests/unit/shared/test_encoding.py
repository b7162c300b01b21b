"""Base64, digests, times and ids have one spelling each."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.encoding import (
    b64decode,
    b64encode,
    base32_id,
    digest_text,
    format_time,
    parse_digest,
    parse_time,
    sha256,
)
from shared.errors import Code, MalformedError


@given(st.binary(max_size=300))
def test_base64_is_read_back(data: bytes) -> None:
    assert b64decode(b64encode(data)) == data
    assert b64encode(data) == base64.standard_b64encode(data).decode()


@pytest.mark.parametrize(
    "text",
    [
        *("A", "AA", "AAA", "AA=", "AAAAA", "=", "====", "A===", "AA==AAAA", "AAA=A"),
        *("AB==", "AAB=", "//==", "AAAA====", "AAA==", " AAAA", "AAAA ", "AA AA", "AAAA\n", "AA\nAA"),
        *("-_-_", "AA_A", "AA-A", "AAA\u0391", "\uff21\uff21\uff21\uff21", "AAAA\x00", "AA*A", "é"),
    ],
)
def test_another_spelling_of_base64_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="base64") as refused:
        b64decode(text)
    assert refused.value.code is Code.MALFORMED_ENVELOPE
    assert refused.value.hint


@given(st.text(max_size=12))
def test_base64_has_one_spelling(text: str) -> None:
    try:
        data = b64decode(text)
    except MalformedError:
        return
    assert b64encode(data) == text


@given(st.binary(min_size=32, max_size=32))
def test_a_digest_is_read_back(digest: bytes) -> None:
    assert parse_digest(digest_text(digest)) == digest


def test_sha256_is_that_of_the_standard() -> None:
    # FIPS 180-4, the message of three letters.
    assert digest_text(sha256(b"abc")) == ("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "a" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "SHA256:" + "a" * 64,
        "sha512:" + "a" * 64,
        "sha256:" + "a" * 64 + "\n",
        " sha256:" + "a" * 64,
        "sha256::" + "a" * 64,
        "sha256:" + "\u0661" * 64,
    ],
)
def test_another_spelling_of_a_digest_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="digest") as refused:
        parse_digest(text)
    assert refused.value.code is Code.INVALID_FIELD


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_read_back(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment


def test_a_time_is_written_in_utc_with_microseconds_and_four_digits_of_year() -> None:
    berlin = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 7, 1, 1, 30, tzinfo=berlin)) == "2026-06-30T23:30:00.000000Z"
    assert format_time(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"
    with pytest.raises(ValueError, match="time zone"):
        format_time(datetime(2026, 7, 1))  # noqa: DTZ001  # the missing zone is what is tested


@pytest.mark.parametrize(
    ("text", "micro"),
    [("2026-01-31T09:30:00Z", 0), ("2026-01-31T09:30:00.5Z", 500_000), ("2026-01-31T09:30:00.000001Z", 1)],
)
def test_a_fraction_of_at_most_six_digits_is_read(text: str, micro: int) -> None:
    assert parse_time(text) == datetime(2026, 1, 31, 9, 30, 0, micro, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "1769851800", "2026-01-31", "2026-01-31T09:30Z", "20260131T093000Z", "2026-W05-6T09:30:00Z"),
        *("2026-01-31T09:30:00", "2026-01-31T09:30:00+00:00", "2026-01-31T09:30:00-00:00"),
        *("2026-01-31t09:30:00Z", "2026-01-31T09:30:00z", "2026-01-31 09:30:00Z", "2026-01-31T09:30:00.Z"),
        *("2026-01-31T09:30:00.0000000Z", "2026-01-31T09:30:00,5Z", "2026-1-31T09:30:00Z", " 2026-01-31T09:30:00Z"),
        *("2026-01-31T09:30:00Z\n", "2026-02-30T09:30:00Z", "2026-13-01T09:30:00Z", "2026-01-31T24:00:00Z"),
        *("2026-01-31T23:59:60Z", "0000-01-01T00:00:00Z", "12026-01-31T09:30:00Z", "\u0662026-01-31T09:30:00Z"),
    ],
)
def test_another_spelling_of_a_time_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="time") as refused:
        parse_time(text)
    assert refused.value.code is Code.INVALID_FIELD
    assert "2026" in str(refused.value.hint)


def test_an_id_is_lower_case_base32_without_padding() -> None:
    assert base32_id("rcv_", bytes(16)) == "rcv_" + "a" * 26
    assert base32_id("rcv_", b"\xff" * 16) == "rcv_" + "7" * 25 + "4"
