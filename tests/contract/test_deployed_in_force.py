"""A deployment is held against the passport that was in force when it was stored, whatever the clocks say."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import fsck, record
from receiver.core.authorizing import Authorization
from receiver.core.posting import Record
from receiver.store import authorized, records
from receiver.store.engine import Tx
from receiver.store.records import RecordRow
from tests.helpers.asking import Asker, about, green
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver


@pytest.fixture
def receiver(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    made.store.close()


def asker(receiver: Receiver) -> Asker:
    spool, caller = receiver.enrol(1)
    entry = spool.entry(**green())
    made = Asker(receiver, about(entry))
    receiver.take(caller, "a", [entry], spool.heartbeat())
    receiver.now += timedelta(seconds=5)
    return made


def deploy(who: Asker, **changes: str) -> tuple[RecordRow, Authorization | None]:
    fields = {"service": "payments-api", "environment": "production", "artifactSha256": who.digest, "status": "SUCCESS"}
    told: list[record.Stored] = []

    def render(stored: record.Stored) -> tuple[int, bytes]:
        told.append(stored)
        return 201, b"{}"

    receiver = who.receiver
    asking = record.Asking(who.pipeline.caller, None, render, receiver.now, receiver.random)
    said = record.Cut({**fields, **changes}, ())
    record.post(receiver.store, receiver.signers, asking, Record.DEPLOYMENT, said)
    return told[0].record, told[0].authorized


def read_again(receiver: Receiver, row: RecordRow) -> Authorization | None:
    ws = receiver.workspace_id

    def read(tx: Tx) -> Authorization | None:
        return authorized.of(tx, ws, [records.get(tx, ws, row.kind, row.record_id)]).get(row.record_id)

    return receiver.store.read(read)


def test_what_a_node_with_a_clock_ahead_held_is_not_authorized(receiver: Receiver) -> None:
    who = asker(receiver)
    began = receiver.now
    assert who.ask().passport.decision == "ALLOW"
    receiver.now = began + timedelta(seconds=13)
    held = who.ask(rollback_available=False).passport
    assert held.decision == "HOLD"
    receiver.now = began + timedelta(seconds=10)
    row, said = deploy(who)
    assert said is not None
    assert (said.authorized, said.passport_id) == (False, held.passport_id)
    assert read_again(receiver, row) == said
    assert fsck.check(receiver.store) == []


def test_no_later_passport_changes_the_answer_of_a_deployment(receiver: Receiver) -> None:
    who = asker(receiver)
    ahead = receiver.now + timedelta(seconds=3)
    receiver.now, began = ahead, receiver.now
    unasked, nothing = deploy(who)
    receiver.now = began
    assert who.ask().passport.decision == "ALLOW"
    allowed, good = deploy(who, externalId="second")
    assert who.ask(rollback_available=False).passport.decision == "HOLD"
    assert (nothing and nothing.authorized, good and good.authorized) == (False, True)
    assert (read_again(receiver, unasked), read_again(receiver, allowed)) == (nothing, good)


def test_a_deployment_that_names_a_passport_of_another_release_is_found(receiver: Receiver) -> None:
    who = asker(receiver)
    who.ask()
    row, _ = deploy(who, environment="staging")
    with receiver.behind_its_back() as connection:
        connection.execute("UPDATE records SET passport = (SELECT number FROM passports) WHERE r = ?", (row.r,))
    assert [one.where for one in fsck.check(receiver.store)] == [f"record {row.record_id}"]
