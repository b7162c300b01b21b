"""Which stored evidence a question of the gate is about: rows by digest and commit, of a target, and what is near.

Invariants: what is about the digest, or about a commit that is linked to it, is found whole or not at all; of what is
only near, or tells how a target is, the newest is found, so that a question costs the same however much is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, or_, select, union_all

from receiver.core.posting import Record
from receiver.store.attestations import AttestationRow, read_row
from receiver.store.engine import Tx
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
_LOOKED_AT = 200
_NEAR_TYPES = ("smoke", "unit", "integration", "TEST_RESULTS", "SECURITY_SCAN")
_NEAR_EACH = 5
_KINDS = [one.value for one in (Record.ATTESTATION, Record.ARTIFACT, Record.INGESTED)]
"""What is evidence, or says that something was built: runs and deployments are neither."""

# Asked for with every question: built once, since building a query takes several times as long as running it.
_ABOUT = (
    select(attestations)
    .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
    .where(
        subjects.c.workspace_id == bindparam("its_workspace"),
        subjects.c.digest.in_(bindparam("its_digests", expanding=True)),
        attestations.c.record.in_(_KINDS),
    )
    .limit(MOST + 1)
)
_OF_REPOSITORY = (
    select(
        attestations.c.n,
        attestations.c.type,
        attestations.c.name,
        attestations.c.commit,
        attestations.c.record.in_(_KINDS).label("counts"),
    )
    .where(
        attestations.c.workspace_id == bindparam("its_workspace"),
        attestations.c.repository == bindparam("its_repository"),
    )
    .order_by(attestations.c.n.desc())
    .limit(_LOOKED_AT)
)
_NUMBERED = select(attestations).where(
    attestations.c.n.in_(bindparam("its_numbers", expanding=True)),
    # As `keyed.of_workspace` says.
    attestations.c.workspace_id + "" == bindparam("its_workspace"),
)
_BY_ID = select(attestations).where(
    attestations.c.workspace_id == bindparam("its_workspace"),
    attestations.c.id.in_(bindparam("its_ids", expanding=True)),
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


def about(tx: Tx, workspace_id: str, digests: Collection[bytes]) -> dict[int, AttestationRow]:
    """Give all evidence about any of these digests and full commits, by number.

    Raises `StateError` (`conflict`) where that is more than `MOST`.
    """
    if not digests:
        return {}
    rows = tx.execute(_ABOUT, {"its_workspace": workspace_id, "its_digests": list(digests)}).all()
    if len(rows) > MOST:
        detail = f"more than {MOST} pieces of evidence are about this digest and its commits"
        raise StateError(Code.CONFLICT, detail, "build it anew from a commit of its own")
    return {row.n: read_row(row) for row in rows}


def firsts(tx: Tx, workspace_id: str, ids: Collection[bytes]) -> dict[int, AttestationRow]:
    """Give evidence by its ids (32 bytes each), by number: what other evidence repeats."""
    if not ids:
        return {}
    rows = tx.execute(_BY_ID, {"its_workspace": workspace_id, "its_ids": list(ids)})
    return {row.n: read_row(row) for row in rows}


def near(tx: Tx, workspace_id: str, repositories: Iterable[str], known: Collection[int]) -> dict[int, AttestationRow]:
    """Give the newest other evidence of repositories: of each type, name and commit one, at most `NEAR`."""
    found: dict[tuple[str, str, str | None], int] = {}
    for repository in repositories:
        asked = {"its_workspace": workspace_id, "its_repository": repository}
        for n, kind, name, commit, counts in tx.execute(_OF_REPOSITORY, asked):
            if counts and n not in known and len(found) < NEAR:
                found.setdefault((kind, name, commit), n)
    return _numbered(tx, workspace_id, list(found.values()))


def at_target(
    tx: Tx, workspace_id: str, service: str, namespace: str | None, environment: str
) -> dict[int, AttestationRow]:
    """Give the newest words on how a target is, and a few of what else was ingested of it, by number.

    A word without a namespace is on all of them, and a question without one asks for all.
    """
    asked = {
        "its_workspace": workspace_id,
        "its_service": service,
        "its_environment": environment,
        "any_namespace": int(namespace is None),
        "its_namespace": namespace or "",
    }
    return _numbered(tx, workspace_id, sorted(set(tx.execute(_AT_TARGET, asked).scalars())))


def _numbered(tx: Tx, workspace_id: str, numbers: Sequence[int]) -> dict[int, AttestationRow]:
    if not numbers:
        return {}
    rows = tx.execute(_NUMBERED, {"its_workspace": workspace_id, "its_numbers": numbers})
    return {row.n: read_row(row) for row in rows}
