"""Policies in all of their versions, which of them was active when, and what was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, bindparam, func, insert, select, update

from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.gate_tables import policies, policy_activations, simulations
from shared.encoding import JsonValue, canonical, parse_object

_ROW = (
    policies.c.name,
    policies.c.version,
    policies.c.digest,
    policies.c.mode,
    policies.c.uploaded_by,
    policies.c.uploaded_at,
)
# Asked for with every question of the gate: built once, since building takes several times as long as running it.
_ACTIVE = (
    select(*_ROW)
    .join_from(
        policy_activations,
        policies,
        (policies.c.workspace_id == policy_activations.c.workspace_id)
        & (policies.c.name == policy_activations.c.name)
        & (policies.c.version == policy_activations.c.version),
    )
    .where(policy_activations.c.workspace_id == bindparam("its_workspace"), policy_activations.c.ended_at.is_(None))
    .order_by(policies.c.name)
)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A version of a policy without its text; `digest` is 32 bytes."""

    name: str
    version: int
    digest: bytes
    mode: str
    uploaded_by: str
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class Activation:
    """From when until when a version was active, by the register number of the statement.

    `override` is why it was activated without a simulation, None where there was no need to.
    """

    number: int
    name: str
    version: int
    active_from: datetime
    ended_at: datetime | None = None
    override: str | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """That so many past releases were judged by the text of a digest (32 bytes), and how many decisions changed.

    `changes` are counts by what changes into what.
    """

    digest: bytes
    at: datetime
    by: str
    since_days: int
    judged: int
    changed: int
    changes: Mapping[str, JsonValue]


# --- versions ---


def add(tx: Tx, workspace_id: str, row: PolicyRow, text: str) -> None:
    """Keep a further version with its text; one that is there already is refused by the database."""
    tx.execute(
        insert(policies).values(
            workspace_id=workspace_id,
            name=row.name,
            version=row.version,
            digest=row.digest,
            mode=row.mode,
            uploaded_by=row.uploaded_by,
            uploaded_at=micros(row.uploaded_at),
            text=text,
        )
    )


def newest_version(tx: Tx, workspace_id: str, name: str) -> int:
    """Give the newest version of a policy; 0 where there is none."""
    asked = select(func.max(policies.c.version)).where(policies.c.workspace_id == workspace_id, policies.c.name == name)
    return int(tx.execute(asked).scalar_one() or 0)


def find(tx: Tx, workspace_id: str, name: str, version: int) -> PolicyRow | None:
    """Find one version."""
    found = tx.execute(
        select(*_ROW).where(
            policies.c.workspace_id == workspace_id, policies.c.name == name, policies.c.version == version
        )
    ).one_or_none()
    return None if found is None else _row(found)


def of_digest(tx: Tx, workspace_id: str, name: str, digest: bytes) -> PolicyRow | None:
    """Find the version of a policy that has a text."""
    found = tx.execute(
        select(*_ROW).where(
            policies.c.workspace_id == workspace_id, policies.c.digest == digest, policies.c.name == name
        )
    ).first()
    return None if found is None else _row(found)


def text_of(tx: Tx, workspace_id: str, name: str, version: int) -> str:
    """Give the text of a version that there is."""
    found: str = tx.execute(
        select(policies.c.text).where(
            policies.c.workspace_id == workspace_id, policies.c.name == name, policies.c.version == version
        )
    ).scalar_one()
    return found


def every(tx: Tx, workspace_id: str, name: str | None = None) -> list[PolicyRow]:
    """Give all versions of all policies, or of one: by name, the newest first."""
    asked = select(*_ROW).where(policies.c.workspace_id == workspace_id)
    if name is not None:
        asked = asked.where(policies.c.name == name)
    return [_row(one) for one in tx.execute(asked.order_by(policies.c.name, policies.c.version.desc()))]


# --- what is active ---


def active(tx: Tx, workspace_id: str) -> list[PolicyRow]:
    """Give the versions that are active now, by name."""
    return [_row(one) for one in tx.execute(_ACTIVE, {"its_workspace": workspace_id})]


def activations(tx: Tx, workspace_id: str, name: str | None = None) -> list[Activation]:
    """Give all activations, or those of one policy, in the order of the register."""
    table = policy_activations
    asked = select(table).where(table.c.workspace_id == workspace_id).order_by(table.c.number)
    if name is not None:
        asked = asked.where(table.c.name == name)
    return [
        Activation(
            one.number,
            one.name,
            one.version,
            moment(one.active_from),
            moment_or_none(one.ended_at),
            one.reason if one.overridden else None,
        )
        for one in tx.execute(asked)
    ]


def active_of(tx: Tx, workspace_id: str, name: str) -> Activation | None:
    """Find the activation of a policy that has not ended."""
    return next((one for one in activations(tx, workspace_id, name) if one.ended_at is None), None)


def activate(tx: Tx, workspace_id: str, activation: Activation) -> None:
    """Note that a version is active from now on; the one before it must have ended."""
    tx.execute(
        insert(policy_activations).values(
            workspace_id=workspace_id,
            number=activation.number,
            name=activation.name,
            version=activation.version,
            active_from=micros(activation.active_from),
            ended_at=None,
            overridden=int(activation.override is not None),
            reason=activation.override,
        )
    )


def end(tx: Tx, workspace_id: str, name: str, now: datetime) -> None:
    """Note that a policy is no longer active; nothing where it is not."""
    table = policy_activations
    tx.execute(
        update(table)
        .where(table.c.workspace_id == workspace_id, table.c.name == name, table.c.ended_at.is_(None))
        .values(ended_at=micros(now))
    )


# --- simulations ---


def add_simulation(tx: Tx, workspace_id: str, simulation: Simulation) -> None:
    """Keep what a simulation counted."""
    tx.execute(
        insert(simulations).values(
            workspace_id=workspace_id,
            digest=simulation.digest,
            at=micros(simulation.at),
            by=simulation.by,
            since_days=simulation.since_days,
            judged=simulation.judged,
            changed=simulation.changed,
            changes=canonical(dict(simulation.changes)).decode(),
        )
    )


def last_simulation(tx: Tx, workspace_id: str, digest: bytes) -> Simulation | None:
    """Find the newest simulation of a text."""
    table = simulations
    found = tx.execute(
        select(table)
        .where(table.c.workspace_id == workspace_id, table.c.digest == digest)
        .order_by(table.c.at.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    changes = parse_object(found.changes.encode())
    return Simulation(found.digest, moment(found.at), found.by, found.since_days, found.judged, found.changed, changes)


def _row(found: Row[str, int, bytes, str, str, int]) -> PolicyRow:
    return PolicyRow(found.name, found.version, found.digest, found.mode, found.uploaded_by, moment(found.uploaded_at))
