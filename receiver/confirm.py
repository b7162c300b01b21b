"""Confirm who asks to be taken in, all at once: those who asked online and wait, and requests that were carried in.

Invariants: a person sees name, fingerprint and limits of each before anything is changed, and what was seen is
looked at again in the transaction that takes it in; what is wrong with a request is told and audited, and
stands in nobody else's way; of several keys that ask with one invitation none is taken in, unless a person names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from receiver import joining
from receiver.caller import OPERATOR
from receiver.core.proof import Proof, possession
from receiver.core.tokens import Kind
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, collectors, invitations, register, tokens, workspaces
from receiver.store.collectors import Collector, CollectorStatus
from receiver.store.engine import Store, Tx
from receiver.store.invitations import InvitationRow
from receiver.store.tokens import TokenRow
from shared import dsse
from shared.encoding import JsonObject, digest_text, parse_digest, parse_payload, sha256
from shared.errors import CarnetError, Code, MalformedError, StateError, UntrustedError
from shared.keys import PublicKey
from shared.predicates import Limits, Person

_INVITE = "make a new invitation for this host"


@dataclass(frozen=True, slots=True)
class Carried:
    """A request that was carried in: the name of its file, which is only told, and its exact bytes."""

    source: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """A row of the table: who asks, for what, and what is wrong with it.

    `carried` is None for one who asked online; `valid_until` is the end of an invitation that nobody took up yet;
    `done` says that exactly this request was granted before. What is not known is None.
    """

    carried: Carried | None
    name: str | None = None
    key: PublicKey | None = None
    limits: Limits | None = None
    valid_until: datetime | None = None
    collector_id: str | None = None
    invitation: InvitationRow | None = None
    request: bytes | None = None
    done: bool = False
    problem: CarnetError | None = None

    @property
    def fingerprint(self) -> str | None:
        """The id of the key that asks."""
        return None if self.key is None else self.key.key_id


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of a row: the collector and the signed statement that took it in, or neither for a problem."""

    asking: Asking
    collector_id: str | None
    enrolment: bytes | None


def look(
    store: Store, workspace_id: str, carried: Sequence[Carried], named: Collection[str], now: datetime
) -> tuple[Asking, ...]:
    """Make the table: of what was carried in, and of those who wait online where nothing was, or they are `named`.

    `named` are fingerprints: with any, only those keys are asked about. What is wrong with a row is audited. Raises
    `StateError` (`not_found`) for a fingerprint under which nothing asks, `MalformedError` for one that is none.
    """
    wanted = {digest_text(parse_digest(one)) for one in named}

    def act(tx: Tx) -> tuple[Asking, ...]:
        found = _table(tx, workspace_id, carried, wanted, now)
        unknown = wanted - {one.fingerprint for one in found}
        if unknown:
            raise StateError(Code.NOT_FOUND, f"no key {min(unknown)} waits to be confirmed here", "compare it again")
        _audit(tx, workspace_id, found, now)
        return found

    return store.write(act)


def confirm(
    store: Store,
    signers: RoleSigners,
    rows: Sequence[Asking],
    by: Person,
    now: datetime,
    random: Callable[[int], bytes],
) -> tuple[Confirmed, ...]:
    """Take in those of the table that a person confirmed, in one transaction; each is looked at again before.

    Gives an outcome for each row in order. Raises nothing for a single row: its problem is in the outcome.
    """
    workspace_id = signers.workspace_id

    def one(tx: Tx, row: Asking) -> Confirmed:
        again = row
        if row.problem is None:
            again = _again(tx, workspace_id, row, now)
            _audit(tx, workspace_id, [again], now)
        if again.problem is not None or again.key is None:
            return Confirmed(again, None, None)
        collector_id = again.collector_id
        if collector_id is None and again.invitation is not None:
            collector_id = joining.take_in(tx, again.invitation, again.key, now, random)
        if collector_id is None:
            return Confirmed(again, None, None)
        if not again.done:
            joining.approve(tx, signers, joining.Joining(collector_id, again.key, again.request), by, now, random)
        taken = collectors.get(tx, workspace_id, collector_id)
        signed = None if taken.enrolment is None else register.envelope_at(tx, workspace_id, taken.enrolment)
        return Confirmed(again, collector_id, signed)

    return store.write(lambda tx: tuple(one(tx, row) for row in rows))


def _again(tx: Tx, workspace_id: str, row: Asking, now: datetime) -> Asking:
    if row.carried is not None:
        return _carried(tx, workspace_id, row.carried, now)
    waiting = {one.collector_id: one for one in collectors.pending(tx, workspace_id)}
    found = waiting.get(row.collector_id or "")
    if found is None:
        return replace(row, problem=_conflict("this collector is not waiting any more", "see collectors list"))
    return _online(tx, workspace_id, found)


def _table(
    tx: Tx, workspace_id: str, carried: Sequence[Carried], wanted: Collection[str], now: datetime
) -> tuple[Asking, ...]:
    found = [_carried(tx, workspace_id, one, now) for one in {sha256(one.content): one for one in carried}.values()]
    if wanted or not carried:
        shown = {one.collector_id for one in found}
        waiting = [one for one in collectors.pending(tx, workspace_id) if one.collector_id not in shown]
        found += [_online(tx, workspace_id, one) for one in waiting]
    if wanted:
        found = [one for one in found if one.fingerprint in wanted]
    return tuple(_alone(found))


def _alone(found: Sequence[Asking]) -> Iterator[Asking]:
    """Refuse what stands against each other: two keys with one invitation, or one key in two requests."""
    good = [one for one in found if one.problem is None]
    keys = Counter(one.key for one in good)
    asked = Counter(one.invitation.token_id for one in good if one.invitation is not None)
    for one in found:
        if one.problem is None and one.invitation is not None and asked[one.invitation.token_id] > 1:
            problem = _conflict("two keys ask with this invitation", "name the right one by its fingerprint")
            yield replace(one, problem=problem)
        elif one.problem is None and keys[one.key] > 1:
            yield replace(one, problem=_conflict("this key asks twice", "confirm the newer request alone"))
        else:
            yield one


def _online(tx: Tx, workspace_id: str, row: Collector) -> Asking:
    (key,) = collectors.keys(tx, workspace_id, row.collector_id)
    invitation = invitations.of_collector(tx, workspace_id, row.collector_id)
    asking = Asking(None, row.name, key.key.public, row.limits, collector_id=row.collector_id, invitation=invitation)
    token = None if invitation is None else tokens.find(tx, invitation.token_id)
    if token is None or token.revoked_at is not None:
        return replace(asking, problem=_refused("its invitation was revoked", _INVITE))
    return asking


def _carried(tx: Tx, workspace_id: str, carried: Carried, now: datetime) -> Asking:
    asking = Asking(carried)
    try:
        proof = possession(carried.content)
        asking = replace(asking, key=proof.key, request=proof.id)
        workspace = workspaces.get(tx, workspace_id)
        proof.statement.expect_audience(*workspaces.accepted_audiences(tx, workspace))
        digest = parse_digest(proof.asked.token_digest)
        token = tokens.find_by_digest(tx, workspace_id, Kind.INVITATION, digest)
        invitation = None if token is None else invitations.find(tx, workspace_id, token.token_id)
        if token is None or invitation is None:
            raise _refused("its invitation is not of this workspace", _INVITE)
        asking = replace(asking, name=invitation.name, limits=invitation.limits, invitation=invitation)
        return _standing(tx, asking, token, invitation, proof, now)
    except CarnetError as error:
        return replace(asking, problem=error)


def _standing(
    tx: Tx, asking: Asking, token: TokenRow, invitation: InvitationRow, proof: Proof, now: datetime
) -> Asking:
    owner = collectors.key_owner(tx, proof.key.key_id)
    if token.revoked_at is not None:
        raise _refused("its invitation was revoked", _INVITE)
    if invitation.collector_id is not None:
        if owner != (token.workspace_id, invitation.collector_id):
            raise _conflict("another key took its invitation up", _INVITE)
        asking = replace(asking, collector_id=invitation.collector_id)
        return _taken_up(tx, token.workspace_id, asking, invitation.collector_id, proof)
    if not token.good(now):
        raise _refused("its invitation has expired", _INVITE)
    if owner is not None or workspaces.is_own_key(tx, proof.key.raw):
        raise _conflict("its key is known already", "make a new key with carnet-collector keygen")
    if invitation.name == joining.ANY_NAME:
        raise MalformedError(Code.INVALID_FIELD, "its invitation names no host", _INVITE)
    return replace(asking, valid_until=token.expires_at)


def _taken_up(tx: Tx, workspace_id: str, asking: Asking, collector_id: str, proof: Proof) -> Asking:
    """Tell of a key that took its invitation up before: it waits, or exactly this request was granted."""
    row = collectors.get(tx, workspace_id, collector_id)
    asking = replace(asking, name=row.name, limits=row.limits)
    if row.status is CollectorStatus.PENDING:
        return asking
    granted = None if row.enrolment is None else register.envelope_at(tx, workspace_id, row.enrolment)
    if row.status is not CollectorStatus.ACTIVE or granted is None or _answers(granted) != digest_text(proof.id):
        raise _conflict(f"its invitation was used up by {collector_id}", _INVITE)
    return replace(asking, done=True)


def _answers(enrolment: bytes) -> object:
    predicate = parse_payload(dsse.parse(enrolment).payload).get("predicate")
    return predicate.get("request") if isinstance(predicate, dict) else None


def _audit(tx: Tx, workspace_id: str, found: Sequence[Asking], now: datetime) -> None:
    for one in found:
        if one.problem is not None:
            detail: JsonObject = {
                "code": one.problem.code.value,
                "detail": one.problem.detail,
                "keyId": one.fingerprint,
                "request": None if one.request is None else digest_text(one.request),
                "collector": one.collector_id,
            }
            audit.add(tx, workspace_id, Act(now, OPERATOR, "collector.enrol-refused", detail))


def _refused(detail: str, hint: str) -> UntrustedError:
    return UntrustedError(Code.UNAUTHORIZED, detail, hint)


def _conflict(detail: str, hint: str) -> StateError:
    return StateError(Code.CONFLICT, detail, hint)
