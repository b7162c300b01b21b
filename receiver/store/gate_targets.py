"""Where things went: since when a digest runs at a target, and which targets are known at all."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select

from receiver.core.deployments import DeploymentStatus, deployed_now, read_target, target
from receiver.core.posting import Record
from receiver.store import deployed
from receiver.store.columns import moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import passports
from receiver.store.record_tables import records
from shared.encoding import JsonObject
from shared.judging.values import Deployed, Target

_LOOKED_AT = 200
"""How many deployments to one target are looked at for one that took the place of a digest, the newest."""
_TARGETS_LOOKED_AT = 20
"""At how many targets of one service it is looked for what took the place of a digest."""
_NOTHING: JsonObject = {"status": DeploymentStatus.INACTIVE.value, "artifactSha256": None}
_PLACES = (DeploymentStatus.SUCCESS.value, DeploymentStatus.INACTIVE.value)
_LOOKED_UP_EVERY = timedelta(minutes=1)
_ENVIRONMENTS, _TARGETS, _SERVICES = 20, 50, 200

# Asked for with every question: built once, since building a query takes several times as long as running it.
_LAST_WORDS = (
    select(records.c.r, records.c.target, records.c.status, records.c.created_at)
    .where(
        records.c.r.in_(
            select(func.max(records.c.r))
            .where(
                records.c.workspace_id == bindparam("its_workspace"),
                records.c.digest == bindparam("its_digest"),
                records.c.kind == Record.DEPLOYMENT.value,
                # By the digest, of which there are few; not by the environment, of which there are many.
                records.c.environment + "" == bindparam("its_environment"),
                records.c.service == bindparam("its_service"),
                records.c.status.in_(_PLACES),
                records.c.superseded_by.is_(None),
            )
            .group_by(records.c.target)
        )
    )
    .order_by(records.c.r.desc())
)
"""Of each target of a service the newest word on whether a digest is there."""
_SINCE = (
    select(records.c.status, records.c.digest, records.c.superseded_by)
    .where(
        records.c.workspace_id == bindparam("its_workspace"),
        records.c.environment == bindparam("its_environment"),
        records.c.target == bindparam("its_target"),
        records.c.r > bindparam("its_last"),
    )
    .order_by(records.c.r.desc())
    .limit(_LOOKED_AT)
)


def deployed_at(tx: Tx, workspace_id: str, asked: Target, digest: str) -> Deployed | None:
    """Say since when a digest runs at a target; None where something else does, or nothing.

    By when it was heard: what a sender says about time would make the watch shorter. A deployment that names no
    namespace is one to each of them. A question without one is about all of them: the watch is from the first at which
    the digest runs to the last. Where too much was said to look at all of it, the digest runs: others cannot end a
    watch by saying much.
    """
    where = {"its_workspace": workspace_id, "its_environment": asked.environment}
    words = tx.execute(_LAST_WORDS, {**where, "its_digest": bytes.fromhex(digest), "its_service": asked.service})
    everywhere = target({"service": asked.service})
    here = everywhere if asked.namespace is None else target({"service": asked.service, "namespace": asked.namespace})
    came = [
        row
        for row in words
        if row.status == DeploymentStatus.SUCCESS and (asked.namespace is None or row.target in {here, everywhere})
    ]
    runs = [
        moment(row.created_at)
        for place, row in enumerate(came)
        if place >= _TARGETS_LOOKED_AT
        or not _is_over(tx, {**where, "its_last": row.r}, digest, row.target, {row.target, here, everywhere})
    ]
    if not runs:
        return None
    first = Deployed(min(runs))
    return replace(first, window=first.window + (max(runs) - first.at))


def _is_over(tx: Tx, where: Mapping[str, str | int], digest: str, came_to: str, targets: Collection[str]) -> bool:
    """Say whether, since a digest came to a target, nothing runs there any more or something else does."""
    for one in targets:
        rows = tx.execute(_SINCE, {**where, "its_target": one})
        since: list[JsonObject] = [
            {"status": row.status, "artifactSha256": None if row.digest is None else row.digest.hex()}
            for row in rows
            if row.superseded_by is None
        ]
        place = deployed_now(since)
        if place is not None and since[place]["artifactSha256"] != digest:
            return True
        if one == came_to and _NOTHING in since:
            return True
    return False


class KnownTargets:
    """The targets of workspaces that something was deployed to, or asked for; looked up anew after a minute.

    Nothing is decided by them: they are shown to whoever may have misspelt one. Safe to use from several threads.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._found: dict[str, tuple[datetime, tuple[Target, ...]]] = {}
        self._lock = threading.Lock()

    def besides(self, tx: Tx, workspace_id: str, now: datetime, asked: Target) -> tuple[Target, ...]:
        """Give those of a workspace but for the service in the environment that is asked for."""
        here = (asked.service, asked.environment)
        return tuple(one for one in self._all(tx, workspace_id, now) if (one.service, one.environment) != here)

    def _all(self, tx: Tx, workspace_id: str, now: datetime) -> tuple[Target, ...]:
        with self._lock:
            found = self._found.get(workspace_id)
        if found is None or not timedelta() <= now - found[0] < _LOOKED_UP_EVERY:
            found = (now, _known(tx, workspace_id))
            with self._lock:
                self._found[workspace_id] = found
        return found[1]


def _known(tx: Tx, workspace_id: str) -> tuple[Target, ...]:
    """Give the targets that something was deployed to, or asked for, as far as they are looked at."""
    found: set[Target] = set()
    for environment in deployed.environments(tx, workspace_id, "", _ENVIRONMENTS):
        for text in deployed.targets(tx, workspace_id, environment, _TARGETS):
            service, namespace = read_target(text)
            if service:
                found.add(Target(service, namespace or None, environment))
    for service in _asked_for(tx, workspace_id):
        newest = tx.execute(
            select(passports.c.namespace, passports.c.environment)
            .where(passports.c.workspace_id == workspace_id, passports.c.service == service)
            .order_by(passports.c.number.desc())
            .limit(1)
        ).one()
        found.add(Target(service, newest.namespace or None, newest.environment))
    return tuple(sorted(found, key=lambda one: (one.service, one.environment, one.namespace or "")))


def _asked_for(tx: Tx, workspace_id: str) -> list[str]:
    """Give each service that a passport was asked for: a row of the index for each."""
    found: list[str] = []
    while len(found) < _SERVICES:
        asked = select(func.min(passports.c.service)).where(
            passports.c.workspace_id == workspace_id, passports.c.service > (found[-1] if found else "")
        )
        one: str | None = tx.execute(asked).scalar_one()
        if one is None:
            break
        found.append(one)
    return found
