"""Sign in with a password and out again, and say who it is that sends a session's cookie.

Invariants: whoever cannot sign in is told the same, in the same time, whatever the reason; a sign-in makes a new
session and ends the one that the browser had; a session is looked at in every transaction of what it asks for, so that
a password, role or account that changed counts at once; an auditor's reads are written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.caller import PASSWORD, Caller
from receiver.core.accounts import Role, matches, not_signed_in, read_email
from receiver.core.sessions import LIMIT_PER_MINUTE, Lasts, Session, make_csrf, nobody
from receiver.core.tokens import SECRET_BYTES, Kind, Scope, make_token, parse_token
from receiver.core.trail import Act
from receiver.store import accounts, audit, sessions, workspaces
from receiver.store.accounts import Account
from receiver.store.engine import Store, Tx
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.predicates import Person


class NotSignedInError(UntrustedError):
    """Somebody could not sign in: whose account was tried is for the trail of its workspace alone."""

    def __init__(self, workspace_id: str | None, email: str | None) -> None:
        """Say what is said to everybody; `email` is that of an account that there is."""
        said = not_signed_in()
        super().__init__(said.code, said.detail, said.hint)
        self.workspace_id = workspace_id
        self.email = email


class EndedError(UntrustedError):
    """A session does not stand as it did when its cookie was looked at."""

    def __init__(self) -> None:
        """Say what is said to every cookie that is not good."""
        said = nobody()
        super().__init__(said.code, said.detail, said.hint)


@dataclass(frozen=True, slots=True)
class Named:
    """Whose account somebody says it is; `email` is empty where it was none."""

    workspace_id: str
    email: str


@dataclass(frozen=True, slots=True)
class Proved:
    """Whose password was shown, and how the account stood then."""

    workspace_id: str
    account: Account


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that begins: its cookie, shown this once; its representation does not show it."""

    cookie: str
    session: Session
    role: Role

    def __repr__(self) -> str:
        return f"Begun(session={self.session.id!r})"


@dataclass(frozen=True, slots=True)
class Known:
    """A session that is good: who is signed in, and whether this use is to be noted."""

    session: Session
    caller: Caller
    use_is_due: bool

    @property
    def is_auditor(self) -> bool:
        """Whether what is read is to be written down."""
        return self.caller.person is not None and self.caller.person.role == Role.AUDITOR


class Confirmation:
    """Holds a session against the database once more, in the transactions of what it asks for."""

    def __init__(self, known: Known) -> None:
        """Take what was recognised."""
        self._known = known

    def __call__(self, tx: Tx) -> None:
        """Raise `EndedError` where it was ended, or its account changed since."""
        found = sessions.find(tx, self._known.session.digest)
        if found is None or found.revoked_at is not None:
            raise EndedError
        if _caller(tx, found) != self._known.caller:
            raise EndedError

    def before(self, store: Store) -> Store:
        """Give a store that looks at the session before anything else."""
        return store.checking(self)


def several_workspaces(store: Store) -> bool:
    """Say whether somebody who signs in has to say where."""
    return len(store.read(workspaces.all_ids)) > 1


def name(store: Store, workspace_id: str | None, email: str) -> Named:
    """Say which account is meant, by the names that it is looked up by, whether there is one or not.

    Raises `MalformedError` (`invalid_field`) where a receiver of several workspaces is not told which.
    """
    if workspace_id is None:
        known = store.read(workspaces.all_ids)
        if len(known) != 1:
            raise MalformedError(
                Code.INVALID_FIELD, "workspace: this receiver has several", "say which: its id begins with ws_"
            )
        workspace_id = known[0]
    try:
        return Named(workspace_id, read_email(email))
    except MalformedError:
        return Named(workspace_id, "")


def prove(store: Store, named: Named, password: str, now: datetime) -> Proved:
    """Say whose password it is; slow by design, so no transaction is open meanwhile.

    Raises `NotSignedInError` for everything that is not right.
    """
    where = named.workspace_id if named.workspace_id in store.read(workspaces.all_ids) else None
    found = None
    if where is not None and named.email:
        found = store.read(lambda tx: accounts.find(tx, where, named.email))
    is_right = matches(password, None if found is None else found.password_hash)
    if where is None or found is None or not is_right or not found.good(now):
        raise NotSignedInError(where, None if found is None else found.email)
    return Proved(where, found)


def begin(
    store: Store,
    proved: Proved,
    now: datetime,
    random: Callable[[int], bytes],
    lasts: Lasts,
    origin: str | None = None,
    before: str | None = None,
) -> Begun:
    """Begin a session for whom `prove` gave, and end the one whose cookie came along.

    Raises `NotSignedInError` where the account has changed since.
    """
    cookie = make_token(Kind.SESSION, random(SECRET_BYTES))
    workspace_id, account = proved.workspace_id, proved.account
    session = Session(
        parse_token(cookie).digest,
        workspace_id,
        account.email,
        make_csrf(random(SECRET_BYTES)),
        now,
        now + lasts.in_all,
        now,
    )

    def act(tx: Tx) -> Begun:
        if accounts.find(tx, workspace_id, account.email) != account:
            raise NotSignedInError(workspace_id, account.email)
        old = _find(tx, before)
        if old is not None:
            sessions.end(tx, old.workspace_id, old.digest, now)
        sessions.add(tx, session, lasts.idle)
        detail = {"session": session.id, "method": PASSWORD, "role": account.role.value}
        audit.add(tx, workspace_id, Act(now, account.email, "session.begin", detail, origin))
        return Begun(cookie, session, account.role)

    return store.write(act)


def recognise(store: Store, cookie: str, now: datetime, lasts: Lasts) -> Known:
    """Say who is signed in; raises `UntrustedError` (`unauthorized`) for a cookie that is not good.

    Nothing is written: whoever asks sees to it that the use is noted where that is due.
    """

    def act(tx: Tx) -> Known:
        session = _find(tx, cookie)
        if session is None or not session.good(now, lasts.idle):
            raise nobody()
        account = accounts.find(tx, session.workspace_id, session.email)
        if account is None or not account.good(now):
            raise nobody()
        return Known(session, _caller(tx, session), session.use_is_due(now))

    return store.read(act)


def note(store: Store, known: Known, now: datetime, read: str | None = None, origin: str | None = None) -> None:
    """Note that a session is used, and what it reads where that is to be written down."""
    session = known.session

    def act(tx: Tx) -> None:
        if known.use_is_due:
            sessions.used(tx, session.workspace_id, session.digest, now)
        if read is not None:
            audit.add(tx, session.workspace_id, Act(now, session.email, "auditor.read", {"read": read}, origin))

    store.write(act)


def end(store: Store, session: Session, now: datetime, origin: str | None = None) -> None:
    """End a session, as whoever is signed in wants."""

    def act(tx: Tx) -> None:
        sessions.end(tx, session.workspace_id, session.digest, now)
        audit.add(tx, session.workspace_id, Act(now, session.email, "session.end", {"session": session.id}, origin))

    store.write(act)


def _find(tx: Tx, cookie: str | None) -> Session | None:
    if cookie is None:
        return None
    try:
        parsed = parse_token(cookie)
    except CarnetError:
        return None
    return sessions.find(tx, parsed.digest) if parsed.kind is Kind.SESSION else None


def _caller(tx: Tx, session: Session) -> Caller:
    """Say who somebody is whose session this is, as the account stands now; raises `EndedError` without one."""
    account = accounts.find(tx, session.workspace_id, session.email)
    if account is None or account.disabled_at is not None:
        raise EndedError
    issuer = workspaces.get(tx, session.workspace_id).receiver_id
    who = Person(issuer=issuer, subject=account.email, method=PASSWORD, role=account.role.value)
    return Caller(
        session.workspace_id, session.id, frozenset({Scope.READ}), None, LIMIT_PER_MINUTE, Kind.SESSION, person=who
    )
