"""Who acts on a passport, and whose release it is: what approving and waiving have in common.

Invariant: whoever acts is signed in, has an account that is good now, and is no author of the release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.caller import Caller, signed_in
from receiver.core import cutting
from receiver.core.accounts import Role, includes
from receiver.core.approving import authors_of, refuse_own
from receiver.store import accounts, passports, register
from receiver.store.engine import Store, Tx
from receiver.store.passports import PassportRow
from shared import dsse
from shared.encoding import parse_payload
from shared.errors import Code, UntrustedError
from shared.judging.identities import identities_of
from shared.passports import Passport
from shared.predicates import Person
from shared.redaction import Rules

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does something, when, and from where."""

    caller: Caller
    now: datetime
    random: Callable[[int], bytes]
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A passport, and whose release it is about; `id` is that of its statement."""

    row: PassportRow
    passport: Passport
    id: bytes
    authors: frozenset[str]


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person who acts, and all that is verified of them, in one spelling, the address among it."""

    person: Person
    identities: tuple[str, ...]


def secrets_in(_store: Store, texts: Mapping[str, str], rules: Rules) -> dict[str, str]:
    """Say which of these texts hold a secret, and of which kind; works on nothing but them."""
    return cutting.held(texts, rules)


def case_of(tx: Tx, workspace_id: str, row: PassportRow) -> Case:
    """Read a passport and what is known of whose release it is; raises `StateError` where that was lost."""
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, row.number))
    passport = Passport.from_wire(parse_payload(envelope.payload).get("predicate"))
    authors = authors_of(passports.papers(tx, workspace_id, row.number).docket)
    return Case(row, passport, envelope.id, authors)


def approver(tx: Tx, doing: Doing, case: Case) -> Somebody:
    """Say who it is that decides about a release; raises `UntrustedError` (`forbidden`) where they may not."""
    who = signed_in(doing.caller)
    account = accounts.find(tx, doing.caller.workspace_id, who.subject)
    if account is None or not account.good(doing.now) or not includes(account.role, Role.APPROVER):
        raise UntrustedError(
            Code.FORBIDDEN, f"{who.subject} is no approver", "the role approver or admin is needed for this"
        )
    identities = tuple(sorted({account.email, *identities_of(*account.identities)}))
    asked = case.passport.release
    # Whom the request named and nobody knew then is an author, too, once an account has that name.
    refuse_own(case.authors | identities_of(asked.author, asked.requested_by), identities)
    return Somebody(who, identities)
