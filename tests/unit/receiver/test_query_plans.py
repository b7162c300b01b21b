"""Lists are read where their index stands, in its order: a page costs what it shows, however much is stored."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from receiver.core.posting import Record
from receiver.store import attestation_pages, passports, records, suspects
from receiver.store.attestation_pages import Filters
from receiver.store.engine import Tx
from receiver.store.records import RecordFilters
from tests.helpers.fleet import Receiver, make_receiver

LISTS = {
    "all": Filters(),
    "repository": Filters(repository="acme/a"),
    "digest": Filters(digest=bytes(32)),
    "commit": Filters(digest=bytes(20)),
    "type": Filters(type="COVERAGE"),
    "pull request": Filters(pr_number=7),
    "component": Filters(component="pkg:pypi/a@1"),
    "digest and component": Filters(digest=bytes(32), component="pkg:pypi/a@1"),
}
RECORDS = {
    "all": RecordFilters(),
    "repository": RecordFilters(repository="acme/a"),
    "digest": RecordFilters(digest=bytes(32)),
    "commit": RecordFilters(commit="ab" * 20),
    "environment": RecordFilters(environment="production"),
    "pull request": RecordFilters(pr_number=7),
}

PASSPORTS = {
    "all": passports.Filters(),
    "service": passports.Filters(service="api"),
    "environment": passports.Filters(environment="production"),
    "digest": passports.Filters(digest=bytes(32)),
    "text": passports.Filters(text="9f3c8b7"),
}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    made = make_receiver(tmp_path_factory.mktemp("plans"))
    yield made
    made.store.close()


def plan(tx: Tx, read: Any) -> list[str]:  # noqa: ANN401 - whatever is read
    """How SQLite says that it answers the last query of a read."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:  # noqa: ANN401, FBT001 - SQLAlchemy's signature
        asked.append((statement, parameters))

    event.listen(tx, "before_cursor_execute", note)
    read(tx)
    event.remove(tx, "before_cursor_execute", note)
    statement, parameters = asked[-1]
    return [str(row[3]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("name", PASSPORTS)
def test_a_page_of_passports_is_neither_sorted_nor_searched_for(receiver: Receiver, name: str) -> None:
    steps = receiver.store.read(
        lambda tx: plan(tx, lambda tx: passports.page(tx, receiver.workspace_id, PASSPORTS[name], 10, None))
    )
    assert steps
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]


def test_the_passport_in_force_is_the_last_of_its_index(receiver: Receiver) -> None:
    steps = receiver.store.read(
        lambda tx: plan(tx, lambda tx: passports.in_force(tx, receiver.workspace_id, bytes(32)))
    )
    assert steps == ["SEARCH passports USING INDEX sqlite_autoindex_passports_3 (workspace_id=? AND release_key=?)"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("before", [None, 1_000])
def test_a_page_of_attestations_is_neither_sorted_nor_searched_for(
    receiver: Receiver, name: str, before: int | None
) -> None:
    steps = receiver.store.read(
        lambda tx: plan(tx, lambda tx: attestation_pages.page(tx, receiver.workspace_id, LISTS[name], 10, before))
    )
    assert steps
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("kind", [Record.RUN, Record.ARTIFACT, Record.DEPLOYMENT])
def test_a_page_of_records_is_neither_sorted_nor_searched_for(receiver: Receiver, kind: Record, name: str) -> None:
    steps = receiver.store.read(
        lambda tx: plan(tx, lambda tx: records.page(tx, receiver.workspace_id, kind, RECORDS[name], 10, None))
    )
    assert steps
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]


def test_how_things_stand_is_asked_of_small_tables_by_whole_keys(receiver: Receiver) -> None:
    asked = receiver.store.read(
        lambda tx: plan(tx, lambda tx: suspects.facts(tx, receiver.workspace_id, range(1, 200)))
    )
    assert any("COVERING INDEX streams_forked" in step for step in asked)
    assert [step for step in asked if "SCAN" in step or step.endswith("(workspace_id=?)")] == []
