"""Times are read where they name a moment, and left out where they do not."""

import pytest

from collector.formats.times import epoch, moment

MOMENTS = {
    "2024-01-31T09:30:00Z": "2024-01-31T09:30:00.000000Z",
    "2024-01-31t09:30:00z": "2024-01-31T09:30:00.000000Z",
    "2024-01-31 09:30:00.5+02:00": "2024-01-31T07:30:00.500000Z",
    "2024-01-31T23:30:00-0130": "2024-02-01T01:00:00.000000Z",
    "2024-01-31T09:30:00.123456789Z": "2024-01-31T09:30:00.123456Z",
    "2019-05-02T10:11:12.1234567+00:00": "2019-05-02T10:11:12.123456Z",
    "2024-01-31T09:30:00": None,
    "2024-01-31": None,
    "2024-02-30T09:30:00Z": None,
    "2024-01-31T24:30:00Z": None,
    "0001-01-01T00:00:00+01:00": None,
    "2024-01-31T09:30:00+99:00": None,
    "Wed, 31 Jan 2024 09:30:00 GMT": None,
    "": None,
}


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_read_with_its_zone_only(text: str) -> None:
    assert moment(text) == MOMENTS[text]


@pytest.mark.parametrize("value", [None, 5, True, ["2024-01-31T09:30:00Z"], "9" * 1_000_000])
def test_what_is_no_text_of_a_time_is_none(value: object) -> None:
    assert moment(value) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1_706_693_400, "2024-01-31T09:30:00.000000Z"),
        (1_706_693_400_250, "2024-01-31T09:30:00.250000Z"),
        (0, None),
        (-5, None),
        (1e300, None),
        (float("nan"), None),
        (None, None),
    ],
)
def test_seconds_and_milliseconds_are_told_apart_by_their_size(number: float | None, expected: str | None) -> None:
    assert epoch(number) == expected
