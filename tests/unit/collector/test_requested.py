"""The enrolment requests that left before there was a spool: listed before they are sent, and for good."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from collector import requested
from collector.leaving import Departure, Kind, Leaving, Outcome
from shared.encoding import sha256
from shared.errors import ConfigError
from tests.helpers.spools import NOW, TO

ONE = Leaving(Kind.ENROLMENT_REQUEST, sha256(b"one"), 900)
OTHER = Leaving(Kind.ENROLMENT_REQUEST, sha256(b"other"), 901)


def test_a_host_that_asked_nobody_has_an_empty_list_and_no_file(tmp_path: Path) -> None:
    assert requested.departures(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_each_request_is_listed_and_the_one_that_was_answered_says_so(tmp_path: Path) -> None:
    requested.note(tmp_path, ONE, TO, NOW)
    requested.note(tmp_path, OTHER, TO, NOW + timedelta(seconds=1))
    requested.note_answered(tmp_path, OTHER)
    second = NOW + timedelta(seconds=1)
    assert requested.departures(tmp_path) == [
        Departure(ONE, TO, NOW, NOW, 1, None),
        Departure(OTHER, TO, second, second, 1, Outcome.ANSWERED),
    ]
    assert stat.S_IMODE((tmp_path / requested.FILE_NAME).stat().st_mode) == 0o600


def test_half_a_line_of_a_write_that_was_cut_short_gives_way_to_the_next(tmp_path: Path) -> None:
    requested.note(tmp_path, ONE, TO, NOW)
    path = tmp_path / requested.FILE_NAME
    whole = path.read_bytes()
    for kept in range(len(whole), 2 * len(whole)):
        path.write_bytes((whole + whole)[:kept])
        assert [one.what for one in requested.departures(tmp_path)] == [ONE]
        requested.note(tmp_path, OTHER, TO, NOW)
        assert [one.what for one in requested.departures(tmp_path)] == [ONE, OTHER]


@pytest.mark.parametrize("line", [b"no json\n", b"{}\n", b'{"attestationId":"sha256:zz"}\n', b"\xff\n"])
def test_a_list_that_was_damaged_is_said_to_be(tmp_path: Path, line: bytes) -> None:
    (tmp_path / requested.FILE_NAME).write_bytes(line)
    with pytest.raises(ConfigError, match="damaged"):
        requested.departures(tmp_path)


def test_where_it_cannot_be_written_the_request_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / requested.FILE_NAME).mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        requested.note(tmp_path, ONE, TO, NOW)
