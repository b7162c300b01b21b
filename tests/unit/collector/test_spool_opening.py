import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from collector.spool import Spool, SpoolReader, SpoolSettings, Storage
from collector.spool.place import check_local, file_system_of
from collector.spool.settings import check_library, wal_is_sound
from collector.spool.sqlite import LIBRARY
from shared.errors import ConfigError, StateError
from tests.helpers.spools import COLLECTOR_ID, NOW, SMALL, STREAM_ID, open_spool, pending, put, settle

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /mnt/ci\\040share rw,relatime shared:20 master:2 - nfs4 10.0.0.9:/ci rw,vers=4.2
41 22 0:36 / /mnt/win rw - cifs //server/share rw
42 22 0:37 / /var/lib rw - xfs /dev/vdb rw
43 42 0:38 / /var/lib rw - fuse.sshfs host:/ rw
broken line
"""


def test_a_new_spool_is_empty_private_and_its_own_collectors(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool:
        assert spool.collector_id() == COLLECTOR_ID
        assert (spool.head().stream_id, spool.head().next_sequence, spool.head().last_id) == (STREAM_ID, 0, None)
        assert (spool.last_receipt(), spool.alarms(), spool.list()) == (None, [], [])
        assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
        modes = {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "spool").iterdir()}
        assert modes == {0o600}


def test_everything_is_there_after_a_restart_and_the_stream_goes_on(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool:
        put(spool, 1, 2)
        settle(spool, [0])
        last = spool.head()
    with Spool.open(
        tmp_path / "spool" / "spool.db", SMALL, collector_id=COLLECTOR_ID, new_stream_id="00" * 16, now=NOW
    ) as again:
        assert again.head() == last
        assert pending(again) == [1]
        assert not put(again, 2)[0].new


def test_another_collectors_spool_is_refused_and_left_alone(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool:
        put(spool, 1)
    with pytest.raises(ConfigError, match=r"belongs to the collector col_ci07.*col_other") as refused:
        Spool.open(tmp_path / "spool" / "spool.db", SMALL, collector_id="col_other", new_stream_id=STREAM_ID, now=NOW)
    assert refused.value.exit_status == 78
    with open_spool(tmp_path / "spool") as spool:
        assert pending(spool) == [0]


def test_a_newer_schema_is_refused_as_a_downgrade_and_left_alone(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool").close()
    with sqlite3.connect(tmp_path / "spool" / "spool.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(ConfigError, match=r"schema 99.*downgrade"):
        open_spool(tmp_path / "spool")
    assert not list((tmp_path / "spool").glob("*damaged*"))


def test_a_second_collector_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool").close()
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        "from tests.helpers.spools import open_spool\n"
        "spool = open_spool(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "spool")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StateError, match="another collector has the spool"):
            open_spool(tmp_path / "spool")
    finally:
        other.communicate(b"", timeout=20)
    open_spool(tmp_path / "spool").close()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_r9_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 0700"):
        open_spool(tmp_path / "spool")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_r9_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    open_spool(tmp_path / "spool").close()
    (tmp_path / "spool" / "spool.db").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 0600"):
        open_spool(tmp_path / "spool")


def test_r9_a_link_in_place_of_the_spool_is_refused(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool").close()
    (tmp_path / "spool" / "spool.db").rename(tmp_path / "elsewhere.db")
    (tmp_path / "spool" / "spool.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ConfigError, match="is not a file"):
        open_spool(tmp_path / "spool")


@pytest.mark.root
def test_r9_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    import os  # noqa: PLC0415 (only root can do this)

    (tmp_path / "spool").mkdir(mode=0o700)
    os.chown(tmp_path / "spool", 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to user 65534"):
        open_spool(tmp_path / "spool")


def test_a_folder_whose_parent_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make its parent"):
        open_spool(tmp_path / "not" / "there")


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/", "ext4"),
        ("/home/carnet", "ext4"),
        ("/mnt/ci share/spool", "nfs4"),
        ("/mnt/ci share", "nfs4"),
        ("/mnt/winner", "ext4"),
        ("/mnt/win/spool", "cifs"),
        ("/var/lib/carnet", "fuse.sshfs"),
    ],
)
def test_r9_the_file_system_is_the_one_mounted_last_and_deepest(folder: str, found: str) -> None:
    assert file_system_of(Path(folder), MOUNTS) == found


@pytest.mark.parametrize("folder", ["/mnt/ci share/spool", "/mnt/win", "/var/lib/carnet"])
def test_r9_a_network_file_system_is_refused_with_what_to_do(folder: str) -> None:
    with pytest.raises(ConfigError, match=r"network file system.*local disk"):
        check_local(Path(folder), MOUNTS)


def test_r9_a_local_or_unknown_file_system_is_taken() -> None:
    check_local(Path("/home/carnet"), MOUNTS)
    check_local(Path("/home/carnet"), "")


def test_r9_the_default_settings_are_in_force_when_read_back(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool:
        found = spool.storage()
    assert found == Storage(".".join(map(str, LIBRARY)), "delete", "EXTRA")


@pytest.mark.skipif(not wal_is_sound(LIBRARY), reason="this SQLite has the WAL-reset bug")
def test_r9_wal_runs_with_full_sync_and_can_be_switched_back(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool", SpoolSettings(journal="wal")) as spool:
        put(spool, 1)
        assert (spool.storage().journal, spool.storage().synchronous) == ("wal", "FULL")
        with SpoolReader.open_for_reading(tmp_path / "spool" / "spool.db") as reader:
            assert reader.stats(NOW).pending == 1
        with Spool.open_for_change(tmp_path / "spool" / "spool.db", SMALL) as operator:  # whatever its settings say
            assert (operator.storage().journal, operator.storage().synchronous) == ("wal", "FULL")
            settle(operator, [], mark=0)
            assert spool.contiguous() == 0
    with open_spool(tmp_path / "spool") as spool:
        assert (spool.storage().journal, spool.storage().synchronous) == ("delete", "EXTRA")
        assert pending(spool) == [0]


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 4), False),
        ((3, 50, 7), True),
        ((3, 51, 1), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
        ((4, 0, 0), True),
    ],
)
def test_r9_wal_is_taken_only_with_a_library_that_has_the_fix(version: tuple[int, ...], *, sound: bool) -> None:
    assert wal_is_sound(version) is sound
    check_library(version, SpoolSettings())
    if not sound:
        with pytest.raises(ConfigError, match=r"can lose committed transactions.*rollback"):
            check_library(version, SpoolSettings(journal="wal"))


def test_r9_a_library_without_strict_tables_is_refused() -> None:
    with pytest.raises(ConfigError, match="too old"):
        check_library((3, 34, 1), SpoolSettings())


@pytest.mark.skipif(wal_is_sound(sqlite3.sqlite_version_info), reason="this Python's own SQLite is sound")
def test_r9_the_systems_sqlite_keeps_the_spool_but_not_in_wal_mode(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.'); sys.modules['pysqlite3'] = None\n"
        "from collector.spool import SpoolSettings\n"
        "from shared.errors import ConfigError\n"
        "from tests.helpers.spools import open_spool, pending, put\n"
        "with open_spool(Path(sys.argv[1])) as spool: put(spool, 1); print(spool.storage(), pending(spool))\n"
        "try: open_spool(Path(sys.argv[1]), SpoolSettings(journal='wal'))\n"
        "except ConfigError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "spool")], capture_output=True, text=True, timeout=60, check=True
    )
    first, second = done.stdout.splitlines()
    assert "synchronous='EXTRA'" in first
    assert first.endswith("[0]")
    assert f"SQLite {sqlite3.sqlite_version} can lose committed transactions" in second


def test_a_reader_never_makes_a_spool(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no spool"):
        SpoolReader.open_for_reading(tmp_path / "spool.db")
    with pytest.raises(StateError, match="there is no spool"):
        Spool.open_for_change(tmp_path / "spool.db", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_an_operators_command_moves_no_damaged_file(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool").close()
    path = tmp_path / "spool" / "spool.db"
    path.write_bytes(b"this is no database" * 1_000)
    before = sorted(path.parent.iterdir())
    with pytest.raises(StateError, match="cannot be opened"):
        SpoolReader.open_for_reading(path)
    with pytest.raises(StateError, match="cannot be opened"):
        Spool.open_for_change(path, SMALL)
    assert sorted(path.parent.iterdir()) == before


def test_a_closed_spool_says_so_and_closes_twice(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    spool.close()
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.head()


def test_an_alarm_stands_until_a_person_clears_it(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "spool" / "spool.db").touch(mode=0o600)
    with open_spool(tmp_path / "spool") as spool:
        [alarm] = spool.alarms()
        assert (alarm.name, alarm.raised_at) == ("salvage_needed", NOW)
        assert Path(alarm.detail).exists()
    with open_spool(tmp_path / "spool", now=NOW + timedelta(days=1)) as spool:
        assert spool.alarms() == [alarm]
        spool.clear_alarm(alarm.number)
        assert spool.alarms() == []
        with pytest.raises(StateError, match="no alarm"):
            spool.clear_alarm(alarm.number)
