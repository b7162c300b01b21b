from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from collector.spool import MOVES, Candidate, Spool, SpoolFull, SpoolReader, SpoolSettings, State
from shared import dsse
from shared.dsse import Envelope
from shared.encoding import digest_text, parse_object, sha256
from shared.errors import Code, MalformedError, StateError, TryLaterError
from shared.predicates import StreamLink
from tests.helpers.spools import (
    EPOCH,
    NOW,
    SMALL,
    STREAM_ID,
    TO,
    beat,
    candidate,
    file_seen,
    open_spool,
    pending,
    put,
    settle,
    still_verifies,
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with open_spool(tmp_path / "spool") as opened:
        yield opened


def test_entries_come_out_in_the_order_they_went_in_byte_for_byte_as_signed(spool: Spool) -> None:
    stored = put(spool, 1, 2, 3)
    entries = spool.head_entries(10, 1 << 20)

    assert [one.sequence for one in entries] == [0, 1, 2]
    assert [one.id for one in entries] == [one.attestation_id for one in stored]
    assert all(still_verifies(one.envelope, one.id) for one in entries)


def test_each_entry_is_signed_for_its_place_and_names_the_one_before(spool: Spool) -> None:
    put(spool, 1)
    put(spool, 2, 3)
    entries = spool.head_entries(10, 1 << 20)
    links = [parse_object(dsse.parse(one.envelope).payload)["stream"] for one in entries]

    previous = [None, *(digest_text(one.id) for one in entries)]
    assert links == [
        {"id": STREAM_ID, "epoch": EPOCH, "sequence": number, "previous": previous[number]} for number in range(3)
    ]
    assert spool.head().last_id == entries[-1].id
    assert spool.head().next_sequence == 3


def test_a_known_observation_stores_nothing_and_refreshes_the_memory_of_its_file(spool: Spool) -> None:
    [first] = put(spool, 1)
    touched = file_seen("out/report-1.xml", mtime_ns=99)
    [again] = spool.put([candidate(1, file=touched)], epoch=EPOCH, now=NOW)

    assert not again.new
    assert (again.sequence, again.attestation_id) == (first.sequence, first.attestation_id)
    assert spool.head().next_sequence == 1
    assert spool.seen("ci", "out/report-1.xml") == touched


def test_the_same_observation_twice_in_a_group_is_stored_once(spool: Spool) -> None:
    first, second = put(spool, 1, 1)
    assert (first.new, second.new) == (True, False)
    assert first.sequence == second.sequence
    assert pending(spool) == [0]


def test_a_seal_that_fails_undoes_its_whole_group(spool: Spool) -> None:
    def fails(_: StreamLink) -> Envelope:
        raise MalformedError(Code.TOO_LARGE, "too large")

    bad = Candidate(sha256(b"bad"), file_seen("bad.xml"), fails)
    with pytest.raises(MalformedError):
        spool.put([candidate(1), bad], epoch=EPOCH, now=NOW)

    assert pending(spool) == []
    assert spool.head().next_sequence == 0
    assert spool.seen("ci", "out/report-1.xml") is None
    assert [one.sequence for one in put(spool, 1)] == [0]


def test_the_head_is_bounded_in_entries_and_bytes_but_gives_at_least_one(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    first, second, _ = (one.size for one in spool.list())

    assert len(spool.head_entries(2, 1 << 20)) == 2
    assert len(spool.head_entries(10, first + second)) == 2
    assert len(spool.head_entries(10, first + second - 1)) == 1
    assert len(spool.head_entries(10, 1)) == 1


def test_what_is_put_back_is_passed_over_and_its_neighbours_go_on(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    assert [one.sequence for one in spool.head_entries(2, 1 << 20, skip={0})] == [1, 2]
    assert [one.sequence for one in spool.head_entries(2, 1 << 20, skip=frozenset({0, 1, 2}))] == []


def test_a_receipt_settles_exactly_what_it_names_and_is_kept_with_it(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    settle(spool, [0], [(1, "wrong_type")])

    assert pending(spool) == [2]
    assert spool.show(0).receipt == b"the receipt"
    assert spool.show(1).receipt == b"the receipt"
    assert spool.show(2).receipt is None
    refused = spool.show(1).entry
    assert (refused.state, refused.reason, refused.detail) == (State.QUARANTINED, "wrong_type", "no")
    assert refused.path == "out/report-2.xml"
    assert spool.last_receipt() == (sha256(b"[0] [(1, 'wrong_type')]"), NOW)


def test_a_receipt_that_comes_twice_or_late_changes_nothing(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    settle(spool, [0])
    spool.drop(1, "made by mistake", "ana", NOW)
    settle(spool, [0, 1, 2, 77], [(0, "bad_link")])

    assert [one.state for one in spool.list()] == [State.DELIVERED, State.DROPPED, State.DELIVERED]


def test_a_receipt_for_a_heartbeat_is_remembered_as_the_last_and_takes_no_room(spool: Spool) -> None:
    for minute in range(50):
        settle(spool, [], now=NOW + timedelta(minutes=minute))
    last = spool.last_receipt()
    assert last is not None
    assert last[1] == NOW + timedelta(minutes=49)


def test_the_moves_table_is_the_drawing() -> None:
    assert {
        State.PENDING: {State.DELIVERED, State.QUARANTINED, State.DROPPED},
        State.DELIVERED: {State.PENDING},
        State.QUARANTINED: {State.PENDING, State.DROPPED},
        State.DROPPED: frozenset(),
    } == MOVES


def test_moves_that_are_not_in_the_table_are_refused_in_words(spool: Spool) -> None:
    put(spool, 1, 2)
    settle(spool, [0])
    spool.drop(1, "why not", "ana", NOW)

    with pytest.raises(StateError, match="entry 0 is delivered and cannot become dropped"):
        spool.drop(0, "too late", "ana", NOW)
    with pytest.raises(StateError, match="not quarantined"):
        spool.retry(1)
    with pytest.raises(StateError, match="cannot become quarantined"):
        spool.quarantine_damaged(0, NOW)
    with pytest.raises(StateError, match="no entry 99"):
        spool.retry(99)
    with pytest.raises(StateError, match="no entry 99"):
        spool.show(99)


def test_a_damaged_entry_is_quarantined_and_its_file_is_captured_again(spool: Spool) -> None:
    put(spool, 1, 2)
    spool.quarantine_damaged(0, NOW)
    spool.quarantine_damaged(0, NOW)

    entry = spool.show(0).entry
    assert (entry.state, entry.reason, entry.path) == (State.QUARANTINED, "bad_signature", "out/report-1.xml")
    assert spool.seen("ci", "out/report-1.xml") is None
    assert "out/report-1.xml" not in spool.sweep("ci").gone()
    [again] = put(spool, 1)
    assert again.new
    assert pending(spool) == [1, 2]


def test_an_entry_that_lost_its_bytes_is_handed_out_to_fail_its_check(spool: Spool, tmp_path: Path) -> None:
    put(spool, 1)
    with Spool.open_for_change(tmp_path / "spool" / "spool.db", SMALL) as other:
        other._database.write(lambda c: c.execute("DELETE FROM envelope"))  # noqa: SLF001 (this is the attacker)
    assert spool.head_entries(1, 1)[0].envelope == b""


def test_heartbeats_count_up_also_over_a_restart(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as first:
        first.leave([beat(first)], TO, NOW)
        assert [first.next_beat(), first.next_beat()] == [2, 2]
        first.leave([beat(first)], TO, NOW)
    with open_spool(tmp_path / "spool") as second:
        assert second.next_beat() == 3


def test_the_contiguous_mark_is_kept_and_may_go_back(spool: Spool) -> None:
    assert spool.contiguous() == -1
    for mark in (41, 7):
        settle(spool, [], mark=mark)
        assert spool.contiguous() == mark


def test_the_last_answer_is_shown_with_the_entries_it_was_for(spool: Spool) -> None:
    put(spool, 1, 2)
    spool.note_answer([0], "the receiver answered 413 \udcff", NOW)
    first, second = spool.list(State.PENDING)
    assert (first.answer, first.answered_at) == ("the receiver answered 413 \\udcff", NOW)
    assert second.answer is None


def test_stats_count_each_state_and_the_age_of_the_oldest_pending(spool: Spool) -> None:
    put(spool, 1, 2, 3, 4)
    put(spool, 5, now=NOW + timedelta(seconds=30))
    settle(spool, [0], [(1, "too_large")])
    spool.drop(2, "a mistake", "ana", NOW)
    found = spool.stats(NOW + timedelta(seconds=90))

    sizes = {one.sequence: one.size for one in spool.list()}
    assert (found.pending, found.delivered, found.quarantined, found.dropped) == (2, 1, 1, 1)
    assert found.pending_bytes == sizes[3] + sizes[4]
    assert found.used_bytes == sizes[1] + sizes[3] + sizes[4]
    assert (found.oldest_pending_at, found.oldest_pending_seconds) == (NOW, 90.0)
    assert not found.full
    assert found.head.next_sequence == 5


def test_a_clock_that_was_set_back_makes_no_negative_age(spool: Spool) -> None:
    put(spool, 1)
    assert spool.stats(NOW - timedelta(days=5)).oldest_pending_seconds == 0.0


def test_ended_names_the_newest_places_and_how_many_it_left_out(spool: Spool) -> None:
    put(spool, 1, 2, 3, 4)
    settle(spool, [], [(0, "bad_link"), (1, "too_large"), (2, "wrong_type")])
    spool.drop(3, "a mistake", "ana", NOW)

    quarantined, omitted = spool.ended(State.QUARANTINED, 2)
    assert [(one.sequence, one.reason) for one in quarantined] == [(1, "too_large"), (2, "wrong_type")]
    assert omitted == 1
    assert [(one.sequence, one.reason) for one in spool.ended(State.DROPPED, 5)[0]] == [(3, "a mistake")]


def test_a_full_quota_takes_nothing_more_says_so_and_drops_nothing(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool", SpoolSettings(quota_bytes=2_000, ballast_bytes=0)) as spool:
        put(spool, 1, 2)
        with pytest.raises(SpoolFull) as refused:
            put(spool, 3)
        assert isinstance(refused.value, TryLaterError)
        assert refused.value.code is Code.UNAVAILABLE
        assert spool.stats(NOW).full
        assert pending(spool) == [0, 1]
        assert spool.seen("ci", "out/report-3.xml") is None

        assert not put(spool, 1)[0].new  # what is known takes no room
        settle(spool, [0, 1])
        assert not spool.stats(NOW).full
        assert [one.sequence for one in put(spool, 3)] == [2]


def test_a_group_beyond_the_quota_is_refused_whole(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool", SpoolSettings(quota_bytes=2_000, ballast_bytes=0)) as spool:
        with pytest.raises(SpoolFull):
            put(spool, 1, 2, 3, 4, 5)
        assert pending(spool) == []
        assert [one.sequence for one in put(spool, 1, 2)] == [0, 1]


def test_a_group_of_more_than_a_hundred_is_a_mistake_of_the_caller(spool: Spool) -> None:
    with pytest.raises(ValueError, match="at most 100"):
        put(spool, *range(101))


def test_threads_share_one_spool_and_the_stream_has_no_hole(spool: Spool) -> None:
    with ThreadPoolExecutor(4) as pool:
        stored = list(pool.map(lambda number: put(spool, number)[0].sequence, range(100)))
        looked = list(pool.map(lambda _: spool.stats(NOW).pending, range(10)))
    assert sorted(sequence for sequence in stored if sequence is not None) == list(range(100))
    assert looked == [100] * 10


def test_operators_look_while_the_daemon_has_it_open_and_change_nothing(spool: Spool, tmp_path: Path) -> None:
    put(spool, 1, 2)
    path = tmp_path / "spool" / "spool.db"
    with SpoolReader.open_for_reading(path) as reader:
        assert [one.sequence for one in reader.list()] == [0, 1]
        assert reader.show(0).envelope == spool.head_entries(1, 1)[0].envelope
        assert reader.stats(NOW).pending == 2
        put(spool, 3)
        assert reader.stats(NOW).pending == 3


def test_operators_retry_and_drop_while_the_daemon_has_it_open(spool: Spool, tmp_path: Path) -> None:
    put(spool, 1, 2, 3)
    settle(spool, [], [(0, "unknown_key"), (1, "unknown_key"), (2, "wrong_type")])
    with Spool.open_for_change(tmp_path / "spool" / "spool.db", SMALL) as operator:
        assert operator.retry(2) == 1
        assert operator.retry() == 2
        operator.drop(2, "not ours", "ana", NOW)
    assert pending(spool) == [0, 1]
    dropped = spool.show(2).entry
    assert (dropped.state, dropped.reason, dropped.by) == (State.DROPPED, "not ours", "ana")
