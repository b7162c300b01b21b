"""Whom words on runs named as who triggered them, and of which commits runs were ever said to be: kept for good.

Invariants: nothing that is posted takes a name away; whom a run names at any time is an author of every commit that it
was ever of (policy.md section 5). Nor does a revocation: to distrust a word makes nobody the less an author.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Table, and_, bindparam, insert, select

from receiver.core.posting import Posted
from receiver.store.engine import Tx
from receiver.store.gate_tables import run_commits, triggered
from receiver.store.records import RecordRow
from shared.encoding import JsonObject, digest_text
from shared.errors import Code, StateError
from shared.predicates import Claimed

_FULL_COMMITS = frozenset({40, 64})
_MOST = 200
"""How many people the runs of one release can be said to be triggered by; far more than any has."""

# Asked for with every question: built once, since building a query takes several times as long as running it.
_NAMES = (
    select(triggered.c.name)
    .distinct()
    .join_from(
        run_commits,
        triggered,
        and_(triggered.c.workspace_id == run_commits.c.workspace_id, triggered.c.run == run_commits.c.run),
    )
    .where(
        run_commits.c.workspace_id == bindparam("its_workspace"),
        run_commits.c.commit_sha.in_(bindparam("its_commits", expanding=True)),
    )
    .limit(_MOST + 1)
)


@dataclass(frozen=True, slots=True)
class Word:
    """What one word on a run says: whom it names, and of which full commit the run is."""

    run: str
    name: str | None
    commit: str | None


def said_by(row: RecordRow, posted: Posted) -> Word:
    """Give what a run says as it was posted."""
    run = row.record_id if row.natural_key is None else digest_text(row.natural_key)
    return Word(run, _name(posted.fields), posted.commit)


def said_in(record_id: str, claimed: Claimed) -> Word:
    """Give what a signed word on a run says; only of one that nothing names again is its record asked."""
    commit = claimed.context.commit
    full = commit if commit is not None and len(commit) in _FULL_COMMITS else None
    return Word(claimed.source_key or record_id, _name(claimed.claim.evidence), full)


def rows_of(word: Word) -> list[tuple[Table, tuple[str, str]]]:
    """Give the rows that a word makes, without their workspace."""
    found: list[tuple[Table, tuple[str, str]]] = []
    if word.name is not None:
        found.append((triggered, (word.run, word.name)))
    if word.commit is not None:
        found.append((run_commits, (word.commit, word.run)))
    return found


def keep(tx: Tx, workspace_id: str, table: Table, row: tuple[str, str]) -> bool:
    """Keep a row that a word makes; says whether it is new."""
    values = dict(zip((column.name for column in table.columns), (workspace_id, *row), strict=True))
    same = (table.c[name] == value for name, value in values.items())
    if tx.execute(select(table).where(*same)).first() is not None:
        return False
    tx.execute(insert(table), values)
    return True


def of_commits(tx: Tx, workspace_id: str, commits: Collection[str]) -> frozenset[str]:
    """Name everybody whom any word on any run of these full commits named.

    Raises `StateError` (`conflict`) where they are more than can be: to cut would let whoever posts hide an author.
    """
    if not commits:
        return frozenset()
    found = frozenset(tx.execute(_NAMES, {"its_workspace": workspace_id, "its_commits": sorted(commits)}).scalars())
    if len(found) > _MOST:
        detail = f"the runs of this release name more than {_MOST} people as who triggered them"
        raise StateError(Code.CONFLICT, detail, "build from a new commit, and revoke the token that says so")
    return found


def _name(fields: JsonObject) -> str | None:
    name = fields.get("triggeredBy")
    return name if isinstance(name, str) else None
