"""Whose word it is: what one token says is lifted by that token, or another one of its owner, and by nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from shared.encoding import JsonObject
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.values import Decision
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import DIGEST, Pipeline
from tests.helpers.releases import gathered, ingest, later

POLICY = read_policy(
    b"""
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: tested}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: well, require: {type: smoke}, otherwise: HOLD}
""",
    1,
)
RED: JsonObject = {"type": "smoke", "status": "failed"}
GREEN: JsonObject = {"type": "smoke", "status": "passed"}


@pytest.fixture
def receiver(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


@pytest.mark.parametrize("run", ["r1", "r2"])
def test_only_who_said_that_it_failed_lifts_it(receiver: Receiver, run: str) -> None:
    """With the same external id of the same source, and with a later run of the same source."""
    monitor, pipeline = Pipeline(receiver), Pipeline(receiver)
    about: JsonObject = {"artifactSha256": DIGEST}
    ingest(monitor, RED, externalId="probe", releaseId="r1", **about)
    later(receiver, minutes=1)
    ingest(pipeline, GREEN, externalId="probe", releaseId=run, **about)
    assert judge(gathered(receiver).facts, (POLICY,)).decision is Decision.HOLD
    later(receiver, minutes=1)
    ingest(monitor, GREEN, externalId="probe", releaseId=run, **about)
    assert judge(gathered(receiver).facts, (POLICY,)).decision is Decision.ALLOW
