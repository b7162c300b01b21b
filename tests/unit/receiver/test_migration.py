"""Databases of every older schema are read by this version; `tests/fixtures/receiver-N/` has one each."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table

from receiver import fsck, lookup
from receiver.store import attestations, gate_tables, revisions, triggered, workspaces
from receiver.store import migrate as migrations
from receiver.store.engine import Store
from receiver.store.metadata import METADATA
from receiver.store.migrate import migrate
from shared.errors import TryLaterError
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.fleet import make_receiver
from tests.helpers.posts import COMMIT

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
STORED = 12
EVIDENCE = {"receiver-0001": 12, "receiver-0002": 9, "receiver-0009": 9, "receiver-0010": 7, "receiver-0011": 7}
"""How much of what is stored is evidence; the rest are a run, an artifact and a deployment."""
GATE = {name for name, value in vars(gate_tables).items() if isinstance(value, Table)}


def test_this_version_needs_the_last_migration_that_it_brings() -> None:
    versions = Path(migrations.__file__).parent / "migrations" / "versions"
    assert max(path.name.split("_")[0] for path in versions.glob("[0-9]*.py")) == revisions.HEAD


@pytest.mark.parametrize("schema", sorted(path.name for path in FIXTURES.glob("receiver-*")))
def test_an_older_database_is_migrated_with_everything_in_it(schema: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    path = Path(shutil.copy(FIXTURES / schema / "receiver.db", folder))
    path.chmod(0o600)
    assert migrate(f"sqlite:///{path}").before == schema.removeprefix("receiver-")
    store = Store.open(f"sqlite:///{path}")
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        assert store.read(lambda tx: attestations.count(tx, workspace_id)) == STORED
        listed = lookup.attestations(store, workspace_id, lookup.Filters(), 200).items
        assert len(listed) == EVIDENCE[schema]
        assert all(lookup.attestation(store, workspace_id, one.row.id).predicate for one in listed)
        assert fsck.check(store) == []
    finally:
        store.close()


def test_what_came_before_columns_were_made_of_it_has_them_after_the_upgrade(tmp_path: Path) -> None:
    """Heartbeats from before schema 0005, and what was refused before 0008."""
    columns = "SELECT issued_at, high_water, head, waiting, steps, ended FROM heartbeats ORDER BY stream_id"
    refused = "SELECT id, first_covered FROM places WHERE stored = 0 ORDER BY id"
    receiver = make_receiver(tmp_path)
    spool, caller = receiver.enrol(1)
    receiver.take_heartbeat(caller, spool.heartbeat())
    spool, caller = receiver.enrol(2, Limits(repositories=("nobody/*",)))
    receiver.take(caller, "a", spool.entries(2))
    receiver.now += timedelta(minutes=1)
    receiver.take(caller, "b", spool.entries(1))
    marks = {"id": spool.stream_id, "epoch": build.EPOCH, "high_water": 5, "head": build.digest("head")}
    named = [{"sequence": at, "id": build.digest(str(at)), "reason": "too_large"} for at in (3, 4, 8)]
    last = {"id": build.digest("receipt"), "received_at": receiver.now}
    beat = spool.heartbeat(stream=marks, quarantined=named, dropped=named[:1], last_receipt=last)
    receiver.take_heartbeat(caller, beat)
    assert fsck.check(receiver.store) == []
    with receiver.behind_its_back() as database:
        before = database.execute(columns).fetchall(), database.execute(refused).fetchall()
        assert len(before[1]) == 3
        for statement in (
            "UPDATE heartbeats SET issued_at = NULL, high_water = NULL, head = NULL, waiting = NULL, steps = '[]'",
            "UPDATE heartbeats SET ended = '{}'",
            *(f"DROP TABLE {table.name}" for table in reversed(METADATA.sorted_tables) if table.name in GATE),
            "DROP INDEX register_id",
            "DROP INDEX register_type",
            "ALTER TABLE tokens DROP COLUMN owner",
            "ALTER TABLE tokens DROP COLUMN require_policy",
            "ALTER TABLE accounts DROP COLUMN identities",
            "ALTER TABLE records DROP COLUMN passport",
            "DROP TABLE disputes",
            "DROP INDEX streams_forked",
            "ALTER TABLE places DROP COLUMN late",
            "ALTER TABLE places DROP COLUMN first_covered",
            "ALTER TABLE streams DROP COLUMN forked_after",
            "ALTER TABLE revocations DROP COLUMN received_to",
            "UPDATE alembic_version SET version_num = '0007'",
        ):
            database.execute(statement)
        database.commit()
        migrate(receiver.database_url)
    with receiver.behind_its_back() as database:
        assert (database.execute(columns).fetchall(), database.execute(refused).fetchall()) == before
    assert fsck.check(receiver.store) == []
    receiver.store.close()


def test_a_fork_of_an_older_database_was_known_to_no_release_and_no_revocation_ends_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    path = Path(shutil.copy(FIXTURES / "receiver-0002" / "receiver.db", folder))
    path.chmod(0o600)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE streams SET forked_from = 1")
        database.commit()
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as database:
        (last,) = database.execute("SELECT MAX(number) FROM register").fetchone()
        assert last > 0
        assert {row[0] for row in database.execute("SELECT forked_after FROM streams")} == {last}
        kept = database.execute("SELECT kind, sequence, known_after, key_id FROM disputes").fetchall()
        assert set(kept) == {("parted", 1, last, bytes(32))}


def test_a_program_that_goes_on_after_a_newer_one_migrated_its_database_writes_nothing(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    with closing(sqlite3.connect(receiver.path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    acts: list[str] = []
    with pytest.raises(TryLaterError, match="has schema 9999"):
        receiver.store.write(lambda _tx: acts.append("written"))
    assert acts == []
    receiver.store.close()


def test_whom_older_words_on_a_run_named_stay_authors_of_its_commits(tmp_path: Path) -> None:
    """One run of 0010: early without a commit, octocat at one commit, somebody at another."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    path = Path(shutil.copy(FIXTURES / "receiver-0010" / "receiver.db", folder))
    path.chmod(0o600)
    migrate(f"sqlite:///{path}")
    store = Store.open(f"sqlite:///{path}")
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        first = store.read(lambda tx: triggered.of_commits(tx, workspace_id, [COMMIT]))
        then = store.read(lambda tx: triggered.of_commits(tx, workspace_id, ["c" * 40]))
        assert first == then == {"Early", "Octocat", "Somebody"}
    finally:
        store.close()


def test_a_name_that_an_older_receiver_left_out_comes_in(tmp_path: Path) -> None:
    """A run of 0011: words with two tokens name Early, Guessed and Octocat; Guessed is lost."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    path = Path(shutil.copy(FIXTURES / "receiver-0011" / "receiver.db", folder))
    path.chmod(0o600)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER triggered_no_delete")
        database.execute("DELETE FROM triggered WHERE name = 'Guessed'")
        database.commit()
    migrate(f"sqlite:///{path}")
    store = Store.open(f"sqlite:///{path}")
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        assert store.read(lambda tx: triggered.of_commits(tx, workspace_id, [COMMIT])) == {
            "Early",
            "Guessed",
            "Octocat",
        }
        assert fsck.check(store) == []
    finally:
        store.close()
