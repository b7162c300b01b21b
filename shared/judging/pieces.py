"""What verified evidence says of itself, as judging knows it: pieces, and links from digests to commits.

Pure. The one way from statements to these values, for whoever gathers facts and for whoever judges again from a bundle.
Invariants: what a statement says is taken from nowhere else; what came with a token is `posted`, whatever it calls
itself; only what says that something was built links a digest to a commit.

What was ingested is a `Claimed` with the record `ingested`. Its evidence is `status`, `summary` and `metrics`; its
`details` are what else was said: `source`, `externalId`, `type` (any text), and where they were said `namespace`,
`releaseId`, `observedAt`, `expiresAt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.encoding import JsonObject, JsonValue, canonical, digest_text, parse_time, sha256
from shared.errors import Code, MalformedError
from shared.judging.values import Basis, Link, Piece
from shared.predicates import Claimed, ClaimType, Collected, Context
from shared.statement import Statement

_FULL_COMMITS = frozenset({40, 64})
_INGESTED = "ingested"
_SAID_BESIDE = frozenset({"attestation", _INGESTED})
"""Records whose source stands in the details; the others are their own evidence."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the receiver alone knows of evidence; `Piece` says what each of it is.

    `received_at` is asked of what a collector signed; of what came with a token the receiver signed it already.
    """

    received_at: datetime | None
    held: str | None = None
    arrival: int = 0
    repeat_of: str | None = None
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What a statement says as evidence, and what the receiver knew of it."""

    piece: Piece
    links: tuple[Link, ...]
    told: Told

    def again(self, told: Told) -> Heard:
        """Give the same where the receiver knows something else of it: nothing need be read anew."""
        if told == self.told:
            return self
        piece = self.piece
        # Of what came with a token the receiver signed the time itself.
        received_at = _received(piece.id, told) if piece.by_collector else piece.received_at
        changed = replace(
            piece,
            received_at=received_at,
            held=told.held,
            arrival=told.arrival,
            repeat_of=told.repeat_of,
            against=told.against,
        )
        known = self.told
        if (told.received_at, told.held, told.repeat_of, told.against) == (
            *(known.received_at, known.held),
            *(known.repeat_of, known.against),
        ):
            # Of what a piece is by itself nothing rests on when it was stored.
            object.__setattr__(changed, "alone", piece.alone)
        links = tuple([replace(one, received_at=received_at, held=told.held) for one in self.links])
        return Heard(changed, links, told)


def heard(read: Statement, told: Told) -> Heard:
    """Give what a statement says as evidence; raises as `piece_of` does."""
    piece = piece_of(read, told)
    return Heard(piece, _links(read, piece), told)


def is_evidence(read: Statement) -> bool:
    """Whether a statement is evidence: collected, or claimed with a token."""
    return isinstance(read.predicate, Collected | Claimed)


def piece_of(read: Statement, told: Told) -> Piece:
    """Give a verified statement as a piece of evidence; its id is the attestation id.

    Raises `MalformedError`: `wrong_type` where it is no evidence, `invalid_field` where a time is none, or nobody says
    when it was received.
    """
    content = read.predicate
    if isinstance(content, Collected):
        return _collected(read, content, told)
    return _claimed(read, read.as_(Claimed), told)


def links_of(read: Statement, told: Told) -> tuple[Link, ...]:
    """Give each digest that a verified statement says was built from a commit, with that; nothing where it does not.

    `signed` as policies mean it: a collector signed it, and measured the file itself. Raises as `piece_of` does.
    """
    return _links(read, piece_of(read, told)) if is_evidence(read) else ()


def _links(read: Statement, piece: Piece) -> tuple[Link, ...]:
    content = read.predicate
    claimed = isinstance(content, Collected | Claimed) and content.claim.type is ClaimType.BUILD_PROVENANCE
    if not claimed or piece.type != ClaimType.BUILD_PROVENANCE:
        return ()
    return tuple(
        Link(piece.id, digest, commit, signed=piece.signed, received_at=piece.received_at, held=piece.held)
        for digest in sorted(piece.digests)
        for commit in sorted(piece.commits)
    )


def nameless(context: Context) -> bytes:
    """Give the 32 bytes that are the subject of a post which names no file and no full commit; nothing links by it."""
    return sha256(canonical({"repository": context.repository, "prNumber": context.pr_number}))


def _collected(read: Statement, content: Collected, told: Told) -> Piece:
    context, claim, stream = content.context, content.claim, content.stream
    evidence = dict(claim.evidence)
    return Piece(
        id=read.verified.id_text,
        type=claim.type.value,
        name=claim.name,
        basis=Basis(claim.basis.value),
        passed=claim.passed,
        evidence=evidence,
        received_at=_received(read.verified.id_text, told),
        observed_at=content.observed_at,
        source_key=content.source.key,
        content=_digest([content.source.sha256, {**claim.to_wire(), "evidence": evidence}]),
        digests=_digests(read),
        commits=_commits(read, context),
        repository=context.repository,
        service=context.service,
        environment=context.environment,
        run=context.run,
        job=context.job,
        reports=context.reports,
        collector=content.collector.id,
        stream=stream.id,
        sequence=stream.sequence,
        arrival=told.arrival,
        held=told.held,
        repeat_of=told.repeat_of,
        against=told.against,
        cut=content.disclosure.cut,
    )


def _received(id_text: str, told: Told) -> datetime:
    """Give when something that a collector signed was received: nobody says so but the receiver."""
    if told.received_at is None:
        raise MalformedError(Code.INVALID_FIELD, f"nobody says when {id_text} was received", None)
    return told.received_at


def _claimed(read: Statement, content: Claimed, told: Told) -> Piece:
    context, claim = content.context, content.claim
    evidence = dict(claim.evidence)
    beside = content.details if content.record in _SAID_BESIDE else evidence
    ingested = content.details if content.record == _INGESTED else {}
    kind = _text(ingested, "type") or claim.type.value
    return Piece(
        id=read.verified.id_text,
        type=kind,
        name=claim.name,
        basis=Basis.POSTED,
        passed=claim.passed,
        evidence=evidence,
        received_at=content.received_at,
        observed_at=_time(ingested, "observedAt") or content.received_at,
        source_key=_posted_key(read, content, beside, kind),
        content=_said(read, content),
        digests=_digests(read) - {nameless(context).hex()},
        commits=_commits(read, context),
        repository=context.repository,
        service=context.service,
        namespace=_text(beside, "namespace"),
        environment=context.environment,
        run=context.run or _text(ingested, "releaseId"),
        job=context.job,
        source=_text(beside, "source"),
        voice=content.token.voice,
        reports=context.reports,
        arrival=told.arrival,
        held=told.held,
        repeat_of=told.repeat_of,
        against=told.against,
        expires_at=_time(ingested, "expiresAt"),
        cut=content.cut,
    )


def _posted_key(read: Statement, content: Claimed, beside: Mapping[str, JsonValue], kind: str) -> str:
    """Name the report that a post is a state of: voice, source, external id and type; itself alone if it names none.

    The voice is a part of it, since source and external id are any text, whoever writes it.
    """
    if content.source_key is None:
        return read.verified.id_text
    external = _text(beside, "resourceId" if content.record == "attestation" else "externalId")
    voice = content.token.voice
    if external is None:
        return content.source_key if voice is None else _digest([voice, content.source_key])
    return _digest([*(() if voice is None else (voice,)), _text(beside, "source") or "", external, kind])


def _said(read: Statement, content: Claimed) -> str:
    """Give the digest of all that a post says; who posted it, and when, is no part of that."""
    # As `Claimed.to_wire` spells these four; the other fields take as long again, and have no part in it.
    claim: JsonObject = content.claim.to_wire() | {"evidence": dict(content.claim.evidence)}
    subjects: list[JsonValue] = [one.to_wire() for one in read.subjects]
    return _digest([content.record, content.context.to_wire(), claim, dict(content.details) or None, subjects])


def _digests(read: Statement) -> frozenset[str]:
    return frozenset(digits for subject in read.subjects for kind, digits in subject.digest if kind == "sha256")


def _commits(read: Statement, context: Context) -> frozenset[str]:
    found = {digits for subject in read.subjects for kind, digits in subject.digest if kind == "gitCommit"}
    if context.commit is not None and len(context.commit) in _FULL_COMMITS:
        found.add(context.commit)
    return frozenset(found)


def _text(fields: Mapping[str, JsonValue], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _time(fields: Mapping[str, JsonValue], name: str) -> datetime | None:
    value = _text(fields, name)
    return None if value is None else parse_time(value)


def _digest(value: JsonValue) -> str:
    return digest_text(sha256(canonical(value)))
