"""What a revoked key signed has a place where a chain that counts leads to it, and hurts nobody else's stream."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from receiver import fsck, lookup, release, revoke, streams
from receiver.caller import operator
from receiver.core.revocation import Asked, Loss, What
from receiver.release import Wanted
from shared import dsse
from tests.helpers import build
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.databases import Databases
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver, told

HOUR = timedelta(hours=1)
ACCEPTED, REVOKED = ("accepted", None), ("held", "key_revoked")


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


@pytest.fixture
def spool(receiver: Receiver) -> Spool:
    return receiver.enrol()[0]


def end(receiver: Receiver, key_id: str, kind: Loss = Loss.LOST, since: datetime | None = None) -> int:
    asked = Asked(What.KEY, key_id, kind, since, "as ticket 17 says")
    by = operator(receiver.audience)
    done = revoke.revoke(receiver.store, receiver.signers, asked, by, receiver.now, receiver.random)
    assert done.revocation is not None
    return done.revocation


def take_back(receiver: Receiver, number: int) -> None:
    wanted = Wanted((), number, "it was in the drawer")
    release.release(receiver.store, receiver.signers, wanted, (ALICE, BOB), receiver.now, receiver.random)


def stands(receiver: Receiver, entry: bytes) -> tuple[str, str | None]:
    found = lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(entry).id)
    return found.standing.status.value, None if found.standing.code is None else found.standing.code.value


def marks(receiver: Receiver, spool: Spool) -> list[tuple[str, int, int, int | None]]:
    found = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    return [(one.stream_id, one.mark, one.head, one.forked_from) for one in found]


def test_what_a_revoked_key_signed_takes_its_places_once_that_was_taken_back(receiver: Receiver, spool: Spool) -> None:
    caller = receiver.let_in(spool)
    receiver.take(caller, "first", spool.entries(2))
    number = end(receiver, spool.key.public.key_id)
    other = Spool(spool.audience, spool.key, spool.collector_id, spool.random, "e5" * 16)
    late = [*spool.entries(2), other.entry()]
    assert told(receiver.take(caller, "late", late)) == [REVOKED] * 3
    assert marks(receiver, spool) == [(spool.stream_id, 1, 1, None)]
    receiver.now += HOUR
    take_back(receiver, number)
    assert [stands(receiver, one) for one in late] == [ACCEPTED] * 3
    assert sorted(marks(receiver, spool)) == sorted([(spool.stream_id, 3, 3, None), ("e5" * 16, 0, 0, None)])
    assert told(receiver.take(receiver.let_in(spool), "on", spool.entries(1))) == [ACCEPTED]


def test_a_chain_that_counts_leads_down_to_what_came_under_a_revoked_key_in_any_number_of_batches(
    receiver: Receiver, spool: Spool
) -> None:
    caller = receiver.let_in(spool)
    entries = spool.entries(5)
    receiver.take(caller, "early", [entries[0], entries[4]])
    receiver.now = NOW + 2 * HOUR
    end(receiver, spool.key.public.key_id, Loss.COMPROMISED, NOW + HOUR)
    for at in (1, 2):
        assert told(receiver.take(caller, f"late-{at}", [entries[at]])) == [REVOKED]
        assert (stands(receiver, entries[at]), marks(receiver, spool)[0][1]) == (REVOKED, 0)
    receiver.take(caller, "late-3", [entries[3]])
    assert [stands(receiver, one) for one in entries] == [ACCEPTED] * 5
    assert marks(receiver, spool) == [(spool.stream_id, 4, 4, None)]


def test_a_thief_with_a_revoked_key_neither_forks_a_stream_nor_fills_a_table(receiver: Receiver, spool: Spool) -> None:
    thief = Spool(spool.audience, spool.key, spool.collector_id, spool.random, spool.stream_id)
    stolen = spool.key.public.key_id
    caller = receiver.let_in(spool)
    receiver.take(caller, "first", [spool.entry(), spool.rotate(build.signer(9)), spool.entry()])
    receiver.now += HOUR
    end(receiver, stolen)
    caller = receiver.let_in(spool)
    forged = [thief.entry(thief.link(at, spool.last_id)) for at in (2, 3, 4, 900)]
    turns = [thief.rotation(build.signer(100 + at), thief.link(50 + at, b"\x05" * 32)).to_bytes() for at in range(70)]
    assert told(receiver.take(caller, "forged", forged)) == [REVOKED] * 4
    assert told(receiver.take(caller, "turns", turns)) == [REVOKED] * 64 + [("refused", "outside_limits")] * 6
    assert told(receiver.take(caller, "on", spool.entries(3))) == [ACCEPTED] * 3
    assert marks(receiver, spool) == [(spool.stream_id, 5, 5, None)]
