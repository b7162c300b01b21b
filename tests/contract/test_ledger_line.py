"""What leaves is listed first: held against the very bytes that arrive, whatever happens to the requests."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from collector.leaving import Departure, Kind, Outcome
from collector.spool import SpoolReader
from collector.spool.sqlite import dbapi
from shared import dsse, wire
from shared.members import split_members
from tests.fakes import faults
from tests.fakes.receiver import Call, Fault
from tests.fakes.simulated import pair

SPOOL = "spool.sqlite"


def ids_in(call: Call) -> list[bytes]:
    """The attestation ids of all envelopes in a request's body."""
    if call.is_batch:
        batch = wire.parse_batch(call.body)
        return [dsse.parse(raw).id for raw in (*batch.entries, *([batch.heartbeat] if batch.heartbeat else []))]
    if call.is_beat:
        found = split_members(call.body, raw=frozenset({"heartbeat"}), lists=frozenset(), max_elements=0)
        return [dsse.parse(found.raw["heartbeat"]).id]
    return [dsse.parse(call.body).id] if call.path.endswith("/access") else []


def listed(folder: Path) -> dict[bytes, Departure]:
    """The ledger, read beside the collector, as another process would read it."""
    with SpoolReader.open_for_reading(folder / SPOOL) as reader:
        return {one.what.id: one for one in reader.departures()}


class Witness:
    """Stands at the receiver's door: counts what comes, and what comes unlisted; then lets `meet` happen to it."""

    def __init__(self, folder: Path, meet: Fault) -> None:
        self.folder, self.meet = folder, meet
        self.came: Counter[bytes] = Counter()
        self.unlisted: list[str] = []

    async def __call__(self, call: Call) -> web.StreamResponse:
        rows = await asyncio.to_thread(listed, self.folder)
        for one in ids_in(call):
            self.came[one] += 1
            if one not in rows or rows[one].times < self.came[one] or rows[one].outcome is Outcome.ACCEPTED:
                self.unlisted.append(f"{call.path}: {one.hex()}")
        return await self.meet(call)


def sometimes(*bad: Fault) -> Fault:
    """Each of these happens to one request with evidence, and then all is well."""
    rest = list(bad)

    async def fault(call: Call) -> web.StreamResponse:
        return await (rest.pop(0)(call) if rest and call.is_batch else faults.nothing()(call))

    return fault


MEETINGS: dict[str, Callable[[], Fault]] = {
    "all is well": faults.nothing,
    "try later, twice": lambda: sometimes(faults.refuse(503), faults.refuse(503)),
    "the token is refused": lambda: sometimes(faults.refuse(401)),
    "the answer is lost": lambda: sometimes(faults.cut()),
    "too large, so it is halved": lambda: sometimes(faults.refuse(413), faults.refuse(413)),
    "somebody else answers": lambda: sometimes(faults.answer(b"<html>welcome</html>")),
}


@pytest.mark.parametrize("meeting", MEETINGS)
async def test_no_envelope_arrives_that_was_not_listed_and_the_ledger_counts_every_sending(
    tmp_path: Path, meeting: str
) -> None:
    async with pair(tmp_path / "state") as both:
        witness = Witness(tmp_path / "state", MEETINGS[meeting]())
        both.receiver.always = witness
        both.line.put(7)
        await both.line.run_until(lambda: both.line.pending == 0)
        both.line.put(3)
        await both.line.run_for(500)
        assert both.line.pending == 0
        assert witness.unlisted == []
        rows = listed(tmp_path / "state")
        assert {one: row.times for one, row in rows.items()} == dict(witness.came)
        assert {row.what.kind for row in rows.values()} == {Kind.COLLECTED, Kind.HEARTBEAT, Kind.ACCESS}
        assert [row.outcome for row in rows.values() if row.what.kind is Kind.COLLECTED] in (
            [Outcome.ACCEPTED] * 10,
            [Outcome.DUPLICATE] * 7 + [Outcome.ACCEPTED] * 3,
        )


async def test_what_the_receipt_said_of_each_entry_stands_in_the_ledger(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(4)
        both.receiver.held[ids[1]] = "key_revoked"
        both.receiver.refused[ids[2]] = "bad_link"
        both.receiver.refused[ids[3]] = "unknown_key"  # stays pending
        await both.line.run_for(5)
        rows = [row for row in both.line.spool.departures() if row.what.kind is Kind.COLLECTED]
        assert [row.outcome for row in rows] == ["accepted", "held", "refused", "refused"]
        assert {row.to.origin for row in rows} == {both.receiver.url}
        assert {(row.to.receiver, row.to.workspace) for row in rows} == {
            (both.line.identity.audience.receiver, both.line.identity.audience.workspace)
        }


async def test_while_nobody_is_there_only_what_may_have_left_is_listed(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await both.receiver.close()
        both.line.put(5)
        await both.line.run_for(1_000)
        kinds = Counter(row.what.kind for row in both.line.spool.departures())
        assert kinds.keys() == {Kind.ACCESS}  # without a token nothing else is handed over
        assert {row.outcome for row in both.line.spool.departures()} == {None}
        await both.receiver.start()
        await both.line.run_until(lambda: both.line.pending == 0)


def locked(folder: Path) -> Callable[[], Awaitable[None]]:
    """Hold the spool's write lock, as another program may; gives how to let it go."""
    # The collector's own library: a lock by another one in this process would be no lock.
    holder = dbapi.connect(folder / SPOOL, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")

    async def free() -> None:
        holder.execute("ROLLBACK")
        holder.close()

    return free


async def test_nothing_is_sent_while_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await both.line.run_for(1)
        both.line.put(5)
        both.receiver.calls.clear()
        free = locked(tmp_path / "state")
        await both.line.run_for(100)
        assert both.receiver.calls == []
        assert "keeps the spool locked" in str(both.line.shipper.shipped.last_error)
        assert both.line.shipper.shipped.reachable is not False  # nobody blames the receiver
        await free()
        await both.line.run_until(lambda: both.line.pending == 0)
