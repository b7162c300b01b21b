"""R3 at the receiver's door: sent again, in parallel, overlapping, after a restart: stored once, answered the same."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from receiver import fsck, lookup, streams
from receiver.caller import Caller
from receiver.ingest import IngestAnswer
from receiver.lookup import Filters
from receiver.store.engine import Store, Tx
from receiver.store.schema import METADATA
from shared import dsse, wire
from shared.errors import CarnetError, Code, MalformedError
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver, told

PARALLEL = 50


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


def rows(receiver: Receiver, table: str) -> int:
    statement = f"SELECT count(*) FROM {table}"  # noqa: S608 - one of ours
    count: int = receiver.store.read(lambda tx: tx.exec_driver_sql(statement).scalar_one())
    return count


def everything(receiver: Receiver) -> dict[str, list[str]]:
    """All rows of the database, but for tokens, which say when they were last used."""

    def read(tx: Tx) -> dict[str, list[str]]:
        tables = [table for table in METADATA.sorted_tables if table.name != "tokens"]
        return {table.name: sorted(map(repr, tx.execute(select(table)))) for table in tables}

    return receiver.store.read(read)


def in_parallel(receiver: Receiver, caller: Caller, batches: list[tuple[str, list[bytes]]]) -> list[IngestAnswer]:
    """Post batches at once, every other one at a second receiver on the same database."""
    answers: list[IngestAnswer | CarnetError] = []
    barrier = threading.Barrier(len(batches))
    other = replace(receiver, store=Store.open(receiver.database_url))

    def post(number: int) -> None:
        barrier.wait()
        try:
            answers.append((receiver, other)[number % 2].take(caller, *batches[number]))
        except CarnetError as error:
            answers.append(error)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.store.close()
    assert [one for one in answers if isinstance(one, CarnetError)] == []
    return [one for one in answers if isinstance(one, IngestAnswer)]


def test_the_same_batch_again_gets_the_same_receipt_byte_for_byte(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = [*spool.entries(3), b"17"]
    first = receiver.take(caller, "b", entries, spool.heartbeat())
    before = everything(receiver)
    # The reply was lost; the collector asks again, with a newer heartbeat, after a restart of the receiver.
    receiver.reopen()
    again = receiver.take(caller, "b", entries, spool.heartbeat())
    assert again.body == first.body
    assert (again.refused, again.counts) == (first.refused, first.counts)
    assert everything(receiver) == before


@pytest.mark.parametrize("change", ["another entry", "one less", "one more", "another order"])
def test_the_same_batch_id_with_other_entries_is_refused_and_stores_nothing(receiver: Receiver, change: str) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(3)
    receiver.take(caller, "b", entries)
    changed = {
        "another entry": [*entries[:2], spool.entry()],
        "one less": entries[:2],
        "one more": [*entries, spool.entry()],
        "another order": entries[::-1],
    }[change]
    with pytest.raises(MalformedError) as refused:
        receiver.take(caller, "b", changed)
    assert refused.value.code is Code.IDEMPOTENCY_MISMATCH
    assert rows(receiver, "attestations") == 3
    assert rows(receiver, "receipts") == 1


def test_two_collectors_may_use_the_same_batch_id(receiver: Receiver) -> None:
    for seed in (1, 2):
        spool, caller = receiver.enrol(seed)
        assert told(receiver.take(caller, "b", [spool.entry()])) == [("accepted", None)]


def test_one_batch_posted_many_times_at_once_is_stored_once_and_answered_the_same(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(10)
    answers = in_parallel(receiver, caller, [("b", entries)] * PARALLEL)
    assert len(answers) == PARALLEL
    assert len({one.body for one in answers}) == 1
    assert rows(receiver, "attestations") == rows(receiver, "envelopes") == 10
    assert rows(receiver, "receipts") == 1
    assert fsck.check(receiver.store) == []


def test_the_same_entries_in_many_batches_at_once_are_accepted_once_each(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(5)
    answers = in_parallel(receiver, caller, [(f"b{number}", entries) for number in range(PARALLEL)])
    counts = Counter(status for answer in answers for status, _ in told(answer))
    assert counts == {"accepted": 5, "duplicate": 5 * (PARALLEL - 1)}
    assert rows(receiver, "attestations") == 5
    assert fsck.check(receiver.store) == []


def test_overlapping_batches_at_once_leave_one_row_each_and_no_hole(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(60)
    batches = [(f"b{start}", entries[start : start + 20]) for start in range(0, 50, 5)]
    answers = in_parallel(receiver, caller, batches)
    counts = Counter(status for answer in answers for status, _ in told(answer))
    assert counts["accepted"] == 60
    assert counts["held"] == counts["refused"] == 0
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert (stream.mark, stream.head, stream.forked_from) == (59, 59, None)
    assert fsck.check(receiver.store) == []


def test_a_spool_that_was_deleted_and_captured_again_is_linked_as_repeats(receiver: Receiver) -> None:
    """F7: the signed bytes differ, the observations are the same: admitted, linked, counted once."""
    spool, caller = receiver.enrol()
    observations = [f"sha256:{number:064x}" for number in range(1, 4)]
    first = [spool.envelope(observation_id=one) for one in observations]
    receiver.take(caller, "a", [one.to_bytes() for one in first])
    anew = Spool(spool.audience, spool.key, spool.collector_id, spool.random, "77" * 16)
    again = [anew.envelope(observation_id=one) for one in observations]
    assert told(receiver.take(caller, "b", [one.to_bytes() for one in again])) == [("accepted", None)] * 3
    for old, new in zip(first, again, strict=True):
        assert signed(lookup.attestation(receiver.store, receiver.workspace_id, new.id)).repeat_of == old.id
        assert signed(lookup.attestation(receiver.store, receiver.workspace_id, old.id)).repeat_of is None


def signed(view: lookup.AttestationView) -> lookup.FromCollector:
    assert isinstance(view.row.origin, lookup.FromCollector)
    return view.row.origin


def test_a_spool_restored_from_an_old_copy_raises_the_fork_alarm(receiver: Receiver) -> None:
    """F36: numbers used twice; both branches are held from where they part, and nothing is overwritten."""
    spool, caller = receiver.enrol()
    receiver.take(caller, "a", spool.entries(3))
    sequence, last = spool.next_sequence, spool.last_id
    ours = spool.entries(2)
    receiver.take(caller, "b", ours)
    spool.next_sequence, spool.last_id = sequence, last
    assert told(receiver.take(caller, "c", spool.entries(2))) == [("held", "forked")] * 2
    assert rows(receiver, "attestations") == 7
    for one in ours:
        assert lookup.envelope(receiver.store, receiver.workspace_id, dsse.parse(one).id) == one
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert stream.forked_from == 3
    assert fsck.check(receiver.store) == []


def test_any_order_of_batches_ends_in_the_same_place(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    entries = spool.entries(40)
    for number, start in enumerate((30, 10, 0, 20)):
        receiver.take(caller, f"b{number}", entries[start : start + 10])
    (stream,) = streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)
    assert stream.mark == 39
    page = lookup.attestations(receiver.store, receiver.workspace_id, Filters(), 100)
    assert {signed(view).sequence for view in page.items} == set(range(40))
    assert len(page.items) <= wire.MAX_BATCH_ENTRIES
