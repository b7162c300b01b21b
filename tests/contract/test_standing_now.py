"""How an entry stands goes by all that is known now, whichever came first: forks, retired keys, clocks, chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from receiver import fsck, lookup, revoke
from receiver.core.revocation import Loss, What
from receiver.lookup import Filters
from receiver.store.collectors import limits_to_row
from receiver.store.identity_tables import collectors
from shared import dsse
from shared.encoding import digest_text
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.databases import Databases, SqliteDatabases
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver, told
from tests.helpers.held import (
    ACCEPTED,
    FORKED,
    HOUR,
    RETIRED,
    REVOKED,
    asked,
    end,
    ids,
    let_go,
    listed,
    stands,
    take_back,
)


@pytest.fixture
def receiver(tmp_path: Path, sqlite_databases: SqliteDatabases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    made.store.close()


@pytest.fixture
def on_either(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def other_stream(spool: Spool, seed: str) -> Spool:
    """Another spool of the same collector with the same key, as after a disk was lost."""
    return replace(spool, stream_id=build.digest(seed)[-32:], next_sequence=0, last_id=None)


# --- forks ---


def test_both_branches_are_held_from_where_they_part_whichever_came_first(on_either: Receiver) -> None:
    receiver = on_either
    spool, caller = receiver.enrol()
    first = spool.entries(5)
    assert told(receiver.take(caller, "first", first)) == [ACCEPTED] * 5
    second = spool.entry(spool.link(2, dsse.parse(first[1]).id))
    assert told(receiver.take(caller, "second", [second])) == [FORKED]
    assert stands(receiver, *first, second) == [ACCEPTED] * 2 + [FORKED] * 4
    assert listed(receiver) == ids(*first[2:], second)
    would = revoke.impact(
        receiver.store,
        receiver.workspace_id,
        asked(What.COLLECTOR, spool.collector_id, Loss.LOST),
        receiver.now + HOUR,
    )
    assert (would.untrusted_total, would.stays_good) == (0, 2)
    let_go(receiver, first[4])
    assert stands(receiver, first[3], first[4]) == [FORKED, ACCEPTED]
    assert fsck.check(receiver.store) == []


def test_other_streams_and_other_collectors_are_as_they_were(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    neighbour, others = receiver.enrol(2)
    aside = other_stream(spool, "aside")
    good = [*aside.entries(3), *neighbour.entries(3)]
    receiver.take(caller, "aside", good[:3])
    receiver.take(others, "others", good[3:])
    first = spool.entries(2)
    receiver.take(caller, "first", first)
    receiver.take(caller, "second", [spool.entry(spool.link(0, None))])
    assert stands(receiver, *first) == [FORKED] * 2
    assert stands(receiver, *good) == [ACCEPTED] * 6


def test_a_key_that_came_in_on_a_branch_is_nobodys(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    first = spool.entries(3)
    branch = spool.entry(spool.link(1, dsse.parse(first[0]).id))
    turn = spool.rotate(build.signer(71))
    assert told(receiver.take(caller, "turn", [first[0], branch, turn])) == [ACCEPTED] * 3
    aside = other_stream(spool, "aside")
    far = aside.entries(2)
    assert told(receiver.take(caller, "aside", far)) == [ACCEPTED] * 2
    receiver.take(caller, "parted", first[2:])
    assert stands(receiver, first[0], branch, first[2]) == [ACCEPTED, FORKED, RETIRED]
    assert stands(receiver, *far) == [REVOKED] * 2
    assert listed(receiver) == ids(branch, first[2], *far)


def test_a_release_knows_of_no_fork_that_is_found_later(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    receiver.take(caller, "first", entries)
    done = end(receiver, What.KEY, spool.key.public.key_id)
    let_go(receiver, entries[2])
    take_back(receiver, done.revocation)
    assert stands(receiver, *entries) == [ACCEPTED] * 3
    receiver.take(caller, "second", [spool.entry(spool.link(1, dsse.parse(entries[0]).id))])
    assert stands(receiver, *entries) == [ACCEPTED, FORKED, FORKED]
    let_go(receiver, entries[2])
    assert stands(receiver, *entries) == [ACCEPTED, FORKED, ACCEPTED]


# --- retired keys ---


def test_what_a_key_signed_above_its_own_rotation_is_held_once_that_is_here(on_either: Receiver) -> None:
    receiver = on_either
    spool, caller = receiver.enrol()
    aside = other_stream(spool, "aside")
    elsewhere = aside.entries(2)
    below = spool.entries(4)
    turn = spool.rotation(build.signer(71))
    above = spool.entry()
    assert told(receiver.take(caller, "early", [*below, above, *elsewhere])) == [ACCEPTED] * 7
    assert told(receiver.take(caller, "late", [turn.to_bytes()])) == [ACCEPTED]
    assert stands(receiver, *below, above) == [ACCEPTED] * 4 + [RETIRED]
    # Whoever lost a spool does not lose with the next rotation what had come from there.
    assert stands(receiver, *elsewhere) == [ACCEPTED] * 2
    assert listed(receiver) == ids(above)
    assert fsck.check(receiver.store) == []


# --- what was received, and when ---


def places_read(receiver: Receiver, filters: Filters) -> int:
    """How many queries over places a page of 200 takes."""
    asked_for: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
        asked_for.extend([statement] if "places.previous" in statement else [])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        found = lookup.attestations(receiver.store, receiver.workspace_id, filters, 200).items
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(found) == 200
    return len(asked_for)


def test_each_place_is_read_once_for_a_page_however_many_came_late(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(242)
    receiver.take(caller, "early", [entries[0], entries[241]])
    receiver.now = NOW + 2 * HOUR
    for at in (1, 81, 161):
        # All but the last one below what came early: the chain has a hole there.
        receiver.take(caller, f"late{at}", entries[at : min(at + 80, 240)])
    end(receiver, What.KEY, spool.key.public.key_id, since=NOW + HOUR)
    assert places_read(receiver, Filters()) == 1
    assert set(stands(receiver, *entries[1:240:40])) == {REVOKED}
    receiver.take(caller, "filled", [entries[240]])
    assert places_read(receiver, Filters()) == 1
    assert set(stands(receiver, *entries[::40], entries[241])) == {ACCEPTED}


@pytest.mark.parametrize("is_new", [True, False], ids=["in a new stream", "at the head of its stream"])
def test_what_a_process_whose_clock_runs_behind_takes_after_a_revocation_came_after_it(
    receiver: Receiver, *, is_new: bool
) -> None:
    spool, caller = receiver.enrol()
    before = spool.entries(2)
    receiver.take(caller, "before", before)
    receiver.now = NOW + HOUR
    end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST)
    receiver.now = NOW + HOUR - timedelta(seconds=30)
    late = (other_stream(spool, "aside") if is_new else spool).entry()
    assert told(receiver.take(caller, "late", [late])) == [REVOKED]
    assert stands(receiver, *before, late) == [ACCEPTED, ACCEPTED, REVOKED]
    (shown,) = (one for one in lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 1).items)
    assert shown.row.received_at == NOW + HOUR
    other, others = receiver.enrol(2)
    receiver.take(others, "other", other.entries(1))
    (shown,) = (one for one in lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 1).items)
    assert shown.row.received_at == receiver.now


def test_what_was_refused_before_it_was_stored_was_received_when_it_was_refused(receiver: Receiver) -> None:
    def limit(limits: Limits) -> None:
        receiver.store.write(lambda tx: tx.execute(update(collectors).values(limits=limits_to_row(limits))))

    spool, caller = receiver.enrol()
    entries = spool.entries(2)
    limit(Limits(repositories=("other/*",)))
    assert told(receiver.take(caller, "refused", entries[:1])) == [("refused", "outside_limits")]
    receiver.now = NOW + 2 * HOUR
    limit(Limits())
    assert told(receiver.take(caller, "taken", entries)) == [ACCEPTED] * 2
    end(receiver, What.KEY, spool.key.public.key_id, since=NOW + HOUR)
    assert stands(receiver, *entries) == [ACCEPTED, REVOKED]
    assert fsck.check(receiver.store) == []
    with receiver.behind_its_back() as database:
        database.execute("UPDATE places SET first_covered = first_covered - 1 WHERE first_covered IS NOT NULL")
    assert [one.problem for one in fsck.check(receiver.store)] == [
        f"none refused {digest_text(dsse.parse(entries[0]).id)} when its place says"
    ]
