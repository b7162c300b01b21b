"""Who is author of a release: everybody whom a run of it ever named, whatever is posted later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.posting import Record
from receiver.store import triggered
from shared.encoding import JsonValue
from shared.errors import StateError
from tests.helpers.asking import Asker
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import COMMIT, Pipeline
from tests.helpers.releases import Sends, gathered

OTHER_COMMIT = "c" * 40


@pytest.fixture
def receiver(databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    sends = Sends(made)
    sends.deliver(sends.built())
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def run(pipeline: Pipeline, **fields: JsonValue) -> None:
    """A word on the run 1, which is not finished."""
    named = {"workflowName": "CI", "repositoryFullName": "acme/payments-api", "externalId": "1", "status": "QUEUED"}
    pipeline.post(Record.RUN, {**named, **fields})


def test_a_run_that_names_somebody_else_takes_no_author_away(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    run(pipeline, headSha=COMMIT, triggeredBy="alice")
    run(pipeline, triggeredBy="bob")
    assert gathered(receiver).facts.authors == {"alice", "bob"}


def test_a_run_that_goes_to_another_commit_takes_no_author_away_and_brings_its_own(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    run(pipeline, headSha=COMMIT, triggeredBy="alice")
    run(pipeline, headSha=OTHER_COMMIT)
    run(pipeline, headSha=OTHER_COMMIT, triggeredBy="carol")
    assert gathered(receiver).facts.authors == {"alice"}
    found = receiver.store.read(lambda tx: triggered.of_commits(tx, receiver.workspace_id, [OTHER_COMMIT]))
    assert found == {"alice", "carol"}


def test_whom_a_run_named_before_it_had_a_commit_is_an_author_of_it(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    run(pipeline, triggeredBy="alice")
    run(pipeline, headSha=COMMIT[:9], triggeredBy="bob")
    assert gathered(receiver).facts.authors == set()
    run(pipeline, headSha=COMMIT, triggeredBy="carol")
    assert gathered(receiver).facts.authors == {"alice", "bob", "carol"}


def test_many_runs_of_a_commit_hide_nobody(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    run(pipeline, headSha=COMMIT, triggeredBy="alice")
    for number in range(2, 104):
        run(pipeline, headSha=COMMIT, externalId=f"{number}", triggeredBy="bob")
    assert gathered(receiver).facts.authors == {"alice", "bob"}


def test_a_release_of_more_authors_than_can_be_is_not_judged(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    for number in range(201):
        run(pipeline, headSha=COMMIT, triggeredBy=f"author{number}")
        if number == 199:
            assert len(gathered(receiver).facts.authors) == 200
    with pytest.raises(StateError, match="more than 200 people"):
        gathered(receiver)
    (open_,) = Asker(receiver).ask().passport.findings
    assert open_.next_action == "build from a new commit, and revoke the token that says so"


def test_a_name_that_is_taken_out_of_the_database_is_missed(sqlite_databases: Databases, tmp_path: Path) -> None:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    run(Pipeline(made), headSha=COMMIT, triggeredBy="alice")
    with made.behind_its_back() as database:
        database.execute("DELETE FROM triggered WHERE about = ?", [COMMIT])
    (found,) = fsck.check(made.store)
    assert found.where == "triggered"
    assert "alice" in found.problem
    made.store.close()
