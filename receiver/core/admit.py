"""Decide on one envelope at the door, as far as its own bytes and its sender's registration allow.

Order: spelling, key by registration (the key id is only a hint), signature, statement, type, audience, collector,
link, limits. Invariants: nothing is read before its signature verified; no entry is refused for its time; what is
known about the stream is `core.judging`'s business, so this runs before and outside of any transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from receiver.core.covering import outside
from receiver.core.posting import components
from shared import dsse, statement, stream
from shared.dsse import Envelope
from shared.encoding import digest_text, parse_digest, sha256
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.judging.contradictions import Contradiction, contradictions
from shared.keys import PublicKey
from shared.predicates import KEY_ROTATION, Audience, Collected, Context, Limits, StreamLink
from shared.statement import Statement

_FULL_COMMITS = frozenset({40, 64})
_INDEXED = frozenset({"sha256", "gitCommit"})


class KeyState(StrEnum):
    """What became of a collector's key; a pending one signs nothing yet."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A registered key; a retired one is good below `retired_from` in `retired_stream` (16 bytes), nowhere else.

    One that came in by a rotation is good behind `introduced_at` in `introduced_stream`, and in other streams.
    """

    public: PublicKey
    state: KeyState
    retired_from: int | None = None
    retired_stream: bytes | None = None
    introduced_at: int | None = None
    introduced_stream: bytes | None = None

    def hold(self, stream_id: bytes, sequence: int) -> Code | None:
        """Say why something that this key signed at this place does not count, or None where it does."""
        if self.state not in {KeyState.ACTIVE, KeyState.RETIRED}:
            return Code.KEY_REVOKED
        below = self.retired_from is not None and sequence < self.retired_from and stream_id == self.retired_stream
        fits = (self.state is KeyState.ACTIVE or below) and not self.is_early(stream_id, sequence)
        return None if fits else Code.KEY_RETIRED

    def is_early(self, stream_id: bytes, sequence: int) -> bool:
        """Say whether a place is before the rotation that introduced this key: there the older key signs."""
        return self.introduced_at is not None and stream_id == self.introduced_stream and sequence <= self.introduced_at


@dataclass(frozen=True, slots=True)
class Sender:
    """What is registered about a collector: its keys by key id, where its statements may be addressed, its limits.

    `audiences` opens with the workspace's own; former ones that an admin listed follow.
    """

    collector_id: str
    keys: Mapping[str, KnownKey]
    audiences: tuple[Audience, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an entry is not stored, and what to do about it."""

    code: Code
    detail: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that has no place in a stream: it does not parse, does not verify, or says nothing about a place.

    `id` is the attestation id where the entry is an envelope at all; `digest` is the SHA-256 of the entry's bytes.
    """

    digest: bytes
    id: bytes | None
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says about itself, as far as it is found again by that; `digests` has 20 or 32 bytes each.

    The digests are those of its subjects and the full commit of its context; `against` is what in it speaks against
    it, `components` what it lists as a parts list; `dated` is the SHA-256 of a report that tells its own time, so that
    the same bytes were not made twice.
    """

    collector_id: str
    observed_at: datetime
    type: str
    name: str
    basis: str
    passed: bool
    repository: str | None
    commit: str | None
    branch: str | None
    pr_number: int | None
    run: str | None
    service: str | None
    environment: str | None
    digests: tuple[bytes, ...]
    against: tuple[Contradiction, ...]
    components: tuple[str, ...]
    dated: bytes | None


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry whose signature verified and that names a place: what is left to ask is what stands at that place.

    With `refusal` it will not be stored, but keeps its place; with `hold` it will be stored and help no decision, for
    what it says itself: what its key is good for is asked at its place. Ids are 32 bytes, the stream's 16. Plain values
    throughout, since it may come from another process.
    """

    envelope: Envelope
    id: bytes
    stream_id: bytes
    sequence: int
    previous: bytes | None
    refusal: Refusal | None
    hold: Code | None


@dataclass(frozen=True, slots=True)
class Examined(Placed):
    """An entry that is evidence: what it is found by, and the id of the observation that it is of."""

    said: Said
    observation: bytes


Judged: TypeAlias = tuple[Placed | Unreadable, ...]
Examine: TypeAlias = Callable[[Sequence[bytes], Sender], Judged]
"""Examines the entries of a batch, each one by itself and in their order."""


def examine_all(entries: Sequence[bytes], sender: Sender) -> Judged:
    """Examine entries in the calling thread."""
    return tuple(examine(entry, sender) for entry in entries)


def examine(entry: bytes, sender: Sender) -> Examined | Unreadable:
    """Examine one entry of a batch; never raises for what the sender wrote."""
    envelope: Envelope | None = None
    try:
        envelope = dsse.parse(entry)
        key = registered_key(envelope, sender)
        read = statement.read(dsse.verify(envelope, key.public))
        if read.kind.uri == KEY_ROTATION:
            raise signed_by_one()
        collected = read.as_(Collected)
    except CarnetError as error:
        return unreadable(entry, envelope, error)
    link = collected.stream
    return Examined(
        envelope=envelope,
        said=_said(read, collected),
        id=read.verified.id,
        stream_id=bytes.fromhex(link.id),
        sequence=link.sequence,
        # Both were read as digests already.
        previous=None if link.previous is None else parse_digest(link.previous),
        observation=parse_digest(collected.observation_id),
        refusal=_outside(read, collected, sender),
        hold=Code.NOT_UNDERSTOOD if read.not_understood else None,
    )


def unreadable(entry: bytes, envelope: Envelope | None, error: CarnetError) -> Unreadable:
    """Give what is known of an entry that names no place that could be believed."""
    return Unreadable(sha256(entry), None if envelope is None else envelope.id, refusal_of(error))


def _said(read: Statement, collected: Collected) -> Said:
    claim, context = collected.claim, collected.context
    return Said(
        collector_id=collected.collector.id,
        observed_at=collected.observed_at,
        type=claim.type.value,
        name=claim.name,
        basis=claim.basis.value,
        passed=claim.passed,
        repository=context.repository,
        commit=context.commit,
        branch=context.branch,
        pr_number=context.pr_number,
        run=context.run,
        service=context.service,
        environment=context.environment,
        digests=_digests(read, context.commit),
        against=contradictions(claim.type, claim.evidence, passed=claim.passed),
        components=components(claim.type, claim.evidence),
        dated=parse_digest(collected.source.sha256) if isinstance(claim.evidence.get("reportedAt"), str) else None,
    )


def _digests(read: Statement, commit: str | None) -> tuple[bytes, ...]:
    found = {bytes.fromhex(digits) for subject in read.subjects for kind, digits in subject.digest if kind in _INDEXED}
    if commit is not None and len(commit) in _FULL_COMMITS:
        found.add(bytes.fromhex(commit))
    return tuple(sorted(found))


def registered_key(envelope: Envelope, sender: Sender) -> KnownKey:
    """Find the key that an envelope hints at among its sender's; raises `UntrustedError` (`unknown_key`)."""
    key = sender.keys.get(envelope.key_id)
    if key is None or key.state is KeyState.PENDING:
        raise unknown_key(envelope.key_id, sender.collector_id)
    return key


def unknown_key(key_id: str, collector_id: str) -> UntrustedError:
    """Give the refusal of what a key signed that nobody introduced."""
    return UntrustedError(
        Code.UNKNOWN_KEY,
        f"nobody introduced the key {key_id} for {collector_id}",
        "send the rotation statements again, or enrol this key",
    )


def signed_by_one() -> MalformedError:
    """Give the refusal of a rotation that lacks the old key's signature or the new one's."""
    return MalformedError(
        Code.MALFORMED_ENVELOPE,
        "a key rotation needs two signatures: the old key's, then the new key's",
        "rotate again; the old key goes on until then",
    )


def _outside(read: Statement, collected: Collected, sender: Sender) -> Refusal | None:
    try:
        check_origin(read, collected.collector.id, collected.stream, sender)
        _check_limits(collected.context, sender.limits)
    except CarnetError as error:
        return refusal_of(error)
    return None


def check_origin(read: Statement, collector_id: str, link: StreamLink, sender: Sender) -> None:
    """Refuse a foreign audience, another collector's name, and a link that cannot be: each with its own error."""
    read.expect_audience(*sender.audiences)
    if collector_id != sender.collector_id:
        raise wrong_collector(collector_id, sender)
    stream.check_link(link)


def _check_limits(context: Context, limits: Limits) -> None:
    found = outside(limits, context.repository, context.service, context.environment)
    if found is None:
        return
    said = f"{found}, and its collector is limited" if found.value is None else f"{found}"
    raise UntrustedError(
        Code.OUTSIDE_LIMITS,
        f"outside of what this collector may speak for: {said}",
        f"set the {found.what} in the collector's configuration, or have an admin widen its limits",
    )


def wrong_collector(named: str, sender: Sender) -> UntrustedError:
    """Give the refusal of a statement that names another collector than the one whose key signed it."""
    return UntrustedError(
        Code.WRONG_COLLECTOR,
        f"the statement names the collector {named}, the key belongs to {sender.collector_id}",
        "each collector signs and sends for itself",
    )


def refusal_of(error: CarnetError) -> Refusal:
    """Give what refuses an entry, from the error that was found in it."""
    return Refusal(error.code, error.detail, error.hint)


def receipt_name(judged: Placed | Unreadable) -> tuple[str | None, str | None]:
    """Give attestation id and entry digest as a receipt names them: the second only where there is no first."""
    if judged.id is not None:
        return digest_text(judged.id), None
    return None, digest_text(judged.digest)
