"""Who calls, as far as a bearer token says it: the one thing that a use case believes about a request's sender."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.core.covering import EVERYTHING, outside
from receiver.core.tokens import Kind, Scope
from shared.errors import Code, UntrustedError
from shared.predicates import Limits


@dataclass(frozen=True, slots=True)
class Caller:
    """A token that was good when the request came: its workspace, scopes, limits, and the collector it belongs to."""

    workspace_id: str
    token_id: str
    scopes: frozenset[Scope]
    collector_id: str | None
    limit_per_minute: int
    kind: Kind
    limits: Limits = EVERYTHING

    def require(self, *any_of: Scope) -> None:
        """Refuse a token that has none of these scopes; raises `UntrustedError` (`forbidden`)."""
        if self.scopes.isdisjoint(any_of):
            raise UntrustedError(
                Code.FORBIDDEN,
                f"this token has none of the scopes {', '.join(any_of)}",
                "ask an admin for a token with that scope",
            )

    def require_inside(self, repository: str | None, service: str | None, environment: str | None) -> None:
        """Refuse a token that is limited to others than these; raises `UntrustedError` (`forbidden`)."""
        found = outside(self.limits, repository, service, environment)
        if found is not None:
            raise UntrustedError(
                Code.FORBIDDEN,
                f"outside of what this token may speak for: {found}",
                f"name a {found.what} that it is limited to, or ask an admin for another token",
            )

    def require_collector(self, collector_id: str) -> None:
        """Refuse a token that belongs to another collector; raises `UntrustedError` (`wrong_collector`)."""
        if self.collector_id is not None and self.collector_id != collector_id:
            raise UntrustedError(
                Code.WRONG_COLLECTOR,
                f"this token belongs to the collector {self.collector_id}, not to {collector_id}",
                "each collector signs and sends for itself",
            )
