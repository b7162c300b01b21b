"""What streams show: holes by their numbers, forks, silence, closed gaps; on both databases, with simulated time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import lookup, streams, watch
from receiver.core.changes import Kind
from receiver.core.completeness import Lack, Standing
from receiver.core.ranges import Range
from receiver.core.revocation import Loss, What
from receiver.store import audit, register, stream_states
from receiver.streams import StreamView
from shared import dsse
from shared.encoding import digest_text
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.keyring import open_keyring
from shared.predicates import GAP_CLOSED, GapClosed, Limits, Person
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver, seeded, told
from tests.helpers.held import end, take_back

ANNA = Person(issuer="rcv", subject="anna@example.org", method="password", role="approver")
BERT = Person(issuer="rcv", subject="bert@example.org", method="password", role="admin")
TWO_MINUTES = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    watch.look(made.store, made.workspace_id, made.now)
    yield made
    made.store.close()


def later(receiver: Receiver, time: timedelta) -> None:
    """Let time pass, in which the receiver is there and looks round every minute."""
    end = receiver.now + time
    while receiver.now < end:
        receiver.now = min(receiver.now + MINUTE, end)
        watch.look(receiver.store, receiver.workspace_id, receiver.now)


def stream_of(receiver: Receiver, spool: Spool) -> StreamView:
    found = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    return next(one for one in found if one.stream_id == spool.stream_id)


def beat_of(spool: Spool, **more: object) -> bytes:
    """Sign a heartbeat that says how the stream stands at its collector."""
    fields: dict[str, object] = {"id": spool.stream_id, "epoch": "e0" * 16}
    if spool.last_id is not None:
        fields |= {"high_water": spool.next_sequence - 1, "head": digest_text(spool.last_id)}
    return spool.heartbeat(**{"stream": fields, **more})  # type: ignore[arg-type]


def kinds(receiver: Receiver, spool: Spool) -> list[tuple[Kind, int | None, int | None]]:
    """What changed of a stream, oldest first."""
    _, events = streams.one(receiver.store, receiver.workspace_id, spool.stream_id, receiver.now)
    return [(one.change.kind, one.change.first, one.change.last) for one in reversed(events)]


def actions(receiver: Receiver) -> list[str]:
    return [row.act.action for row in receiver.store.read(lambda tx: list(audit.rows(tx, receiver.workspace_id)))]


def close(receiver: Receiver, spool: Spool, gap: Range, *by: Person) -> GapClosed:
    return streams.close(
        receiver.store, receiver.signers, spool.stream_id, gap, "the disk died", by or (ANNA,), receiver.now, seeded(5)
    )


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_dropped_repeated_and_reordered_the_report_is_the_truth(receiver: Receiver, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    spool, caller = receiver.enrol()
    entries = spool.entries(120)
    arrives = {number for number in range(120) if chance.random() > 0.2}
    sent = [number for number in arrives for _ in range(chance.choice((1, 1, 2)))]
    chance.shuffle(sent)
    while sent:
        size = chance.randint(1, 20)
        batch, sent = sent[:size], sent[size:]
        receiver.take(caller, f"b{len(sent)}", [entries[number] for number in batch])
        if chance.random() < 0.3:
            watch.look(receiver.store, receiver.workspace_id, receiver.now)
    receiver.take_heartbeat(caller, beat_of(spool))
    later(receiver, TWO_MINUTES)
    found = stream_of(receiver, spool)
    assert {n for kind, (first, last) in found.holes if kind is Lack.MISSING for n in range(first, last + 1)} == (
        set(range(120)) - arrives
    )
    assert {kind for kind, _ in found.holes} <= {Lack.MISSING}
    assert found.known_to == 119
    totals = watch.look(receiver.store, receiver.workspace_id, receiver.now)
    assert totals.missing == 120 - len(arrives)


def test_a_hole_is_named_within_one_batch_and_its_end_too(receiver: Receiver) -> None:
    """R14: entries that somebody took out of the spool."""
    spool, caller = receiver.enrol()
    entries = spool.entries(10)
    receiver.take(caller, "a", [*entries[:3], *entries[5:]])
    assert stream_of(receiver, spool).holes == ((Lack.MISSING, (3, 4)),)
    assert not stream_of(receiver, spool).complete
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    receiver.take(caller, "b", [entries[4]])
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    receiver.take(caller, "c", [entries[3]])
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    assert kinds(receiver, spool) == [
        (Kind.GAP_FOUND, 3, 4),
        (Kind.GAP_FILLED, 4, 4),
        (Kind.GAP_FILLED, 3, 3),
    ]
    assert [one for one in actions(receiver) if one.startswith("stream.")] == [
        "stream.gap-found",
        "stream.gap-filled",
        "stream.gap-filled",
    ]
    assert stream_of(receiver, spool).complete


def test_what_a_heartbeat_counts_is_in_flight_for_two_minutes_and_then_missing(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(5)
    receiver.take(caller, "a", entries[:3], beat_of(spool))
    later(receiver, TWO_MINUTES - timedelta(seconds=1))
    assert stream_of(receiver, spool).holes == ((Lack.IN_FLIGHT, (3, 4)),)
    assert kinds(receiver, spool) == []
    receiver.take_heartbeat(caller, beat_of(spool))
    later(receiver, timedelta(seconds=1))
    assert stream_of(receiver, spool).holes == ((Lack.MISSING, (3, 4)),)
    assert kinds(receiver, spool) == [(Kind.GAP_FOUND, 3, 4)]


def test_refused_and_dropped_entries_are_named_by_their_numbers(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(limits=Limits(repositories=("acme/*",)))
    first, outside = spool.entry(), spool.entry(context={"repository": "other/x"})
    receiver.take(caller, "a", [first, outside])
    assert stream_of(receiver, spool).holes == ((Lack.REFUSED, (1, 1)),)
    spool.entries(4)
    ended = {"id": "sha256:" + "0" * 64, "reason": "too_large"}
    said = beat_of(spool, quarantined=[{"sequence": 2, **ended}], dropped=[{"sequence": 4, **ended}])
    receiver.take(caller, "b", [spool.entry()], said)
    assert stream_of(receiver, spool).holes == (
        (Lack.REFUSED, (1, 2)),
        (Lack.MISSING, (3, 3)),
        (Lack.DROPPED, (4, 4)),
        (Lack.MISSING, (5, 5)),
    )


def test_a_heartbeat_that_comes_again_is_refused_and_noticed(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    beat = beat_of(spool)
    receiver.take_heartbeat(caller, beat)
    for _ in range(2):
        with pytest.raises(StateError, match="is not above"):
            receiver.take_heartbeat(caller, beat)
    receiver.take(caller, "a", [spool.entry()], beat)
    assert kinds(receiver, spool) == [(Kind.BEAT_REFUSED, 1, None)]
    assert "stream.beat-refused" in actions(receiver)


def test_heartbeats_that_stay_away_are_noticed_and_their_return_too(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", [spool.entry()], beat_of(spool))
    later(receiver, timedelta(minutes=6))
    # Evidence that still comes is no sign of life: somebody may hold the heartbeats back.
    receiver.take(caller, "b", [spool.entry()])
    assert stream_of(receiver, spool).standing is Standing.LIVE
    later(receiver, timedelta(minutes=1))
    assert stream_of(receiver, spool).standing is Standing.SILENT
    assert not stream_of(receiver, spool).complete
    receiver.take_heartbeat(caller, beat_of(spool))
    later(receiver, MINUTE)
    assert [one[0] for one in kinds(receiver, spool)] == [Kind.SILENT, Kind.BACK]


def test_a_heartbeat_that_was_held_back_is_as_old_as_the_receipt_that_it_names(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    seen = {"id": "sha256:" + "1" * 64, "received_at": receiver.now}
    held_back = [beat_of(spool, last_receipt=seen) for _ in range(5)]
    for beat in held_back:
        receiver.take_heartbeat(caller, beat)
        later(receiver, TWO_MINUTES)
    assert stream_of(receiver, spool).heard_at == receiver.now - TWO_MINUTES
    assert stream_of(receiver, spool).standing is Standing.SILENT


def test_a_receiver_that_was_down_for_an_hour_finds_nobody_silent_on_its_return(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    spool.entries(3)
    receiver.take_heartbeat(caller, beat_of(spool))
    later(receiver, MINUTE)
    receiver.now += timedelta(hours=1)
    receiver.reopen()
    assert stream_of(receiver, spool).standing is Standing.LIVE
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    assert stream_of(receiver, spool).standing is Standing.LIVE
    # Nor is missing what there was no time to send.
    assert kinds(receiver, spool) == []
    later(receiver, timedelta(minutes=6))
    assert [one[0] for one in kinds(receiver, spool)] == [Kind.GAP_FOUND, Kind.SILENT]


def test_an_intermittent_collector_is_never_silent(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", [spool.entry()], beat_of(spool))
    streams.set_rhythm(
        receiver.store,
        receiver.workspace_id,
        spool.collector_id,
        timedelta(days=1),
        "operator",
        receiver.now,
        intermittent=True,
    )
    later(receiver, timedelta(minutes=30))
    assert stream_of(receiver, spool).standing is Standing.LIVE
    assert kinds(receiver, spool) == []
    assert "collector.rhythm" in actions(receiver)


def test_a_new_stream_without_a_farewell_leaves_the_old_one_abandoned(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", [spool.entry()], beat_of(spool))
    later(receiver, MINUTE)
    anew = Spool(spool.audience, spool.key, spool.collector_id, seeded(77), "b0" * 16)
    receiver.take(caller, "b", [anew.entry()], beat_of(anew))
    later(receiver, MINUTE)
    assert stream_of(receiver, spool).standing is Standing.ABANDONED
    assert stream_of(receiver, anew).standing is Standing.LIVE
    receiver.take_heartbeat(caller, beat_of(spool, closed=True))
    later(receiver, MINUTE)
    assert stream_of(receiver, spool).standing is Standing.RETIRED
    assert [one[0] for one in kinds(receiver, spool)] == [Kind.ABANDONED, Kind.RETIRED]


def test_a_stream_of_a_collector_that_ended_is_looked_over_until_that_is_noted(receiver: Receiver) -> None:
    def look() -> watch.Totals:
        return watch.look(receiver.store, receiver.workspace_id, receiver.now)

    spool, caller = receiver.enrol()
    other, others = receiver.enrol(2)
    for each, whose in ((spool, caller), (other, others)):
        made = each.entries(3)
        receiver.take(whose, "a", [made[0], made[2]])
    assert (look().missing, look().standing) == (2, {Standing.LIVE: 2})
    done = end(receiver, What.COLLECTOR, spool.collector_id, Loss.LOST)
    look()
    totals = look()
    assert (totals.missing, totals.standing) == (1, {Standing.LIVE: 1, Standing.ENDED: 1})
    assert [one[0] for one in kinds(receiver, spool)] == [Kind.GAP_FOUND, Kind.ENDED]
    (seen, past) = receiver.store.read(lambda tx: stream_states.going(tx, receiver.workspace_id, receiver.now))
    assert ([one.collector_id for one in seen], past) == ([other.collector_id], [Standing.ENDED])
    take_back(receiver, done.revocation)
    assert (look().missing, look().standing) == (2, {Standing.LIVE: 2})
    assert [one[0] for one in kinds(receiver, spool)] == [Kind.GAP_FOUND, Kind.ENDED, Kind.BACK]


def test_a_cloned_machine_is_a_fork_with_both_branches_held_from_where_they_part(receiver: Receiver) -> None:
    """S6."""
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", spool.entries(3))
    clone = Spool(spool.audience, spool.key, spool.collector_id, seeded(9), spool.stream_id, 3, spool.last_id)
    ours, theirs = spool.entries(2), clone.entries(2)
    assert told(receiver.take(caller, "b", ours)) == [("accepted", None)] * 2
    assert told(receiver.take(caller, "c", theirs)) == [("held", "forked")] * 2
    assert told(receiver.take(caller, "d", spool.entries(1))) == [("held", "forked")]
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    assert stream_of(receiver, spool).forked_from == 3
    assert not stream_of(receiver, spool).complete
    assert kinds(receiver, spool) == [(Kind.FORKED, 3, None)]
    for entry in (*ours, *theirs):
        assert lookup.envelope(receiver.store, receiver.workspace_id, dsse.parse(entry).id) == entry


def test_a_clone_is_noticed_by_its_heartbeat_alone(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", spool.entries(3))
    clone = Spool(spool.audience, spool.key, spool.collector_id, seeded(9), spool.stream_id, 2, spool.last_id)
    clone.entry()
    receiver.take_heartbeat(caller, beat_of(clone))
    assert stream_of(receiver, spool).forked_from == 2


# --- closing a gap ---


def with_a_gap(receiver: Receiver) -> tuple[Spool, list[bytes]]:
    spool, caller = receiver.enrol()
    entries = spool.entries(10)
    receiver.take(caller, "a", [*entries[:3], *entries[6:]], beat_of(spool))
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    return spool, entries


def test_a_closed_gap_is_on_record_and_holds_nothing_any_more(receiver: Receiver) -> None:
    spool, entries = with_a_gap(receiver)
    close(receiver, spool, (3, 4))
    assert stream_of(receiver, spool).holes == ((Lack.KNOWN_LOST, (3, 4)), (Lack.MISSING, (5, 5)))
    close(receiver, spool, (5, 5))
    assert stream_of(receiver, spool).complete
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    assert [one[0] for one in kinds(receiver, spool)] == [Kind.GAP_FOUND, Kind.GAP_CLOSED, Kind.GAP_CLOSED]
    rows = receiver.store.read(lambda tx: list(register.rows(tx, receiver.workspace_id, GAP_CLOSED)))
    found = lookup.keyring(receiver.store, receiver.workspace_id)
    keyring = open_keyring(dsse.parse(found.versions[-1]), receiver.root.public, receiver.audience)
    said = [keyring.verify(row.parts.envelope()).as_(GapClosed) for row in rows]
    assert [(one.first, one.last, one.reason, one.by) for one in said] == [
        (3, 4, "the disk died", (ANNA,)),
        (5, 5, "the disk died", (ANNA,)),
    ]
    # What arrives after all is admitted, and no longer known to be lost.
    caller = receiver.let_in(spool)
    assert told(receiver.take(caller, "late", [entries[4]])) == [("accepted", None)]
    assert stream_of(receiver, spool).holes == ((Lack.KNOWN_LOST, (3, 3)), (Lack.KNOWN_LOST, (5, 5)))


@pytest.mark.parametrize(
    ("gap", "says"),
    [
        ((2, 4), "number 2 is here"),
        ((5, 7), "6-7 is here"),
        ((3, 99), "6-99 is here"),
        ((50, 60), "50-60 was never known of"),
    ],
)
def test_only_what_is_missing_is_closed(receiver: Receiver, gap: Range, says: str) -> None:
    spool, _ = with_a_gap(receiver)
    with pytest.raises(StateError, match=says):
        close(receiver, spool, gap)
    assert stream_of(receiver, spool).holes == ((Lack.MISSING, (3, 5)),)


def test_what_is_on_its_way_or_closed_is_not_closed(receiver: Receiver) -> None:
    spool, _ = with_a_gap(receiver)
    spool.entries(2)
    receiver.take_heartbeat(receiver.let_in(spool), beat_of(spool))
    with pytest.raises(StateError, match="number 10 is on its way"):
        close(receiver, spool, (10, 11))
    close(receiver, spool, (3, 5))
    with pytest.raises(StateError, match="number 3 is closed already"):
        close(receiver, spool, (3, 5))


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ((), "people are needed"),
        ((ANNA, ANNA), "people are needed"),
        ((ANNA.model_copy(update={"role": "operator"}),), "is operator"),
    ],
)
def test_who_may_not_closes_nothing(receiver: Receiver, by: Sequence[Person], says: str) -> None:
    spool, _ = with_a_gap(receiver)
    with pytest.raises(UntrustedError, match=says) as caught:
        streams.close(
            receiver.store, receiver.signers, spool.stream_id, (3, 5), "why", by, receiver.now, receiver.random
        )
    assert caught.value.code is Code.FORBIDDEN


def test_nonsense_is_not_closed(receiver: Receiver) -> None:
    spool, _ = with_a_gap(receiver)
    with pytest.raises(MalformedError, match="5-3 is no range"):
        close(receiver, spool, (5, 3))
    with pytest.raises(MalformedError, match="reason"):
        streams.close(
            receiver.store, receiver.signers, spool.stream_id, (3, 5), "", (ANNA,), receiver.now, receiver.random
        )
    for unknown in ("5a", "zz", "ab" * 16):
        with pytest.raises(StateError, match="no such stream"):
            streams.close(
                receiver.store, receiver.signers, unknown, (3, 5), "why", (ANNA,), receiver.now, receiver.random
            )
