"""How a target is, in the words of before: another observation each time that it is said, but for retries."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.posting import Record
from shared.encoding import JsonObject, format_time
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.values import Decision
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import DIGEST, Pipeline
from tests.helpers.releases import SERVICE, Sends, gathered, ingest, later, pieces

DEPLOYED: JsonObject = {**SERVICE, "artifactSha256": DIGEST, "status": "SUCCESS", "externalId": "d1"}
POLICY = read_policy(
    b"""
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: tested}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: tested, require: {type: TEST_RESULTS}, otherwise: HOLD}
""",
    1,
)


@pytest.fixture
def receiver(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def test_a_failure_that_goes_on_after_a_deployment_is_one_of_the_deployment(receiver: Receiver) -> None:
    sends, pipeline = Sends(receiver), Pipeline(receiver)
    sends.deliver(sends.captured(), sends.built())
    failed: JsonObject = {"type": "health", "status": "failed"}
    (before,) = ingest(pipeline, failed, externalId="probe")
    later(receiver, minutes=5)
    pipeline.post(Record.DEPLOYMENT, DEPLOYED)
    assert judge(gathered(receiver).facts, (POLICY,)).decision is Decision.ALLOW
    later(receiver, minutes=1)
    (after,) = ingest(pipeline, failed, externalId="probe")
    assert after != before
    judged = judge(gathered(receiver).facts, (POLICY,))
    assert judged.decision is not Decision.ALLOW


@pytest.mark.parametrize("kind", ["health", "rollback"])
def test_what_is_said_without_a_time_was_seen_when_it_was_received(receiver: Receiver, kind: str) -> None:
    pipeline = Pipeline(receiver)
    piece: JsonObject = {"type": kind, "status": "passed"}
    first, retried = ingest(pipeline, piece), ingest(pipeline, piece)
    assert first == retried
    now = later(receiver, minutes=1)
    (again,) = ingest(pipeline, piece)
    assert pieces(gathered(receiver))[again].observed_at == now


def test_a_time_that_is_said_and_evidence_of_a_file_are_kept_as_they_came(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    dated: JsonObject = {"type": "health", "status": "passed", "observedAt": format_time(receiver.now)}
    smoke: JsonObject = {"type": "smoke", "status": "passed", "artifactSha256": DIGEST}
    first = ingest(pipeline, dated, smoke)
    later(receiver, minutes=1)
    assert ingest(pipeline, dated, smoke) == first
