"""Who is author of a release: everybody whom a run of it ever named, whatever is posted later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck, refill
from receiver.core.posting import Record
from receiver.core.revocation import What
from receiver.store import records, run_words, triggered
from receiver.store.gate_tables import run_commits
from receiver.store.records import RecordFilters
from shared.encoding import JsonObject, JsonValue
from shared.errors import StateError
from tests.helpers.asking import Asker
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.held import end
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


def named(receiver: Receiver, commit: str) -> frozenset[str]:
    """Whom words on runs of a commit name."""
    return receiver.store.read(lambda tx: triggered.of_commits(tx, receiver.workspace_id, [commit]))


def run(pipeline: Pipeline, **fields: JsonValue) -> None:
    """A word on the run 1, which is not finished."""
    named = {"workflowName": "CI", "repositoryFullName": "acme/payments-api", "externalId": "1", "status": "QUEUED"}
    pipeline.post(Record.RUN, {**named, **fields})


def test_a_run_that_names_somebody_else_takes_no_author_away(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    run(pipeline, headSha=COMMIT, triggeredBy="alice")
    run(pipeline, triggeredBy="bob")
    assert gathered(receiver).facts.authors == {"alice", "bob"}


def test_whom_a_run_names_at_any_time_is_an_author_of_each_commit_that_it_ever_was_of(receiver: Receiver) -> None:
    """Who moves somebody's run away before it names them takes no author away by it."""
    pipeline = Pipeline(receiver)
    run(pipeline, headSha=COMMIT, triggeredBy="alice")
    run(pipeline, headSha=OTHER_COMMIT)
    run(pipeline, headSha=OTHER_COMMIT, triggeredBy="carol")
    assert gathered(receiver).facts.authors == {"alice", "carol"} == named(receiver, OTHER_COMMIT)


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


@pytest.mark.parametrize(
    "squat", [{"status": "COMPLETED", "headSha": COMMIT, "triggeredBy": "bob"}, {"status": "CANCELLED"}]
)
def test_whoever_takes_a_runs_name_before_it_begins_keeps_no_author_from_being_named(
    receiver: Receiver, squat: JsonObject
) -> None:
    honest = Pipeline(receiver)
    run(Pipeline(receiver), **squat)
    run(honest, headSha=COMMIT, triggeredBy="alice")
    run(honest, status="IN_PROGRESS")
    run(honest, status="COMPLETED")
    assert gathered(receiver).facts.authors == {"alice", *([squat["triggeredBy"]] if "triggeredBy" in squat else [])}
    wanted = (receiver.workspace_id, Record.RUN, RecordFilters(), 9, None)
    own, theirs = receiver.store.read(lambda tx: records.page(tx, *wanted))
    assert (own.status, theirs.status) == ("COMPLETED", squat["status"])
    with pytest.raises(StateError, match="COMPLETED and closed"):
        run(honest, status="FAILED")


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


def test_more_words_than_a_query_can_name_are_compared_too(receiver: Receiver) -> None:
    run(Pipeline(receiver), headSha=COMMIT, triggeredBy="alice")
    many = frozenset((f"{number:040x}", "run") for number in range(70_000))
    found = receiver.store.read(lambda tx: run_words.kept(tx, receiver.workspace_id, {run_commits: many}))
    assert found == {run_commits: frozenset()}


def test_to_revoke_the_token_that_named_them_takes_no_author_away(receiver: Receiver) -> None:
    """Else a pipeline that starts anew with another token would let the authors of its commits approve them."""
    leaked = Pipeline(receiver)
    run(leaked, headSha=COMMIT, triggeredBy="alice")
    run(Pipeline(receiver), headSha=COMMIT, externalId="2", triggeredBy="bob")
    end(receiver, What.TOKEN, leaked.caller.token_id)
    assert gathered(receiver).facts.authors == {"alice", "bob"}


def test_what_an_older_receiver_did_not_keep_is_named_and_kept_by_the_operator(
    sqlite_databases: Databases, tmp_path: Path
) -> None:
    made = make_receiver(tmp_path, databases=sqlite_databases)
    pipeline = Pipeline(made)
    run(pipeline, triggeredBy="alice")
    run(pipeline, headSha=COMMIT)
    run(pipeline, headSha=COMMIT, triggeredBy="bob")
    pipeline.post(Record.RUN, {"workflowName": "CI", "status": "QUEUED", "headSha": COMMIT, "triggeredBy": "carol"})
    with made.behind_its_back() as database:
        database.execute("DELETE FROM run_commits WHERE commit_sha = ?", [COMMIT])
        database.execute("DELETE FROM triggered WHERE name = 'bob'")
    found = fsck.check(made.store)
    assert {one.where for one in found} == {"triggered"}
    assert [one for one in found if "bob" in one.problem]
    assert named(made, COMMIT) == set()
    for kept in (3, 0):
        assert refill.refill(made.store, made.now) == kept
    assert named(made, COMMIT) == {"alice", "bob", "carol"}
    assert fsck.check(made.store) == []
    with made.behind_its_back() as database:
        database.execute("INSERT INTO triggered SELECT workspace_id, run, 'dave' FROM triggered LIMIT 1")
    (found_too,) = fsck.check(made.store)
    assert found_too.problem == "1 rows are of no word on a run"
    made.store.close()
