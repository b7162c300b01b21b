"""Heartbeats that are stored together: each is judged and answered as if it had come alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from receiver import access, hear, streams
from receiver.access import ChangedError, Confirmation
from receiver.caller import Caller
from receiver.core.changes import Kind as Changed
from receiver.core.placing import MAX_OPEN_STREAMS
from receiver.core.tokens import Kind, Scope, parse_token
from receiver.hear import Posted
from receiver.store import audit, tokens
from receiver.store.columns import micros
from receiver.store.engine import Store
from receiver.store.identity_tables import tokens as table
from receiver.store.schema import streams as stream_table
from receiver.web.recognised import Recognised
from shared import dsse, statement, wire
from shared.encoding import compact
from shared.errors import CarnetError, Code, StateError, UntrustedError
from shared.predicates import Receipt, StreamMark
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver, results
from tests.helpers.receiving import Receiver as Served
from tests.helpers.receiving import Sender, serving

HEARTBEATS = wire.HEARTBEAT_PATH


@dataclass
class Fleet:
    """Three collectors at one receiver, each with its access."""

    receiver: Receiver
    spools: list[Spool]
    callers: list[Caller]

    def posted(self, number: int, heartbeat: bytes) -> Posted:
        return Posted(self.callers[number], written(self.spools[number].collector_id, heartbeat))

    def take(self, *posted: Posted) -> list[hear.Answer]:
        at = self.receiver
        return hear.take(at.store, at.signers, posted, at.now, at.random)

    def beat(self, number: int) -> int | None:
        spool = self.spools[number]
        at = self.receiver
        found = streams.of_collector(at.store, at.workspace_id, spool.collector_id, at.now)
        return found[0].beat if found else None

    def receipt(self, answer: hear.Answer) -> Receipt:
        assert isinstance(answer, bytes)
        envelope = dsse.parse(answer.removeprefix(b'{"receipt":').removesuffix(b"}"))
        return statement.read(dsse.verify(envelope, self.receiver.signers.receipt.public)).as_(Receipt)


@pytest.fixture
def fleet(tmp_path: Path, databases: Databases) -> Iterator[Fleet]:
    made = make_receiver(tmp_path, databases=databases)
    pairs = [made.enrol(seed) for seed in (1, 2, 3)]
    for number, (spool, _) in enumerate(pairs):
        spool.stream_id = f"{number + 1:032x}"
    yield Fleet(made, [spool for spool, _ in pairs], [caller for _, caller in pairs])
    made.store.close()


def written(collector_id: str, heartbeat: bytes) -> bytes:
    return compact({"collectorId": collector_id})[:-1] + b',"heartbeat":' + heartbeat + b"}"


def change(store: Store, token: str, **values: object) -> None:
    """Change a token's row, as another process would."""
    its = table.c.token_id == parse_token(token).token_id
    store.write(lambda tx: tx.execute(update(table).where(its).values(values)))


def last_used(store: Store, token: str) -> datetime | None:
    row = store.read(lambda tx: tokens.find(tx, parse_token(token).token_id))
    assert row is not None
    return row.last_used_at


def code(answer: hear.Answer) -> Code:
    assert isinstance(answer, CarnetError)
    return answer.code


def test_each_gets_a_receipt_of_its_own(fleet: Fleet) -> None:
    fleet.receiver.take(fleet.callers[1], "b", fleet.spools[1].entries(2))
    answers = fleet.take(*(fleet.posted(number, spool.heartbeat()) for number, spool in enumerate(fleet.spools)))
    receipts = [fleet.receipt(one) for one in answers]
    assert [one.audience.collector for one in receipts] == [one.collector_id for one in fleet.spools]
    assert [one.streams for one in receipts] == [
        (),
        (StreamMark(id=fleet.spools[1].stream_id, contiguous_to=1, head=1),),
        (),
    ]
    assert len({one.salt for one in receipts}) == 3
    assert [fleet.beat(number) for number in range(3)] == [1, 1, 1]


def test_what_is_wrong_with_one_hurts_no_other(fleet: Fleet) -> None:
    first, second, third = fleet.spools
    stranger = Posted(fleet.callers[0], written("col_nobody", first.heartbeat()))
    foreign = Posted(fleet.callers[0], written(second.collector_id, second.heartbeat()))
    wrong = [
        Posted(fleet.callers[0], b"{"),
        fleet.posted(0, b"17"),
        foreign,
        stranger,
        fleet.posted(0, first.heartbeat(audience=build.OTHER_AUDIENCE)),
        fleet.posted(0, build.heartbeat_envelope(build.signer(9)).to_bytes()),
    ]
    for bad in wrong:
        answers = fleet.take(fleet.posted(1, second.heartbeat()), bad, fleet.posted(2, third.heartbeat()))
        assert [isinstance(one, bytes) for one in answers] == [True, False, True]
    assert (fleet.beat(0), fleet.beat(1), fleet.beat(2)) == (None, second.beats, third.beats)


def test_a_collector_that_nobody_knows_is_not_found(fleet: Fleet) -> None:
    key = fleet.callers[0]
    anyone = Caller(key.workspace_id, key.token_id, key.scopes, None, key.limit_per_minute, Kind.API_KEY)
    (answer,) = fleet.take(Posted(anyone, written("col_nobody", fleet.spools[0].heartbeat())))
    assert code(answer) is Code.NOT_FOUND


def test_a_beat_counts_once_also_beside_itself(fleet: Fleet) -> None:
    spool = fleet.spools[0]
    five, same, four = (fleet.posted(0, spool.heartbeat(beat=beat)) for beat in (5, 5, 4))
    answers = fleet.take(five, same, four, fleet.posted(0, spool.heartbeat(beat=6)))
    assert [isinstance(one, StateError) for one in answers] == [False, True, True, False]
    assert [code(one) for one in answers[1:3]] == [Code.CONFLICT, Code.CONFLICT]
    assert fleet.beat(0) == 6
    (again,) = fleet.take(five)
    assert code(again) is Code.CONFLICT


def test_of_two_that_open_the_same_stream_the_first_has_it(fleet: Fleet) -> None:
    fleet.spools[1].stream_id = fleet.spools[0].stream_id
    answers = fleet.take(*(fleet.posted(number, fleet.spools[number].heartbeat()) for number in (0, 1)))
    assert isinstance(answers[0], bytes)
    assert code(answers[1]) is Code.WRONG_STREAM


def test_a_token_that_is_not_as_it_was_keeps_its_heartbeat_out_and_no_other(fleet: Fleet) -> None:
    at = fleet.receiver
    shown = [
        access.issue(
            at.store, at.workspace_id, Kind.COLLECTOR_ACCESS, [Scope.COLLECTOR_WRITE], "t", at.now, at.random,
            collector_id=spool.collector_id,
        ).token
        for spool in fleet.spools[:2]
    ]  # fmt: skip
    known = [access.recognise(at.store, token, at.now) for token in shown]
    change(at.store, shown[0], revoked_at=micros(at.now))
    posted = [
        Posted(one.caller, written(spool.collector_id, spool.heartbeat()), Confirmation(one).against, use_is_due=True)
        for one, spool in zip(known, fleet.spools, strict=False)
    ]
    answers = fleet.take(*posted)
    assert [type(one) for one in answers] == [ChangedError, bytes]
    assert (fleet.beat(0), fleet.beat(1)) == (None, 1)
    again = access.recognise(at.store, shown[1], at.now + timedelta(minutes=9))
    assert not again.use_is_due
    assert last_used(at.store, shown[0]) is None
    with pytest.raises(UntrustedError):
        access.recognise(at.store, shown[0], at.now)


def test_the_use_of_a_remembered_token_is_noted_every_ten_minutes_and_its_end_is_not_forgotten(fleet: Fleet) -> None:
    at, spool = fleet.receiver, fleet.spools[0]
    issued = access.issue(
        at.store, at.workspace_id, Kind.COLLECTOR_ACCESS, [Scope.COLLECTOR_WRITE], "t", at.now, at.random,
        valid_days=1, collector_id=spool.collector_id,
    )  # fmt: skip
    memory, began = Recognised(), at.now
    memory.keep(issued.token, access.recognise(at.store, issued.token, began))

    def beat_after(minutes: int) -> tuple[bool, datetime | None]:
        at.now = began + timedelta(minutes=minutes)
        known = memory.find(issued.token, at.now)
        assert known is not None
        body, confirm = written(spool.collector_id, spool.heartbeat()), Confirmation(known).against
        (answer,) = fleet.take(Posted(known.caller, body, confirm, use_is_due=known.use_is_due))
        assert isinstance(answer, bytes)
        memory.keep(issued.token, known)
        return known.use_is_due, last_used(at.store, issued.token)

    later = began + timedelta(minutes=10)
    assert [beat_after(minutes) for minutes in (9, 10, 19)] == [(False, None), (True, later), (False, later)]
    assert memory.find(issued.token, issued.expires_at) is None


# --- over HTTP ---


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "data") as running:
        yield running


def beat_of(sender: Sender, beat: int) -> bytes:
    signed = build.heartbeat_envelope(
        sender.key, audience=sender.receiver.audience, collector=sender.about(), beat=beat
    )
    return written(sender.id, signed.to_bytes())


async def test_heartbeats_that_come_at_once_are_all_answered(served: Served) -> None:
    sender = await Sender(served).join()
    answers = await asyncio.gather(
        *(served.post(HEARTBEATS, beat_of(sender, beat), sender.token) for beat in (1, 1, 2))
    )
    # In whichever order they come: one of the same two is refused, and the lower one if it comes last.
    assert sorted(one.status for one in answers) in ([200, 200, 409], [200, 409, 409])
    assert (await served.post(HEARTBEATS, beat_of(sender, 3), sender.token)).status == 200
    assert (await served.post(HEARTBEATS, b"{}", sender.token)).status == 422


async def test_the_first_heartbeat_after_a_revocation_is_refused(served: Served) -> None:
    sender = await Sender(served).join()
    for beat in (1, 2):
        assert (await served.post(HEARTBEATS, beat_of(sender, beat), sender.token)).status == 200
    with served.store() as store:
        change(store, sender.token, revoked_at=micros(build.NOW))
    assert (await served.post(HEARTBEATS, beat_of(sender, 3), sender.token)).status == 401
    with served.store() as store:
        (stream,) = streams.of_collector(store, served.names.workspace, sender.id, build.NOW)
    assert stream.beat == 2


async def test_a_token_that_was_changed_meanwhile_is_looked_up_anew_and_the_heartbeat_taken(served: Served) -> None:
    sender = await Sender(served).join()
    assert (await served.post(HEARTBEATS, beat_of(sender, 1), sender.token)).status == 200
    with served.store() as store:
        change(store, sender.token, label="another")
    assert (await served.post(HEARTBEATS, beat_of(sender, 2), sender.token)).status == 200


@pytest.mark.parametrize("odd", [b'"\\u0000"', b'"\\ud800"', b'"' + b"x" * 101 + b'"', b"7", b'""'])
def test_a_collector_that_no_database_could_name_hurts_no_other(fleet: Fleet, odd: bytes) -> None:
    bad = Posted(fleet.callers[0], b'{"collectorId":' + odd + b',"heartbeat":{}}')
    anybody = access.issue(
        fleet.receiver.store,
        fleet.receiver.workspace_id,
        Kind.API_KEY,
        [Scope.COLLECTOR_WRITE],
        "any",
        fleet.receiver.now,
        fleet.receiver.random,
    )
    caller = access.authenticate(fleet.receiver.store, anybody.token, fleet.receiver.now)
    refused, taken = fleet.take(Posted(caller, bad.body), fleet.posted(1, fleet.spools[1].heartbeat()))
    assert isinstance(refused, CarnetError)
    assert refused.code in {Code.INVALID_FIELD, Code.BAD_JSON}
    assert isinstance(taken, bytes)


def test_old_heartbeats_that_take_turns_are_noticed_once_an_hour(fleet: Fleet) -> None:
    receiver, spool = fleet.receiver, fleet.spools[0]
    old = [spool.heartbeat(), spool.heartbeat()]
    fleet.take(fleet.posted(0, spool.heartbeat()))
    for _ in range(5):
        fleet.take(*(fleet.posted(0, one) for one in old))
    receiver.now += timedelta(hours=1)
    fleet.take(*(fleet.posted(0, one) for one in reversed(old)))
    _, events = streams.one(receiver.store, receiver.workspace_id, spool.stream_id, receiver.now)
    refused = [one.change.first for one in events if one.change.kind is Changed.BEAT_REFUSED]
    told = [row.act.action for row in receiver.store.read(lambda tx: list(audit.rows(tx, receiver.workspace_id)))]
    assert (refused, told.count("stream.beat-refused")) == ([2, 1], 2)


def test_a_heartbeat_opens_no_stream_beyond_those_that_its_collector_may_have(fleet: Fleet) -> None:
    receiver, spool = fleet.receiver, fleet.spools[0]
    open_streams(receiver, spool.collector_id, MAX_OPEN_STREAMS - 1)
    last = spool.heartbeat()
    spool.stream_id = "f" * 32
    taken, refused = fleet.take(fleet.posted(0, last), fleet.posted(0, spool.heartbeat()))
    assert isinstance(taken, bytes)
    assert isinstance(refused, UntrustedError)
    assert refused.code is Code.OUTSIDE_LIMITS
    (in_batch,) = results(receiver.take(fleet.callers[0], "b", [spool.entry()], spool.heartbeat()))
    assert (in_batch.status, in_batch.code) == ("refused", "outside_limits")
    assert len(streams.of_collector(receiver.store, receiver.workspace_id, spool.collector_id, receiver.now)) == (
        MAX_OPEN_STREAMS
    )


def open_streams(receiver: Receiver, collector_id: str, count: int) -> None:
    rows = [
        {
            "workspace_id": receiver.workspace_id,
            "stream_id": (one + 1000).to_bytes(16, "big"),
            "collector_id": collector_id,
            "mark": -1,
            "head": -1,
            "opened_at": micros(receiver.now),
        }
        for one in range(count)
    ]
    receiver.store.write(lambda tx: tx.execute(insert(stream_table), rows))
