"""Whom the words on runs named as who triggered them, kept for good: of each run, and of each commit that one was of.

Invariant: nothing that is posted takes a name away. A run may say of itself whatever comes later, a commit other than
before too; whom it named on the way stays an author of its commits (policy.md section 5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam, insert, select

from receiver.core.posting import Posted, Record
from receiver.store.engine import Tx
from receiver.store.gate_tables import triggered
from receiver.store.records import RecordRow
from shared.encoding import digest_text
from shared.errors import Code, StateError
from shared.predicates import Claimed

_FULL_COMMITS = frozenset({40, 64})
_MOST = 200
"""How many people the runs of one release can be said to be triggered by; far more than any has."""

# Asked for with every question: built once, since building a query takes several times as long as running it.
_NAMES = (
    select(triggered.c.name)
    .distinct()
    .where(
        triggered.c.workspace_id == bindparam("its_workspace"),
        triggered.c.about.in_(bindparam("its_abouts", expanding=True)),
    )
    .limit(_MOST + 1)
)
_ROWS = select(triggered.c.about, triggered.c.name).where(
    triggered.c.workspace_id == bindparam("its_workspace"),
    triggered.c.about.in_(bindparam("its_abouts", expanding=True)),
    triggered.c.name.in_(bindparam("its_names", expanding=True)),
)
_INSERT = insert(triggered)


def keep(tx: Tx, workspace_id: str, before: RecordRow | None, row: RecordRow, posted: Posted) -> None:
    """Keep whom a new word on a run names; `before` is the run as it was, None for a new one.

    A commit that the run was not of until now gets all names that it ever had.
    """
    run = row.record_id if row.natural_key is None else digest_text(row.natural_key)
    name, commit = posted.fields.get("triggeredBy"), posted.commit
    named = [name] if isinstance(name, str) else []
    _add(tx, workspace_id, run, named)
    if commit is None:
        return
    if before is not None and before.commit != commit:
        named = _names(tx, workspace_id, [run])
    _add(tx, workspace_id, commit, named)


def of_commits(tx: Tx, workspace_id: str, commits: Collection[str]) -> frozenset[str]:
    """Name everybody whom any word on any run of these full commits named.

    Raises `StateError` (`conflict`) where they are more than can be: to cut would let whoever posts hide an author.
    """
    found = _names(tx, workspace_id, commits)
    if len(found) > _MOST:
        detail = f"the runs of this release name more than {_MOST} people as who triggered them"
        raise StateError(Code.CONFLICT, detail, "build from a new commit, and revoke the token that says so")
    return frozenset(found)


def lost(tx: Tx, workspace_id: str, claims: Iterable[Claimed]) -> list[tuple[str, str]]:
    """Give what signed words on runs say and is not kept: the commit or the run, and the name."""
    said: set[tuple[str, str]] = set()
    for one in claims:
        name, commit = one.claim.evidence.get("triggeredBy"), one.context.commit
        if one.record == Record.RUN.value and isinstance(name, str):
            full = commit if commit is not None and len(commit) in _FULL_COMMITS else None
            said |= {(about, name) for about in (one.source_key, full) if about is not None}
    values = {
        "its_workspace": workspace_id,
        "its_abouts": sorted({about for about, _ in said}),
        "its_names": sorted({name for _, name in said}),
    }
    kept = {(row.about, row.name) for row in tx.execute(_ROWS, values)} if said else set()
    return sorted(said - kept)


def _names(tx: Tx, workspace_id: str, abouts: Collection[str]) -> list[str]:
    if not abouts:
        return []
    return list(tx.execute(_NAMES, {"its_workspace": workspace_id, "its_abouts": sorted(abouts)}).scalars())


def _add(tx: Tx, workspace_id: str, about: str, names: Collection[str]) -> None:
    if not names:
        return
    values = {"its_workspace": workspace_id, "its_abouts": [about], "its_names": sorted(names)}
    known = {row.name for row in tx.execute(_ROWS, values)}
    new = [{"workspace_id": workspace_id, "about": about, "name": one} for one in sorted(set(names) - known)]
    if new:
        tx.execute(_INSERT, new)
