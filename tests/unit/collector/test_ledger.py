"""The ledger of what left: a row before the bytes, one for each envelope and destination, kept for ever."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collector.leaving import Departure, Destination, Kind, Leaving, Outcome, Told, destination
from collector.spool import Spool, SpoolReader, SpoolSettings
from shared.encoding import sha256
from shared.predicates import Audience
from tests.helpers.spools import EPOCH, NOW, TO, beat, candidate, open_spool, pending, put, settle

ELSEWHERE = Destination("https://other.example.com", "rcv_2", "ws_2")
ACCESS = Leaving(Kind.ACCESS, sha256(b"access"), 600)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with open_spool(tmp_path / "spool") as made:
        yield made


def entry(spool: Spool, place: int) -> Leaving:
    shown = spool.show(place).entry
    return Leaving(Kind.COLLECTED, shown.id, shown.size, place)


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_what_is_sent_is_listed_once_the_call_returns_also_after_a_crash(spool: Spool, tmp_path: Path) -> None:
    put(spool, 1, 2)
    leaving = [entry(spool, 0), entry(spool, 1), beat(spool), ACCESS]
    spool.leave(leaving, TO, NOW)
    with SpoolReader.open_for_reading(tmp_path / "spool" / "spool.db") as beside:  # nothing was closed or flushed
        assert list(beside.departures()) == [Departure(one, TO, NOW, NOW, 1, None) for one in leaving]


def test_what_is_sent_again_is_one_row_that_knows_its_first_and_last_time(spool: Spool) -> None:
    put(spool, 1)
    signed = beat(spool)
    for minutes in (0, 5, 9):
        spool.leave([entry(spool, 0), signed], TO, later(minutes))
    assert [(one.first_at, one.last_at, one.times) for one in spool.departures()] == [(NOW, later(9), 3)] * 2


def test_each_destination_has_a_row_of_its_own(spool: Spool) -> None:
    put(spool, 1)
    for to in (TO, ELSEWHERE, TO):
        spool.leave([entry(spool, 0)], to, NOW)
    assert [(one.to, one.times) for one in spool.departures()] == [(TO, 2), (ELSEWHERE, 1)]


@pytest.mark.parametrize("outcome", Outcome)
def test_the_newest_word_of_a_receipt_stands_with_what_it_was_said_of(spool: Spool, outcome: Outcome) -> None:
    put(spool, 1, 2)
    one, other = entry(spool, 0), entry(spool, 1)
    spool.leave([one, other], TO, NOW)
    spool.leave([one], ELSEWHERE, NOW)
    for said in (Outcome.REFUSED, outcome):
        settle(spool, [], told=(Told(Kind.COLLECTED, 0, one.id, said),))
    assert [row.outcome for row in spool.departures()] == [outcome, None, None]


def test_a_receipt_says_nothing_of_another_envelope_at_the_same_place(spool: Spool) -> None:
    put(spool, 1)
    older = Leaving(Kind.COLLECTED, sha256(b"salvaged once, delivered, pruned"), 900, 0)
    spool.leave([older], TO, NOW)
    spool.leave([entry(spool, 0)], TO, NOW)
    settle(spool, [0], told=(Told(Kind.COLLECTED, 0, entry(spool, 0).id, Outcome.ACCEPTED),))
    assert [(row.what.id, row.times, row.outcome) for row in spool.departures()] == [
        (older.id, 1, None),
        (entry(spool, 0).id, 1, Outcome.ACCEPTED),
    ]


def test_what_no_receipt_names_is_answered_or_not_yet(spool: Spool) -> None:
    other = replace(ACCESS, id=sha256(b"another"))
    for one in (ACCESS, other, other):
        spool.leave([one], TO, NOW)
    spool.note_answered(other)
    assert [(row.times, row.outcome) for row in spool.departures()] == [(1, None), (2, Outcome.ANSWERED)]


def test_a_row_outlives_the_bytes_of_its_envelope(spool: Spool) -> None:
    put(spool, 1, 2)
    leaving = [entry(spool, 0), entry(spool, 1)]
    spool.leave(leaving, TO, NOW)
    settle(spool, [0])
    spool.drop(1, "a mistake", "ana", NOW)
    assert spool.prune(now=NOW + timedelta(days=3_650), keep_seconds=1, keep_bytes=0) == 2
    assert [one.what for one in spool.departures()] == leaving


def test_only_what_was_sent_since_then_is_listed_for_the_first_time_or_again(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    rows = [entry(spool, place) for place in range(3)]
    spool.leave(rows[:2], TO, NOW)
    spool.leave([rows[0], rows[2]], TO, later(10))
    assert [one.what.place for one in spool.departures(later(10))] == [0, 2]
    assert list(spool.departures(later(10.1))) == []


def test_kinds_are_picked_out(spool: Spool) -> None:
    put(spool, 1)
    spool.leave([entry(spool, 0), beat(spool), ACCESS], TO, NOW)
    assert [one.what.kind for one in spool.departures(kinds=[Kind.ACCESS, Kind.COLLECTED])] == ["collected", "access"]


def test_a_ledger_of_many_pieces_is_listed_whole_and_in_order(spool: Spool) -> None:
    many = [Leaving(Kind.HEARTBEAT, sha256(b"%d" % number), 700, number) for number in range(1, 2_501)]
    spool.leave(many, TO, NOW)
    assert [one.what for one in spool.departures()] == many
    assert [one.what.place for one in spool.departures(kinds=[Kind.ACCESS])] == []
    assert spool.next_beat() == 2_501


def test_a_heartbeat_that_never_left_does_not_use_its_number_up(spool: Spool) -> None:
    assert [spool.next_beat(), spool.next_beat()] == [1, 1]
    signed = beat(spool)
    spool.leave([signed], TO, NOW)
    assert spool.next_beat() == 2
    spool.leave([signed], TO, NOW)
    assert spool.next_beat() == 2


def test_the_ledger_takes_no_room_from_the_quota(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool", SpoolSettings(quota_bytes=2_000, ballast_bytes=1 << 16)) as spool:
        spool.leave([Leaving(Kind.HEARTBEAT, sha256(b"%d" % one), 700, one) for one in range(1, 1_001)], TO, NOW)
        assert spool.stats(NOW).used_bytes == 0
        assert put(spool, 1)[0].new


def test_a_row_takes_at_most_200_bytes_of_the_disk(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "spool" / "spool.db"
    before = path.stat().st_size
    spool.leave([Leaving(Kind.HEARTBEAT, sha256(b"%d" % one), 700, one) for one in range(1, 10_001)], TO, NOW)
    assert path.stat().st_size - before <= 200 * 10_000


# --- a ledger out of a damaged spool ---


def _broken(folder: Path) -> Path:
    """A spool of 3,000 sendings whose file lost a page in the middle of the ledger; gives where it was moved to."""
    with open_spool(folder) as spool:
        put(spool, 1, 2)
        spool.leave([entry(spool, 0), entry(spool, 1)], TO, NOW)
        settle(spool, [0], told=(Told(Kind.COLLECTED, 0, entry(spool, 0).id, Outcome.HELD),))
        spool.leave([Leaving(Kind.HEARTBEAT, sha256(b"%d" % one), 700, one) for one in range(1, 3_001)], TO, NOW)
    path = folder / "spool.db"
    data = bytearray(path.read_bytes())
    at = data.index(sha256(b"1500")) // 4096 * 4096
    data[at : at + 4096] = bytes(4096)
    path.write_bytes(data)
    with open_spool(folder, now=later(1)) as spool:
        return Path(spool.alarms()[0].detail)


def test_r4_what_is_readable_of_a_damaged_ledger_is_taken_over_once_and_stands_first(tmp_path: Path) -> None:
    damaged = _broken(tmp_path / "spool")
    with open_spool(tmp_path / "spool", now=later(1)) as spool:
        spool.put([candidate(7, size=400)], epoch=EPOCH, now=NOW)
        spool.leave([entry(spool, 0)], TO, later(2))
        for _ in range(2):
            Spool.salvage(damaged, spool, later(3))
        rows = list(spool.departures())
        assert 2_900 <= len(rows) < 3_003
        assert (rows[0].what.place, rows[0].outcome, rows[0].first_at) == (None, Outcome.HELD, NOW)
        assert rows[-1].what == entry(spool, 0)
        heartbeats = [one.what.id for one in rows if one.what.kind is Kind.HEARTBEAT]
        assert heartbeats[0] == sha256(b"1")
        assert heartbeats[-1] == sha256(b"3000")


def test_r4_an_entry_that_is_salvaged_and_sent_again_goes_on_with_its_row(tmp_path: Path) -> None:
    damaged = _broken(tmp_path / "spool")
    with open_spool(tmp_path / "spool", now=later(1)) as spool:
        [salvaged] = Spool.salvage(damaged, spool, later(1))
        assert pending(spool) == [-1]
        spool.leave([entry(spool, -1)], TO, later(5))
        [row] = [one for one in spool.departures() if one.what.id == salvaged.id]
        assert (row.what.place, row.times, row.first_at, row.last_at) == (-1, 2, NOW, later(5))


# --- names ---


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://carnet.example.com", "https://carnet.example.com"),
        ("https://carnet.example.com:8443/below/it", "https://carnet.example.com:8443"),
        ("http://127.0.0.1:8750/", "http://127.0.0.1:8750"),
        ("https://ana:secret@carnet.example.com", "https://carnet.example.com"),
    ],
)
def test_a_destination_is_an_origin_and_a_workspace_without_what_proves_who_we_are(url: str, origin: str) -> None:
    assert destination(url, Audience(receiver="rcv_1", workspace="ws_1")) == Destination(origin, "rcv_1", "ws_1")
