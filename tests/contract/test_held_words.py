"""What is held helps nothing, and is met by everything else: contradictions, builds, missing evidence, records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import expect, fsck, lookup, watch
from receiver.core.expectations import After, Expectation
from receiver.core.posting import Record
from receiver.core.revocation import What
from receiver.store import audit
from shared import dsse
from shared.encoding import JsonObject, parse_digest
from shared.judging.contradictions import Kind
from shared.predicates import ClaimType
from tests.helpers import build
from tests.helpers.databases import Databases, SqliteDatabases
from tests.helpers.fleet import Receiver, make_receiver, told
from tests.helpers.held import ACCEPTED, HOUR, REVOKED, end, let_go, stands
from tests.helpers.posts import DIGEST, Pipeline

MINUTE = timedelta(minutes=1)
BUILD = {
    "claim": build.claim(type=ClaimType.BUILD_PROVENANCE, name="Artifact", evidence={"sha256": DIGEST, "size": 1}),
    "source": build.collected().source.model_copy(update={"sha256": f"sha256:{DIGEST}"}),
}
OTHER_COMMIT = {"context": build.collected().context.model_copy(update={"commit": "b" * 40})}
DEPLOYED: JsonObject = {"environment": "production", "status": "SUCCESS", "artifactSha256": DIGEST}
ARTIFACT: JsonObject = {"sha256": DIGEST, "name": "payments-api"}


@pytest.fixture
def receiver(tmp_path: Path, sqlite_databases: SqliteDatabases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


@pytest.fixture
def on_either(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def against(receiver: Receiver, attestation_id: str | bytes) -> list[Kind]:
    """What speaks against an attestation (its id as text, or its bytes)."""
    named = dsse.parse(attestation_id).id if isinstance(attestation_id, bytes) else parse_digest(attestation_id)
    return [one.said.kind for one in lookup.attestation(receiver.store, receiver.workspace_id, named).against]


def test_what_was_held_when_it_came_speaks_against_others_once_it_is_released(receiver: Receiver) -> None:
    spool, caller = receiver.enrol()
    thief, stolen = receiver.enrol(2)
    good = spool.entry(None, **BUILD)
    receiver.take(caller, "good", [good])
    end(receiver, What.KEY, thief.key.public.key_id)
    held = thief.entry(None, **BUILD, **OTHER_COMMIT)
    passed = thief.entry()
    assert told(receiver.take(stolen, "held", [held, passed])) == [REVOKED] * 2
    Pipeline(receiver).attest(passed=False, evidence={"failed": 1})
    assert against(receiver, good) == []
    let_go(receiver, held, passed)
    assert against(receiver, good) == against(receiver, held) == [Kind.TWO_COMMITS]
    assert against(receiver, passed) == [Kind.SAID_WORSE]


def test_what_speaks_against_others_goes_on_to_when_its_key_is_revoked(receiver: Receiver) -> None:
    """Distrust never makes a decision better."""
    spool, caller = receiver.enrol()
    other, others = receiver.enrol(2)
    good, worse = spool.entry(None, **BUILD), other.entry(None, **BUILD, **OTHER_COMMIT)
    receiver.take(caller, "good", [good])
    receiver.take(others, "worse", [worse])
    end(receiver, What.KEY, other.key.public.key_id)
    assert stands(receiver, worse) == [REVOKED]
    assert against(receiver, good) == [Kind.TWO_COMMITS]


def test_whether_something_was_built_goes_by_how_those_who_say_so_stand_now(on_either: Receiver) -> None:
    receiver = on_either
    spool, caller = receiver.enrol()
    built = spool.entry(None, **BUILD)
    receiver.take(caller, "built", [built])
    pipeline = Pipeline(receiver)
    deployed = json.loads(pipeline.post(Record.DEPLOYMENT, {**DEPLOYED, "service": "a"}).body)

    def shown() -> list[Kind]:
        record = lookup.record(receiver.store, receiver.workspace_id, Record.DEPLOYMENT, str(deployed["id"]))
        found = [one.said.kind for one in record.against]
        assert against(receiver, str(deployed["attestationId"])) == found
        return found

    assert shown() == deployed["against"] == []
    end(receiver, What.KEY, spool.key.public.key_id)
    assert shown() == [Kind.NOT_BUILT]
    assert b"not_built" in pipeline.post(Record.DEPLOYMENT, {**DEPLOYED, "service": "b"}).body
    # Who says so afterwards does not say that it was built when it was deployed.
    pipeline.post(Record.ARTIFACT, ARTIFACT)
    assert shown() == [Kind.NOT_BUILT]
    let_go(receiver, built)
    assert shown() == []


def test_held_evidence_withdraws_no_finding_and_brings_back_what_it_had_withdrawn(on_either: Receiver) -> None:
    receiver = on_either
    wanted = Expectation("tests of every run", (ClaimType.TEST_RESULTS,), After.RUN, 2 * MINUTE)
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    spool, caller = receiver.enrol()
    thief, stolen = receiver.enrol(2)
    end(receiver, What.KEY, thief.key.public.key_id)
    run: JsonObject = {"repositoryFullName": "acme/a", "headSha": build.COMMIT, "workflowName": "ci"}
    Pipeline(receiver).post(Record.RUN, {**run, "status": "COMPLETED", "conclusion": "SUCCESS"})

    def found() -> int:
        receiver.now += MINUTE
        watch.look(receiver.store, receiver.workspace_id, receiver.now)
        stand = expect.check(receiver.store, receiver.signers, [wanted], receiver.now, receiver.random)
        assert stand == len(expect.missing(receiver.store, receiver.workspace_id))
        return stand

    assert [found() for _ in range(3)][-1] == 1
    receiver.take(stolen, "held", [thief.entry()])
    assert found() == 1
    entry = spool.entry()
    receiver.take(caller, "good", [entry])
    assert found() == 0
    end(receiver, What.KEY, spool.key.public.key_id)
    assert found() == 1
    (again,) = expect.missing(receiver.store, receiver.workspace_id)
    let_go(receiver, entry)
    assert found() == 0
    assert [one.id for one in expect.missing(receiver.store, receiver.workspace_id, withdrawn=True)] == [again.id]
    trail = receiver.store.read(lambda tx: [row.act.action for row in audit.rows(tx, receiver.workspace_id)])
    told_of = [one for one in trail if one.startswith("evidence.")]
    assert told_of == ["evidence.missing", "evidence.came", "evidence.held", "evidence.came"]


def standing(receiver: Receiver, kind: Record, answer: JsonObject) -> tuple[str, str | None]:
    shown = lookup.record(receiver.store, receiver.workspace_id, kind, str(answer["id"]))
    (listed,) = (
        one
        for one in lookup.records(receiver.store, receiver.workspace_id, kind, lookup.RecordFilters(), 10).items
        if one.row.record_id == answer["id"]
    )
    assert listed.standing == shown.standing
    return shown.standing.status.value, shown.standing.code and shown.standing.code.value


def test_what_came_with_a_token_that_was_revoked_is_held_and_all_that_goes_on_from_it(receiver: Receiver) -> None:
    early, stolen, good = Pipeline(receiver), Pipeline(receiver), Pipeline(receiver)
    run: JsonObject = {"source": "gha", "externalId": "4711", "workflowName": "ci"}
    before = json.loads(early.post(Record.ARTIFACT, {**ARTIFACT, "name": "before"}).body)
    first = json.loads(stolen.post(Record.ARTIFACT, {**ARTIFACT, "name": "first"}).body)
    receiver.now += 2 * HOUR
    posted = {
        kind: json.loads(stolen.post(kind, fields).body)
        for kind, fields in (
            (Record.RUN, {**run, "status": "IN_PROGRESS"}),
            (Record.ARTIFACT, ARTIFACT),
            (Record.DEPLOYMENT, {**DEPLOYED, "externalId": "d1"}),
        )
    }
    for _ in range(2):
        good.post(Record.RUN, {**run, "status": "COMPLETED"})
    assert {standing(receiver, kind, one) for kind, one in posted.items()} == {ACCEPTED}
    end(receiver, What.TOKEN, stolen.caller.token_id, since=receiver.now - HOUR)
    assert {standing(receiver, kind, one) for kind, one in posted.items()} == {REVOKED}
    assert {standing(receiver, Record.ARTIFACT, one) for one in (before, first)} == {ACCEPTED}
    # The same said again with another token is a word of its own.
    again = json.loads(good.post(Record.ARTIFACT, ARTIFACT).body)
    assert again["id"] != posted[Record.ARTIFACT]["id"]
    assert standing(receiver, Record.ARTIFACT, again) == ACCEPTED
    assert json.loads(good.post(Record.ARTIFACT, ARTIFACT).body)["id"] == again["id"]
