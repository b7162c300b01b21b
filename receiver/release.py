"""Let held evidence count after all, or take a revocation back: two people say so, in one signed statement.

Invariants: nobody releases alone, by whatever name; only what is held is released; what a release did not know of,
such as a revocation that comes later, holds anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from receiver import releasing
from receiver.caller import OPERATOR, PASSWORD, TOKEN, By, Caller, person
from receiver.core.accounts import Role, includes
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import accounts, answered, audit, proposals, revocations, tokens
from receiver.store.engine import Store, Tx
from receiver.store.proposals import Proposal
from shared.predicates import Person

# Named here because whoever calls a use case looks neither below it nor into the store.
Answered: TypeAlias = answered.Answered
Released: TypeAlias = releasing.Released
Reply: TypeAlias = answered.Reply
Wanted: TypeAlias = releasing.Wanted
MAX_ATTESTATIONS = releasing.MAX_ATTESTATIONS


def release(
    store: Store,
    signers: RoleSigners,
    wanted: Wanted,
    by: tuple[Person, Person],
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> Released:
    """Release, as two people say who are both here; raises what `propose` raises."""
    releasing.check_request(wanted)
    first, second = by
    if releasing.same(first, second):
        raise releasing.alone()
    for one in by:
        releasing.check_role(one)
    return store.write(
        lambda tx: (
            releasing.already(tx, signers, wanted) or releasing.sign(tx, signers, wanted, by, now, random, origin)
        )
    )


def propose(
    store: Store,
    signers: RoleSigners,
    wanted: Wanted,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> Released:
    """Say that something is to be released: the first person's word waits a week for a second one's, who ends it.

    Two tokens that are known by one name are one person. Raises `MalformedError` (`invalid_field`) for what cannot be
    asked for, `StateError` (`not_found`, `conflict`) for what is not here or not held, `UntrustedError` (`forbidden`)
    for whoever may not release.
    """
    return store.write(lambda tx: _propose(tx, signers, wanted, by, now, random, origin))


def answer(
    store: Store,
    signers: RoleSigners,
    wanted: Wanted,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
    reply: Reply[Released],
) -> Answered:
    """Say what `propose` says, or find what this request was answered before; the answer is kept where it has a key.

    Raises besides `MalformedError` (`idempotency_mismatch`) for a key that came with another body.
    """
    workspace_id = signers.workspace_id
    return store.write(
        lambda tx: reply.give(tx, workspace_id, now, lambda: _propose(tx, signers, wanted, by, now, random, origin))
    )


def _propose(
    tx: Tx,
    signers: RoleSigners,
    wanted: Wanted,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
) -> Released:
    releasing.check_request(wanted)
    workspace_id = signers.workspace_id
    who = person(by, signers.audience)
    releasing.check_role(who)
    known_as = tokens.get(tx, workspace_id, by.token_id).label if isinstance(by, Caller) else who.subject
    done = releasing.already(tx, signers, wanted)
    if done is not None:
        return done
    first = proposals.find(tx, workspace_id, wanted.digest, now)
    if first is not None and not _holds_still(tx, signers, first, now):
        proposals.drop(tx, workspace_id, wanted.digest)
        first = None
    if first is None:
        releasing.check(tx, workspace_id, wanted)
        proposals.add(tx, workspace_id, Proposal(wanted.digest, wanted.reason, who, known_as, now), now)
        detail = releasing.told(wanted) | {"reason": wanted.reason}
        audit.add(tx, workspace_id, Act(now, who.subject, "release.propose", detail, origin))
        return Released(None, (who,), wanted.reason, now)
    if releasing.same(first.person, who) or first.known_as == known_as:
        return Released(None, (first.person,), first.reason, first.proposed_at)
    proposals.drop(tx, workspace_id, wanted.digest)
    agreed = Wanted(wanted.attestations, wanted.revocation, first.reason)
    return releasing.sign(tx, signers, agreed, (first.person, who), now, random, origin, wanted.reason)


def _holds_still(tx: Tx, signers: RoleSigners, first: Proposal, now: datetime) -> bool:
    """Say whether the first person's word holds: nothing was revoked since, and that person may still say it."""
    workspace_id, who = signers.workspace_id, first.person
    ended = revocations.newest_moment(tx, workspace_id)
    if ended is not None and first.proposed_at < ended:
        # Whoever proposed it did not know of that, and may be the one who was revoked.
        return False
    if who.issuer != signers.audience.receiver:
        return False
    if who.method == PASSWORD:
        account = accounts.find(tx, workspace_id, who.subject)
        return account is not None and account.good(now) and includes(account.role, Role.APPROVER)
    if who.method == TOKEN:
        token = tokens.find(tx, who.subject)
        return token is not None and token.workspace_id == workspace_id and token.good(now)
    return who.subject == OPERATOR
