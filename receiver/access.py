"""Tokens: issue and list them, and recognise them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.caller import Caller
from receiver.core.covering import EVERYTHING
from receiver.core.cursors import read_pair, write_cursor
from receiver.core.tokens import SECRET_BYTES, IssuedToken, Kind, Scope, make_token, parse_token, unauthorized
from receiver.core.trail import Act
from receiver.store import audit, collectors, invitations, tokens, workspaces
from receiver.store import tokens as token_rows
from receiver.store.columns import micros
from receiver.store.engine import Store, Tx
from shared.encoding import JsonObject
from shared.errors import ConfigError, UntrustedError
from shared.predicates import Limits

# Named here because whoever calls a use case does not look into the store.
TokenRow: TypeAlias = token_rows.TokenRow

LAST_USE_STEP = timedelta(minutes=10)
MAX_VALID_DAYS = 366
MAX_PER_MINUTE = 1_000_000
MAX_LISTED = 200


class SpentError(UntrustedError):
    """A token that was issued here and is good no more: what it was is for the trail of its workspace alone."""

    def __init__(self, row: TokenRow) -> None:
        """Say what is said to every token that is not good."""
        said = unauthorized()
        super().__init__(said.code, said.detail, said.hint)
        self.workspace_id = row.workspace_id
        self.token_id = row.token_id


class ChangedError(UntrustedError):
    """A token does not stand as it did when it was recognised: it is to be recognised anew."""

    def __init__(self) -> None:
        """Say what is said to every token that is not good."""
        said = unauthorized()
        super().__init__(said.code, said.detail, said.hint)


@dataclass(frozen=True, slots=True)
class Known:
    """A token that was good: who shows it, how it stood in the database, and until when it need not be looked at."""

    caller: Caller
    standing: tokens.Standing | None
    until: datetime
    """When it expires."""
    noted_until: datetime
    """When its next use is to be noted."""
    use_is_due: bool
    """Whether this use is to be noted, which nobody has done yet."""

    def used(self, now: datetime) -> Known:
        """Give it as it is at a later use, by what is remembered of it."""
        due = now >= self.noted_until
        return replace(self, noted_until=now + LAST_USE_STEP if due else self.noted_until, use_is_due=due)


class Confirmation:
    """Holds a token that was recognised before against the database, in the transactions of what it asks for."""

    def __init__(self, known: Known) -> None:
        """Take what was recognised."""
        self._known = known
        self.given = False

    def __call__(self, tx: Tx) -> None:
        """Raise `ChangedError` where it was revoked or changed since; asked in every transaction of the request."""
        self.against(tokens.standing(tx, self._known.caller.token_id))

    def against(self, found: tokens.Standing | None) -> None:
        """Raise `ChangedError` where the token does not stand as it did; `found` is of the transaction that it asks."""
        if self._known.standing is None or found != self._known.standing:
            raise ChangedError
        self.given = True

    def before(self, store: Store) -> Store:
        """Give a store that looks at the token before anything else."""
        return store.checking(self)

    @staticmethod
    def ask(store: Store) -> None:
        """Do nothing in a transaction: what `before` gave looks at the token."""
        store.read(lambda _tx: None)


def issue(  # noqa: PLR0913, PLR0917 - each is a property of the token
    store: Store,
    workspace_id: str,
    kind: Kind,
    scopes: Iterable[Scope],
    label: str,
    now: datetime,
    random: Callable[[int], bytes],
    valid_days: int = 90,
    limit_per_minute: int = 100,
    collector_id: str | None = None,
    limits: Limits = EVERYTHING,
    owner: str | None = None,
    *,
    require_policy: bool = False,
) -> IssuedToken:
    """Issue a token; raises `StateError` without such a workspace or collector, `ConfigError` for a bad lifetime.

    `owner` is whom it is for, who then approves nothing that it asks for; with `require_policy` no gate judges what it
    asks by the baseline.
    """
    if not 1 <= valid_days <= MAX_VALID_DAYS or not 1 <= limit_per_minute <= MAX_PER_MINUTE:
        raise ConfigError(
            f"a token of {valid_days} days and {limit_per_minute} requests a minute",
            f"1 to {MAX_VALID_DAYS} days, and 1 to {MAX_PER_MINUTE} requests a minute",
        )

    def act(tx: Tx) -> IssuedToken:
        workspaces.get(tx, workspace_id)
        if collector_id is not None:
            collectors.get(tx, workspace_id, collector_id)
        token = make_token(kind, random(SECRET_BYTES))
        parsed = parse_token(token)
        expires_at = now + timedelta(days=valid_days)
        tokens.add(
            tx,
            TokenRow(
                parsed.token_id,
                workspace_id,
                kind,
                parsed.digest,
                frozenset(scopes),
                label,
                collector_id,
                limit_per_minute,
                now,
                expires_at,
                limits=limits,
                owner=owner,
                require_policy=require_policy,
            ),
        )
        detail: JsonObject = {"token": parsed.token_id, "kind": kind.value, "label": label, "limits": limits.to_wire()}
        audit.add(tx, workspace_id, Act(now, "operator", "token.issue", detail))
        return IssuedToken(token, parsed.token_id, expires_at)

    return store.write(act)


def authenticate(store: Store, bearer: str, now: datetime) -> Caller:
    """Recognise a token; raises `UntrustedError` (`unauthorized`), and `SpentError` for one that was good once.

    A token that is spelled wrong never reaches the database. The last use is noted at most every ten minutes.
    """
    known = recognise(store, bearer, now)
    if known.use_is_due:
        note_use(store, known.caller, now)
    return known.caller


def recognise(store: Store, bearer: str, now: datetime) -> Known:
    """Recognise a token as `authenticate` does, and give what is needed to see later whether it is still the same.

    Nothing is written: whoever asks sees to it that the use is noted where that is due.
    """
    parsed = parse_token(bearer)
    row, waits, standing = store.read(lambda tx: _find(tx, parsed.token_id))
    if row is None or not parsed.matches(row.digest) or row.kind is not parsed.kind:
        raise unauthorized()
    if not (row.good(now) or (waits and row.revoked_at is None)):
        raise SpentError(row)
    used_at = row.last_used_at
    due = used_at is None or now - used_at >= LAST_USE_STEP
    if used_at is None or due:
        used_at = now
    caller = Caller(
        row.workspace_id,
        row.token_id,
        row.scopes,
        row.collector_id,
        row.limit_per_minute,
        row.kind,
        row.limits,
        owner=row.owner,
        require_policy=row.require_policy,
    )
    return Known(caller, standing, row.expires_at, used_at + LAST_USE_STEP, due)


def note_use(store: Store, caller: Caller, now: datetime) -> None:
    """Note that a token is used; raises `TryLaterError` where that cannot be written now."""
    store.write(lambda tx: tokens.used(tx, caller.workspace_id, (caller.token_id,), now))


def listed(
    store: Store, workspace_id: str, limit: int, cursor: str | None = None
) -> tuple[tuple[TokenRow, ...], str | None]:
    """Give tokens, newest first, at most 200, and the next cursor; raises `MalformedError` for one that is not ours."""
    before = None if cursor is None else read_pair(cursor)
    limit = min(max(limit, 1), MAX_LISTED)
    rows = store.read(lambda tx: tokens.page(tx, workspace_id, limit + 1, before))
    last = rows[limit - 1] if len(rows) > limit else None
    return tuple(rows[:limit]), None if last is None else write_cursor(micros(last.created_at), last.token_id)


def _find(tx: Tx, token_id: str) -> tuple[TokenRow | None, bool, tokens.Standing | None]:
    """Find a token and how it stands, and say whether it is an invitation that was taken up.

    The collector of such a one may ask on how it stands.
    """
    row, standing = tokens.find_standing(tx, token_id)
    if row is None or row.kind is not Kind.INVITATION:
        return row, False, standing
    invitation = invitations.find(tx, row.workspace_id, token_id)
    return row, invitation is not None and invitation.collector_id is not None, standing
