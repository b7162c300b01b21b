"""A check of the whole database reads each table once, however many pages of attestations there are."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from receiver.store import whole
from receiver.store.attestations import New
from receiver.store.engine import Tx
from tests.helpers.fleet import Receiver, make_receiver

BESIDE = ("subjects", "components", "contradictions", "dated_reports")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path)
    spool, caller = made.enrol()
    made.take(caller, "b1", spool.entries(7))
    yield made
    made.store.close()


def read(receiver: Receiver, size: int) -> tuple[list[tuple[New, ...]], Counter[str]]:
    asked: Counter[str] = Counter()

    def act(tx: Tx) -> list[tuple[New, ...]]:
        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.update(table for table in BESIDE if f"FROM {table}" in statement)

        event.listen(tx, "before_cursor_execute", count)
        return list(whole.pages(tx, receiver.workspace_id, size))

    return receiver.store.read(act), asked


@pytest.mark.parametrize("size", [1, 3, 500])
def test_each_table_is_read_once(receiver: Receiver, size: int) -> None:
    pages, asked = read(receiver, size)
    assert asked == dict.fromkeys(BESIDE, 1)
    assert [one.row.n for page in pages for one in page] == list(range(1, 8))
    assert {len(page) for page in pages[:-1]} <= {size}


def test_what_hangs_on_an_attestation_is_given_with_it(receiver: Receiver) -> None:
    def linked(tx: Tx) -> dict[int, set[bytes]]:
        found: dict[int, set[bytes]] = {}
        for n, digest in tx.exec_driver_sql("SELECT n, digest FROM subjects"):
            found.setdefault(n, set()).add(digest)
        return found

    pages, _ = read(receiver, 2)
    assert {one.row.n: set(one.digests) for page in pages for one in page} == receiver.store.read(linked)
