"""Who calls, as far as a bearer token says it: the one thing that a use case believes about a request's sender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from receiver.core.covering import EVERYTHING, covers_all, outside
from receiver.core.tokens import Kind, Scope
from shared.errors import Code, UntrustedError
from shared.predicates import Audience, Limits, Person


@dataclass(frozen=True, slots=True)
class Caller:
    """A token that was good when the request came: its workspace, scopes, limits, and the collector it belongs to.

    Of somebody who is signed in `token_id` is the session's id, and `person` is set.
    """

    workspace_id: str
    token_id: str
    scopes: frozenset[Scope]
    collector_id: str | None
    limit_per_minute: int
    kind: Kind
    limits: Limits = EVERYTHING
    person: Person | None = None
    """Who is signed in, where it is a session and no token."""
    owner: str | None = None
    """Whom the token was given to, where that is known."""
    require_policy: bool = False
    """Whether no gate judges what it asks by the baseline."""

    def require(self, *any_of: Scope) -> None:
        """Refuse a token that has none of these scopes; raises `UntrustedError` (`forbidden`)."""
        if self.scopes.isdisjoint(any_of):
            raise UntrustedError(
                Code.FORBIDDEN,
                f"this token has none of the scopes {', '.join(any_of)}",
                "ask an admin for a token with that scope",
            )

    def require_inside(
        self, repository: str | None, service: str | None, environment: str | None, *, everywhere: bool = False
    ) -> None:
        """Refuse a token that is limited to others than these; raises `UntrustedError` (`forbidden`).

        `everywhere` says that where no service or environment is named, it would count for every one.
        """
        require_inside(self.limits, repository, service, environment, everywhere=everywhere)

    def require_everything(self) -> None:
        """Refuse a token that is limited, for what is about a whole workspace; raises `UntrustedError`."""
        if not covers_all(self.limits):
            raise UntrustedError(
                Code.FORBIDDEN,
                "this is about the whole workspace, and this token is limited to a part of it",
                "ask an admin for a token without limits",
            )

    def require_collector(self, collector_id: str) -> None:
        """Refuse a token that belongs to another collector; raises `UntrustedError` (`wrong_collector`)."""
        if self.collector_id is not None and self.collector_id != collector_id:
            raise UntrustedError(
                Code.WRONG_COLLECTOR,
                f"this token belongs to the collector {self.collector_id}, not to {collector_id}",
                "each collector signs and sends for itself",
            )


def require_inside(
    limits: Limits, repository: str | None, service: str | None, environment: str | None, *, everywhere: bool = False
) -> None:
    """Refuse what these limits leave out; raises `UntrustedError` (`forbidden`)."""
    found = outside(limits, repository, service, environment, everywhere=everywhere)
    if found is not None:
        raise UntrustedError(
            Code.FORBIDDEN,
            f"outside of what this token may speak for: {found}",
            f"name the {found.what}, one that it is limited to, or ask an admin for another token",
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
    if by.person is not None:
        return by.person
    by.require(Scope.ADMIN)
    return Person(issuer=audience.receiver, subject=by.token_id, method=TOKEN, role="admin")


def signed_in(by: Caller) -> Person:
    """Name the person who is signed in; raises `UntrustedError` (`forbidden`) for a token, whoever holds it."""
    if by.person is None:
        raise UntrustedError(
            Code.FORBIDDEN, "this is done by people, not by tokens", "sign in, and send the session's cookie"
        )
    return by.person


def operator(audience: Audience) -> Person:
    """Name whoever runs the receiver's own commands."""
    return Person(issuer=audience.receiver, subject=OPERATOR, method="command", role="admin")
