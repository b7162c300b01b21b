"""People of a receiver with accounts, and sessions of theirs as a browser holds them."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from datetime import timedelta

from receiver import clock, people, sessions
from receiver.core.accounts import Role, hash_password
from receiver.core.sessions import COOKIE, CSRF_HEADER, Lasts
from receiver.store import accounts
from receiver.store.accounts import Account
from tests.helpers.receiving import Answer, Receiver

PASSWORD = "one two three four five"
LOGIN = "/releasepassport/v1/auth/login"
LOGOUT = "/releasepassport/v1/auth/logout"


@functools.cache
def hashed() -> str:
    """The hash of the one password that all of them have; making one takes a tenth of a second."""
    return hash_password(PASSWORD)


@dataclass(frozen=True)
class SignedIn:
    """A browser with a session: its cookie, and what its pages know."""

    email: str
    cookie: str
    csrf: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}", CSRF_HEADER: self.csrf}

    @property
    def cookie_alone(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}"}


def email_of(name: str) -> str:
    return f"{name}@acme.example"


def add_account(
    receiver: Receiver,
    name: str,
    role: Role,
    workspace_id: str | None = None,
    identities: tuple[str, ...] = (),
    lasts: timedelta | None = None,
) -> Account:
    """Give somebody an account with the one password."""
    now = clock.utcnow()
    ends_at = None if lasts is None else now + lasts
    row = Account(email_of(name), role, hashed(), now, ends_at, identities=identities)
    with receiver.store() as store:
        store.write(lambda tx: accounts.add(tx, workspace_id or receiver.names.workspace, row))
    return row


def signed_in(
    receiver: Receiver,
    name: str,
    role: Role,
    workspace_id: str | None = None,
    identities: tuple[str, ...] = (),
    ago: timedelta = timedelta(0),
) -> SignedIn:
    """Give somebody an account where there is none, and a session that began so long ago."""
    where = workspace_id or receiver.names.workspace
    with receiver.store() as store:
        found = next((one for one in people.listed(store, where) if one.email == email_of(name)), None)
    account = found or add_account(receiver, name, role, workspace_id, identities)
    with receiver.store() as store:
        begun = sessions.begin(store, sessions.Proved(where, account), clock.utcnow() - ago, os.urandom, Lasts())
    return SignedIn(account.email, begun.cookie, begun.session.csrf)


def cookie_of(answer: Answer) -> str:
    """The value of the session's cookie that an answer sets."""
    (set_cookie,) = answer.headers.getall("Set-Cookie")
    name, _, value = set_cookie.split(";")[0].partition("=")
    assert name == COOKIE
    return value.strip('"')
