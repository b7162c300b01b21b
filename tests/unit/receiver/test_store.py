"""The store's promises on both databases: transactions end, writers wait in a row, schemas fit, evidence stays."""

import threading
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Inspector, Row, insert, inspect, select, update
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.schema import CreateTable

from receiver import lookup, release, revoke, streams, watch
from receiver.core.placing import Status
from receiver.core.revocation import Asked, Loss, What
from receiver.store import gate_tables
from receiver.store.database import Use
from receiver.store.engine import Store, Tx, database_of
from receiver.store.metadata import METADATA
from receiver.store.migrate import migrate
from receiver.store.schema import APPEND_ONLY, instance, workspaces
from shared.errors import ConfigError, StateError, TryLaterError
from shared.predicates import Person
from tests.helpers import build
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import Pipeline

INSTANCE = insert(instance).values(one=1, receiver_id="rcv_x", created_at=0)
PATIENCE = 20.0
FILLING: dict[type, object] = {str: "x", int: 1, bytes: bytes(32)}


def instances(tx: Tx) -> int:
    return len(tx.execute(select(instance)).all())


def change(url: str, statement: str) -> None:
    """Change a database as somebody without our code could."""
    engine = database_of(url).engine(Use.WRITE)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


# --- schemas ---


def test_a_database_without_schema_is_refused_with_what_to_run(databases: Databases, tmp_path: Path) -> None:
    url = databases.empty(tmp_path / "data")
    database_of(url).create()
    with pytest.raises(StateError, match=r"schema none.*run carnet-receiver migrate"):
        Store.open(url)
    assert migrate(url).before is None
    Store.open(url).close()


def test_migrating_again_changes_nothing(url: str) -> None:
    found = migrate(url)
    assert found.before == found.after


def test_a_database_of_a_newer_version_is_refused_in_words_and_left_alone(url: str) -> None:
    change(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StateError, match="a newer Carnet wrote it"):
        migrate(url)
    with pytest.raises(StateError, match="schema 9999"):
        Store.open(url)


def test_a_migration_that_fails_leaves_the_schema_as_it_was(databases: Databases, tmp_path: Path) -> None:
    url = databases.empty(tmp_path / "data")
    database_of(url).create()
    change(url, "CREATE TABLE audit (here_already INTEGER)")
    with pytest.raises(ConfigError, match="nothing was changed"):
        migrate(url)
    assert tables_of(url) == {"audit"}


def tables_of(url: str) -> set[str]:
    engine = database_of(url).engine(Use.READ)
    with engine.connect() as connection:
        found = set(inspect(connection).get_table_names())
    engine.dispose()
    return found


def test_the_migrations_make_what_the_queries_expect(databases: Databases, tmp_path: Path) -> None:
    """What migrations made and what `schema.py` says are read back from the database, down to keys and collations."""
    migrated, declared = databases.migrated(tmp_path / "a"), databases.empty(tmp_path / "b")
    database_of(declared).create()
    engines = [database_of(url).engine(Use.MIGRATE) for url in (migrated, declared)]
    with engines[0].connect() as connection, engines[1].begin() as other:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        METADATA.create_all(other)
        expected = described(inspect(other))
        assert described(inspect(connection)) == expected
        assert expected.keys() == METADATA.tables.keys()
        if databases.kind == "sqlite":
            assert_same_options(connection)
    for engine in engines:
        engine.dispose()


def described(found: Inspector) -> dict[str, list[str]]:
    """Tables with their columns, keys and indexes, in an order of their own: columns may have come later."""
    return {
        table: sorted(
            [
                *(repr(sorted((name, repr(value)) for name, value in one.items())) for one in found.get_columns(table)),
                *(repr({**one, "dialect_options": options_of(one)}) for one in found.get_indexes(table)),
                *map(repr, found.get_unique_constraints(table)),
                *map(repr, found.get_foreign_keys(table)),
                repr(found.get_pk_constraint(table)),
            ]
        )
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def options_of(index: ReflectedIndex) -> list[tuple[str, str]]:
    """What else a database says of an index, with conditions as they are written."""
    return sorted((name, str(value)) for name, value in index.get("dialect_options", {}).items())


def assert_same_options(connection: Connection) -> None:
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all()
    made = {str(row.name): str(row.sql) for row in found}
    for table in METADATA.sorted_tables:
        expected = str(CreateTable(table).compile(connection))
        for option in ("STRICT", "WITHOUT ROWID"):
            assert (option in made[table.name]) == (option in expected), (table.name, option)


def test_every_table_but_the_instance_carries_its_workspace() -> None:
    without = {table.name for table in METADATA.sorted_tables if "workspace_id" not in table.c}
    assert without == {"instance"}


def test_evidence_is_never_changed_and_never_deleted(databases: Databases, tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path, databases=databases)
    spool, caller = receiver.enrol()
    parts = build.claim(type="SBOM", evidence={"componentCount": 0, "components": ["pkg:pypi/a@1"], "reportedAt": "x"})
    receiver.take(caller, "b1", [*spool.entries(2), spool.entry(claim=parts)], spool.heartbeat())
    receiver.take(caller, "b2", [spool.rotate(build.signer(9))])
    lost = spool.next_sequence
    spool.entry()
    receiver.take(caller, "b3", [spool.entry()])
    watch.look(receiver.store, receiver.workspace_id, receiver.now)
    person = Person(issuer="rcv", subject="anna@example.org", method="password", role="admin")
    streams.close(
        receiver.store,
        receiver.signers,
        spool.stream_id,
        (lost, lost),
        "gone",
        (person,),
        receiver.now,
        receiver.random,
    )
    Pipeline(receiver).attest(passed=False)
    revoke_and_release(receiver, spool.collector_id)
    fill(receiver, gate_tables)
    acts = ["UPDATE {} SET workspace_id = 'x'", "DELETE FROM {}"]
    if databases.kind == "postgresql":
        acts.append("TRUNCATE {} CASCADE")
    for name in APPEND_ONLY:
        before = rows(receiver.store, name)
        assert before != [], name
        for act in acts:
            with pytest.raises(TryLaterError):
                run(receiver.store, act.format(name))
        assert rows(receiver.store, name) == before
    receiver.store.close()


def fill(receiver: Receiver, module: ModuleType) -> None:
    """Put a row of no meaning into every table of a module that only grows: what it is, its use case's test says."""

    def act(tx: Tx) -> None:
        for table in METADATA.sorted_tables:
            if table.name in APPEND_ONLY and table in vars(module).values():
                fields = {column.name: FILLING[column.type.python_type] for column in table.columns}
                tx.execute(insert(table).values({**fields, "workspace_id": receiver.workspace_id}))

    receiver.store.write(act)


def revoke_and_release(receiver: Receiver, collector_id: str) -> None:
    """Revoke a collector twice, release one of its attestations, and take the second revocation back."""
    store, signers, now = receiver.store, receiver.signers, receiver.now + timedelta(minutes=1)
    numbers = [
        revoke.revoke(
            store,
            signers,
            Asked(What.COLLECTOR, collector_id, Loss.COMPROMISED, since, "x"),
            ALICE,
            now,
            receiver.random,
        ).revocation
        for since in (now, None)
    ]
    (held, *_) = lookup.attestations(store, receiver.workspace_id, lookup.Filters(status=Status.HELD), 1).items
    for wanted in (release.Wanted((held.row.id,), None, "x"), release.Wanted((), numbers[1], "x")):
        release.release(store, signers, wanted, (ALICE, BOB), now, receiver.random)


def rows(store: Store, table: str) -> list[Row[Any]]:
    return list(store.read(lambda tx: tx.execute(select(METADATA.tables[table])).all()))


def run(store: Store, statement: str) -> None:
    store.write(lambda tx: tx.exec_driver_sql(statement))


# --- transactions ---


class Interrupted(BaseException):
    """What a thread may be ended by."""


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt, Interrupted])
def test_whatever_leaves_a_write_leaves_no_transaction_and_no_row(store: Store, ending: type[BaseException]) -> None:
    def act(tx: Tx) -> None:
        tx.execute(INSTANCE)
        raise ending

    with pytest.raises(ending):
        store.write(act)
    assert store.read(instances) == 0
    store.write(lambda tx: tx.execute(INSTANCE))
    assert store.read(instances) == 1


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(TryLaterError):
        store.read(lambda tx: tx.execute(INSTANCE))


def test_a_read_is_one_snapshot(url: str, store: Store) -> None:
    other = Store.open(url)

    def act(tx: Tx) -> tuple[int, int]:
        before = instances(tx)
        other.write(lambda inner: inner.execute(INSTANCE))
        return before, instances(tx)

    assert store.read(act) == (0, 0)
    assert store.read(instances) == 1
    other.close()


def test_a_write_takes_its_lock_when_it_begins(url: str, store: Store) -> None:
    """A second writer waits for the first, and never fails half-way for a lock that somebody else took."""
    other = Store.open(url)
    inside, done = threading.Event(), threading.Event()
    order: list[str] = []

    def first(tx: Tx) -> None:
        instances(tx)
        inside.set()
        done.wait(PATIENCE)
        tx.execute(INSTANCE)
        order.append("first")

    def second(tx: Tx) -> None:
        order.append(f"second saw {instances(tx)}")

    threads = [threading.Thread(target=store.write, args=(first,))]
    threads[0].start()
    assert inside.wait(PATIENCE)
    threads.append(threading.Thread(target=other.write, args=(second,)))
    threads[1].start()
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["first", "second saw 1"]
    other.close()


def test_what_a_write_read_stays_true_until_it_ends(url: str) -> None:
    """Several processes' worth of writers count up together, each from what it read, and none is lost."""
    stores = [Store.open(url) for _ in range(4)]
    stores[0].write(lambda tx: tx.execute(INSTANCE))

    def count_up(tx: Tx) -> None:
        (found,) = tx.execute(select(instance.c.created_at)).scalars()
        tx.execute(update(instance).values(created_at=found + 1))

    threads = [threading.Thread(target=one.write, args=(count_up,)) for one in stores for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert stores[0].read(lambda tx: tx.execute(select(instance.c.created_at)).scalar_one()) == len(threads)
    for one in stores:
        one.close()


def test_a_row_that_two_make_at_once_is_answered_with_try_again(store: Store) -> None:
    store.write(lambda tx: tx.execute(INSTANCE))
    with pytest.raises(TryLaterError) as refused:
        store.write(lambda tx: tx.execute(INSTANCE))
    assert refused.value.delay_seconds == 0
    store.ready()


def test_bytes_come_back_as_bytes(store: Store) -> None:
    every_byte = bytes(range(256))
    row = {"workspace_id": "w", "name": "\u2028 \U0001f9fe", "root_key": every_byte, "keyring_version": 0}
    store.write(lambda tx: tx.execute(insert(workspaces).values(created_at=2**53, **row)))
    (found,) = store.read(lambda tx: tx.execute(select(workspaces)).all())
    assert found == ("w", "\u2028 \U0001f9fe", every_byte, 0, 2**53)
    assert type(found.root_key) is bytes
