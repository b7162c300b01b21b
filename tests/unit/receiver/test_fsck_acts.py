"""fsck finds a row that says something else of people's acts than they signed, or of heartbeats than those said."""

# ruff: noqa: S608 - the statements are made of the tables below

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import expect, fsck, release, revoke, streams, watch
from receiver.caller import operator
from receiver.core.expectations import After, Expectation
from receiver.core.posting import Record
from receiver.core.revocation import Asked, Loss, What
from receiver.release import Wanted
from shared import dsse
from shared.encoding import JsonObject, digest_text
from shared.predicates import ClaimType
from tests.helpers import build
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.fleet import NOW, Receiver, Spool, make_receiver
from tests.helpers.posts import COMMIT, Pipeline

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TESTS = Expectation("tests", (ClaimType.SBOM, ClaimType.COVERAGE), After.RUN, timedelta(minutes=2))
KEY = "number = (SELECT min(number) FROM revocations WHERE what = 'key')"
COLLECTOR = "number = (SELECT min(number) FROM revocations WHERE what = 'collector')"
BACK = "number = (SELECT max(number) FROM revocations WHERE what = 'collector')"
ALTERED = (
    ("revoked_keys", "state_before", "'retired'", KEY),
    ("revoked_keys", "state_before", "'active'", COLLECTOR),
    ("revoked_keys", "state_before", "'revoked'", BACK),
    ("revoked_keys", "collector_id", "'col_other'", KEY),
    ("revoked_keys", "key_id", "zeroblob(32)", KEY),
    ("revoked_keys", "number", "(SELECT max(number) FROM revocations)", KEY),
    ("revoked_streams", "reach", "reach + 1", KEY),
    ("revoked_streams", "reach", "reach - 1", KEY),
    ("revoked_streams", "stream_id", "zeroblob(16)", KEY),
    ("revocations", "status_before", "'active'", KEY),
    ("revocations", "status_before", "NULL", COLLECTOR),
    ("revocations", "status_before", "'pending'", COLLECTOR),
    ("revocations", "status_before", "'revoked'", BACK),
    ("releases", "number", "number - 1", "1"),
    ("taken_back", "taken_back_at", "taken_back_at + 1", "1"),
    ("closed_gaps", "first", "first - 1", "1"),
    ("closed_gaps", "last", "last + 1", "1"),
    ("closed_gaps", "stream_id", "zeroblob(16)", "1"),
    ("closed_gaps", "closed_at", "closed_at + 1", "1"),
    ("closed_gaps", "number", "1", "1"),
    ("missing_evidence", "expectation", "'others'", "type = 'SBOM'"),
    ("missing_evidence", "anchor_id", "'run_other'", "type = 'SBOM'"),
    ("missing_evidence", "anchor_kind", "'deployment'", "type = 'SBOM'"),
    ("missing_evidence", "anchor_at", "anchor_at + 1", "type = 'SBOM'"),
    ("missing_evidence", "type", "'CUSTOM'", "type = 'SBOM'"),
    ("missing_evidence", "repository", "NULL", "type = 'SBOM'"),
    ("missing_evidence", "[commit]", "replace([commit], '1', '2')", "type = 'SBOM'"),
    ("missing_evidence", "digest", "zeroblob(32)", "type = 'SBOM'"),
    ("missing_evidence", "due_at", "due_at + 1", "type = 'SBOM'"),
    ("missing_evidence", "found_at", "found_at + 1", "type = 'SBOM'"),
    ("missing_evidence", "withdrawn_at", "found_at + 1", "type = 'SBOM'"),
    ("missing_evidence", "withdrawn_at", "NULL", "type = 'COVERAGE'"),
    ("missing_evidence", "payload", "x'00'", "type = 'SBOM'"),
    ("missing_evidence", "signature", "zeroblob(64)", "type = 'SBOM'"),
    ("missing_evidence", "id", "zeroblob(32)", "type = 'SBOM'"),
    ("heartbeats", "beat", "-1", "beat = 2"),
    ("heartbeats", "high_water", "high_water - 1", "beat = 2"),
    ("heartbeats", "high_water", "NULL", "beat = 2"),
    ("heartbeats", "head", "zeroblob(32)", "beat = 2"),
    ("heartbeats", "waiting", "0", "beat = 2"),
    ("heartbeats", "issued_at", "issued_at - 1", "beat = 2"),
    ("heartbeats", "steps", "'[]'", "beat = 2"),
    ("heartbeats", "steps", "replace(steps, '[[4', '[[-4')", "beat = 2"),
    ("heartbeats", "steps", "replace(steps, '[9,1', '[9,9')", "beat = 2"),
    ("heartbeats", "ended", "'{}'", "beat = 2"),
    ("heartbeats", "ended", "replace(ended, '5', '6')", "beat = 2"),
    ("heartbeats", "received_at", "received_at - 60000000", "beat = 2"),
    ("heartbeats", "collector_id", "(SELECT min(collector_id) FROM collectors WHERE name <> 'ci-04')", "beat = 2"),
)
GONE = ("revoked_keys", "revoked_streams", "releases", "taken_back", "closed_gaps", "missing_evidence", "revocations")


def end(receiver: Receiver, what: What, named: str, kind: Loss, since: timedelta | None = None) -> int:
    asked = Asked(what, named, kind, None if since is None else NOW + since, "as ticket 17 says")
    done = revoke.revoke(
        receiver.store, receiver.signers, asked, operator(receiver.audience), receiver.now, receiver.random
    )
    assert done.revocation is not None
    return done.revocation


def let_go(receiver: Receiver, wanted: Wanted) -> None:
    release.release(receiver.store, receiver.signers, wanted, (ALICE, BOB), receiver.now, receiver.random)


def beat(whose: Spool, high: int, **more: object) -> bytes:
    seen = {"id": whose.stream_id, "epoch": build.EPOCH, "high_water": high, "head": digest_text(b"\x01" * 32)}
    return whose.heartbeat(**{"stream": seen, **more})  # type: ignore[arg-type]


def revocations(receiver: Receiver) -> None:
    """A key since an hour, then its collector; another collector, and that taken back; one entry let go."""
    spool, caller = receiver.enrol(1)
    receiver.take(caller, "b1", [*spool.entries(3)])
    receiver.now = NOW + 2 * HOUR
    late = spool.entries(2)
    receiver.take(receiver.let_in(spool), "b2", late)
    end(receiver, What.KEY, spool.key.public.key_id, Loss.COMPROMISED, HOUR)
    end(receiver, What.COLLECTOR, spool.collector_id, Loss.COMPROMISED)
    let_go(receiver, Wanted((dsse.parse(late[0]).id,), None, "looked at"))
    other, _ = receiver.enrol(2)
    let_go(receiver, Wanted((), end(receiver, What.COLLECTOR, other.collector_id, Loss.LOST), "found again"))


def gaps(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(3)
    entries = spool.entries(6)
    receiver.take(caller, "b1", [entries[0], *entries[4:]])
    streams.close(
        receiver.store, receiver.signers, spool.stream_id, (2, 3), "died", (BOB,), receiver.now, receiver.random
    )


def beats(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(4)
    receiver.take(caller, "b1", spool.entries(5), beat(spool, 4))
    receiver.now += HOUR
    named = [{"sequence": 5, "id": build.digest("five"), "reason": "too_large"}]
    last = {"id": build.digest("receipt"), "received_at": receiver.now - MINUTE}
    again = beat(spool, 9, spool={"depth": 4, "oldest_seconds": 9}, quarantined=named, last_receipt=last)
    receiver.take_heartbeat(receiver.let_in(spool), again)


def findings(receiver: Receiver) -> None:
    """Two types never came; one of them came after all."""
    pipeline = Pipeline(receiver)
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    run: JsonObject = {
        "workflowName": "CI",
        "source": "github",
        "externalId": "7",
        "headSha": COMMIT,
        "status": "COMPLETED",
    }
    pipeline.post(Record.RUN, {**run, "conclusion": "SUCCESS", "repositoryFullName": "acme/api"})
    for _ in range(4):
        receiver.now += MINUTE
        watch.look(receiver.store, receiver.workspace_id, receiver.now)
        expect.check(receiver.store, receiver.signers, (TESTS,), receiver.now, receiver.random)
    came: JsonObject = {"type": "COVERAGE", "name": "Coverage", "passed": True, "commitSha": COMMIT}
    pipeline.post(Record.ATTESTATION, {**came, "repositoryFullName": "acme/api"})
    expect.check(receiver.store, receiver.signers, (TESTS,), receiver.now, receiver.random)
    found = expect.missing(receiver.store, receiver.workspace_id, withdrawn=True)
    assert sorted(one.withdrawn_at is None for one in found) == [False, True]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    receiver = make_receiver(tmp_path_factory.mktemp("healthy"))
    for part in (findings, revocations, gaps, beats):
        part(receiver)
    receiver.store.close()
    return receiver


@pytest.fixture
def receiver(healthy: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    """A copy of the healthy database, to be damaged."""
    copy = healthy.copied(tmp_path / "copy")
    yield copy
    copy.store.close()


def test_acts_as_they_were_signed_have_no_findings(receiver: Receiver) -> None:
    assert fsck.check(receiver.store) == []


def restore(connection: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    connection.execute(f"DELETE FROM {table}")
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


@pytest.mark.parametrize("table", dict.fromkeys(one[0] for one in ALTERED))
def test_an_altered_column_is_found(receiver: Receiver, table: str) -> None:
    before: list[tuple[object, ...]] = []
    for column, value, where in (one[1:] for one in ALTERED if one[0] == table):
        with receiver.behind_its_back() as connection:
            before = before or connection.execute(f"SELECT * FROM {table}").fetchall()
            restore(connection, table, before)
            assert connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}").rowcount >= 1
            assert connection.execute(f"SELECT * FROM {table}").fetchall() != before, (column, value)
        assert fsck.check(receiver.store) != [], (column, value)
    with receiver.behind_its_back() as connection:
        restore(connection, table, before)
    assert fsck.check(receiver.store) == []


def test_a_row_that_was_taken_out_is_found(receiver: Receiver) -> None:
    for table in GONE:
        with receiver.behind_its_back() as connection:
            before = connection.execute(f"SELECT * FROM {table}").fetchall()
            connection.execute(f"DELETE FROM {table}")
        assert fsck.check(receiver.store) != [], table
        with receiver.behind_its_back() as connection:
            restore(connection, table, before)
    assert fsck.check(receiver.store) == []


def test_a_closed_gap_that_nobody_signed_is_found(receiver: Receiver) -> None:
    with receiver.behind_its_back() as connection:
        connection.execute(
            "INSERT INTO closed_gaps SELECT workspace_id, 1, stream_id, 1, 1, closed_at FROM closed_gaps"
        )
    assert [one.problem for one in fsck.check(receiver.store)] == ["nobody signed this closing of a gap"]
