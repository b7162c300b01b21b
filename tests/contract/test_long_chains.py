"""However much of a stream came late, each of its places is read once, and a fork is looked at where it matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from receiver import fsck, lookup, revoke
from receiver.core.placing import Status
from receiver.core.revocation import Loss, What
from receiver.lookup import Filters
from receiver.store import suspects
from receiver.store.schema import attestations
from shared import dsse
from tests.helpers import build
from tests.helpers.databases import SqliteDatabases
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver, told
from tests.helpers.held import ACCEPTED, FORKED, HOUR, REVOKED, asked, end, ids, listed, stands

LATE = 560


@pytest.fixture
def receiver(tmp_path: Path, sqlite_databases: SqliteDatabases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    made.store.close()


@contextmanager
def walked() -> Iterator[list[tuple[Any, ...]]]:
    """The portions of places that are read for their chains, as the database is asked for them."""
    asked_for: list[tuple[Any, ...]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
        asked_for.extend([tuple(parameters)] if "places.previous" in statement else [])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked_for
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_long_late_chain_is_walked_once_by_a_revocation_its_dry_run_and_a_list(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(LATE)
    receiver.take(caller, "early", [entries[0], entries[-1]])
    receiver.now = NOW + 2 * HOUR
    for at in range(1, LATE - 1, 100):
        receiver.take(caller, f"late{at}", entries[at : min(at + 100, LATE - 1)])
    named = spool.key.public.key_id
    wanted = asked(What.KEY, named, Loss.COMPROMISED, NOW + HOUR)
    held = Filters(status=Status.HELD, record=None)
    acts: tuple[Callable[[], int], ...] = (
        lambda: revoke.impact(receiver.store, receiver.workspace_id, wanted, receiver.now).stays_good,
        lambda: end(receiver, What.KEY, named, since=NOW + HOUR).stays_good,
        lambda: LATE - len(lookup.attestations(receiver.store, receiver.workspace_id, held, 50).items),
    )
    for act in acts:
        with walked() as portions:
            assert act() == LATE
        assert 1 < len(portions) == len(set(portions)) <= LATE // 256 + 1
    receiver.take(caller, "after", spool.entries(1))
    assert len(listed(receiver)) == 1


def test_a_chain_leads_over_the_ends_of_what_is_read_at_once_and_over_no_hole(receiver: Receiver) -> None:
    """One hole is the last of the places that are read together; what is above it goes on into the next ones."""
    spool, caller = receiver.enrol()
    entries = spool.entries(520)
    early = {300, 519}
    receiver.take(caller, "early", [entries[at] for at in sorted(early)])
    receiver.now = NOW + 2 * HOUR
    late = [253, 254, *range(256, 260), *range(290, 300), 301, *range(505, 519)]
    receiver.take(caller, "late", [entries[at] for at in late])
    done = end(receiver, What.KEY, spool.key.public.key_id, since=NOW + HOUR)
    assert (done.untrusted_total, done.stays_good) == (2 + 4 + 1, 10 + 14 + 2)
    assert stands(receiver, *(entries[at] for at in (253, 254, 256, 259, 301))) == [REVOKED] * 5
    assert stands(receiver, *(entries[at] for at in (290, 299, 300, 505, 511, 512, 518))) == [ACCEPTED] * 7
    receiver.take(caller, "filled", [entries[at] for at in (255, *range(260, 290))])
    assert stands(receiver, entries[253], entries[255], entries[259]) == [ACCEPTED] * 3
    assert fsck.check(receiver.store) == []


# --- forks ---


def other_stream(spool: Spool) -> Spool:
    """Another spool of the same collector with the same key, as after a disk was lost."""
    return replace(spool, stream_id=build.digest("aside")[-32:], next_sequence=0, last_id=None)


def looked_at(receiver: Receiver) -> set[bytes]:
    """The ids of all that is looked at closely, of everything that is stored."""

    def read(tx: Any) -> set[bytes]:  # noqa: ANN401 - a transaction
        every = {row.n: row.id for row in tx.execute(select(attestations.c.n, attestations.c.id))}
        return {every[n] for n in suspects.facts(tx, receiver.workspace_id, every)}

    return receiver.store.read(read)


def test_a_fork_has_only_that_looked_at_which_stands_where_its_stream_parts(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    aside = other_stream(spool)
    elsewhere = aside.entries(3)
    first = spool.entries(2)
    turn = spool.rotate(build.signer(71))
    last = spool.entries(2)
    receiver.take(caller, "good", [*elsewhere, *first, turn, *last])
    assert looked_at(receiver) == set()
    parted = spool.entry(spool.link(4, dsse.parse(last[0]).id))
    receiver.take(caller, "parted", [parted])
    assert looked_at(receiver) == listed(receiver) == ids(last[1], parted)
    assert stands(receiver, *elsewhere, *first, *last) == [ACCEPTED] * 6 + [FORKED]


def test_a_fork_at_or_below_a_rotation_has_the_whole_collector_looked_at_and_no_other(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    neighbour, others = receiver.enrol(2)
    good = neighbour.entries(2)
    receiver.take(others, "others", good)
    first = spool.entries(3)
    branch = spool.entry(spool.link(1, dsse.parse(first[0]).id))
    turn = spool.rotate(build.signer(71))
    aside = other_stream(spool)
    far = aside.entries(2)
    assert told(receiver.take(caller, "turn", [first[0], branch, turn, *far])) == [ACCEPTED] * 5
    receiver.take(caller, "parted", first[2:])
    assert looked_at(receiver) == ids(first[0], branch, first[2], *far)
    assert listed(receiver) == ids(branch, first[2], *far)
    assert stands(receiver, first[0], *far, *good) == [ACCEPTED] + [REVOKED] * 2 + [ACCEPTED] * 2
