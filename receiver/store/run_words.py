"""All signed words on runs, a few runs at a time, and what `store.triggered` keeps of such words: for `fsck`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from sqlalchemy import Table, and_, bindparam, func, select

from receiver.core.posting import Record
from receiver.store import attestations
from receiver.store.engine import Tx
from receiver.store.gate_tables import run_commits, triggered
from receiver.store.parts import Parts
from receiver.store.record_tables import records
from receiver.store.schema import attestations as attestation_table
from receiver.store.triggered import Word, rows_of

_PAGE = 200
_AT_ONCE = 500
_RUNS = (
    select(records.c.r, records.c.record_id, records.c.n)
    .where(
        records.c.workspace_id == bindparam("its_workspace"),
        records.c.kind == Record.RUN.value,
        records.c.r > bindparam("after"),
    )
    .order_by(records.c.r)
    .limit(_PAGE)
)
_EARLIER = attestation_table.alias()
_BEFORE = (
    select(attestation_table.c.n, _EARLIER.c.n.label("before"))
    .join(
        _EARLIER,
        and_(
            _EARLIER.c.workspace_id == attestation_table.c.workspace_id,
            _EARLIER.c.id == attestation_table.c.supersedes,
            _EARLIER.c.n < attestation_table.c.n,
        ),
    )
    .where(
        attestation_table.c.workspace_id == bindparam("its_workspace"),
        attestation_table.c.n.in_(bindparam("its_numbers", expanding=True)),
    )
)

Rows: TypeAlias = Mapping[Table, frozenset[tuple[str, str]]]
"""Rows by their table, without their workspace."""


def pages(tx: Tx, workspace_id: str) -> Iterator[Iterator[tuple[str, Parts]]]:
    """Give all words on runs, those on one run on one page: the id of its record, and the parts of each.

    A page is to be read to its end before the next one is asked for.
    """
    after = 0
    while runs := tx.execute(_RUNS, {"its_workspace": workspace_id, "after": after}).all():
        yield _words(tx, workspace_id, {row.n: row.record_id for row in runs})
        after = runs[-1].r


def _words(tx: Tx, workspace_id: str, newest: Mapping[int, str]) -> Iterator[tuple[str, Parts]]:
    """Give the words that end with these, by number the record of each: so many in memory as there are runs."""
    waiting = dict(newest)
    while waiting:
        signed = attestations.parts_of_numbers(tx, workspace_id, waiting.keys())
        yield from ((waiting[n], parts) for n, parts in signed.items())
        values = {"its_workspace": workspace_id, "its_numbers": list(waiting)}
        waiting = {row.before: waiting[row.n] for row in tx.execute(_BEFORE, values)}


def said(words: Iterable[Word]) -> Rows:
    """Give the rows that words make."""
    found: dict[Table, set[tuple[str, str]]] = {triggered: set(), run_commits: set()}
    for word in words:
        for table, row in rows_of(word):
            found[table].add(row)
    return {table: frozenset(rows) for table, rows in found.items()}


def kept(tx: Tx, workspace_id: str, rows: Rows) -> Rows:
    """Give those of the rows that are kept."""
    found: dict[Table, frozenset[tuple[str, str]]] = {}
    for table, wanted in rows.items():
        first, second = list(table.columns)[1:]
        names, there = sorted({row[0] for row in wanted}), set[tuple[str, str]]()
        for at in range(0, len(names), _AT_ONCE):
            some = table.c.workspace_id == workspace_id, first.in_(names[at : at + _AT_ONCE])
            there |= {(one, other) for one, other in tx.execute(select(first, second).where(*some))}
        found[table] = wanted & there
    return found


def count(tx: Tx, workspace_id: str) -> int:
    """Count all rows of a workspace."""
    found = 0
    for table in (triggered, run_commits):
        found += tx.execute(select(func.count()).where(table.c.workspace_id == workspace_id)).scalar_one()
    return found
