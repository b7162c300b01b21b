"""S5, F49: two workspaces of one receiver in which everything has the same names: nothing of one is of the other.

The histories of both are the same in every name that somebody can choose: collectors, streams, batches, repositories,
services, runs, idempotency keys, accounts. What a workspace's tables hold after its history beside the other's must be,
row for row, what they hold when the other one did nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from receiver import (
    activate,
    approve,
    ask,
    collector_access,
    comment,
    enrol,
    expect,
    fsck,
    keys_at_hand,
    lookup,
    people,
    release,
    revoke,
    sessions,
    setup,
    simulate,
    streams,
    waive,
    watch,
)
from receiver.caller import Caller, operator
from receiver.core.accounts import Role
from receiver.core.asking import Wanted
from receiver.core.expectations import After, Expectation
from receiver.core.posting import Record
from receiver.core.revocation import Asked, Loss, What
from receiver.core.sessions import Lasts
from receiver.persons import Doing
from receiver.record import Once
from receiver.store.answered import Answered, Reply
from receiver.store.parts import Parts
from receiver.store.schema import METADATA
from shared import dsse
from shared.encoding import JsonObject, parse_payload, sha256
from shared.errors import CarnetError, UntrustedError
from shared.keyring import open_keyring
from shared.keys import Ed25519Signer
from shared.passports import APPROVAL, PASSPORT, WAIVER
from shared.passports import POLICY as POLICY_ACT
from shared.predicates import (
    CLAIMED,
    COLLECTED,
    ENROLMENT,
    GAP_CLOSED,
    KEYRING,
    MISSING,
    RECEIPT,
    RELEASE,
    REVOCATION,
    ClaimType,
)
from shared.requests import RequestKind
from tests.helpers import build
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.databases import Databases
from tests.helpers.decided import DIGEST, TARGET, decided, facts
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver, seeded, told
from tests.helpers.posts import Pipeline
from tests.helpers.releases import ingest

MINUTE = timedelta(minutes=1)
STREAM = "ab" * 16
POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: readiness}
scope: {services: [payments], environments: [production]}
mode: enforce
rules: [{id: rollback, expect: "rollback.available", otherwise: HOLD}]
"""
SCANS = Expectation("a scan of every run", (ClaimType.SECURITY_SCAN,), After.RUN, 10 * MINUTE)
RUN: JsonObject = {
    "repositoryFullName": "acme/payments-api",
    "headSha": build.COMMIT,
    "externalId": "run-1",
    "workflowName": "ci",
    "status": "COMPLETED",
    "conclusion": "SUCCESS",
    "triggeredBy": "author@acme.example",
}
ARTIFACT: JsonObject = {
    "repositoryFullName": "acme/payments-api",
    "name": "payments",
    "version": "1.0.0",
    "sha256": build.digest("artifact").removeprefix("sha256:"),
    "commitSha": build.COMMIT,
}
DEPLOYMENT: JsonObject = {
    "repositoryFullName": "acme/payments-api",
    "environment": "production",
    "service": "payments",
    "status": "SUCCESS",
    "artifactSha256": ARTIFACT["sha256"],
    "externalId": "deploy-1",
}

NUMBERS = {"attestations": "n", "records": "r", "stream_events": "e"}
"""Columns that count over all workspaces, and with them how many rows another one has."""
OF_ATTESTATIONS = {"n", "other", "repeat_of", "received_to"}
UNCOMPARED = {("accounts", "password_hash")}
"""Its salt comes from the operating system."""


@pytest.fixture
def pair(tmp_path: Path, databases: Databases) -> Iterator[tuple[Receiver, Receiver]]:
    one, other = two_workspaces(tmp_path, databases)
    yield one, other
    one.store.close()


def two_workspaces(folder: Path, databases: Databases) -> tuple[Receiver, Receiver]:
    """Two workspaces of one name in one database."""
    one = make_receiver(folder, databases=databases)
    randomly, root = seeded(2), Ed25519Signer(seeded(3)(32))
    made = setup.create(one.store, one.master, root, "acme", NOW, randomly)
    signers = keys_at_hand.load(one.store, one.master, made.workspace_id)
    return one, replace(one, root=root, made=made, signers=signers, random=randomly)


def history(receiver: Receiver, seed: int) -> Iterator[None]:
    """Everything that can happen in a workspace, a step at a time; names are the same for every seed, keys are not."""
    store, workspace = receiver.store, receiver.workspace_id
    by = operator(receiver.audience)
    watch.look(store, workspace, receiver.now)
    spool, caller = joined(receiver, seed)
    yield
    parts = build.claim(type="SBOM", evidence={"components": ["pkg:pypi/a@1"], "componentCount": 1, "reportedAt": "x"})
    entries = [*spool.entries(7), spool.entry(claim=parts)]
    receiver.take(caller, "batch-1", [*entries[:3], *entries[5:]], spool.heartbeat())
    yield
    pipeline = Pipeline(receiver)
    for kind, fields in ((Record.RUN, RUN), (Record.ARTIFACT, ARTIFACT), (Record.DEPLOYMENT, DEPLOYMENT)):
        pipeline.post(kind, fields, Once(pipeline.caller.token_id, kind.value, "key-1", sha256(b"the same body")))
        yield
    pipeline.attest()
    pipeline.attest(passed=False)
    ingest(pipeline, {"type": "health", "status": "passed"}, {"type": "smoke", "status": "failed"})
    yield
    people.add(store, workspace, "alice@acme.example", Role.ADMIN, "correct horse battery", receiver.now)
    ask.ask(
        store, workspace, ("*",), Wanted(RequestKind.ROTATE_KEY, before=NOW + 9 * MINUTE), "x", NOW, receiver.random
    )
    yield
    receiver.take(caller, "batch-2", [spool.rotate(build.signer(100 + seed)), *spool.entries(2)], spool.heartbeat())
    yield
    for _ in range(12):
        receiver.now += MINUTE
        watch.look(store, workspace, receiver.now)
        expect.check(store, receiver.signers, [SCANS], receiver.now, receiver.random)
    streams.close(store, receiver.signers, STREAM, (3, 3), "the disk died", (BOB,), receiver.now, receiver.random)
    yield
    copy = Spool(receiver.audience, spool.key, spool.collector_id, seeded(seed + 50), STREAM)
    receiver.take(caller, "batch-3", copy.entries(2))
    yield
    activate.upload(store, receiver.audience, POLICY, by, receiver.now)
    simulate.simulate(store, workspace, POLICY, 30 * 1440 * MINUTE, "operator", receiver.now, lambda _done, _of: None)
    tried = activate.Wanted("readiness")
    activate.activate(store, receiver.signers, tried, by, receiver.now, receiver.random)
    yield
    people_act(receiver)
    yield
    asked = Asked(What.COLLECTOR, spool.collector_id, Loss.COMPROMISED, NOW, "stolen")
    effect = revoke.revoke(store, receiver.signers, asked, by, receiver.now, receiver.random)
    yield
    held = release.Wanted(effect.untrusted[:1], None, "looked at by both")
    release.release(store, receiver.signers, held, (ALICE, BOB), receiver.now, receiver.random)
    yield
    again, caller = joined(receiver, seed + 10, "ci-02", "cd" * 16)
    receiver.take(caller, "batch-1", again.entries(2))


def people_act(receiver: Receiver) -> None:
    """Somebody signs in, approves a release, waives a rule for it, and says so."""
    store, now, random_bytes = receiver.store, receiver.now, receiver.random
    account = next(one for one in people.listed(store, receiver.workspace_id) if one.email == ALICE.subject)
    cookie = sessions.begin(store, sessions.Proved(receiver.workspace_id, account), now, random_bytes, Lasts()).cookie
    doing = Doing(sessions.recognise(store, cookie, now, Lasts()).caller, now, random_bytes)
    row = decided(store, receiver.signers, facts(now), random=random_bytes)

    def said(_done: object) -> Answered:
        return Answered(200, b"{}")

    yes = approve.Yes(row.passport_id)
    approve.approve(store, receiver.signers, yes, doing, Reply(None, said))
    waive.waive(store, receiver.signers, waive.Wanted("tests", TARGET, DIGEST, "known"), doing, Reply(None, said))
    comment.comment(store, row.passport_id, "go", doing, Reply(None, said))


def joined(receiver: Receiver, seed: int, name: str = "ci-01", stream: str = STREAM) -> tuple[Spool, Caller]:
    """A collector with the name that all have, in the stream that all call theirs."""
    key = build.signer(seed)
    token = receiver.invite(name)
    body = receiver.enrol_request(token, key, name)
    answer = enrol.enrol(receiver.store, receiver.signers, token, body, receiver.now, receiver.random)
    spool = Spool(receiver.audience, key, answer.collector_id, seeded(1000 + seed), stream)
    return spool, receiver.let_in(spool)


def rows_of(receiver: Receiver) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a workspace, with numbers that count over all workspaces counted within it."""

    def read(tx: Any) -> dict[str, list[tuple[Any, ...]]]:  # noqa: ANN401 - a transaction of the store
        found = {
            table.name: [
                row._asdict() for row in tx.execute(select(table).where(table.c.workspace_id == receiver.workspace_id))
            ]
            for table in METADATA.sorted_tables
            if "workspace_id" in table.c
        }
        ranks = ranked(found["attestations"], "n")
        for table, rows in found.items():
            for row in rows:
                for column in OF_ATTESTATIONS & row.keys():
                    row[column] = ranks.get(row[column], row[column])
            if (number := NUMBERS.get(table)) not in {None, "n"}:
                for at, row in enumerate(sorted(rows, key=lambda one: int(one[str(number)]))):
                    row[str(number)] = at
        return {
            table: sorted(
                (
                    tuple((name, value) for name, value in row.items() if (table, name) not in UNCOMPARED)
                    for row in rows
                ),
                key=repr,
            )
            for table, rows in found.items()
        }

    return receiver.store.read(read)


def compared(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((name, value) for name, value in row.items() if (table, name) not in UNCOMPARED)


def ranked(rows: Sequence[dict[str, Any]], column: str) -> dict[int, int]:
    return {number: at for at, number in enumerate(sorted(int(row[column]) for row in rows))}


def test_a_workspace_is_row_for_row_what_it_is_without_its_neighbour_of_the_same_names(
    tmp_path: Path, databases: Databases
) -> None:
    one, alone = two_workspaces(tmp_path / "alone", databases)
    for _ in history(alone, 1):
        pass
    expected = rows_of(alone)
    one.store.close()
    neighbour, beside = two_workspaces(tmp_path / "beside", databases)
    order = random.Random(20_261_122)  # noqa: S311 - the same in every run
    both = [history(neighbour, 2), history(beside, 1)]
    while both:
        turn = order.choice(both)
        if next(turn, turn) is turn:
            both.remove(turn)
    found = rows_of(beside)
    assert found == expected
    empty = {table for table, rows in expected.items() if not rows}
    assert empty == {"former_audiences", "taken_back", "release_proposals", "revoked_streams"}
    assert fsck.check(beside.store) == []
    beside.store.close()


def test_no_statement_of_one_workspace_verifies_under_the_keyring_of_the_other(
    pair: tuple[Receiver, Receiver],
) -> None:
    for step in zip(history(pair[0], 1), history(pair[1], 2), strict=True):
        assert step == (None, None)
    for one, other in (pair, pair[::-1]):
        keyrings = [dsse.parse(raw) for raw in lookup.keyring(other.store, other.workspace_id).versions]
        trusted = open_keyring(keyrings[-1], other.root.public, other.audience)
        signed = signed_by_the_receiver(one)
        assert {type_ for type_, _ in signed} == {
            KEYRING,
            ENROLMENT,
            REVOCATION,
            RELEASE,
            GAP_CLOSED,
            RECEIPT,
            CLAIMED,
            MISSING,
            PASSPORT,
            APPROVAL,
            WAIVER,
            POLICY_ACT,
        }
        for type_, envelope in signed:
            with pytest.raises(UntrustedError):
                trusted.verify(envelope)
            if type_ == KEYRING:
                with pytest.raises(CarnetError):
                    open_keyring(envelope, other.root.public, other.audience)
                with pytest.raises(CarnetError):
                    open_keyring(envelope, one.root.public, other.audience)


def signed_by_the_receiver(one: Receiver) -> list[tuple[str, dsse.Envelope]]:
    """Every statement of a workspace that one of its own keys or its root signed, and its type."""
    tables = [METADATA.tables[name] for name in ("register", "receipts", "envelopes", "missing_evidence")]

    def read(tx: Any) -> list[dsse.Envelope]:  # noqa: ANN401 - a transaction of the store
        return [
            Parts(row.key_id, row.payload, row.signature).envelope()
            for table in tables
            for row in tx.execute(select(table).where(table.c.workspace_id == one.workspace_id))
        ]

    all_of_them = [(str(parse_payload(each.payload)["predicateType"]), each) for each in one.store.read(read)]
    return [(type_, each) for type_, each in all_of_them if type_ != COLLECTED]


def test_what_a_collector_signed_for_one_workspace_gets_into_no_other(pair: tuple[Receiver, Receiver]) -> None:
    one, other = pair
    mine, _ = joined(one, 1)
    theirs, caller = joined(other, 2)
    turned = mine.rotation(build.signer(9)).to_bytes()
    own_key_foreign_words = Spool(one.audience, theirs.key, theirs.collector_id, seeded(5), STREAM)
    foreign_key_own_words = Spool(other.audience, mine.key, theirs.collector_id, seeded(6), STREAM)
    before = kept(other)
    entries = [*mine.entries(2), turned, foreign_key_own_words.entry()]
    assert told(other.take(caller, "batch-1", entries)) == [("refused", "unknown_key")] * 4
    for beat in (mine.heartbeat(), own_key_foreign_words.heartbeat(), foreign_key_own_words.heartbeat()):
        with pytest.raises(CarnetError):
            other.take_heartbeat(caller, beat)
    for collector_id, spool in ((theirs.collector_id, mine), (mine.collector_id, theirs)):
        request = replace(spool, collector_id=collector_id).access_request()
        with pytest.raises(UntrustedError):
            collector_access.give(other.store, collector_id, request, NOW, other.random)
    assert kept(other) == before
    # What its own key signed for somebody else is named by its place, as all that is refused, and is nowhere else.
    assert told(other.take(caller, "batch-2", [own_key_foreign_words.entry()])) == [("refused", "wrong_audience")]
    after = kept(other)
    assert {table for table, rows in after.items() if rows != before[table]} == {"places", "streams"}
    assert [dict(row)["stored"] for row in after["places"]] == [0]


def test_an_invitation_to_one_workspace_enrols_nobody_in_the_other(pair: tuple[Receiver, Receiver]) -> None:
    one, other = pair
    token, key = one.invite("ci-01"), build.signer(1)
    other.invite("ci-01")
    before = kept(other)
    for receiver, named in ((one, other), (other, one), (other, other)):
        body = receiver.enrol_request(token, key, "ci-01", audience=named.audience)
        with pytest.raises(CarnetError):
            enrol.enrol(receiver.store, receiver.signers, token, body, NOW, receiver.random)
    assert kept(other) == before
    assert one.enrol_request(token, key, "ci-01")


def kept(receiver: Receiver) -> dict[str, list[tuple[Any, ...]]]:
    """What counts: all but the answers and the trail, which tell of the attempts."""
    return {table: rows for table, rows in rows_of(receiver).items() if table not in {"receipts", "audit"}}
