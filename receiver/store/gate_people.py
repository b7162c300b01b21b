"""What people have to do with a release: who made it or had it made, and who approved or waived what of it.

Invariant: an account that was disabled, whose membership ended, or whose role approves nothing any more, has approved
and waived nothing from then on, until that is otherwise again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, bindparam, or_, select

from receiver.core.accounts import Role, includes
from receiver.store.columns import micros, moment
from receiver.store.engine import Tx
from receiver.store.gate_tables import approvals as approvals_table
from receiver.store.gate_tables import passports
from receiver.store.gate_tables import waivers as waivers_table
from receiver.store.identity_tables import accounts
from receiver.store.lists import read_list
from receiver.store.unchanged import once, rows
from shared.encoding import JsonValue, digest_text, parse_json, parse_object
from shared.judging.identities import identities_of
from shared.judging.values import Actor, Approval, Target, Waiver

_ACTS = 500
"""How many approvals, and how many waivers, of one digest are looked at, the newest."""


def _of_digest(table: Table) -> Select[Any]:
    return (
        select(table)
        .where(table.c.workspace_id == bindparam("its_workspace"), table.c.digest == bindparam("its_digest"))
        .order_by(table.c.number.desc())
        .limit(_ACTS)
    )


# Asked for with every question: built once, since building a query takes several times as long as running it.
_APPROVALS, _WAIVERS = _of_digest(approvals_table), _of_digest(waivers_table)
_ACCOUNTS = select(accounts.c.email, accounts.c.identities).where(accounts.c.workspace_id == bindparam("its_workspace"))
_GOOD = select(accounts.c.email).where(
    accounts.c.workspace_id == bindparam("its_workspace"),
    accounts.c.email.in_(bindparam("their_addresses", expanding=True)),
    accounts.c.role.in_([role.value for role in Role if includes(role, Role.APPROVER)]),
    accounts.c.disabled_at.is_(None),
    or_(accounts.c.ends_at.is_(None), accounts.c.ends_at > bindparam("its_time")),
)
_ASKED = (
    select(passports.c.number, passports.c.owner, passports.c.request)
    .where(
        passports.c.workspace_id == bindparam("its_workspace"),
        passports.c.release_key == bindparam("its_release"),
        passports.c.valid_until > bindparam("its_time"),
    )
    .order_by(passports.c.place.desc())
    .limit(bindparam("at_most"))
)


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a passport was asked, by its number: whose token it was, and whom the request names as its people."""

    number: int
    owner: str | None
    named: tuple[str, ...]


def asked(tx: Tx, workspace_id: str, release_key: bytes, since: datetime, limit: int) -> list[Asked]:
    """Say for whom the passports of a release were asked that had not ended at a moment, newest first."""
    values = {"its_workspace": workspace_id, "its_release": release_key, "its_time": micros(since), "at_most": limit}
    return [Asked(row.number, row.owner, _named(row.request)) for row in tx.execute(_ASKED, values)]


def _named(request: bytes) -> tuple[str, ...]:
    release = parse_object(request).get("release")
    found = (release.get("author"), release.get("requestedBy")) if isinstance(release, dict) else ()
    return tuple(one for one in found if isinstance(one, str))


def names(tx: Tx, workspace_id: str) -> frozenset[str]:
    """Give all identities of all accounts, of those that have ended too, in one spelling."""

    def read() -> frozenset[str]:
        rows = tx.execute(_ACCOUNTS, {"its_workspace": workspace_id})
        return identities_of(*(one for row in rows for one in (row.email, *read_list(row.identities))))

    return once(tx, (names, workspace_id), read, rows)


def approvals(tx: Tx, workspace_id: str, digest: bytes, now: datetime) -> tuple[Approval, ...]:
    """Give the newest approvals of a digest, wherever it should go, whether they have ended or not.

    Those of accounts that are not good any more, or may not approve any more, are left out.
    """
    found = once(tx, (approvals, workspace_id, digest), lambda: _approvals(tx, workspace_id, digest), rows)
    good = _good(tx, workspace_id, {one.by.subject for one in found}, now)
    return tuple(one for one in found if one.by.subject in good)


def _approvals(tx: Tx, workspace_id: str, digest: bytes) -> tuple[Approval, ...]:
    rows = tx.execute(_APPROVALS, {"its_workspace": workspace_id, "its_digest": digest})
    return tuple(
        Approval(
            id=digest_text(row.id),
            target=Target(row.service, row.namespace or None, row.environment),
            digest=row.digest.hex(),
            rules=_texts(parse_json(row.rules.encode())),
            findings=_texts(parse_json(row.findings.encode())),
            by=Actor(row.email, row.role, _texts(parse_json(row.identities.encode()))),
            at=moment(row.approved_at),
            expires_at=moment(row.expires_at),
        )
        for row in rows
    )


def waivers(tx: Tx, workspace_id: str, digest: bytes, now: datetime) -> tuple[Waiver, ...]:
    """Give the newest waivers for a digest, wherever it should go, whether they have ended or not.

    Those that any person of them has no good account for any more are left out: one statement is nothing to halve.
    """
    found = once(tx, (waivers, workspace_id, digest), lambda: _waivers(tx, workspace_id, digest), rows)
    good = _good(tx, workspace_id, {by.subject for one in found for by in one.by}, now)
    return tuple(one for one in found if all(by.subject in good for by in one.by))


def _waivers(tx: Tx, workspace_id: str, digest: bytes) -> tuple[Waiver, ...]:
    rows = tx.execute(_WAIVERS, {"its_workspace": workspace_id, "its_digest": digest})
    return tuple(
        Waiver(
            id=digest_text(row.id),
            rule=row.rule,
            target=Target(row.service, row.namespace or None, row.environment),
            digest=row.digest.hex(),
            reason=row.reason,
            by=_actors(parse_json(row.by.encode())),
            at=moment(row.waived_at),
            expires_at=moment(row.expires_at),
        )
        for row in rows
    )


def _good(tx: Tx, workspace_id: str, emails: Collection[str], now: datetime) -> frozenset[str]:
    """Say which of these accounts are good at a moment, and may approve."""
    if not emails:
        return frozenset()
    values = {"its_workspace": workspace_id, "their_addresses": sorted(emails), "its_time": micros(now)}
    return frozenset(tx.execute(_GOOD, values).scalars())


def _actors(value: JsonValue) -> tuple[Actor, ...]:
    people: Collection[JsonValue] = value if isinstance(value, list) else ()
    return tuple(
        Actor(str(one.get("subject")), str(one.get("role")), _texts(one.get("identities")))
        for one in people
        if isinstance(one, dict)
    )


def _texts(value: JsonValue) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()
