"""Spools of every schema that was ever released are read by this version; `tests/fixtures/schema-N/` holds one each.

They are written when a schema is released and never again. `spool.db` came from `_write` below, as it was then.
"""

import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from collector.leaving import Kind, Leaving
from collector.spool import Aside, Spool, State, schema
from tests.helpers.spools import EPOCH, NOW, TO, beat, candidate, open_spool, pending, put, settle, still_verifies

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SPOOLS = sorted(FIXTURES.glob("schema-*/spool.db"))


def _write(folder: Path) -> None:
    with open_spool(folder) as spool:
        put(spool, *range(8))
        spool.put([candidate(8, size=9_000, aside=Aside("truncated", "line 3", None))], epoch=EPOCH, now=NOW)
        settle(spool, [0, 1, 2], [(3, "wrong_type"), (4, "unknown_key")], mark=2)
        spool.drop(4, "a mistake", "ana", NOW)
        spool.forget("ci", ["out/report-1.xml"])
        spool.note_answer([5], "the receiver answered 413", NOW)
        first = [Leaving(Kind.COLLECTED, spool.show(place).entry.id, 500, place) for place in (0, 1)]
        spool.leave([*first, beat(spool)], TO, NOW)


def _schema_of(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [
            row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        ]
    finally:
        connection.close()


def test_there_is_a_spool_of_each_schema_up_to_this_one() -> None:
    assert [one.parent.name for one in SPOOLS] == [f"schema-{number}" for number in range(1, schema.VERSION + 1)]


@pytest.mark.parametrize("old", SPOOLS, ids=lambda one: one.parent.name)
def test_r15_a_spool_of_an_older_version_is_read_and_goes_on(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    shutil.copyfile(old, folder / "spool.db")
    (folder / "spool.db").chmod(0o600)
    with open_spool(folder) as spool:
        assert [one.state for one in spool.list()] == [
            *[State.DELIVERED] * 3,
            State.QUARANTINED,
            State.DROPPED,
            *[State.PENDING] * 4,
        ]
        entries = spool.head_entries(100, 1 << 20)
        assert [one.sequence for one in entries] == [5, 6, 7, 8]
        assert all(still_verifies(one.envelope, one.id) for one in entries)
        assert spool.asides()[0].aside == Aside("truncated", "line 3", None)
        assert spool.list(State.PENDING)[0].answer == "the receiver answered 413"
        assert (spool.contiguous(), spool.next_beat(), spool.alarms()) == (2, 2, [])
        before_the_ledger = old.parent.name == "schema-1"
        assert [(one.what.kind, one.what.place) for one in spool.departures()] == (
            [] if before_the_ledger else [(Kind.COLLECTED, 0), (Kind.COLLECTED, 1), (Kind.HEARTBEAT, 1)]
        )
        spool.leave([beat(spool)], TO, NOW)
        assert [one.what.place for one in spool.departures()][-1] == 2
        assert not put(spool, 0)[0].new
        assert put(spool, 100)[0].sequence == 9
        settle(spool, pending(spool))
        assert spool.prune(now=NOW + timedelta(days=15)) == 9  # the dropped one gives up its bytes alone
        assert [one.state for one in spool.list()] == [State.QUARANTINED, State.DROPPED]


@pytest.mark.parametrize("old", SPOOLS, ids=lambda one: one.parent.name)
def test_r15_an_older_spool_once_migrated_has_the_schema_of_a_new_one(old: Path, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir(mode=0o700)
    shutil.copyfile(old, tmp_path / "old" / "spool.db")
    (tmp_path / "old" / "spool.db").chmod(0o600)
    for name in ("old", "new"):
        Spool.close(open_spool(tmp_path / name))
    assert _schema_of(tmp_path / "old" / "spool.db") == _schema_of(tmp_path / "new" / "spool.db")
