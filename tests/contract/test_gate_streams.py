"""Of whom evidence is missed, and how long a deployment is watched: what no spool, token or silence can switch off."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import fsck, streams, watch
from receiver.core.completeness import Lack
from receiver.core.posting import Record
from receiver.core.ranges import NO_END
from shared.encoding import JsonObject, digest_text
from shared.errors import StateError
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.values import Cause, Decision, Deployed, StreamFact
from shared.predicates import Limits, Person
from shared.statement import subject_commit
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver, seeded
from tests.helpers.posts import DIGEST, Pipeline
from tests.helpers.releases import REQUEST, SERVICE, Sends, gathered, ingest, later

ANNA = Person(issuer="rcv", subject="anna@example.org", method="password", role="approver")
BOUND = Limits(services=("checkout-*",), environments=("production",))
OTHER = "ab" * 32
OTHER_COMMIT = "c" * 40
ELSEWHERE: JsonObject = {"repository": "acme/other", "commit": OTHER_COMMIT}
SUCCESS: JsonObject = {**SERVICE, "status": "SUCCESS", "artifactSha256": DIGEST}
INACTIVE: JsonObject = {**SUCCESS, "status": "INACTIVE"}
ANYWHERE = replace(REQUEST, target=replace(REQUEST.target, namespace=None))
POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: whole}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: whole, collection: {gaps: none}, otherwise: HOLD}
"""
FRESH = POLICY.replace(b"{gaps: none}", b"{gaps: none, maxHeartbeatAge: 15m}")


@pytest.fixture
def on_both(databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


@pytest.fixture
def on_sqlite(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One for tests that are each about a service of their own."""
    made = make_receiver(tmp_path_factory.mktemp("services"))
    yield made
    made.store.close()


def decided(receiver: Receiver, policy: bytes = POLICY) -> tuple[Decision, list[Cause | None]]:
    """What a policy that asks for whole streams decides now, and why."""
    found = judge(gathered(receiver, collectors=()).facts, (read_policy(policy, 1),))
    return found.decision, [one.cause for one in found.findings if not one.met]


def known(receiver: Receiver) -> list[StreamFact]:
    return list(gathered(receiver, collectors=()).facts.streams)


def beat(sends: Sends, last: bytes, high: int, waiting: int = 0) -> bytes:
    now = {"id": sends.spool.stream_id, "epoch": build.EPOCH, "high_water": high, "head": digest_text(last)}
    return sends.spool.heartbeat(stream=now, spool={"depth": waiting, "oldest_seconds": 20 * (waiting > 0)})


def begin_anew(sends: Sends) -> None:
    """Let its spool be lost, so that it begins another stream."""
    spool = sends.spool
    spool.stream_id, spool.next_sequence, spool.last_id, spool.random = "b" * 32, 0, None, seeded(99)


def test_a_lost_spool_is_not_settled_before_the_stream_after_it_is_whole(on_sqlite: Receiver) -> None:
    receiver, sends = on_sqlite, Sends(on_sqlite)
    sends.deliver(sends.captured(), sends.built())
    old, lost = sends.spool.stream_id, sends.captured()
    receiver.take_heartbeat(sends.caller, beat(sends, lost.id, 2))
    for _ in range(5):
        later(receiver, minutes=1)
        watch.look(receiver.store, receiver.workspace_id, receiver.now)
    begin_anew(sends)
    of_ours = [sends.captured(), sends.captured()]
    foreign = sends.captured(subject_commit(OTHER_COMMIT), context=ELSEWHERE)
    receiver.take(sends.caller, "anew", [foreign.to_bytes()], beat(sends, foreign.id, 2, waiting=2))
    assert decided(receiver)[0] is Decision.HOLD
    streams.close(receiver.store, receiver.signers, old, (2, 2), "the disk died", (ANNA,), receiver.now, seeded(5))
    close_end(receiver, old, 3)
    assert decided(receiver) == (Decision.HOLD, [Cause.ON_ITS_WAY])
    (before, after) = known(receiver)
    assert (before.stream, before.delivered, before.lacking) == (old, True, 0)
    assert (after.recent, after.delivered, after.lacking, after.waiting) == (True, False, 2, 2)
    assert after.brings == before.brings == {("TEST_RESULTS", "Unit Tests"), ("BUILD_PROVENANCE", "image")}
    sends.deliver(*of_ours)
    receiver.take_heartbeat(sends.caller, beat(sends, foreign.id, 2))
    assert decided(receiver) == (Decision.ALLOW, [])


def close_end(receiver: Receiver, stream: str, first: int) -> None:
    why = "its disk died"
    streams.close(receiver.store, receiver.signers, stream, (first, NO_END), why, (ANNA,), receiver.now, seeded(first))


def test_a_stream_that_was_left_behind_whole_is_settled_by_its_end_until_something_comes_after_all(
    on_both: Receiver,
) -> None:
    receiver, sends = on_both, Sends(on_both)
    before = [sends.captured(), sends.built()]
    receiver.take(sends.caller, "old", [one.to_bytes() for one in before], beat(sends, before[-1].id, 1))
    old, late = sends.spool.stream_id, [sends.captured() for _ in range(3)]
    with pytest.raises(StateError, match="live"):
        close_end(receiver, old, 2)
    begin_anew(sends)
    after = sends.captured()
    later(receiver, days=1)
    receiver.take(sends.caller, "new", [after.to_bytes()], beat(sends, after.id, 0))
    assert decided(receiver, FRESH) == (Decision.HOLD, [Cause.MISSING])
    for wrong in (1, 3):
        with pytest.raises(StateError, match="its end begins at 2"):
            close_end(receiver, old, wrong)
    close_end(receiver, old, 2)
    assert decided(receiver, FRESH) == (Decision.ALLOW, []), "nor is it asked any more when it was heard"
    assert [(one.stream == old, one.closed) for one in known(receiver) if one.closed] == [(True, 1)]
    (shown,) = (one for one in views(receiver) if one.stream_id == old)
    assert (shown.settled, shown.holes) == (True, ())
    with pytest.raises(StateError, match="closed already"):
        close_end(receiver, old, 2)
    receiver.take(sends.caller, "late", [late[1].to_bytes()])
    assert decided(receiver, FRESH) == (Decision.HOLD, [Cause.MISSING])
    (shown,) = (one for one in views(receiver) if one.stream_id == old)
    assert (shown.settled, shown.holes) == (False, ((Lack.MISSING, (2, 2)),))
    streams.close(receiver.store, receiver.signers, old, (2, 2), "it burnt", (ANNA,), receiver.now, seeded(9))
    assert decided(receiver, FRESH) == (Decision.HOLD, [Cause.MISSING]), "its end was another one"
    receiver.take(sends.caller, "later", [late[0].to_bytes()])
    assert decided(receiver, FRESH) == (Decision.HOLD, [Cause.MISSING])
    close_end(receiver, old, 4)
    assert decided(receiver, FRESH) == (Decision.ALLOW, [])
    assert fsck.check(receiver.store) == []


def views(receiver: Receiver) -> tuple[streams.StreamView, ...]:
    return streams.of_workspace(receiver.store, receiver.workspace_id, receiver.now)


def test_another_stream_of_a_collector_counts_until_it_was_left_behind_long_ago(on_sqlite: Receiver) -> None:
    receiver, sends = on_sqlite, Sends(on_sqlite)
    foreign = sends.captured(subject_commit(OTHER_COMMIT), context=ELSEWHERE)
    receiver.take(sends.caller, "old", [foreign.to_bytes()], beat(sends, foreign.id, 0))
    later(receiver, days=10)
    begin_anew(sends)
    sends.deliver(sends.built())
    assert [(one.recent, one.abandoned) for one in known(receiver)] == [(True, True), (True, False)]
    later(receiver, days=5)
    assert [one.abandoned for one in known(receiver)] == [False]


def test_a_bound_collector_that_was_never_heard_is_missed(on_sqlite: Receiver) -> None:
    receiver, sends = on_sqlite, Sends(on_sqlite)
    last = sends.built()
    receiver.take(sends.caller, "all", [last.to_bytes()], beat(sends, last.id, 0))
    assert decided(receiver) == (Decision.ALLOW, [])
    never = Sends(receiver, 2, BOUND)
    assert decided(receiver) == (Decision.HOLD, [Cause.STALE])
    (missed,) = (one for one in known(receiver) if one.bound)
    assert (missed.name, missed.collector, missed.heard_at, missed.silent) == (
        "ci-02",
        never.caller.collector_id,
        None,
        True,
    )
    with pytest.raises(ValueError, match="non-hexadecimal"):
        bytes.fromhex(missed.stream)
    assert missed in known(receiver), "by the same name whenever it is asked"
    first = never.captured(subject_commit(OTHER_COMMIT), context=ELSEWHERE)
    receiver.take(never.caller, "first", [first.to_bytes()], beat(never, first.id, 0))
    assert decided(receiver) == (Decision.ALLOW, [])
    assert [one.stream for one in known(receiver) if one.bound] == [never.spool.stream_id]


def test_a_bound_collector_alone_does_not_feed_a_service_by_being_there(on_sqlite: Receiver) -> None:
    Sends(on_sqlite, 2, BOUND)
    assert decided(on_sqlite) == (Decision.HOLD, [Cause.STALE])
    elsewhere = replace(REQUEST, target=replace(REQUEST.target, environment="staging"))
    assert gathered(on_sqlite, elsewhere, collectors=()).facts.streams == ()


def test_a_watch_ends_with_no_word_on_other_digests(on_sqlite: Receiver) -> None:
    receiver, pipeline = on_sqlite, Pipeline(on_sqlite)
    pipeline.post(Record.DEPLOYMENT, SUCCESS)
    began = receiver.now
    ingest(pipeline, {"type": "health", "status": "failed"})
    for number in range(1, 22):
        pipeline.post(Record.DEPLOYMENT, {**INACTIVE, "artifactSha256": f"{number:064x}", "externalId": f"x{number}"})
    assert gathered(receiver).facts.deployed == Deployed(began)
    assert judge(gathered(receiver).facts, ()).decision is Decision.ROLLBACK_RECOMMENDED


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        pytest.param([SUCCESS], True, id="it came"),
        pytest.param([SUCCESS, INACTIVE], False, id="it went"),
        pytest.param([INACTIVE, SUCCESS], True, id="it came again"),
        pytest.param([SUCCESS, {**SERVICE, "status": "INACTIVE"}], False, id="everything went"),
        pytest.param([SUCCESS, {**SUCCESS, "artifactSha256": OTHER}], False, id="another came"),
        pytest.param(
            [SUCCESS, {**SUCCESS, "artifactSha256": OTHER}, {**INACTIVE, "artifactSha256": OTHER}],
            True,
            id="another came and went",
        ),
        pytest.param([SUCCESS, {**SUCCESS, "status": "FAILURE", "artifactSha256": OTHER}], True, id="another failed"),
        pytest.param([{**SUCCESS, "namespace": "apps-other"}], False, id="elsewhere"),
        pytest.param([{**SUCCESS, "namespace": ""}], True, id="everywhere"),
        pytest.param([SUCCESS, {**SUCCESS, "namespace": "", "artifactSha256": OTHER}], False, id="another everywhere"),
        pytest.param([SUCCESS, {**INACTIVE, "namespace": "apps-other"}], True, id="it went elsewhere"),
    ],
)
def test_a_digest_runs_until_it_went_or_another_came(
    shared: Receiver, request: pytest.FixtureRequest, words: list[JsonObject], *, runs: bool
) -> None:
    pipeline, service = Pipeline(shared), request.node.name
    for number, fields in enumerate(words):
        said = {name: value for name, value in fields.items() if value != ""}
        pipeline.post(Record.DEPLOYMENT, {**said, "service": service, "externalId": f"d{number}"})
    deployed = gathered(shared, replace(REQUEST, target=replace(REQUEST.target, service=service))).facts.deployed
    assert (deployed is not None) is runs


def test_a_question_without_a_namespace_watches_all_of_them(on_both: Receiver) -> None:
    receiver, pipeline = on_both, Pipeline(on_both)
    assert gathered(receiver, ANYWHERE).facts.deployed is None
    pipeline.post(Record.DEPLOYMENT, {**SUCCESS, "externalId": "d1"})
    began = receiver.now
    ingest(pipeline, {"type": "health", "status": "failed"})
    assert gathered(receiver, ANYWHERE).facts.deployed == Deployed(began)
    assert judge(gathered(receiver, ANYWHERE).facts, ()).decision is Decision.ROLLBACK_RECOMMENDED
    later(receiver, minutes=10)
    pipeline.post(Record.DEPLOYMENT, {**SUCCESS, "namespace": "apps-other", "externalId": "d2"})
    assert gathered(receiver, ANYWHERE).facts.deployed == Deployed(began, timedelta(minutes=40))
    pipeline.post(Record.DEPLOYMENT, {**INACTIVE, "externalId": "d3"})
    assert gathered(receiver, ANYWHERE).facts.deployed == Deployed(receiver.now)
    pipeline.post(Record.DEPLOYMENT, {**SUCCESS, "namespace": "apps-other", "artifactSha256": OTHER})
    assert gathered(receiver, ANYWHERE).facts.deployed is None
