"""Who calls, as far as a bearer token says it: the one thing that a use case believes about a request's sender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from receiver.core.covering import EVERYTHING, outside
from receiver.core.tokens import Kind, Scope
from shared.errors import Code, UntrustedError
from shared.predicates import Audience, Limits, Person


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


By: TypeAlias = Caller | Person
"""Who does an act: a token of scope admin, or a person that the receiver has signed in."""
OPERATOR = "operator"
PASSWORD, TOKEN = "password", "token"
"""How somebody was known, as a statement says it."""


def person(by: By, audience: Audience) -> Person:
    """Name who does an act as a statement records it; raises `UntrustedError` for a token without the scope admin."""
    if isinstance(by, Person):
        return by
    by.require(Scope.ADMIN)
    return Person(issuer=audience.receiver, subject=by.token_id, method=TOKEN, role="admin")


def operator(audience: Audience) -> Person:
    """Name whoever runs the receiver's own commands."""
    return Person(issuer=audience.receiver, subject=OPERATOR, method="command", role="admin")
