"""Revoke a collector, one of its keys, or a token: at once, by one admin, in one transaction and one signed statement.

Invariants: nothing that is stored changes; whether it counts is worked out when it is read (`core.holding`). What was
asked before and holds no more than what stands already is answered as it stands, and signs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from receiver.caller import By, person
from receiver.core.admit import KeyState
from receiver.core.holding import End
from receiver.core.impact import Effect, Losses, Some
from receiver.core.placing import Status
from receiver.core.revocation import (
    Asked,
    Introduced,
    Loss,
    What,
    ended_keys,
    never_delivered,
    reaches_further,
    since_when,
)
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, collectors, register, revocations, standing, tokens, touched
from receiver.store.collectors import Collector, CollectorKey, CollectorStatus
from receiver.store.engine import Store, Tx
from receiver.store.revocations import EndedKey, Ends, RevocationRow
from receiver.store.tokens import TokenRow
from receiver.store.touched import Origin
from shared import dsse, statement
from shared.encoding import JsonObject, format_time, parse_payload, sha256
from shared.errors import Code, StateError
from shared.predicates import REVOCATION, Revocation
from shared.statement import Subject, subject_sha256

SALT_BYTES = 16
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Target:
    """What is named: a collector with the keys that end, or a token; and the revocations of it that stand."""

    collector: Collector | None
    keys: tuple[CollectorKey, ...]
    token: TokenRow | None
    standing: tuple[End, ...]

    @property
    def origin(self) -> Origin:
        collector_id = None if self.collector is None else self.collector.collector_id
        return Origin(collector_id, self.key_ids, None if self.token is None else self.token.token_id)

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(one.key.public.key_id for one in self.keys)


@dataclass(frozen=True, slots=True)
class _Done:
    """What was signed, or stood already, or nothing; and how many tokens and invitations end by it."""

    number: int | None
    revoked_at: datetime | None
    tokens: int = 0
    invitations: int = 0


def impact(store: Store, workspace_id: str, asked: Asked, now: datetime) -> Effect:
    """Say what a revocation would do, and change nothing; raises what `revoke` raises."""
    return store.read(lambda tx: _impact(tx, workspace_id, asked, now))


def offered(store: Store, workspace_id: str, what: What, named: str, now: datetime, since: datetime | None) -> Effect:
    """Say what it would do to revoke something as compromised since a time.

    Without a time that is the last heartbeat of its collector, or always where there was none, and for a token.
    """

    def act(tx: Tx) -> Effect:
        asked = Asked(what, named, Loss.COMPROMISED, since, "asked for its impact")
        found = _target(tx, workspace_id, asked, None)
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
    workspace_id = signers.workspace_id

    def act(tx: Tx) -> _Done:
        since = since_when(asked, now)
        target = _target(tx, workspace_id, asked, since)
        stands = _stands(tx, workspace_id, target, since)
        return stands or _end(tx, signers, replace(asked, since=since), target, by, now, random, origin)

    done = store.write(act)
    return store.read(lambda tx: _effect_of(tx, workspace_id, asked, done))


def _impact(tx: Tx, workspace_id: str, asked: Asked, now: datetime) -> Effect:
    since = since_when(asked, now)
    target = _target(tx, workspace_id, asked, since)
    stands = _stands(tx, workspace_id, target, since)
    if stands is not None:
        return _effect_of(tx, workspace_id, asked, stands)
    named = replace(asked, since=since)
    end = End(register.next_place(tx, workspace_id).number, since)
    before = _ends(tx, workspace_id, target)
    reach = {}
    if target.collector is not None:
        reach = standing.reach_before(tx, workspace_id, target.collector.collector_id, since)
    keys = [(one.collector_id, one.key.public.key_id) for one in target.keys]
    after = before.also(end, keys, None if target.token is None else target.token.token_id, reach)
    access, invited = _tokens_of(tx, workspace_id, asked, target, now)
    done = _Done(None, None, len(access), len(invited))
    return _measure(tx, workspace_id, named, target, before, after, done)


def _effect_of(tx: Tx, workspace_id: str, asked: Asked, done: _Done) -> Effect:
    """Measure a revocation that stands, as if it were taken away."""
    if done.number is None:
        target = _target(tx, workspace_id, asked, None)
        ends = _ends(tx, workspace_id, target)
        reason = asked.reason if target.token is None else target.token.revoked_reason or asked.reason
        named = replace(asked, since=done.revoked_at, reason=reason)
        return _measure(tx, workspace_id, named, target, ends, ends, done)
    row = revocations.get(tx, workspace_id, done.number)
    target = _target(tx, workspace_id, asked, row.since)
    if target.collector is not None:
        known = collectors.keys(tx, workspace_id, target.collector.collector_id)
        ended = {one.key_id for one in revocations.keys_of(tx, workspace_id, done.number)}
        target = replace(target, keys=tuple(one for one in known if one.key.public.key_id in ended))
    after = _ends(tx, workspace_id, target)
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, done.number))
    said = Revocation.from_wire(parse_payload(envelope.payload).get("predicate"))
    named = Asked(asked.what, asked.id, row.kind, row.since, said.reason)
    return _measure(tx, workspace_id, named, target, after.without(done.number), after, done)


def _target(tx: Tx, workspace_id: str, asked: Asked, since: datetime | None) -> _Target:
    """Find what is named, and the keys that end with it; raises `StateError` (`not_found`)."""
    if asked.what is What.TOKEN:
        row = tokens.get(tx, workspace_id, asked.id)
        stands = revocations.of_subject(tx, workspace_id, What.TOKEN, asked.id)
        return _Target(None, (), row, tuple(End(one.number, one.since) for one in stands))
    if asked.what is What.COLLECTOR:
        collector = collectors.get(tx, workspace_id, asked.id)
        keys = collectors.keys(tx, workspace_id, asked.id)
        stands = revocations.of_subject(tx, workspace_id, What.COLLECTOR, asked.id)
        return _Target(collector, tuple(keys), None, tuple(End(one.number, one.since) for one in stands))
    owner = collectors.key_owner(tx, asked.id)
    if owner is None or owner[0] != workspace_id:
        raise StateError(
            Code.NOT_FOUND, "there is no such key in this workspace", "see carnet-receiver collectors list"
        )
    collector = collectors.get(tx, workspace_id, owner[1])
    keys = collectors.keys(tx, workspace_id, owner[1])
    introduced = [Introduced(one.key.public.key_id, one.added_at, one.introduced_by) for one in keys]
    ended = ended_keys(introduced, (asked.id,), since)
    ends = revocations.ends(tx, workspace_id, (owner[1],), ()).keys.get((owner[1], asked.id), ())
    return _Target(collector, tuple(one for one in keys if one.key.public.key_id in ended), None, ends)


def _stands(tx: Tx, workspace_id: str, target: _Target, since: datetime | None) -> _Done | None:
    """Say what stands already, if that holds everything that is asked for."""
    token = target.token
    if token is not None and token.revoked_at is not None and not target.standing:
        # It was ended before revocations were signed, or ended with its collector.
        return _Done(None, token.revoked_at) if since is not None and since >= token.revoked_at else None
    if not target.standing or reaches_further(since, [end.since for end in target.standing]):
        return None
    furthest = min(target.standing, key=lambda end: (end.since is not None, end.since or _LAST, -end.number))
    if revocations.newest_release(tx, workspace_id) > furthest.number:
        # Something was released since: whoever revokes again wants it held anew, which a newer statement does.
        return None
    return _Done(furthest.number, revocations.get(tx, workspace_id, furthest.number).revoked_at)


def _end(
    tx: Tx,
    signers: RoleSigners,
    asked: Asked,
    target: _Target,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None,
) -> _Done:
    workspace_id, who = signers.workspace_id, person(by, signers.audience)
    place = register.next_place(tx, workspace_id)
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
    row = RevocationRow(place.number, asked.what, asked.id, asked.kind, asked.since, now, before)
    ended = [EndedKey(one.collector_id, one.key.public.key_id, one.key.state) for one in target.keys]
    reach = {}
    if target.collector is not None:
        reach = standing.reach_before(tx, workspace_id, target.collector.collector_id, asked.since)
    revocations.add(tx, workspace_id, row, ended, reach)
    collectors.set_key_state(tx, workspace_id, target.key_ids, KeyState.REVOKED)
    if before is not None:
        collectors.set_status(tx, workspace_id, asked.id, CollectorStatus.REVOKED)
    access, invited = _tokens_of(tx, workspace_id, asked, target, now)
    named = [] if target.token is None else [target.token.token_id]
    touched.end_tokens(tx, workspace_id, [*named, *access, *invited], asked.reason, now)
    detail: JsonObject = {
        asked.what.value: asked.id,
        "kind": asked.kind.value,
        "since": None if asked.since is None else format_time(asked.since),
        "keys": [*target.key_ids],
        "reason": asked.reason,
        "register": place.number,
    }
    audit.add(tx, workspace_id, Act(now, who.subject, f"{asked.what.value}.revoke", detail, origin))
    return _Done(place.number, now, len(access), len(invited))


def _subject(asked: Asked) -> Subject:
    """A key's is that of its public key, as everywhere; of the others it is that of their id."""
    if asked.what is What.KEY:
        return subject_sha256(asked.id.removeprefix("sha256:"))
    return subject_sha256(sha256(asked.id.encode()).hex())


def _tokens_of(tx: Tx, workspace_id: str, asked: Asked, target: _Target, now: datetime) -> tuple[list[str], list[str]]:
    """Give the good tokens that end too, and the invitations: a collector's that is revoked whole."""
    if target.collector is None:
        return [], []
    # Whoever has a key may have got an hour's token for it; those whose keys are good ask for a new one.
    collector = target.collector
    access = touched.open_access(tx, workspace_id, collector.collector_id, now)
    if asked.what is What.KEY:
        return access, []
    return access, touched.open_invitations(tx, workspace_id, collector.collector_id, collector.name, now)


def _ends(tx: Tx, workspace_id: str, target: _Target) -> Ends:
    named = target.origin
    collector_ids = [] if named.collector_id is None else [named.collector_id]
    return revocations.ends(tx, workspace_id, collector_ids, [] if named.token_id is None else [named.token_id])


def _measure(
    tx: Tx, workspace_id: str, asked: Asked, target: _Target, before: Ends, after: Ends, done: _Done
) -> Effect:
    """Hold what counted without a revocation against what counts with it."""
    losses, origin = Losses(), target.origin
    # Where nothing else stands, all that was accepted before stays as it was: that needs no closer look.
    plain = asked.since if not before.keys and not before.tokens else None
    good = touched.count_before(tx, workspace_id, origin, plain)
    for portion in touched.rows(tx, workspace_id, origin, plain):
        was = standing.of_rows(tx, workspace_id, portion, before)
        stands = standing.of_rows(tx, workspace_id, portion, after)
        for row in portion:
            if stands[row.n].status is Status.ACCEPTED:
                good += 1
            elif was[row.n].status is Status.ACCEPTED:
                losses.add(row.id, row.repository, row.commit, row.run)
    lacking, heard = 0, None
    if target.collector is not None:
        lacking = never_delivered(touched.streams_seen(tx, workspace_id, target.collector.collector_id))
        heard = touched.last_heard(tx, workspace_id, target.collector.collector_id)
    return Effect(
        asked,
        done.number,
        done.revoked_at,
        target.key_ids,
        tuple(losses.first),
        losses.total,
        good,
        lacking,
        Some.of(losses.repositories),
        Some.of(losses.commits),
        Some.of(losses.runs),
        done.tokens,
        done.invitations,
        heard,
    )
