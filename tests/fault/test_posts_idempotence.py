"""R3 over HTTP: a reply that is lost after the commit, the same many times at once: stored once, answered the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest

from receiver import app, clock, fsck
from receiver.web.journal import make_journal
from tests.fault.cancelling import KINDS, PATIENCE_SECONDS, Ask, Asks, Probe, asks, drop
from tests.helpers.databases import Databases
from tests.helpers.receiving import Receiver, Sender, serving

CUTS = 50
PARALLEL = 50


@asynccontextmanager
async def asked(folder: Path, databases: Databases) -> AsyncIterator[tuple[Asks, Probe]]:
    async with serving(folder, databases=databases) as receiver:
        made, probe = asks(receiver, await Sender(receiver).join()), Probe(receiver.data.database_url)
        try:
            before = probe.rows()
            yield made, probe
            assert probe.rows() - before == sum(one.rows for one in made.made)
            with receiver.store() as store:
                assert fsck.check(store) == []
        finally:
            probe.close()


@asynccontextmanager
async def beside(receiver: Receiver) -> AsyncIterator[Receiver]:
    """Have a second receiver running on the database of the first."""
    plan = app.Plan(receiver.data.database_url, receiver.data.master_key, app.Address("127.0.0.1", 0))
    async with app.running(plan, make_journal(receiver.log, clock.utcnow)) as running:
        yield replace(receiver, url=running.url)


async def cut_off_after_the_commit(receiver: Receiver, probe: Probe, one: Ask) -> None:
    """Send a request, and hang up without reading its answer once what it stores is there."""
    before = probe.rows()
    _, writer = await asyncio.open_connection("127.0.0.1", receiver.port, limit=1)
    writer.write(one.head + one.body)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while probe.rows() < before + one.rows:  # noqa: ASYNC110 - a database has no events
            await asyncio.sleep(0.001)
    drop(writer, reset=True)


async def test_what_was_stored_and_never_answered_is_answered_the_same_ever_after(
    tmp_path: Path, databases: Databases
) -> None:
    async with asked(tmp_path / "data", databases) as (made, probe):
        receiver = made.receiver
        for kind in islice(cycle(KINDS), CUTS):
            one = made.new(kind)
            await cut_off_after_the_commit(receiver, probe, one)
            stored = probe.rows()
            first, again = await one.settle(receiver), await one.settle(receiver)
            assert (first.status, first.body) == (again.status, again.body)
            assert first.status == (200 if kind == "batch" else 201)
            # The first answer that anybody read was a replay already.
            assert first.headers.get("Idempotent-Replay") == (None if kind == "batch" else "true")
            assert probe.rows() == stored


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_many_times_at_once_at_two_receivers_is_done_once(
    tmp_path: Path, databases: Databases, kind: str
) -> None:
    async with asked(tmp_path / "data", databases) as (made, _), beside(made.receiver) as other:
        one = made.new(kind)
        places = (made.receiver, other)
        answers = await asyncio.gather(*(one.send(places[number % 2]) for number in range(PARALLEL)))
        assert {answer.status for answer in answers} <= {200 if kind == "batch" else 201, 409}
        settled = [await one.settle(place) for place in places]
        taken = [answer for answer in (*answers, *settled) if answer.status != 409]
        assert len({answer.body for answer in taken}) == 1
        if kind != "batch":
            fresh = [answer for answer in taken if "Idempotent-Replay" not in answer.headers]
            assert len(fresh) == 1
