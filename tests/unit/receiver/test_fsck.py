"""One flipped bit, one altered column, one row taken out: fsck names it; in a healthy database it names nothing."""

# ruff: noqa: S608 - the statements are made of the tables below

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from receiver.core.fsck import Finding
from shared.predicates import Limits
from tests.helpers.fleet import Receiver, make_receiver

SIGNED = (
    ("envelopes", "payload"),
    ("envelopes", "signature"),
    ("envelopes", "key_id"),
    ("register", "payload"),
    ("register", "signature"),
    ("register", "key_id"),
    ("register", "id"),
    ("receipts", "payload"),
    ("receipts", "signature"),
    ("receipts", "id"),
    ("receipts", "batch_digest"),
    ("heartbeats", "payload"),
    ("heartbeats", "signature"),
    ("heartbeats", "id"),
    ("attestations", "id"),
    ("attestations", "stream_id"),
    ("attestations", "observation_id"),
    ("places", "id"),
    ("places", "previous"),
    ("places", "stream_id"),
    ("subjects", "digest"),
    ("collector_keys", "public_key"),
    ("role_keys", "public_key"),
    ("workspaces", "root_key"),
    ("audit", "hash"),
)
ALTERED = (
    ("attestations", "sequence", "sequence + 100"),
    ("attestations", "status", "'held'"),
    ("attestations", "status", "'excellent'"),
    ("attestations", "code", "'forked'"),
    ("attestations", "received_at", "received_at + 1"),
    ("attestations", "observed_at", "observed_at - 1"),
    ("attestations", "collector_id", "'col_other'"),
    ("attestations", "type", "'COVERAGE'"),
    ("attestations", "name", "'Other Tests'"),
    ("attestations", "basis", "'declared'"),
    ("attestations", "passed", "1 - passed"),
    ("attestations", "repository", "'acme/other'"),
    ("attestations", "commit", "NULL"),
    ("attestations", "repeat_of", "id"),
    ("collectors", "limits", "'{}'"),
    ("collectors", "limits", "'not json'"),
    ("collectors", "name", "'ci-99'"),
    ("collectors", "enrolment", "1"),
    ("collectors", "enrolment", "NULL"),
    ("receipts", "received_at", "received_at + 1"),
    ("receipts", "batch_id", "'other'"),
    ("receipts", "collector_id", "'col_other'"),
    ("register", "type", "'urn:carnet:keyring:v1'"),
    ("register", "number", "number + 10"),
    ("streams", "mark", "mark - 1"),
    ("streams", "head", "head + 1"),
    ("streams", "collector_id", "'col_other'"),
    ("places", "stored", "0"),
    ("heartbeats", "beat", "beat + 1"),
    ("heartbeats", "closed", "1"),
    ("workspaces", "keyring_version", "2"),
    ("audit", "detail", "'{}'"),
    ("audit", "actor", "'somebody'"),
    ("audit", "at", "at + 1"),
    ("audit", "origin", "'10.0.0.1'"),
)
GONE = ("attestations", "envelopes", "subjects", "places", "receipts", "register", "audit", "collectors", "streams")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    receiver = make_receiver(tmp_path_factory.mktemp("healthy"))
    enrolled = [receiver.enrol(seed, Limits(repositories=("acme/*",))) for seed in (1, 2)]
    for spool, caller in enrolled:
        receiver.take(caller, "b1", spool.entries(4), spool.heartbeat())
        receiver.take(caller, "b2", [spool.entry(context={"repository": "other/x"}), *spool.entries(2)])
    spool, caller = enrolled[1]
    receiver.take(caller, "b3", spool.entries(1))
    receiver.store.close()
    return receiver


@pytest.fixture
def receiver(healthy: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    """A copy of the healthy database, to be damaged."""
    copy = healthy.copied(tmp_path / "copy")
    yield copy
    copy.store.close()


def findings(receiver: Receiver, statement: str, *values: object) -> list[Finding]:
    with receiver.behind_its_back() as connection:
        assert connection.execute(statement, values).rowcount == 1
    return fsck.check(receiver.store)


def test_a_healthy_database_has_no_findings(receiver: Receiver) -> None:
    assert fsck.check(receiver.store) == []
    assert fsck.check(receiver.store, receiver.workspace_id) == []


@pytest.mark.parametrize(("table", "column"), SIGNED, ids=[".".join(one) for one in SIGNED])
def test_one_flipped_bit_is_found(receiver: Receiver, table: str, column: str) -> None:
    """R18: SQLite's own integrity check says ok to nearly every one of these."""
    chance = random.Random(f"{table}.{column}")  # noqa: S311 - the same in every run
    for _ in range(4):
        with receiver.behind_its_back() as connection:
            rows = connection.execute(f"SELECT {column}, * FROM {table} WHERE {column} IS NOT NULL").fetchall()
            victim = chance.choice(rows)[0]
            flipped = bytearray(victim)
            at = chance.randrange(8 * len(flipped))
            flipped[at // 8] ^= 1 << (at % 8)
            which = f"rowid IN (SELECT rowid FROM {table} WHERE {column} = ? LIMIT 1)"
            if table in ("places", "subjects", "collector_keys", "role_keys", "workspaces"):
                which = f"{column} = ?"  # these have no rowid
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {which}", (bytes(flipped), victim))
        assert fsck.check(receiver.store) != [], (table, column, at)
        with receiver.behind_its_back() as connection:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (victim, bytes(flipped)))
        assert fsck.check(receiver.store) == []


@pytest.mark.parametrize(("table", "column", "value"), ALTERED, ids=[f"{t}.{c}={v}" for t, c, v in ALTERED])
def test_an_altered_column_is_found(receiver: Receiver, table: str, column: str, value: str) -> None:
    key = {
        "attestations": "n = 2",
        "collectors": "name = 'ci-01'",
        "receipts": "batch_id = 'b3'",
        "register": "number = 3",
        "streams": "head = 6",
        "places": "sequence = 2 AND stream_id IN (SELECT stream_id FROM streams WHERE head = 6)",
        "heartbeats": "collector_id IN (SELECT collector_id FROM collectors WHERE name = 'ci-01')",
        "workspaces": "keyring_version = 1",
        "audit": "number = 3",
    }[table]
    assert findings(receiver, f'UPDATE {table} SET "{column}" = {value} WHERE {key}')


@pytest.mark.parametrize("table", GONE)
def test_a_row_that_was_taken_out_is_found(receiver: Receiver, table: str) -> None:
    key = {
        "attestations": "n = 2",
        "envelopes": "n = 2",
        "subjects": "n = 2 AND digest = (SELECT min(digest) FROM subjects WHERE n = 2)",
        "places": "sequence = 2 AND stream_id IN (SELECT stream_id FROM streams WHERE head = 6)",
        "receipts": "batch_id = 'b3'",
        "register": "number = 2",
        "audit": "number = 3",
        "collectors": "name = 'ci-01'",
        "streams": "head = 6",
    }[table]
    assert findings(receiver, f"DELETE FROM {table} WHERE {key}")


def test_a_finding_names_where_it_is_and_the_rest_is_still_checked(receiver: Receiver) -> None:
    with receiver.behind_its_back() as connection:
        connection.execute("UPDATE envelopes SET payload = x'00' WHERE n IN (1, 3)")
    found = fsck.check(receiver.store)
    assert len({one.where for one in found if one.where.startswith("attestation ")}) == 2
    assert all(one.workspace_id == receiver.workspace_id and one.problem for one in found)


def test_an_attestation_smuggled_in_without_a_receipt_is_found(receiver: Receiver) -> None:
    with receiver.behind_its_back() as connection:
        connection.execute("DELETE FROM receipts WHERE batch_id = 'b3'")
    assert any(one.where == "receipts" and "none covers" in one.problem for one in fsck.check(receiver.store))
