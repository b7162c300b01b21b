"""Say how environments stand, worked out from their deployments: what is there now, what came last, what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from receiver.core.cursors import read_text, write_cursor
from receiver.core.deployments import DeploymentStatus, Target, deployed_now, read_target
from receiver.core.posting import Record
from receiver.store import deployed, records, views
from receiver.store.engine import Store, Tx
from receiver.store.records import RecordFilters, RecordRow
from shared.errors import Code, StateError

RecordView: TypeAlias = views.RecordView

MAX_LIMIT = 200
MAX_SERVICES = 50
MAX_LAST = 20
_COUNTED = 200
_LOOKED_BACK = (2, 50)
"""How many deployments of a target are looked through for what is there now: mostly it is the last one."""
_PLACING = (DeploymentStatus.SUCCESS.value, DeploymentStatus.INACTIVE.value)
_TYPE = "environmentType"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment in a line: its type, where somebody said it, and the deployment that was received last."""

    name: str
    type: str | None
    last: RecordView


@dataclass(frozen=True, slots=True)
class Service:
    """One service in an environment, and the deployment that is there now; None: nothing is."""

    target: Target
    deployed: RecordView | None


@dataclass(frozen=True, slots=True)
class EnvironmentInFull:
    """An environment: its services and how many more there are, counted to 200; its last and its missing deployments.

    `missing` were announced and had not come when their time was over.
    """

    name: str
    type: str | None
    services: tuple[Service, ...]
    services_left_out: int
    last: tuple[RecordView, ...]
    missing: tuple[RecordView, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentPage:
    """A page of environments in the order of their names, and the cursor of the next one; None at the end."""

    items: tuple[Environment, ...]
    next_cursor: str | None


def environments(store: Store, workspace_id: str, limit: int, cursor: str | None = None) -> EnvironmentPage:
    """Give a page of environments, at most 200; raises `MalformedError` for a cursor that is not ours."""
    after = "" if cursor is None else read_text(cursor)
    limit = min(max(limit, 1), MAX_LIMIT)

    def act(tx: Tx) -> EnvironmentPage:
        names = deployed.environments(tx, workspace_id, after, limit + 1)
        rows = [_last(tx, workspace_id, name) for name in names[:limit]]
        last = views.of_records(tx, workspace_id, [one[0] for one in rows])
        return EnvironmentPage(
            tuple(
                Environment(name, _type(found), view)
                for name, found, view in zip(names[:limit], rows, last, strict=True)
            ),
            write_cursor(names[limit - 1]) if len(names) > limit else None,
        )

    return store.read(act)


def environment(store: Store, workspace_id: str, name: str, now: datetime) -> EnvironmentInFull:
    """Give one environment; raises `StateError` (`not_found`) where nothing was ever deployed to it or announced."""

    def act(tx: Tx) -> EnvironmentInFull:
        found = _last(tx, workspace_id, name) if "\0" not in name else []
        if not found:
            raise StateError(
                Code.NOT_FOUND,
                "there is no such environment in this workspace",
                "an environment is there once a deployment names it",
            )
        missing = RecordFilters(environment=name, missing=True, now=now)
        targets = deployed.targets(tx, workspace_id, name, _COUNTED)
        return EnvironmentInFull(
            name,
            _type(found),
            _services(tx, workspace_id, name, targets[:MAX_SERVICES]),
            len(targets[MAX_SERVICES:]),
            views.of_records(tx, workspace_id, found),
            views.of_records(tx, workspace_id, _page(tx, workspace_id, missing)),
        )

    return store.read(act)


def _last(tx: Tx, workspace_id: str, name: str) -> list[RecordRow]:
    return _page(tx, workspace_id, RecordFilters(environment=name))


def _page(tx: Tx, workspace_id: str, filters: RecordFilters) -> list[RecordRow]:
    return records.page(tx, workspace_id, Record.DEPLOYMENT, filters, MAX_LAST, None)


def _type(newest_first: list[RecordRow]) -> str | None:
    """The type that was said last."""
    return next((str(row.fields[_TYPE]) for row in newest_first if _TYPE in row.fields), None)


def _services(tx: Tx, workspace_id: str, environment: str, targets: list[str]) -> tuple[Service, ...]:
    rows = {target: _there_now(tx, workspace_id, environment, target) for target in targets}
    found = views.of_records(tx, workspace_id, [row for row in rows.values() if row is not None])
    shown = {view.row.r: view for view in found}
    return tuple(Service(read_target(target), None if row is None else shown[row.r]) for target, row in rows.items())


def _there_now(tx: Tx, workspace_id: str, environment: str, target: str) -> RecordRow | None:
    for limit in _LOOKED_BACK:
        rows = deployed.deployed_to(tx, workspace_id, environment, target, _PLACING, limit)
        place = deployed_now(row.fields for row in rows)
        if place is not None:
            return rows[place]
        if len(rows) < limit:
            break
    return None
