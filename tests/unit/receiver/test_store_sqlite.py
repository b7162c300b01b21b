"""R9 and the promises about the SQLite file: settings that lose nothing, read back; a file of its owner alone."""

from pathlib import Path

import pytest

from receiver.store import sqlite
from receiver.store.engine import Store, database_of
from receiver.store.migrate import migrate
from receiver.store.sqlite import ROLLBACK_EXTRA, WAL_FULL
from shared.errors import ConfigError, StateError, TryLaterError
from tests.helpers.databases import sqlite_url as url
from tests.helpers.fleet import make_receiver


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "data" / "receiver.db"
    migrate(url(made))
    return made


def test_a_database_is_made_for_its_owner_alone(path: Path) -> None:
    store = Store.open(url(path))
    store.write(lambda tx: tx.exec_driver_sql("INSERT INTO instance VALUES (1, 'rcv_x', 0)"))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}.items() >= {path.name: 0o600}.items()
    assert {one.stat().st_mode & 0o077 for one in path.parent.iterdir()} == {0}
    store.close()


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), ROLLBACK_EXTRA),
        ((3, 44, 5), ROLLBACK_EXTRA),
        ((3, 44, 6), WAL_FULL),
        ((3, 45, 0), ROLLBACK_EXTRA),
        ((3, 50, 6), ROLLBACK_EXTRA),
        ((3, 50, 7), WAL_FULL),
        ((3, 51, 0), ROLLBACK_EXTRA),
        ((3, 51, 2), ROLLBACK_EXTRA),
        ((3, 51, 3), WAL_FULL),
        ((3, 53, 4), WAL_FULL),
        ((4, 0, 0), WAL_FULL),
    ],
)
def test_wal_is_used_only_where_its_reset_bug_is_fixed(version: tuple[int, ...], mode: sqlite.Mode) -> None:
    assert sqlite.mode_for(version) == mode


def test_a_library_that_is_too_old_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"3\.36\.0 is too old"):
        sqlite.mode_for((3, 36, 0))


@pytest.mark.parametrize("mode", [WAL_FULL, ROLLBACK_EXTRA])
@pytest.mark.parametrize("read_only", [True, False])
def test_every_setting_holds_on_every_connection(path: Path, mode: sqlite.Mode, *, read_only: bool) -> None:
    connection = sqlite.connect(sqlite.driver(), path)
    sqlite.prepare(connection, mode, read_only=read_only)
    asked = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "query_only", "busy_timeout")
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked}
    assert found == {
        "journal_mode": mode.journal,
        "synchronous": {"FULL": 2, "EXTRA": 3}[mode.synchronous],
        "foreign_keys": 1,
        "trusted_schema": 0,
        "query_only": int(read_only),
        "busy_timeout": 30_000,
    }
    connection.close()


def test_a_setting_that_does_not_hold_stops_the_start(path: Path) -> None:
    connection = sqlite.connect(sqlite.driver(), path)
    sqlite.prepare(connection, WAL_FULL, read_only=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    with pytest.raises(ConfigError, match="synchronous = 1 where 2 was set"):
        sqlite.check(connection, WAL_FULL, read_only=False)
    connection.close()


def test_a_missing_database_is_an_error_and_not_an_empty_start(tmp_path: Path) -> None:
    missing = tmp_path / "receiver.db"
    with pytest.raises(StateError, match="run carnet-receiver migrate"):
        Store.open(url(missing))
    assert not missing.exists()


@pytest.mark.parametrize(("loose", "name"), [(0o640, "receiver.db"), (0o604, "receiver.db"), (0o750, "data")])
def test_a_file_or_folder_that_others_can_read_is_refused(path: Path, loose: int, name: str) -> None:
    (path if name == "receiver.db" else path.parent).chmod(loose)
    with pytest.raises(ConfigError, match=f"{name} can be read by others"):
        Store.open(url(path))


def test_a_remote_file_system_is_recognised_by_its_mount() -> None:
    mounts = (
        "22 1 0:20 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:40 / /mnt/team\\040share rw,relatime shared:1 - nfs4 host:/x rw\n"
        "broken line\n"
    )
    assert sqlite.file_system_of(Path("/mnt/team share/receiver.db"), mounts) == "nfs4"
    assert sqlite.file_system_of(Path("/mnt/team/receiver.db"), mounts) == "ext4"
    assert sqlite.file_system_of(Path("/x"), "") is None


@pytest.mark.parametrize("wrong", ["", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "receiver.db"])
def test_a_url_that_names_no_database_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:////var/lib"):
        database_of(wrong)


def test_a_password_for_a_file_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="has no password"):
        Store.open(url(path), "secret")


@pytest.mark.parametrize("damage", [b"not a database" * 400, b""])
def test_a_file_that_is_no_database_is_refused_and_never_replaced(path: Path, damage: bytes) -> None:
    for one in path.parent.iterdir():
        one.unlink()
    path.write_bytes(damage)
    path.chmod(0o600)
    with pytest.raises((ConfigError, StateError)):
        Store.open(url(path))
    assert path.read_bytes()[:14] == damage[:14] or damage == b""


def test_a_damaged_page_is_found_at_the_start(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    receiver.store.close()
    content = bytearray(receiver.path.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    receiver.path.write_bytes(content)
    with pytest.raises(ConfigError, match="restore the last backup"):
        Store.open(url(receiver.path))


def test_a_read_at_hand_never_waits_and_never_writes(path: Path) -> None:
    store = Store.open(url(path))
    at_hand = store.glancing()
    assert at_hand is not None
    module = sqlite.driver()
    assert at_hand.read(lambda tx: tx.exec_driver_sql("PRAGMA busy_timeout").scalar_one()) == 0
    locker = sqlite.connect(module, path)
    locker.execute("PRAGMA locking_mode = EXCLUSIVE")
    store.close()  # a lock that keeps readers out waits for the last of them
    locker.execute("BEGIN EXCLUSIVE")
    locker.execute("INSERT INTO instance VALUES (1, 'rcv_x', 0)")
    with pytest.raises(TryLaterError, match="locked"):
        at_hand.read(lambda tx: tx.exec_driver_sql("SELECT 1 FROM instance").all())
    locker.execute("COMMIT")
    locker.close()
    assert at_hand.read(lambda tx: tx.exec_driver_sql("SELECT receiver_id FROM instance").scalar_one()) == "rcv_x"
    with pytest.raises(TryLaterError, match="do not wait"):
        at_hand.write(lambda tx: tx.exec_driver_sql("DELETE FROM instance"))
    store.close()
