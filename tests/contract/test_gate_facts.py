"""What the gate knows of a release: everything that is about it, as it stands now, and what is near."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from receiver import fsck, lookup
from receiver import revoke as revoking
from receiver.caller import operator
from receiver.core.posting import Record
from receiver.core.revocation import Asked, Loss, What
from receiver.facts import facts_of, inputs_of
from receiver.gather import Memory
from receiver.store.gate_evidence import SPOKEN
from receiver.store.gate_targets import KnownTargets
from shared import dsse, statement
from shared.encoding import JsonObject, digest_text, parse_digest
from shared.errors import StateError
from shared.judging.docket import Docket, Stated, emit_docket, read_docket
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.values import Basis, Decision, Request, Target
from shared.predicates import Limits
from shared.statement import subject_commit, subject_sha256
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import COMMIT, DIGEST, Pipeline
from tests.helpers.releases import REPOSITORY, REQUEST, SERVICE, TARGET, Sends, gathered, ingest, later, pieces

OTHER = "ab" * 32
OTHER_COMMIT = "c" * 40
PASSED: JsonObject = {"type": "smoke", "status": "passed"}
ON_THE_TARGET = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: on-the-target}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: smoke, require: {type: smoke}, otherwise: HOLD}
  - {id: health, require: {type: health}, otherwise: HOLD}
  - {id: ready, expect: "health.ready", otherwise: HOLD}
  - {id: available, expect: "rollback.available", otherwise: HOLD}
  - {id: verified, expect: "rollback.verified", otherwise: HOLD}
"""


@pytest.fixture
def receiver(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    made.store.close()


@pytest.fixture
def on_both(databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def test_evidence_of_the_digest_and_of_its_linked_commit_is_there(receiver: Receiver) -> None:
    sends = Sends(receiver)
    (report, built) = sends.deliver(sends.captured(), sends.built())
    (of_digest,) = sends.deliver(sends.captured(subject_sha256(DIGEST)))
    found = gathered(receiver)
    assert {report, built, of_digest} <= pieces(found).keys()
    (link,) = (one for one in found.facts.links if one.id == built)
    assert (link.digest, link.commit, link.signed, link.held) == (DIGEST, COMMIT, True, None)
    piece = pieces(found)[report]
    assert (piece.basis, piece.run, piece.job, piece.collector) == (
        Basis.MEASURED,
        "4711",
        "unit",
        sends.caller.collector_id,
    )
    assert piece.evidence == build.claim().evidence
    assert [one.id for one in inputs_of(found.facts)] == [one.id for one in found.facts.evidence]
    assert [one.arrival for one in found.facts.evidence] == [0, 1, 2], "nobody learns how much others have stored"


def test_a_link_that_a_token_brought_is_not_signed_and_leads_to_the_evidence(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    (report,) = sends.deliver(sends.captured())
    assert not gathered(receiver, replace(REQUEST, source_sha=None)).facts.links
    fields = {"repositoryFullName": REPOSITORY, "name": "api", "sha256": DIGEST, "commitSha": COMMIT, "version": "1"}
    pipeline.post(Record.ARTIFACT, {**fields, "ciContext": {"triggeredBy": "Builder@Acme"}})
    found = gathered(receiver, replace(REQUEST, source_sha=None))
    assert [(one.commit, one.signed) for one in found.facts.links] == [(COMMIT, False)]
    assert report in pieces(found)
    assert "builder@acme" in found.facts.authors


def test_evidence_of_other_commits_and_digests_is_near_and_bounded(receiver: Receiver) -> None:
    sends = Sends(receiver)
    context = {"repository": REPOSITORY, "commit": OTHER_COMMIT}
    (near,) = sends.deliver(sends.captured(subject_commit(OTHER_COMMIT), context=context))
    more = [
        sends.captured(subject_commit(f"{n:040x}"), context={**context, "commit": f"{n:040x}"}) for n in range(1, 60)
    ]
    sends.deliver(*more)
    sends.deliver(sends.built())
    found = pieces(gathered(receiver))
    assert near not in found, "only the newest are near"
    assert digest_text(more[-1].id) in found
    assert len(found) < 40
    assert not any(one.commits == {COMMIT} and one.type != "BUILD_PROVENANCE" for one in found.values())


def test_a_digest_that_is_said_to_be_of_very_many_commits_is_not_judged(receiver: Receiver) -> None:
    """Whoever has a token could hide the evidence of the true commit behind others."""
    pipeline = Pipeline(receiver)
    fields: JsonObject = {"repositoryFullName": REPOSITORY, "name": "api", "sha256": DIGEST, "version": "1"}
    for number in range(1, 202):
        pipeline.post(Record.ARTIFACT, {**fields, "commitSha": f"{number:040x}"})
    with pytest.raises(StateError, match="said to be of 201 commits"):
        gathered(receiver)


def test_the_repository_that_collectors_name_comes_before_those_that_tokens_name(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    sends.deliver(sends.built())
    for number in range(12):
        pipeline.attest(repositoryFullName=f"aa/{number}", artifactSha256=DIGEST, commitSha=None)
    (stream,) = gathered(receiver, collectors=()).facts.streams
    assert stream.recent


def test_a_commit_that_nobody_links_is_near_by_the_prefix_that_was_asked(receiver: Receiver) -> None:
    sends = Sends(receiver)
    (report,) = sends.deliver(sends.captured())
    found = gathered(receiver, replace(REQUEST, source_sha=COMMIT[:7]))
    assert not found.facts.links
    assert report in pieces(found)


def test_what_is_held_is_there_and_says_why(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    sends.deliver(sends.built())
    posted = str(pipeline.attest(commitSha=COMMIT, repositoryFullName=REPOSITORY)["attestationId"])
    assert pieces(gathered(receiver))[posted].held is None
    revoke(receiver, pipeline)
    found = gathered(receiver)
    assert pieces(found)[posted].held == "key_revoked"
    assert {one.id: one.held for one in inputs_of(found.facts)}[posted] == "key_revoked"


def test_what_is_posted_as_worse_speaks_against_what_is_signed(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    (report, _) = sends.deliver(sends.captured(), sends.built())
    pipeline.attest(repositoryFullName=REPOSITORY, passed=False, evidence={"failed": 1})
    (said,) = pieces(gathered(receiver))[report].against
    assert said.startswith("passed, and a claim of the same type")


def test_a_repeat_names_the_first_which_is_there_too(receiver: Receiver) -> None:
    sends, other = Sends(receiver), Sends(receiver, 2)
    sends.deliver(sends.built())
    (first, again) = sends.deliver(*(sends.captured(observation_id=build.digest("seen")) for _ in range(2)))
    (foreign,) = other.deliver(other.captured(observation_id=build.digest("seen")))
    found = pieces(gathered(receiver))
    assert (found[first].repeat_of, found[again].repeat_of) == (None, first)
    assert found[foreign].repeat_of is None, "an observation is of one collector"


def test_a_first_of_another_commit_comes_with_what_repeats_it(receiver: Receiver) -> None:
    sends = Sends(receiver)
    seen = build.digest("seen")
    elsewhere = {"repository": "acme/other", "commit": OTHER_COMMIT}
    sends.deliver(sends.built())
    (first, again) = sends.deliver(
        sends.captured(subject_commit(OTHER_COMMIT), context=elsewhere, observation_id=seen),
        sends.captured(observation_id=seen),
    )
    found = pieces(gathered(receiver))
    assert found[again].repeat_of == first
    assert first in found


def test_what_comes_late_is_known_since_its_chain_was(on_both: Receiver) -> None:
    receiver = on_both
    sends = Sends(receiver)
    entries = [sends.captured() for _ in range(6)]
    built = sends.built()
    began = receiver.now
    sends.deliver(entries[0], *entries[4:], built)
    memory = Memory()
    assert pieces(gathered(receiver, memory=memory))[digest_text(built.id)].received_at == began
    for entry in (entries[2], entries[1]):
        later(receiver, hours=1)
        sends.deliver(entry)
        received = _in_order(receiver, memory, sends)
        assert received == sorted(received), "in one stream nothing is known earlier than what stands below it"
    filled = later(receiver, hours=1)
    sends.deliver(entries[3])
    assert _in_order(receiver, memory, sends) == [began] * 7
    later(receiver, hours=1)
    sends.deliver(*(sends.captured() for _ in range(3)))
    assert _in_order(receiver, memory, sends) == [began] * 7 + [receiver.now] * 3
    assert filled < receiver.now
    assert _in_order(receiver, Memory(), sends) == _in_order(receiver, memory, sends)


def _in_order(receiver: Receiver, memory: Memory, sends: Sends) -> list[datetime]:
    found = gathered(receiver, memory=memory).facts.evidence
    its = sorted(
        (one for one in found if one.collector == sends.caller.collector_id), key=lambda one: one.sequence or 0
    )
    return [one.received_at for one in its]


def test_streams_that_delivered_or_brought_of_the_repository_say_how_they_stand(on_both: Receiver) -> None:
    receiver = on_both
    sends, habit, foreign = Sends(receiver), Sends(receiver, 2), Sends(receiver, 3)
    sends.deliver(sends.built(), sends.captured())
    elsewhere = {"repository": REPOSITORY, "commit": OTHER_COMMIT}
    habit.deliver(habit.captured(subject_commit(OTHER_COMMIT), context=elsewhere))
    foreign.deliver(
        foreign.captured(subject_commit(OTHER_COMMIT), context={"repository": "acme/x", "commit": OTHER_COMMIT})
    )
    ours = {one.name: one for one in gathered(receiver, collectors=()).facts.streams}
    assert ours.keys() == {"ci-01", "ci-02"}
    assert (ours["ci-01"].delivered, ours["ci-01"].lacking, ours["ci-02"].delivered) == (True, 0, False)
    assert ours["ci-02"].recent
    assert ours["ci-02"].brings == {("TEST_RESULTS", "Unit Tests")}
    named = gathered(receiver, collectors=("ci-*3",)).facts.streams
    assert {one.name for one in named if not one.recent} == {"ci-03"}
    assert {one.name for one in gathered(receiver).facts.streams} == {"ci-01", "ci-02", "ci-03"}
    later(receiver, days=15)
    assert {one.name for one in gathered(receiver, collectors=()).facts.streams} == {"ci-01"}


def test_a_stream_lacks_what_its_heartbeat_counts_and_says_what_waits(receiver: Receiver) -> None:
    sends = Sends(receiver)
    sends.deliver(sends.built(), sends.captured())
    lost, last = sends.captured(), sends.captured()
    now = {"id": sends.spool.stream_id, "epoch": build.EPOCH, "high_water": 3, "head": digest_text(last.id)}
    beat = sends.spool.heartbeat(stream=now, spool={"depth": 14, "oldest_seconds": 2**53})
    receiver.take(sends.caller, "late", [last.to_bytes()], beat)
    (stream,) = gathered(receiver, collectors=()).facts.streams
    assert (stream.lacking, stream.waiting, stream.silent, stream.heard_at) == (1, 14, False, receiver.now)
    assert stream.oldest_waiting_at is not None
    assert stream.oldest_waiting_at < receiver.now
    sends.deliver(lost)
    assert [one.lacking for one in gathered(receiver, collectors=()).facts.streams] == [0]


def test_a_collector_that_an_admin_bound_to_the_service_is_asked(receiver: Receiver) -> None:
    sends = Sends(receiver, 7, Limits(services=("checkout-*",), environments=("production",)))
    sends.deliver(sends.captured(subject_commit(OTHER_COMMIT), context={"repository": "x/y", "commit": OTHER_COMMIT}))
    assert [one.bound for one in gathered(receiver, collectors=()).facts.streams] == [True]
    elsewhere = replace(REQUEST, target=replace(TARGET, environment="staging"))
    assert gathered(receiver, elsewhere, collectors=()).facts.streams == ()


def test_words_on_the_target_are_there_for_its_namespace_and_environment_alone(on_both: Receiver) -> None:
    receiver = on_both
    pipeline = Pipeline(receiver)
    health: JsonObject = {"type": "health", "status": "passed", "metrics": {"ready": True}}

    def said(external: str, **where: str) -> str:
        return ingest(pipeline, health, externalId=external, **where)[0]

    here, everywhere = said("a"), said("b", namespace="")
    elsewhere, other_place = said("c", namespace="apps-other"), said("d", environment="staging")
    found = pieces(gathered(receiver))
    assert {here, everywhere} <= found.keys()
    assert not {elsewhere, other_place} & found.keys()
    piece = found[here]
    assert (piece.type, piece.name, piece.source, piece.basis) == ("health", "health", "ci", Basis.POSTED)
    assert (piece.service, piece.namespace, piece.environment) == tuple(SERVICE.values())
    assert piece.evidence == {"status": "passed", "metrics": {"ready": True}}


def test_a_no_is_found_however_much_others_say_since(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    (no,) = ingest(pipeline, {"type": "health", "status": "failed"}, externalId="pod-a")
    torn_too: JsonObject = {"type": "health", "status": "passed", "metrics": {"ready": False}}
    (not_ready,) = ingest(pipeline, torn_too, externalId="pod-b")
    yes: list[JsonObject] = [{"type": "health", "status": "passed", "summary": f"{each}"} for each in range(SPOKEN)]
    ingest(pipeline, *yes, externalId="pod-c")
    found = pieces(gathered(receiver))
    assert {no, not_ready} <= found.keys()
    assert len(found) == SPOKEN + 2


def test_ingested_evidence_counts_for_its_digest_until_it_expires(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    ends = receiver.now + timedelta(hours=1)
    expires = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    (id_,) = ingest(pipeline, {**PASSED, "expiresAt": expires}, artifactSha256=DIGEST, releaseId="2.18")
    piece = pieces(gathered(receiver))[id_]
    assert (piece.digests, piece.run, piece.expires_at) == (frozenset({DIGEST}), "2.18", ends.replace(microsecond=0))
    assert id_ not in pieces(gathered(receiver, Request(Target("x", None, "y"), OTHER, REQUEST.mode)))


def test_what_staging_says_of_a_digest_counts_for_production_and_what_it_says_of_itself_does_not(
    receiver: Receiver,
) -> None:
    pipeline = Pipeline(receiver)
    told: list[JsonObject] = [
        PASSED,
        {"type": "health", "status": "passed", "metrics": {"ready": True}},
        {"type": "rollback", "status": "passed", "metrics": {"available": True, "verified": True}},
    ]
    ingest(pipeline, *told, environment="staging", artifactSha256=DIGEST)
    policy = read_policy(ON_THE_TARGET, 1)

    def met(environment: str) -> set[str]:
        request = replace(REQUEST, target=replace(TARGET, environment=environment))
        found = judge(gathered(receiver, request).facts, (policy,))
        return {one.rule for one in found.findings if one.met}

    assert met("staging") == {"smoke", "health", "ready", "available", "verified"}
    assert met("production") == {"smoke"}
    ingest(pipeline, {**told[1], "status": "failed", "metrics": {"ready": False}}, artifactSha256=DIGEST)
    assert (met("production"), "ready" in met("staging")) == ({"smoke"}, True)


def test_authors_are_all_who_made_it_or_had_it_made(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    sends.deliver(sends.built())
    run = {"workflowName": "CI", "externalId": "1", "status": "COMPLETED", "headSha": COMMIT}
    pipeline.post(Record.RUN, {**run, "repositoryFullName": REPOSITORY, "triggeredBy": "Octocat"})
    pipeline.post(Record.RUN, {**run, "externalId": "2", "headSha": OTHER_COMMIT, "triggeredBy": "somebody-else"})
    asked = replace(REQUEST, author="Author@Acme", requested_by="requester@acme")
    assert gathered(receiver, asked, owner="Owner@Acme").facts.authors == {
        "octocat",
        "author@acme",
        "requester@acme",
        "owner@acme",
    }


def known_besides(receiver: Receiver, asked: Target) -> tuple[Target, ...]:
    known = KnownTargets()
    return receiver.store.read(lambda tx: known.besides(tx, receiver.workspace_id, receiver.now, asked))


def test_a_digest_is_deployed_until_something_else_is(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    fields = {**SERVICE, "status": "SUCCESS", "artifactSha256": DIGEST}
    assert gathered(receiver).facts.deployed is None
    pipeline.post(Record.DEPLOYMENT, {**fields, "completedAt": "2020-01-01T00:00:00Z"})
    deployed = gathered(receiver).facts.deployed
    assert deployed is not None
    assert deployed.at == receiver.now, "by when it was heard"
    assert TARGET in known_besides(receiver, replace(TARGET, service="billing"))
    assert TARGET not in known_besides(receiver, TARGET)
    pipeline.post(Record.DEPLOYMENT, {**fields, "artifactSha256": OTHER})
    assert gathered(receiver).facts.deployed is None


def test_nothing_of_another_workspace_is_known(receiver: Receiver) -> None:
    sends = Sends(receiver)
    sends.deliver(sends.built(), sends.captured())
    ingest(Pipeline(receiver), PASSED, artifactSha256=DIGEST)
    memory = Memory()
    gathered(receiver, memory=memory)
    found = receiver.store.read(lambda tx: facts_of(tx, "ws_other", REQUEST, receiver.now, memory=memory))
    assert (found.facts.evidence, found.facts.links, found.facts.streams, inputs_of(found.facts)) == ((), (), (), ())


def test_what_is_remembered_is_what_is_read(on_both: Receiver) -> None:
    receiver = on_both
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    memory = Memory()
    for step in range(3):
        sends.deliver(sends.captured(), *([sends.built()] if step == 1 else []))
        ingest(pipeline, PASSED, externalId=f"run-{step}", artifactSha256=DIGEST)
        later(receiver, minutes=1)
        assert gathered(receiver, memory=memory) == gathered(receiver)
    revoke(receiver, pipeline)
    assert gathered(receiver, memory=memory) == gathered(receiver)


def test_whoever_judges_again_makes_the_same_facts_of_the_same_envelopes(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    seen = build.digest("seen")
    sends.deliver(sends.built(), *(sends.captured(observation_id=seen) for _ in range(2)))
    pipeline.post(Record.ARTIFACT, {**ARTIFACT, "commitSha": OTHER_COMMIT})
    pipeline.attest(repositoryFullName=REPOSITORY, passed=False, evidence={"failed": 1})
    ingest(pipeline, PASSED, {"type": "health", "status": "failed"}, artifactSha256=DIGEST)
    revoke(receiver, pipeline)
    found = gathered(receiver)
    assert {one.held for one in inputs_of(found.facts)} == {None, "key_revoked"}
    keys = [sends.spool.key.public, receiver.signers.claim.public]
    inputs = {}
    for one in inputs_of(found.facts):
        envelope = dsse.parse(lookup.envelope(receiver.store, receiver.workspace_id, parse_digest(one.id)))
        inputs[one.id] = Stated(statement.read(dsse.verify_any(envelope, keys)), one.received_at, one.held)
    assert read_docket(emit_docket(Docket(found.facts)), inputs).facts == found.facts


def test_the_facts_of_a_good_release_are_enough_to_let_it_go(receiver: Receiver) -> None:
    sends = Sends(receiver)
    sends.deliver(sends.built(), sends.captured())
    policy = read_policy(POLICY, 1)
    assert judge(gathered(receiver).facts, (policy,)).decision is Decision.ALLOW
    red = build.claim(passed=False, evidence={"totalTests": 2, "passed": 1, "failed": 1, "errors": 0, "skipped": 0})
    sends.deliver(sends.captured(claim=red))
    assert judge(gathered(receiver).facts, (policy,)).decision is Decision.HOLD


ARTIFACT: JsonObject = {"repositoryFullName": REPOSITORY, "name": "api", "sha256": DIGEST, "version": "1"}
POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: readiness}
scope: {services: ["checkout-*"], environments: [production]}
mode: enforce
rules:
  - id: unit-tests
    title: Unit tests of this commit passed
    require: {type: TEST_RESULTS, name: "Unit Tests", signed: true}
    otherwise: HOLD
  - id: linked
    title: It is linked to its commit
    expect: "artifact.linked && !artifact.contradicted"
    otherwise: HOLD
"""


def revoke(receiver: Receiver, pipeline: Pipeline) -> None:
    """End a pipeline's token as if it had always been in other hands."""
    asked = Asked(What.TOKEN, pipeline.caller.token_id, Loss.COMPROMISED, None, "stolen")
    revoking.revoke(receiver.store, receiver.signers, asked, operator(receiver.audience), receiver.now, receiver.random)
