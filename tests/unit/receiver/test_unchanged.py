"""What was read once is not read again of the same state of the database, and never given of another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select

from receiver.store.engine import Store, Tx
from receiver.store.schema import workspaces
from receiver.store.unchanged import once

MUCH = 1_500_000
"""Twice so many bytes are more than a connection remembers; once is not."""


class Count:
    """Counts the workspaces, and how often it was really asked to."""

    def __init__(self, size: int = 1) -> None:
        self.asked = 0
        self._size = size

    def __call__(self, tx: Tx, key: str = "count") -> int:
        def read() -> int:
            self.asked += 1
            return int(tx.execute(select(func.count()).select_from(workspaces)).scalar_one())

        return once(tx, (Count, key), read, lambda _: self._size)


def add(store: Store, name: str) -> None:
    store.write(lambda tx: _add(tx, name))


def _add(tx: Tx, name: str) -> None:
    tx.execute(insert(workspaces).values(workspace_id=name, name=name, root_key=b"", keyring_version=1, created_at=0))


def test_of_the_same_state_a_file_is_asked_once_and_a_server_each_time(url: str, store: Store) -> None:
    count = Count()
    assert [store.read(count) for _ in range(3)] == [0, 0, 0]
    assert count.asked == (1 if url.startswith("sqlite") else 3)


@pytest.mark.parametrize("same", [pytest.param(True, id="our own"), pytest.param(False, id="of another process")])
def test_a_commit_is_seen_by_the_very_next_read(url: str, store: Store, *, same: bool) -> None:
    count, writer = Count(), store if same else Store.open(url)
    for number in range(5):
        assert store.read(count) == store.read(count) == number
        add(writer, f"ws_{number}")
    assert store.read(count) == 5
    if not same:
        writer.close()


def test_what_a_snapshot_saw_is_not_given_of_a_later_state(url: str, store: Store) -> None:
    """A commit between the begin of a read and its first row: what is remembered then is of the snapshot."""
    count, other = Count(), Store.open(url)

    def act(tx: Tx) -> tuple[int, int]:
        before = count(tx)
        add(other, "ws_between")
        return before, count(tx, "another question of the same snapshot")

    before, after = store.read(act)
    # A server shows what was committed meanwhile to nobody who reads a snapshot, either.
    assert (before, after) == (0, 0)
    assert (store.read(count), store.read(lambda tx: count(tx, "another question of the same snapshot"))) == (1, 1)
    other.close()


def test_whoever_writes_reads_what_it_wrote(store: Store) -> None:
    count = Count()

    def act(tx: Tx) -> tuple[int, int]:
        before = count(tx)
        _add(tx, "ws_1")
        return before, count(tx)

    assert store.write(act) == (0, 1)
    assert store.write(count) == 1


def test_what_failed_is_asked_again(store: Store) -> None:
    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        store.read(lambda tx: once(tx, "key", fail))
    assert store.read(lambda tx: once(tx, "key", lambda: 7)) == 7


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        pytest.param(1, 2, id="two small ones are kept"),
        pytest.param(MUCH, 4, id="of two large ones the last"),
        pytest.param(2 * MUCH, 4, id="one that is too large is not kept"),
    ],
)
def test_what_is_remembered_has_an_end(url: str, store: Store, size: int, asked: int) -> None:
    count = Count(size)
    read: Callable[[str], int] = lambda key: store.read(lambda tx: count(tx, key))  # noqa: E731 - short, and once
    assert [read(key) for key in ("a", "b", "a", "b")] == [0, 0, 0, 0]
    assert count.asked == (asked if url.startswith("sqlite") else 4)
