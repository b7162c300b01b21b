"""What a pipeline asks a gate, put together from a file, the command line and the CI system. Pure.

The command line goes before the file, and both before what the CI system says. Whatever else stands in the file stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.pipeline.options import kept
from shared.encoding import JsonObject, JsonValue
from shared.errors import ConfigError

UNREACHABLE = "onUnreachable"
"""The field of the context that says what a pipeline does if it cannot ask, so that passports show it."""
_NEEDED = (("service", "name"), ("service", "environment"), ("artifact", "digest"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says; None where it says nothing."""

    service: str | None = None
    namespace: str | None = None
    environment: str | None = None
    digest: str | None = None
    source_sha: str | None = None
    release_id: str | None = None
    author: str | None = None
    requested_by: str | None = None
    mode: str | None = None
    policy: str | None = None
    ready: bool | None = None
    require_healthy_target: bool = False
    rollback_available: bool | None = None
    rollback_verified: bool | None = None
    canary: bool = False
    proceed_if_unreachable: bool = False

    def fields(self) -> JsonObject:
        """Give it as the request writes it."""
        found: dict[str, JsonValue] = {
            "mode": self.mode,
            "service": kept({"name": self.service, "namespace": self.namespace, "environment": self.environment}),
            "artifact": kept({"digest": None if self.digest is None else f"sha256:{self.digest}"}),
            "release": kept(
                {
                    "releaseId": self.release_id,
                    "sourceSha": self.source_sha,
                    "author": self.author,
                    "requestedBy": self.requested_by,
                }
            ),
            "health": kept({"ready": self.ready, "requireHealthyTarget": self.require_healthy_target or None}),
            "rollback": kept({"available": self.rollback_available, "verified": self.rollback_verified}),
            "policy": self.policy,
            "canary": self.canary or None,
            "context": {UNREACHABLE: "proceed"} if self.proceed_if_unreachable else {},
        }
        return {name: value for name, value in found.items() if value not in (None, {})}


def question(file: Mapping[str, JsonValue], asked: Asked, ci: Asked) -> JsonObject:
    """Give the request; raises `ConfigError` that names what is missing."""
    whole: JsonObject = _over(_over(ci.fields(), file), asked.fields())
    whole.setdefault("mode", "enforce")
    for part, name in _NEEDED:
        of_it = whole.get(part)
        if not isinstance(of_it, dict) or not of_it.get(name):
            option = {"name": "--service", "environment": "--environment", "digest": "--artifact"}[name]
            raise ConfigError(f"nothing says {part}.{name}", f"give {option}, or a --request with it")
    return whole


def _over(under: Mapping[str, JsonValue], over: Mapping[str, JsonValue]) -> JsonObject:
    """Put one object over another, parts that both have field by field."""
    found = dict(under)
    for name, value in over.items():
        below = found.get(name)
        found[name] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    return found
