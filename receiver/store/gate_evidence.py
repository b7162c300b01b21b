"""The numbers of stored evidence that a question of the gate is about: by digest and commit, of a target, and near it.

Invariants: what is about the digest, or about a commit that is linked to it, is found whole or not at all; of what is
only near, or tells how a target is, the newest is found, so that a question costs the same however much is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, or_, select, union_all

from receiver.store.engine import Tx
from receiver.store.gate_feeds import KINDS, Newest
from receiver.store.gate_tables import ingested
from receiver.store.schema import attestations, subjects
from shared.errors import Code, StateError
from shared.judging.names import RUNTIME

MOST = 10_000
"""How many pieces may be about one digest and its commits: above that it is no release, and is not judged."""
SPOKEN = 200
"""How many words on how a target is are looked at, of each type the newest; and as many of those that say no.

A no counts until the one who said it says yes, however much others say meanwhile.
"""
NEAR = 30
_NEAR_TYPES = ("smoke", "unit", "integration", "TEST_RESULTS", "SECURITY_SCAN")
_NEAR_EACH = 5

# Asked for with every question: built once, since building a query takes several times as long as running it.
_ABOUT = (
    select(attestations.c.n, attestations.c.id)
    .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
    .where(
        subjects.c.workspace_id == bindparam("its_workspace"),
        subjects.c.digest.in_(bindparam("its_digests", expanding=True)),
        attestations.c.record.in_(KINDS),
    )
    .limit(MOST + 1)
)
_BY_ID = select(attestations.c.n, attestations.c.id).where(
    attestations.c.workspace_id == bindparam("its_workspace"),
    attestations.c.id.in_(bindparam("its_ids", expanding=True)),
)
_NUMBERED = select(attestations.c.n, attestations.c.id).where(
    attestations.c.n.in_(bindparam("its_numbers", expanding=True)),
    # As `keyed.of_workspace` says.
    attestations.c.workspace_id + "" == bindparam("its_workspace"),
)


def _newest(kind: str, limit: int, *more: ColumnElement[bool]) -> Select[Any]:
    """Ask for the newest words of one type on a target; one without a namespace is on all of them."""
    inner = (
        select(ingested.c.n)
        .where(
            ingested.c.workspace_id == bindparam("its_workspace"),
            ingested.c.service == bindparam("its_service"),
            ingested.c.environment == bindparam("its_environment"),
            ingested.c.type == kind,
            or_(
                bindparam("any_namespace") == 1,
                ingested.c.namespace == "",
                ingested.c.namespace == bindparam("its_namespace"),
            ),
            *more,
        )
        .order_by(ingested.c.n.desc())
        .limit(limit)
    )
    return select(inner.subquery().c.n)


_LIMITS = dict.fromkeys(sorted(RUNTIME), SPOKEN) | dict.fromkeys(_NEAR_TYPES, _NEAR_EACH)
_AT_TARGET = union_all(
    *(_newest(kind, limit) for kind, limit in _LIMITS.items()),
    *(_newest(kind, SPOKEN, ingested.c.says_no == literal_column("1")) for kind in sorted(RUNTIME)),
)

_SAID_OF = (
    select(ingested.c.n)
    .where(
        ingested.c.workspace_id == bindparam("its_workspace"),
        ingested.c.service == bindparam("its_service"),
        ingested.c.environment == bindparam("its_environment"),
    )
    .limit(1)
)
"""Whether anything was ingested of a target: of most nothing is, and the longer question takes ten times as long."""


Ids: TypeAlias = Mapping[int, bytes]
"""Evidence by its number: the ids, 32 bytes each."""


def about(tx: Tx, workspace_id: str, digests: Collection[bytes]) -> Ids:
    """Give all evidence about any of these digests and full commits.

    Raises `StateError` (`conflict`) where that is more than `MOST`.
    """
    if not digests:
        return {}
    found = tx.execute(_ABOUT, {"its_workspace": workspace_id, "its_digests": list(digests)}).all()
    if len(found) > MOST:
        detail = f"more than {MOST} pieces of evidence are about this digest and its commits"
        raise StateError(Code.CONFLICT, detail, "build it anew from a commit of its own")
    return {row.n: row.id for row in found}


def firsts(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> Ids:
    """Give evidence by its ids (32 bytes each): what other evidence repeats."""
    if not ids:
        return {}
    found = tx.execute(_BY_ID, {"its_workspace": workspace_id, "its_ids": list(ids)})
    return {row.n: row.id for row in found}


def near(newest: Iterable[Iterable[Newest]], known: Collection[int]) -> Ids:
    """Choose among the newest evidence of repositories: of each type, name and commit one, at most `NEAR`."""
    found: dict[tuple[str, str, str | None], Newest] = {}
    for one in chain.from_iterable(newest):
        if one.counts and one.n not in known and len(found) < NEAR:
            found.setdefault((one.type, one.name, one.commit), one)
    return {one.n: one.id for one in found.values()}


def at_target(tx: Tx, workspace_id: str, service: str, namespace: str | None, environment: str) -> Ids:
    """Give the newest words on how a target is, and a few of what else was ingested of it.

    A word without a namespace is on all of them, and a question without one asks for all.
    """
    asked = {
        "its_workspace": workspace_id,
        "its_service": service,
        "its_environment": environment,
        "any_namespace": int(namespace is None),
        "its_namespace": namespace or "",
    }
    if tx.execute(_SAID_OF, asked).first() is None:
        return {}
    numbers = sorted(set(tx.execute(_AT_TARGET, asked).scalars()))
    found = tx.execute(_NUMBERED, {"its_workspace": workspace_id, "its_numbers": numbers})
    return {row.n: row.id for row in found}
