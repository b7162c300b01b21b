"""What was posted stands as it was signed: fsck names every altered column of a record, and every record gone."""

# ruff: noqa: S608 - the statements are made of the tables below

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.posting import Record
from receiver.store.engine import Store
from shared.encoding import JsonObject
from tests.helpers.databases import sqlite_url
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import COMMIT, DIGEST, Pipeline

RUN: JsonObject = {"workflowName": "CI", "source": "github", "externalId": "77", "headSha": COMMIT, "prNumber": 42}
ARTIFACT: JsonObject = {"name": "api", "sha256": DIGEST, "repositoryFullName": "acme/api", "artifactType": "binary"}
DEPLOYMENT: JsonObject = {"environment": "production", "service": "api", "artifactSha256": DIGEST, "externalId": "9"}
ALTERED = [
    ("pipeline-run", "status", "'QUEUED'"),
    ("pipeline-run", "status", "NULL"),
    ("pipeline-run", "name", "'Other'"),
    ("pipeline-run", "run", "'78'"),
    ("pipeline-run", "pr_number", "43"),
    ("pipeline-run", '"commit"', "NULL"),
    ("pipeline-run", "natural_key", "content"),
    ("pipeline-run", "updated_at", "updated_at + 1"),
    ("pipeline-run", "fields", "replace(fields, 'COMPLETED', 'FAILED')"),
    ("pipeline-run", "fields", "'{}'"),
    ("pipeline-run", "fields", "'not json'"),
    ("pipeline-run", "n", "n - 1"),
    ("artifact", "digest", "content"),
    ("artifact", "repository", "'acme/other'"),
    ("artifact", "content", "natural_key"),
    ("artifact", "superseded_by", "'art_other'"),
    ("artifact", "superseded_by", "NULL"),
    ("artifact", "created_at", "created_at - 1"),
    ("artifact", "kind", "'deployment'"),
    ("artifact", "fields", "replace(fields, 'acme/api', 'acme/bad')"),
    ("deployment", "status", "'SUCCESS'"),
    ("deployment", "environment", "'staging'"),
    ("deployment", "service", "'other'"),
    ("deployment", "target", '\'["other",""]\''),
    ("deployment", "awaited_until", "awaited_until + 1"),
    ("deployment", "awaited_until", "NULL"),
    ("deployment", "token_id", "'tok_other'"),
    ("attestation", "name", "'Other Tests'"),
    ("attestation", "fields", "replace(fields, 'true', 'false')"),
]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """One record of each kind; the run went on, the artifact was corrected, the deployment is announced."""
    receiver = make_receiver(tmp_path_factory.mktemp("healthy"))
    pipeline = Pipeline(receiver)
    pipeline.post(Record.RUN, RUN)
    pipeline.post(Record.RUN, {**RUN, "status": "COMPLETED", "conclusion": "SUCCESS"})
    pipeline.post(Record.ARTIFACT, ARTIFACT)
    pipeline.post(Record.ARTIFACT, {**ARTIFACT, "branch": "main"})
    pipeline.post(Record.DEPLOYMENT, {**DEPLOYMENT, "status": "EXPECTED"})
    pipeline.attest()
    receiver.store.close()
    return receiver


@pytest.fixture
def receiver(healthy: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    """A copy, to be damaged."""
    folder = tmp_path / "copy"
    folder.mkdir(mode=0o700)
    path = folder / "receiver.db"
    path.write_bytes(healthy.path.read_bytes())
    path.chmod(0o600)
    store = Store.open(sqlite_url(path))
    copy = Receiver(path, store, healthy.master, healthy.root, healthy.made, healthy.signers, healthy.random)
    yield copy
    copy.store.close()


def test_a_healthy_database_gives_no_finding(receiver: Receiver) -> None:
    assert fsck.check(receiver.store) == []


@pytest.mark.parametrize(("kind", "column", "value"), ALTERED)
def test_an_altered_column_is_named(receiver: Receiver, kind: str, column: str, value: str) -> None:
    with receiver.behind_its_back() as connection:
        first = "(SELECT min(r) FROM records WHERE kind = ?)"
        done = connection.execute(f"UPDATE records SET {column} = {value} WHERE r = {first}", (kind,))
        assert done.rowcount == 1
    found = fsck.check(receiver.store)
    assert found
    assert all(one.where.startswith("record") for one in found)


@pytest.mark.parametrize("kind", ["artifact", "deployment", "attestation"])
def test_a_record_that_is_gone_is_missed(receiver: Receiver, kind: str) -> None:
    with receiver.behind_its_back() as connection:
        connection.execute("DELETE FROM records WHERE r = (SELECT max(r) FROM records WHERE kind = ?)", (kind,))
    assert [one.problem for one in fsck.check(receiver.store) if one.where == "records"] == [
        "1 that were signed are not here"
    ]
