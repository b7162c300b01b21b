"""A deployment's words: what in an environment it is of, and whether it is the one that was announced.

Pure. An announced deployment (`EXPECTED`) is awaited until `completedAt`, where it says that, else for 24 hours from
`startedAt` or from its receipt; whether it is missing is worked out whenever it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.encoding import JsonValue, canonical, parse_json, parse_time

WINDOW = timedelta(hours=24)
AWAITED = 1_000
"""How many announced deployments to one environment are compared with one that came, the latest first."""
_LAST = datetime.max.replace(tzinfo=UTC)
_SAID = ("service", "namespace", "artifactSha256")


class DeploymentStatus(StrEnum):
    """How a deployment went, or that one is to come."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    INACTIVE = "INACTIVE"
    EXPECTED = "EXPECTED"


_NOT_COME = frozenset({DeploymentStatus.EXPECTED, DeploymentStatus.INACTIVE})


class Target(NamedTuple):
    """What in an environment is deployed: empty where it was not said."""

    service: str
    namespace: str


def target(fields: Mapping[str, JsonValue]) -> str:
    """Write what a deployment is of in one text that sorts by the service."""
    return canonical([str(fields.get("service", "")), str(fields.get("namespace", ""))]).decode()


def read_target(text: str) -> Target:
    """Read what `target` wrote."""
    parts = parse_json(text.encode())
    service, namespace = parts if isinstance(parts, list) else ("", "")
    return Target(str(service), str(namespace))


def due(fields: Mapping[str, JsonValue], received_at: datetime) -> datetime:
    """Say until when an announced deployment may come."""
    completed, started = fields.get("completedAt"), fields.get("startedAt")
    if isinstance(completed, str):
        return parse_time(completed)
    begins = parse_time(started) if isinstance(started, str) else received_at
    return min(begins, _LAST - WINDOW) + WINDOW


def awaited_until(fields: Mapping[str, JsonValue], received_at: datetime) -> datetime | None:
    """Give until when a deployment is awaited; None for one that is no announcement."""
    return due(fields, received_at) if fields.get("status") == DeploymentStatus.EXPECTED else None


def deployed_now(newest_first: Iterable[Mapping[str, JsonValue]]) -> int | None:
    """Find which of the deployments of one target is there now; None where nothing is.

    The newest that succeeded, unless it, or everything, was said to be inactive since.
    """
    inactive: set[object] = set()
    for place, fields in enumerate(newest_first):
        digest = fields.get("artifactSha256")
        if fields.get("status") == DeploymentStatus.INACTIVE:
            if digest is None:
                return None
            inactive.add(str(digest))
        elif fields.get("status") == DeploymentStatus.SUCCESS and digest not in inactive:
            return place
    return None


def follows(announced: Mapping[str, JsonValue], deployment: Mapping[str, JsonValue]) -> bool:
    """Say whether a deployment to an environment is the one that was announced to it, by all that was announced."""
    if deployment.get("status") in _NOT_COME:
        return False
    return all(deployment.get(name) == announced[name] for name in _SAID if name in announced)
