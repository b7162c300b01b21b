"""Revoke a collector, one of its keys, or a token: at once, by one admin, in one transaction and one signed statement.

Invariants: nothing that is stored changes; whether it counts is worked out when it is read (`core.holding`). What was
asked before and holds no more than what stands already is answered as it stands, and signs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from receiver import reaching
from receiver.caller import By, person
from receiver.core.admit import KeyState
from receiver.core.holding import End
from receiver.core.impact import Effect
from receiver.core.revocation import Asked, Loss, What, since_when
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.reaching import Done, Target
from receiver.store import answered, attestations, audit, collectors, disputes, register, revocations, standing, touched
from receiver.store.collectors import CollectorStatus
from receiver.store.engine import Store, Tx
from receiver.store.revocations import EndedKey, RevocationRow
from shared import statement
from shared.encoding import JsonObject, digest_text, format_time, sha256
from shared.predicates import REVOCATION, Revocation
from shared.statement import Subject, subject_sha256

# Named here because whoever calls a use case does not look into the store.
Answered: TypeAlias = answered.Answered
Reply: TypeAlias = answered.Reply

SALT_BYTES = 16


def impact(store: Store, workspace_id: str, asked: Asked, now: datetime) -> Effect:
    """Say what a revocation would do, and change nothing; raises what `revoke` raises."""
    return store.read(lambda tx: _impact(tx, workspace_id, asked, now))


def offered(store: Store, workspace_id: str, what: What, named: str, now: datetime, since: datetime | None) -> Effect:
    """Say what it would do to revoke something as compromised since a time.

    Without a time that is the last heartbeat of its collector, or always where there was none, and for a token.
    """

    def act(tx: Tx) -> Effect:
        asked = Asked(what, named, Loss.COMPROMISED, since, "asked for its impact")
        found = reaching.find(tx, workspace_id, asked, None)
        if since is None and found.collector is not None:
            heard = touched.last_heard(tx, workspace_id, found.collector.collector_id)
            asked = replace(asked, since=heard)
        return _impact(tx, workspace_id, asked, now)

    return store.read(act)


def revoke(
    store: Store,
    signers: RoleSigners,
    asked: Asked,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> Effect:
    """Revoke a collector, a key or a token from now on; gives what that does.

    Raises `MalformedError` (`invalid_field`) for a bad reason or time, `StateError` (`not_found`) for what is not of
    this workspace.
    """
    return store.write(lambda tx: _revoke(tx, signers, asked, by, now, random, origin))


def answer(
    store: Store,
    signers: RoleSigners,
    asked: Asked,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
    reply: Reply[Effect],
) -> Answered:
    """Revoke as `revoke` does, or find what this request was answered before; the answer is kept where it has a key.

    Raises besides `MalformedError` (`idempotency_mismatch`) for a key that came with another body.
    """
    workspace_id = signers.workspace_id
    return store.write(
        lambda tx: reply.give(tx, workspace_id, now, lambda: _revoke(tx, signers, asked, by, now, random, origin))
    )


def answer_impact(store: Store, workspace_id: str, asked: Asked, now: datetime, reply: Reply[Effect]) -> Answered:
    """Say what a revocation would do, as `answer` answers; writes nothing where the request has no key."""
    transact = store.read if reply.once is None else store.write
    return transact(lambda tx: reply.give(tx, workspace_id, now, lambda: _impact(tx, workspace_id, asked, now)))


def _revoke(
    tx: Tx,
    signers: RoleSigners,
    asked: Asked,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
) -> Effect:
    workspace_id = signers.workspace_id
    at = reaching.time_of(tx, workspace_id, asked, now)
    since = since_when(asked, at)
    target = reaching.find(tx, workspace_id, asked, since)
    stands = reaching.stands_already(tx, workspace_id, target, since)
    done = stands or _end(tx, signers, replace(asked, since=since), target, by, at, random, origin)
    return reaching.effect_of(tx, workspace_id, asked, done)


def _impact(tx: Tx, workspace_id: str, asked: Asked, now: datetime) -> Effect:
    at = reaching.time_of(tx, workspace_id, asked, now)
    since = since_when(asked, at)
    target = reaching.find(tx, workspace_id, asked, since)
    stands = reaching.stands_already(tx, workspace_id, target, since)
    if stands is not None:
        return reaching.effect_of(tx, workspace_id, asked, stands)
    named = replace(asked, since=since)
    end = End(register.next_place(tx, workspace_id).number, since, attestations.next_number(tx) - 1)
    before = reaching.ends_of(tx, workspace_id, target)
    reach = {}
    if target.collector is not None:
        reach = standing.reach_before(tx, workspace_id, target.collector.collector_id, since)
    keys = [(one.collector_id, one.key.public.key_id) for one in target.keys]
    after = before.also(end, keys, None if target.token is None else target.token.token_id, reach)
    access, invited = reaching.tokens_of(tx, workspace_id, asked, target, at)
    done = Done(None, None, len(access), len(invited))
    return reaching.measure(tx, workspace_id, named, target, before, after, done)


def _end(
    tx: Tx,
    signers: RoleSigners,
    asked: Asked,
    target: Target,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
) -> Done:
    workspace_id, who = signers.workspace_id, person(by, signers.audience)
    place, last = register.next_place(tx, workspace_id), attestations.last(tx, workspace_id)
    signed = Revocation(
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=random(SALT_BYTES).hex(),
        register_=place,
        what=asked.what.value,
        id=asked.id,
        kind=asked.kind.value,
        since=asked.since,
        keys=target.key_ids,
        reason=asked.reason,
        by=who,
        revoked_at=now,
    )
    envelope = statement.sign(REVOCATION, (_subject(asked),), signed, signers.decision)
    register.add(tx, workspace_id, place.number, REVOCATION, envelope, now)
    before = None if asked.what is not What.COLLECTOR or target.collector is None else target.collector.status
    received_to = 0 if last is None else last[0]
    row = RevocationRow(
        place.number, asked.what, asked.id, asked.kind, asked.since, now, before, received_to=received_to
    )
    ended = [EndedKey(one.collector_id, one.key.public.key_id, one.key.state) for one in target.keys]
    reach = {}
    if target.collector is not None:
        reach = standing.reach_before(tx, workspace_id, target.collector.collector_id, asked.since)
    revocations.add(tx, workspace_id, row, ended, reach)
    collectors.set_key_state(tx, workspace_id, target.key_ids, KeyState.REVOKED)
    disputes.settle(tx, workspace_id, {one.collector_id for one in target.keys}, now)
    if before is not None:
        collectors.set_status(tx, workspace_id, asked.id, CollectorStatus.REVOKED)
    access, invited = reaching.tokens_of(tx, workspace_id, asked, target, now)
    named = [] if target.token is None else [target.token.token_id]
    touched.end_tokens(tx, workspace_id, [*named, *access, *invited], asked.reason, now)
    detail: JsonObject = {
        asked.what.value: asked.id,
        "kind": asked.kind.value,
        "since": None if asked.since is None else format_time(asked.since),
        "keys": [*target.key_ids],
        "reason": asked.reason,
        "register": place.number,
        # By its id: its number counts over all workspaces, and says how much the others have.
        "receivedTo": None if last is None else digest_text(last[1]),
    }
    audit.add(tx, workspace_id, Act(now, who.subject, f"{asked.what.value}.revoke", detail, origin))
    return Done(place.number, now, len(access), len(invited))


def _subject(asked: Asked) -> Subject:
    """A key's is that of its public key, as everywhere; of the others it is that of their id."""
    if asked.what is What.KEY:
        return subject_sha256(asked.id.removeprefix("sha256:"))
    return subject_sha256(sha256(asked.id.encode()).hex())
