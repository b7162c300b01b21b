"""Receivers whose clocks differ: what came before a revocation stays good, what came after it never counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import fsck, lookup
from receiver.core.posting import Record
from receiver.core.revocation import Loss, What
from shared import dsse
from tests.helpers import build
from tests.helpers.fleet import NOW, Receiver, make_receiver, told
from tests.helpers.held import ACCEPTED, HOUR, REVOKED, end, stands, take_back
from tests.helpers.posts import COMMIT, Pipeline

SECOND = timedelta(seconds=1)
YEARS = timedelta(days=365 * 20)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path)
    yield made
    made.store.close()


def received_at(receiver: Receiver, entry: bytes) -> object:
    return lookup.attestation(receiver.store, receiver.workspace_id, dsse.parse(entry).id).row.received_at


def test_a_lost_key_that_is_revoked_by_a_clock_behind_ends_alone_and_from_what_was_received(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    old = spool.key.public.key_id
    before = spool.entries(2)
    receiver.now = NOW + 10 * SECOND
    turned, after = spool.rotate(build.signer(71)), spool.entries(2)
    assert told(receiver.take(caller, "a", [*before, turned, *after])) == [ACCEPTED] * 5
    receiver.now = NOW + 5 * SECOND
    done = end(receiver, What.KEY, old, Loss.LOST)
    assert (done.keys, done.untrusted_total) == ((old,), 0)
    assert done.revoked_at == NOW + 10 * SECOND + timedelta(microseconds=1)
    assert stands(receiver, *before, *after) == [ACCEPTED] * 4
    assert end(receiver, What.KEY, old, Loss.LOST).revocation == done.revocation
    receiver.let_in(spool)
    assert fsck.check(receiver.store) == []


def test_what_a_compromised_key_was_is_told_by_the_order_and_not_by_clocks(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    old = spool.key.public.key_id
    receiver.now = NOW + 10 * SECOND
    receiver.take(caller, "a", [*spool.entries(2), spool.rotate(build.signer(71))])
    receiver.now = NOW + 5 * SECOND
    end(receiver, What.KEY, old, Loss.COMPROMISED, NOW + SECOND)
    assert fsck.check(receiver.store) == []


def test_a_token_that_is_revoked_as_lost_by_a_clock_behind_leaves_good_what_it_posted(receiver: Receiver) -> None:
    receiver.now = NOW + 10 * SECOND
    pipeline = Pipeline(receiver)
    pipeline.post(
        Record.ATTESTATION,
        {"type": "COVERAGE", "name": "Coverage", "passed": True, "commitSha": COMMIT, "repositoryFullName": "acme/api"},
    )
    receiver.now = NOW + 5 * SECOND
    assert end(receiver, What.TOKEN, pipeline.caller.token_id, Loss.LOST).untrusted_total == 0


def test_a_revocation_that_was_taken_back_moves_no_time_of_receipt(receiver: Receiver) -> None:
    spool, _ = receiver.enrol()
    receiver.now = NOW + YEARS
    take_back(receiver, end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST).revocation)
    receiver.now = NOW + HOUR
    entry = spool.entry()
    assert told(receiver.take(receiver.let_in(spool), "a", [entry])) == [ACCEPTED]
    assert received_at(receiver, entry) == NOW + HOUR
    receiver.now = NOW + 2 * HOUR
    end(receiver, What.COLLECTOR, spool.collector_id, Loss.LOST)
    assert stands(receiver, entry) == [ACCEPTED]
    assert fsck.check(receiver.store) == []


def test_what_came_after_a_revocation_by_a_clock_ahead_is_held_by_the_order(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    before = spool.entries(2)
    receiver.take(caller, "before", before)
    receiver.now = NOW + YEARS
    far = end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST)
    receiver.now = NOW + HOUR
    late = spool.entry()
    assert told(receiver.take(caller, "late", [late])) == [REVOKED]
    assert received_at(receiver, late) == NOW + HOUR
    assert stands(receiver, *before, late) == [ACCEPTED, ACCEPTED, REVOKED]
    take_back(receiver, far.revocation)
    receiver.now = NOW + 2 * HOUR
    # What came in before this one, while the other stood, it does not hold.
    end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST)
    assert stands(receiver, *before, late) == [ACCEPTED] * 3
    assert fsck.check(receiver.store) == []


def test_the_order_of_a_revocation_is_checked(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", spool.entries(2))
    end(receiver, What.KEY, spool.key.public.key_id, Loss.LOST)
    with receiver.behind_its_back() as database:
        database.execute("UPDATE revocations SET received_to = received_to + 1")
    assert [one.problem for one in fsck.check(receiver.store)] == [
        "its row says that 3 attestations were stored before it, the audit trail says otherwise"
    ]
