"""ULIDs sort by time and are spelled as their specification says."""

from datetime import UTC, datetime, timedelta

import pytest

from receiver.core.ulids import RANDOM_BYTES, ulid

NOW = datetime(2026, 3, 2, 17, 24, tzinfo=UTC)


def test_the_example_of_the_specification_comes_out() -> None:
    """github.com/ulid/spec: 01ARYZ6S41 is the time 1469918176385."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1469918176385)
    assert ulid(moment, bytes(RANDOM_BYTES)) == "01ARYZ6S41" + "0" * 16
    assert ulid(moment, b"\xff" * RANDOM_BYTES) == "01ARYZ6S41" + "Z" * 16


def test_a_later_one_sorts_behind() -> None:
    first, later = ulid(NOW, b"\xff" * RANDOM_BYTES), ulid(NOW + timedelta(milliseconds=1), bytes(RANDOM_BYTES))
    assert first < later
    assert {len(first), len(later)} == {26}


def test_another_number_of_random_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        ulid(NOW, b"")
