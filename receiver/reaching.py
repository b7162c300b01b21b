"""What a revocation reaches: what is named, what stands of it already, and what it does, measured.

Nothing here changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from receiver.core import revocation
from receiver.core.holding import End
from receiver.core.impact import Effect, Losses, Some
from receiver.core.placing import Status
from receiver.core.revocation import Asked, Introduced, What, check_asked, ended_keys, never_delivered, reaches_further
from receiver.store import collectors, receipts, register, releases, revocations, standing, tokens, touched
from receiver.store.collectors import Collector, CollectorKey
from receiver.store.engine import Tx
from receiver.store.revocations import Ends
from receiver.store.tokens import TokenRow
from receiver.store.touched import Origin
from shared import dsse
from shared.encoding import parse_payload
from shared.errors import Code, StateError
from shared.predicates import Revocation

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """What is named: a collector with the keys that end, or a token; and the revocations of it that stand."""

    collector: Collector | None
    keys: tuple[CollectorKey, ...]
    token: TokenRow | None
    standing: tuple[End, ...]

    @property
    def origin(self) -> Origin:
        """What was sent or posted under it."""
        collector_id = None if self.collector is None else self.collector.collector_id
        return Origin(collector_id, self.key_ids, None if self.token is None else self.token.token_id)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys that end."""
        return tuple(one.key.public.key_id for one in self.keys)


@dataclass(frozen=True, slots=True)
class Done:
    """What was signed, or stood already, or nothing; and how many tokens and invitations end by it."""

    number: int | None
    revoked_at: datetime | None
    tokens: int = 0
    invitations: int = 0


def effect_of(tx: Tx, workspace_id: str, asked: Asked, done: Done) -> Effect:
    """Measure a revocation that stands, as if it were taken away."""
    if done.number is None:
        target = find(tx, workspace_id, asked, None)
        ends = ends_of(tx, workspace_id, target)
        reason = asked.reason if target.token is None else target.token.revoked_reason or asked.reason
        named = replace(asked, since=done.revoked_at, reason=reason)
        return measure(tx, workspace_id, named, target, ends, ends, done)
    row = revocations.get(tx, workspace_id, done.number)
    target = find(tx, workspace_id, asked, row.since)
    if target.collector is not None:
        known = collectors.keys(tx, workspace_id, target.collector.collector_id)
        ended = {one.key_id for one in revocations.keys_of(tx, workspace_id, done.number)}
        target = replace(target, keys=tuple(one for one in known if one.key.public.key_id in ended))
    after = ends_of(tx, workspace_id, target)
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, done.number))
    said = Revocation.from_wire(parse_payload(envelope.payload).get("predicate"))
    named = Asked(asked.what, asked.id, row.kind, row.since, said.reason)
    return measure(tx, workspace_id, named, target, after.without(done.number), after, done)


def find(tx: Tx, workspace_id: str, asked: Asked, since: datetime | None) -> Target:
    """Find what is named, and the keys that end with it; raises `StateError` (`not_found`)."""
    if asked.what is What.TOKEN:
        row = tokens.get(tx, workspace_id, asked.id)
        stands = revocations.of_subject(tx, workspace_id, What.TOKEN, asked.id)
        return Target(None, (), row, tuple(End(one.number, one.since) for one in stands))
    if asked.what is What.COLLECTOR:
        collector = collectors.get(tx, workspace_id, asked.id)
        keys = collectors.keys(tx, workspace_id, asked.id)
        stands = revocations.of_subject(tx, workspace_id, What.COLLECTOR, asked.id)
        return Target(collector, tuple(keys), None, tuple(End(one.number, one.since) for one in stands))
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
    return Target(collector, tuple(one for one in keys if one.key.public.key_id in ended), None, ends)


def time_of(tx: Tx, workspace_id: str, asked: Asked, now: datetime) -> datetime:
    """Give the time of a revocation that is asked for now; raises what `find` and `check_asked` raise."""
    check_asked(asked)
    named = find(tx, workspace_id, asked, None).origin
    return revocation.time_of(now, receipts.last_time(tx, workspace_id, named.collector_id, named.token_id))


def stands_already(tx: Tx, workspace_id: str, target: Target, since: datetime | None) -> Done | None:
    """Say what stands already, if that holds everything that is asked for."""
    token = target.token
    if token is not None and token.revoked_at is not None and not target.standing:
        # It was ended before revocations were signed, or ended with its collector.
        return Done(None, token.revoked_at) if since is not None and since >= token.revoked_at else None
    if not target.standing or reaches_further(since, [end.since for end in target.standing]):
        return None
    furthest = min(target.standing, key=lambda end: (end.since is not None, end.since or _LAST, -end.number))
    if releases.newest(tx, workspace_id) > furthest.number:
        # Something was released since: whoever revokes again wants it held anew, which a newer statement does.
        return None
    return Done(furthest.number, revocations.get(tx, workspace_id, furthest.number).revoked_at)


def tokens_of(tx: Tx, workspace_id: str, asked: Asked, target: Target, now: datetime) -> tuple[list[str], list[str]]:
    """Give the good tokens that end too, and the invitations: a collector's that is revoked whole."""
    if target.collector is None:
        return [], []
    # Whoever has a key may have got an hour's token for it; those whose keys are good ask for a new one.
    collector = target.collector
    access = touched.open_access(tx, workspace_id, collector.collector_id, now)
    if asked.what is What.KEY:
        return access, []
    return access, touched.open_invitations(tx, workspace_id, collector.collector_id, collector.name, now)


def ends_of(tx: Tx, workspace_id: str, target: Target) -> Ends:
    """Give the standing revocations of its collector or token."""
    named = target.origin
    collector_ids = [] if named.collector_id is None else [named.collector_id]
    return revocations.ends(tx, workspace_id, collector_ids, [] if named.token_id is None else [named.token_id])


def measure(tx: Tx, workspace_id: str, asked: Asked, target: Target, before: Ends, after: Ends, done: Done) -> Effect:
    """Hold what counted without a revocation against what counts with it."""
    losses, origin = Losses(), target.origin
    # Where nothing else stands, all that was accepted before stays as it was: that needs no closer look.
    plain = asked.since if not before.keys and not before.tokens else None
    good = touched.count_before(tx, workspace_id, origin, plain)
    chains = standing.Chains(tx, workspace_id)
    for portion in touched.rows(tx, workspace_id, origin, plain):
        stands = standing.of_rows(tx, workspace_id, portion, after, chains)
        held = [row for row in portion if stands[row.n].status is not Status.ACCEPTED]
        good += len(portion) - len(held)
        was = standing.of_rows(tx, workspace_id, held, before, chains)
        for row in held:
            if was[row.n].status is Status.ACCEPTED:
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
