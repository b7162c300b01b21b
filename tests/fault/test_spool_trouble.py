"""F26: what the spool says while the disk or another program is in the way, and that it goes on afterwards."""

from pathlib import Path

import pytest

from collector.spool import Spool, SpoolBroken, SpoolFull, SpoolReader, SpoolSettings
from collector.spool.sqlite import dbapi  # another library in this process would not see its locks
from shared.errors import TryLaterError
from tests.helpers.spools import COLLECTOR_ID, NOW, STREAM_ID, open_spool, pending, put, settle

IMPATIENT = SpoolSettings(ballast_bytes=0, busy_seconds=0.05)


def _harm(path: Path, statement: str) -> None:
    other = dbapi.connect(path)
    try:
        other.execute("PRAGMA ignore_check_constraints = ON")
        other.execute(statement)
        other.commit()
    finally:
        other.close()


def test_a_lock_held_by_another_program_is_waited_for_then_said_and_nothing_is_stored(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool", IMPATIENT) as spool:
        put(spool, 1)
        other = dbapi.connect(tmp_path / "spool" / "spool.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(5):  # never "broken": the disk is well
            with pytest.raises(TryLaterError, match="another program keeps the spool locked"):
                put(spool, 2)
        other.execute("ROLLBACK")
        other.close()
        assert pending(spool) == [0]
        assert put(spool, 2)[0].sequence == 1


def test_a_look_from_outside_that_lasts_too_long_undoes_the_commit_and_only_that(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool", IMPATIENT) as spool:
        put(spool, 1)
        other = dbapi.connect(tmp_path / "spool" / "spool.db", isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT * FROM entry").fetchone()
        with pytest.raises(TryLaterError, match="locked"):
            put(spool, 2)
        other.execute("COMMIT")
        other.close()
        assert pending(spool) == [0]
        assert [one.new for one in put(spool, 2)] == [True]


def test_r8_the_third_failure_in_a_row_is_broken_and_a_success_between_starts_the_count_anew(tmp_path: Path) -> None:
    folder, away = tmp_path / "spool", tmp_path / "away"
    with open_spool(folder, IMPATIENT) as spool:
        put(spool, 1)
        for _ in range(2):
            folder.rename(away)
            for _ in range(2):
                with pytest.raises(TryLaterError) as later:
                    put(spool, 2)
                assert not isinstance(later.value, SpoolFull)
            away.rename(folder)
            settle(spool, [])
        folder.rename(away)
        for _ in range(2):
            with pytest.raises(TryLaterError):
                put(spool, 2)
        with pytest.raises(SpoolBroken) as broken:
            put(spool, 2)
        assert broken.value.exit_status == 74
        away.rename(folder)
        assert pending(spool) == [0]
        assert put(spool, 2)[0].sequence == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET state = 'pendant' WHERE sequence = 1",
        "UPDATE entry SET stored_at = 'yesterday' WHERE sequence = 0",
        "UPDATE entry SET stored_at = CAST(x'ff' AS TEXT) WHERE sequence = 0",
    ],
    ids=["state", "time", "text that is no text"],
)
def test_r4_a_word_in_the_file_that_was_never_written_there_ends_in_a_move_aside(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "spool" / "spool.db"
    with open_spool(tmp_path / "spool", IMPATIENT) as spool:
        put(spool, 1, 2)
        _harm(path, statement)
        with pytest.raises(SpoolBroken):
            _everything(spool)
    with open_spool(tmp_path / "spool", IMPATIENT) as spool:
        [alarm] = spool.alarms()
        assert spool.list() == []
        assert len(Spool.salvage(Path(alarm.detail), spool, NOW)) == 2
        _everything(spool)


def _everything(spool: Spool) -> None:
    spool.stats(NOW)
    spool.list()
    settle(spool, [0, 1])


def test_a_reader_that_meets_damage_leaves_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "spool.db"
    with open_spool(tmp_path / "spool", IMPATIENT) as spool:
        put(spool, 1)
    _harm(path, "UPDATE entry SET stored_at = 'yesterday'")
    before = sorted(path.parent.iterdir())
    with SpoolReader.open_for_reading(path) as reader, pytest.raises(SpoolBroken):
        reader.stats(NOW)
    assert sorted(path.parent.iterdir()) == before


def test_a_reader_cannot_change_anything(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool").close()
    with SpoolReader.open_for_reading(tmp_path / "spool" / "spool.db") as reader:
        assert not hasattr(reader, "put")
        with pytest.raises(Exception, match="readonly"):
            reader._database.write(lambda c: c.execute("UPDATE spool SET beat = 9"))  # noqa: SLF001 (forced)


def test_two_files_damaged_in_the_same_moment_are_both_kept(tmp_path: Path) -> None:
    for _ in range(3):
        with open_spool(tmp_path / "spool") as spool:
            put(spool, 1)
        (tmp_path / "spool" / "spool.db").write_bytes(b"no database")
    with open_spool(tmp_path / "spool") as spool:
        assert len({Path(one.detail) for one in spool.alarms() if Path(one.detail).exists()}) == 3


def test_a_stream_id_that_is_none_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 hex"):
        Spool.open(tmp_path / "s" / "spool.db", IMPATIENT, collector_id=COLLECTOR_ID, new_stream_id="x", now=NOW)
    assert len(STREAM_ID) == 32


def test_a_reader_of_a_file_that_is_no_spool_says_so(tmp_path: Path) -> None:
    other = dbapi.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE invoices (number INTEGER)")
    other.close()
    (tmp_path / "other.db").chmod(0o600)
    with pytest.raises(Exception, match="no spool"):
        SpoolReader.open_for_reading(tmp_path / "other.db")
