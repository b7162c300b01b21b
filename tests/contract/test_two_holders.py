"""Two that hold one key: the chain that leads down from the rotation is stronger, and people are told of the other."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, permutations
from pathlib import Path

import pytest

from receiver import fsck, streams
from receiver.core.changes import Change, Kind
from receiver.core.revocation import Loss, What
from receiver.store import audit
from receiver.streams import StreamView
from shared import dsse
from shared.encoding import digest_text
from shared.errors import UntrustedError
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver, told
from tests.helpers.held import ACCEPTED, FORKED, HOUR, RETIRED, REVOKED, end, ids, let_go, listed, stands, take_back

NEW = build.signer(71)
DUPLICATE = ("duplicate", None)


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def stream_of(receiver: Receiver, spool: Spool) -> StreamView:
    (one,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    return one


def alarms(receiver: Receiver, spool: Spool) -> list[Change]:
    _, events = streams.one(receiver.store, receiver.workspace_id, spool.stream_id, receiver.now)
    rows = receiver.store.read(lambda tx: [row.act.action for row in audit.rows(tx, receiver.workspace_id)])
    found = [one.change for one in events if one.change.kind is Kind.TWO_HOLDERS]
    assert rows.count("stream.two-holders") == len(found)
    return found


def id_of(entry: bytes) -> str:
    return digest_text(dsse.parse(entry).id)


# --- a hole below a rotation ---


def test_a_thief_who_fills_a_hole_with_a_retired_key_loses_the_place_to_the_honest_backlog(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries, thief, stolen = spool.entries(6), replace(spool), spool.key.public.key_id
    turn, later = spool.rotate(NEW), spool.entry()
    receiver.take(caller, "outage", [entries[0], turn, later])
    forged = thief.entry(thief.link(3, b"\x09" * 32))
    assert told(receiver.take(caller, "thief", [forged])) == [ACCEPTED], "nothing speaks against it yet"
    receiver.take(caller, "backlog", entries[1:])
    assert stands(receiver, *entries, later) == [ACCEPTED] * 7
    assert stands(receiver, forged) == [RETIRED]
    assert listed(receiver) == ids(forged)
    one = stream_of(receiver, spool)
    assert (one.mark, one.holes, one.forked_from, one.two_holders, one.complete) == (7, (), None, True, False)
    assert len(alarms(receiver, spool)) == 1
    end(receiver, What.KEY, stolen, Loss.LOST)
    assert stands(receiver, *entries, later) == [ACCEPTED] * 7
    assert (stream_of(receiver, spool).two_holders, stream_of(receiver, spool).complete) == (False, True)


@pytest.mark.parametrize("at", [(1,), (1, 2)])
def test_the_backlog_comes_in_any_order_and_is_good(plain: Receiver, at: tuple[int, ...]) -> None:
    for seed, order in enumerate(islice(permutations(range(4)), 0, None, 5), 1):
        spool, caller = plain.enrol(seed)
        entries, thief = spool.entries(4), replace(spool)
        turn = spool.rotate(build.signer(200 + seed))
        plain.take(caller, "turn", [turn])
        named = b"\x09" * 32
        forged = []
        for place in at:
            forged.append(thief.entry(thief.link(place, named)))
            named = dsse.parse(forged[-1]).id
        assert told(plain.take(caller, "thief", forged)) == [ACCEPTED] * len(forged)
        for place in order:
            plain.take(caller, f"late-{place}", [entries[place]])
        assert stands(plain, *entries) == [ACCEPTED] * 4, order
        assert stands(plain, *forged) == [RETIRED] * len(forged), order
        one = stream_of(plain, spool)
        assert (one.mark, one.forked_from) == (4, None), order


def test_a_place_that_was_lost_is_missing_until_its_own_entry_comes(plain: Receiver) -> None:
    spool, caller = plain.enrol()
    entries, thief = spool.entries(4), replace(spool)
    turn = spool.rotate(NEW)
    plain.take(caller, "turn", [*entries[:2], turn])
    forged = thief.entry(thief.link(2, dsse.parse(entries[1]).id))
    assert told(plain.take(caller, "thief", [forged])) == [ACCEPTED]
    assert stream_of(plain, spool).mark == 2
    plain.take(caller, "upper", [entries[3]])
    one = stream_of(plain, spool)
    assert (one.mark, [part for _, part in one.holes], stands(plain, forged)) == (1, [(2, 2)], [RETIRED])
    assert told(plain.take(caller, "own", [entries[2]])) == [ACCEPTED]
    assert (stream_of(plain, spool).mark, stands(plain, *entries)) == (4, [ACCEPTED] * 4)


def test_what_was_there_before_the_rotation_loses_nothing_to_it_and_the_stream_parts(plain: Receiver) -> None:
    """Else a thief who rotates first could push out what honest people sent."""
    spool, caller = plain.enrol()
    thief = replace(spool)
    entries = spool.entries(4)
    plain.take(caller, "honest", [entries[0], entries[1]])
    own = [thief.envelope(thief.link(1, dsse.parse(entries[0]).id))]
    for at in (2, 3):
        own.append(thief.envelope(thief.link(at, own[-1].id)))
    turn = thief.rotation(NEW, thief.link(4, own[-1].id)).to_bytes()
    assert told(plain.take(caller, "thief-turns", [turn])) == [ACCEPTED]
    for one in reversed(own):
        plain.take(caller, f"thief-{one.id.hex()[:8]}", [one.to_bytes()])
    assert stream_of(plain, spool).forked_from == 1
    assert stands(plain, *entries[:2]) == [ACCEPTED, FORKED]


# --- two copies, of which one rotates ---


def test_what_a_new_key_signs_before_its_rotation_is_held_and_told_about(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    thief = replace(spool, key=NEW)
    turn, later = spool.rotate(NEW), spool.entry()
    receiver.take(caller, "A", [entries[0], turn, later])
    forged = [thief.entry(thief.link(at, b"\x09" * 32)) for at in (1, 2, 3)]
    assert told(receiver.take(caller, "thief", forged)) == [RETIRED] * 3, "below, and at the rotation's own place"
    receiver.reopen()
    assert told(receiver.take(caller, "again", forged)) == [DUPLICATE] * 3
    assert (stands(receiver, *forged, later), listed(receiver)) == ([RETIRED] * 3 + [ACCEPTED], ids(*forged))
    assert alarms(receiver, spool) == [Change(Kind.TWO_HOLDERS, 1)]
    assert told(receiver.take(caller, "backlog", entries[1:])) == [ACCEPTED] * 2, "they took no place"
    one = stream_of(receiver, spool)
    assert (one.mark, one.forked_from, one.two_holders) == (4, None, True)
    assert told(receiver.take(caller, "elsewhere", replace(thief, stream_id="d4" * 16).entries(1))) == [ACCEPTED]
    done = end(receiver, What.KEY, NEW.public.key_id, Loss.COMPROMISED, since=None)
    assert stands(receiver, *forged, later) == [REVOKED] * 4
    take_back(receiver, done.revocation)
    assert stands(receiver, *forged, later, *entries) == [RETIRED] * 3 + [ACCEPTED] * 4


def test_what_a_new_key_signed_before_its_rotation_is_held_where_the_chain_names_it_and_when_it_is_settled(
    receiver: Receiver,
) -> None:
    spool, caller = receiver.enrol()
    first, old = spool.entry(), spool.key
    spool.key = NEW
    early = spool.entry()
    spool.key = old
    turn, later = spool.rotate(NEW), spool.entry()
    receiver.take(caller, "A", [first, turn, later])
    done = end(receiver, What.KEY, NEW.public.key_id, Loss.COMPROMISED, since=None)
    assert told(receiver.take(caller, "B", [early])) == [REVOKED]
    take_back(receiver, done.revocation)
    assert stands(receiver, first, early, later) == [ACCEPTED, RETIRED, ACCEPTED]
    assert stream_of(receiver, spool).mark == 3, "its place is its own, since the rotation names it"


def test_a_copy_that_goes_on_under_the_old_key_is_told_about_once(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", spool.entries(3))
    copy, old = replace(spool), spool.key.public.key_id
    mine = [spool.rotate(NEW), *spool.entries(3)]
    assert told(receiver.take(caller, "A", mine)) == [ACCEPTED] * 4
    assert (stream_of(receiver, spool).complete, alarms(receiver, spool)) == (True, [])
    theirs = copy.entries(2)
    assert told(receiver.take(caller, "B", theirs)) == [RETIRED] * 2
    assert told(receiver.take(caller, "B-again", copy.entries(1))) == [RETIRED]
    one = stream_of(receiver, spool)
    assert (one.two_holders, one.complete, one.forked_from) == (True, False, None)
    assert alarms(receiver, spool) == [Change(Kind.TWO_HOLDERS, 3)]
    assert stands(receiver, *mine[1:]) == [ACCEPTED] * 3, "it holds nothing"
    done = end(receiver, What.KEY, old, Loss.LOST)
    assert stream_of(receiver, spool).complete
    take_back(receiver, done.revocation)
    assert not stream_of(receiver, spool).complete


def test_a_rotation_of_the_copy_is_told_about(plain: Receiver) -> None:
    spool, caller = plain.enrol()
    copy = replace(spool)
    plain.take(caller, "A", [spool.rotate(NEW)])
    assert told(plain.take(caller, "B", [copy.rotation(build.signer(72)).to_bytes()])) == [RETIRED]
    assert alarms(plain, spool) == [Change(Kind.TWO_HOLDERS, 0)]


@pytest.mark.parametrize("alone", [True, False])
def test_a_heartbeat_of_the_copy_is_told_about_where_another_head_stands(plain: Receiver, alone: bool) -> None:  # noqa: FBT001
    spool, caller = plain.enrol()
    copy = replace(spool)
    plain.take(caller, "A", [spool.rotate(NEW), *spool.entries(2)])
    theirs = copy.entries(2)
    said = {"id": copy.stream_id, "epoch": build.EPOCH, "high_water": 1, "head": id_of(theirs[1])}
    beat = copy.heartbeat(stream=said)
    if alone:
        with pytest.raises(UntrustedError):
            plain.take_heartbeat(caller, beat)
    else:
        plain.take(caller, "B", spool.entries(1), beat)
    assert alarms(plain, spool) == [Change(Kind.TWO_HOLDERS, 1)]


def test_a_collector_that_does_not_know_yet_that_its_rotation_came_is_no_copy(plain: Receiver) -> None:
    """It signs its heartbeats with the old key until a receipt told it so."""
    spool, caller = plain.enrol()
    old = spool.key
    plain.take(caller, "A", [spool.rotate(NEW), *(entries := spool.entries(2))])
    ahead = spool.entry()
    for high, head in ((0, None), (2, id_of(entries[1])), (3, id_of(ahead))):
        said = {"id": spool.stream_id, "epoch": build.EPOCH, "high_water": high, "head": head}
        beat = replace(spool, key=old, beats=high).heartbeat(stream=said)
        with pytest.raises(UntrustedError):
            plain.take_heartbeat(caller, beat)
    assert (alarms(plain, spool), stream_of(plain, spool).complete) == ([], True)


# --- releases, and forks that are found later ---


def test_a_fork_that_is_found_later_holds_again_whatever_was_released_above_it(plain: Receiver) -> None:
    spool, caller = plain.enrol()
    below, turn, above = spool.entries(4), spool.rotation(NEW), spool.entry()
    plain.take(caller, "early", [*below, above])
    plain.take(caller, "late", [turn.to_bytes()])
    assert stands(plain, above) == [RETIRED]
    let_go(plain, above)
    assert stands(plain, above) == [ACCEPTED]
    branch = replace(spool, key=NEW)
    plain.take(caller, "fork", [branch.entry(branch.link(5, turn.id)) for _ in range(2)])
    assert stream_of(plain, spool).forked_from == 5
    assert stands(plain, above) == [RETIRED]


@pytest.mark.parametrize("door", ["forked", "not_understood"])
def test_a_deeper_fork_holds_again_what_was_held_at_the_door_and_released(plain: Receiver, door: str) -> None:
    spool, caller = plain.enrol()
    entries = spool.entries(4)
    plain.take(caller, "a", entries)
    odd = spool.entry(spool.link(3, dsse.parse(entries[2]).id)) if door == "forked" else spool.entry(crit=["z"], z=1)
    assert told(plain.take(caller, "b", [odd])) == [("held", door)]
    let_go(plain, odd)
    assert stands(plain, odd) == [ACCEPTED]
    plain.take(caller, "deeper", [spool.entry(spool.link(1, dsse.parse(entries[0]).id))])
    assert stands(plain, odd) == [("held", door)]


def test_a_release_counts_for_nothing_where_nobody_wrote_down_when_the_fork_was_found(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    receiver.take(caller, "a", entries)
    receiver.take(caller, "f", [spool.entry(spool.link(1, dsse.parse(entries[0]).id))])
    let_go(receiver, entries[2])
    assert stands(receiver, entries[2]) == [ACCEPTED]
    with receiver.behind_its_back() as database:
        database.execute("UPDATE streams SET forked_after = NULL")
    assert stands(receiver, entries[2]) == [FORKED]
    receiver.store.close()


# --- a branch that a revocation holds ---


def test_a_branch_that_a_revocation_holds_parts_nothing_until_that_is_taken_back(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    receiver.take(caller, "a", entries)
    turn, more = spool.rotate(NEW), spool.entries(2)
    receiver.take(caller, "b", [turn, *more])
    receiver.now += 24 * HOUR
    branch = spool.entry(spool.link(4, dsse.parse(turn).id))
    late = spool.entry()
    assert told(receiver.take(caller, "thief", [branch, late])) == [FORKED, FORKED]
    assert stands(receiver, *entries, *more) == [ACCEPTED] * 3 + [FORKED] * 2
    since = receiver.now - HOUR
    receiver.now += HOUR
    done = end(receiver, What.KEY, spool.key.public.key_id, Loss.COMPROMISED, since)
    assert stands(receiver, *entries, *more) == [ACCEPTED] * 5
    assert stands(receiver, branch, late) == [REVOKED, REVOKED]
    assert stream_of(receiver, spool).forked_from is None
    take_back(receiver, done.revocation)
    assert stands(receiver, *entries, *more, branch, late) == [ACCEPTED] * 3 + [FORKED] * 4
    assert stream_of(receiver, spool).forked_from == 4


def test_what_came_on_the_honest_side_of_a_fork_is_good_once_the_other_branch_is_nobodys(plain: Receiver) -> None:
    spool, caller = plain.enrol()
    plain.take(caller, "a", entries := spool.entries(2))
    plain.now += HOUR
    branch = spool.entry(spool.link(1, dsse.parse(entries[0]).id))
    assert told(plain.take(caller, "thief", [branch])) == [FORKED]
    since = plain.now
    plain.now += HOUR
    end(plain, What.KEY, spool.key.public.key_id, Loss.COMPROMISED, since - HOUR / 2)
    assert stands(plain, *entries, branch) == [ACCEPTED, ACCEPTED, REVOKED]


def test_a_revocation_from_after_the_fork_leaves_it_as_it_is(plain: Receiver) -> None:
    spool, caller = plain.enrol()
    plain.take(caller, "a", entries := spool.entries(2))
    plain.take(caller, "thief", [spool.entry(spool.link(1, dsse.parse(entries[0]).id))])
    plain.now += HOUR
    end(plain, What.KEY, spool.key.public.key_id, Loss.LOST)
    assert stands(plain, *entries) == [ACCEPTED, FORKED]
