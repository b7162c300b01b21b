"""The promises about PostgreSQL: what a server must be like, what its errors become, and that no password shows."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from receiver.cli import main
from receiver.store.database import Use
from receiver.store.engine import Store, Tx, database_of
from receiver.store.migrate import migrate
from receiver.store.schema import instance
from shared.errors import Code, ConfigError, MalformedError, StateError, TryLaterError
from shared.keyfile import write_secret
from tests.helpers.databases import PostgresDatabases
from tests.helpers.postgres import PASSWORD, WALLED, PostgresServer

INSTANCE = insert(instance).values(one=1, receiver_id="rcv_x", created_at=0)
PATIENCE = 20.0


@pytest.fixture
def server(postgres_server: PostgresServer) -> PostgresServer:
    return postgres_server


@pytest.fixture
def databases(server: PostgresServer) -> Iterator[PostgresDatabases]:
    made = PostgresDatabases(server)
    yield made
    made.close()


@pytest.fixture
def url(databases: PostgresDatabases, tmp_path: Path) -> str:
    return databases.migrated(tmp_path)


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def sessions(server: PostgresServer, url: str, event: str | None = None) -> list[object]:
    """Process ids of what is connected to a database, or of what waits there for something."""
    asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND (%s::text IS NULL OR wait_event = %s)"
    return [pid for (pid,) in server.admin(asked, name_of(url), event, event)]


# --- connections ---


@pytest.mark.parametrize(
    ("use", "isolation", "read_only", "patience"),
    [
        (Use.READ, "repeatable read", "on", ("30s", "1min", "1min")),
        (Use.WRITE, "read committed", "off", ("30s", "1min", "1min")),
        (Use.MIGRATE, "read committed", "off", ("30s", "0", "0")),
    ],
)
def test_every_transaction_has_what_its_use_needs(
    url: str, use: Use, isolation: str, read_only: str, patience: tuple[str, str, str]
) -> None:
    engine = database_of(url).engine(use)
    asked = "transaction_isolation transaction_read_only lock_timeout statement_timeout"
    names = [*asked.split(), "idle_in_transaction_session_timeout", "application_name"]
    for _ in range(2):  # the second time on a connection that the pool kept
        with engine.begin() as connection:
            found = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
            locks = connection.execute(text("SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory'")).all()
        assert found == [isolation, read_only, *patience, "carnet-receiver"]
        assert locks == ([] if use is Use.READ else [(25441, 1919837556)])
    engine.dispose()


def test_the_writers_of_one_database_do_not_wait_for_those_of_another(
    databases: PostgresDatabases, url: str, tmp_path: Path
) -> None:
    one, other = Store.open(url), Store.open(databases.migrated(tmp_path))
    one.write(lambda _: other.write(lambda tx: tx.execute(INSTANCE)))
    one.close()
    other.close()


def test_a_writer_that_waits_in_vain_is_told_to_try_later_and_leaves_nothing(server: PostgresServer, url: str) -> None:
    holder, store = Store.open(url), Store.open(url)
    holds, leave = threading.Event(), threading.Event()

    def hold(_: Tx) -> None:
        holds.set()
        leave.wait(PATIENCE)

    def cut_off() -> None:
        deadline = time.monotonic() + PATIENCE
        while not (waiting := sessions(server, url, "advisory")):
            assert time.monotonic() < deadline
        server.admin("SELECT pg_cancel_backend(%s)", waiting[0])

    threads = [threading.Thread(target=holder.write, args=(hold,)), threading.Thread(target=cut_off)]
    threads[0].start()
    assert holds.wait(PATIENCE)
    threads[1].start()
    with pytest.raises(TryLaterError, match="canceling statement"):
        store.write(lambda tx: tx.execute(INSTANCE))
    leave.set()
    for thread in threads:
        thread.join(PATIENCE)
    store.write(lambda tx: tx.execute(INSTANCE))
    holder.close()
    store.close()


def test_a_server_that_drops_its_sessions_costs_one_try_and_no_row(server: PostgresServer, url: str) -> None:
    store = Store.open(url)
    store.ready()

    def act(tx: Tx) -> None:
        tx.execute(INSTANCE)
        for pid in sessions(server, url):
            server.admin("SELECT pg_terminate_backend(%s, 5000)", pid)

    with pytest.raises(TryLaterError):
        store.write(act)
    with pytest.raises(TryLaterError):
        store.ready()
    store.ready()
    assert store.read(lambda tx: tx.execute(select(instance)).all()) == []
    store.write(lambda tx: tx.execute(INSTANCE))
    store.close()


@pytest.mark.parametrize(("name", "at"), [("rcv\0x", 0), ("rcv_x", 2**63)])
def test_what_no_column_can_hold_is_refused_as_the_senders_mistake(url: str, name: str, at: int) -> None:
    store = Store.open(url)
    with pytest.raises(MalformedError) as refused:
        store.write(lambda tx: tx.execute(insert(instance).values(one=1, receiver_id=name, created_at=at)))
    assert refused.value.code is Code.INVALID_FIELD
    store.write(lambda tx: tx.execute(INSTANCE))
    store.close()


# --- what a server and a database must be like ---


def test_a_server_that_could_lose_commits_is_refused(server: PostgresServer, url: str) -> None:
    lossy = "synchronous_commit = off"
    server.run(f"ALTER DATABASE {name_of(url)} SET {lossy}")
    for refused in (Store.open, migrate):
        with pytest.raises(ConfigError, match=f"PostgreSQL has {lossy}: commits could be lost"):
            refused(url)


def test_a_database_that_is_not_utf8_is_refused(server: PostgresServer) -> None:
    server.run("CREATE DATABASE latin OWNER carnet ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(ConfigError, match="encoding LATIN1, not UTF8"):
        migrate(server.url("latin"))


# --- opening ---


def test_a_missing_database_is_told_apart_and_nothing_is_made(server: PostgresServer) -> None:
    for refused in (Store.open, migrate):
        with pytest.raises(StateError, match="CREATE DATABASE") as raised:
            refused(server.url("nowhere"))
        assert raised.value.code is Code.NOT_FOUND
    assert server.admin("SELECT 1 FROM pg_database WHERE datname = 'nowhere'") == []


@pytest.mark.parametrize("password", [None, "wrong-canary"])
def test_a_wrong_or_missing_password_is_an_error_of_configuration(
    server: PostgresServer, url: str, password: str | None
) -> None:
    with pytest.raises(ConfigError, match="database_password_file") as refused:
        Store.open(server.url(name_of(url), WALLED), password)
    assert "canary" not in str(refused.value)


def test_a_user_without_rights_is_an_error_of_configuration(server: PostgresServer, url: str) -> None:
    server.run("CREATE ROLE stranger LOGIN")
    with pytest.raises(ConfigError, match="permission denied"):
        Store.open(server.url(name_of(url), "stranger"))


def test_the_right_password_opens(server: PostgresServer, url: str) -> None:
    store = Store.open(server.url(name_of(url), WALLED), PASSWORD)
    store.write(lambda tx: tx.execute(INSTANCE))
    assert PASSWORD not in repr(store.__dict__)
    store.close()


def test_a_server_that_does_not_answer_is_waited_for(server: PostgresServer) -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        for refused in (Store.open, migrate):
            with pytest.raises(TryLaterError, match="does not answer"):
                refused(server.url("postgres").replace(str(server.port), str(port)))


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://carnet:canary@127.0.0.1/carnet",
        "postgresql://carnet:can/ary@127.0.0.1/carnet",
        "postgresql://carnet:canary@127.0.0.1:canary/carnet",
        "postgresql+psycopg://carnet:@127.0.0.1/carnet",
        "postgresql://carnet@127.0.0.1/carnet?password=canary",
        "postgresql://carnet@127.0.0.1/carnet?sslpassword=canary",
        "postgresql://carnet@127.0.0.1/carnet?options=-c%20fsync=canary",
        "postgresql+psycopg2://carnet@127.0.0.1/carnet",
        "postgresql://carnet@127.0.0.1",
    ],
)
def test_a_url_that_will_not_do_is_refused_and_not_shown(wrong: str) -> None:
    for refused in (Store.open, migrate):
        with pytest.raises(ConfigError) as raised:
            refused(wrong)
        assert "canary" not in str(raised.value)
        assert "can/ary" not in str(raised.value)


# --- as an operator does it ---


def config_for(folder: Path, url: str, password: bytes) -> Path:
    write_secret(folder / "database.password", password)
    path = folder / "receiver.toml"
    path.write_text(
        f'database_url = "{url}"\nmaster_key_file = "{folder / "master.key"}"\n'
        f'database_password_file = "{folder / "database.password"}"\n'
    )
    return path


def test_migrate_and_fsck_take_the_password_from_its_file(
    server: PostgresServer, databases: PostgresDatabases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.url(name_of(databases.empty(tmp_path)), WALLED)
    config = config_for(tmp_path, url, PASSWORD.encode() + b"\n")
    assert [main([verb, "--config", str(config)]) for verb in ("migrate", "migrate", "fsck")] == [0, 0, 0]
    shown = capsys.readouterr()
    assert "before: none" in shown.out
    assert PASSWORD not in shown.out + shown.err


@pytest.mark.parametrize(
    ("password", "said"), [(b"", "holds no password"), (b"\xff", "not UTF-8"), (b"one\ntwo", "more than one line")]
)
def test_a_password_file_that_will_not_do_is_refused(
    server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], password: bytes, said: str
) -> None:
    config = config_for(tmp_path, server.url("postgres"), password)
    assert main(["migrate", "--config", str(config)]) == 78
    assert said in capsys.readouterr().err


def test_a_missing_extra_is_named_with_exit_78(server: PostgresServer, tmp_path: Path) -> None:
    config = config_for(tmp_path, server.url("postgres"), b"secret")
    without = "import sys; sys.modules['psycopg'] = None; from receiver.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", without, "migrate", "--config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 78
    assert "pip install 'carnet[postgres]'" in done.stderr
