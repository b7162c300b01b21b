"""From a claim to a signed statement: ids, subject, context, link, one serialisation, one signature.

Invariants: pure (time, salt, link and signer come in); the bytes that are signed here are never written anew; a payload
fits into 1 MiB, since its longest lists are cut, and say so; what `shown` shows is what `seal` signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import dsse, statement
from shared.encoding import canonical, digest_text, sha256
from shared.predicates import (
    COLLECTED,
    Audience,
    Claim,
    ClaimType,
    Collected,
    Collector,
    Context,
    Disclosure,
    Source,
    StreamLink,
)
from shared.statement import Subject, subject_commit, subject_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from collector.context import Origin
    from collector.disclose import Level
    from collector.formats.claim import Claim as ReadClaim
    from shared.dsse import Envelope
    from shared.encoding import JsonObject
    from shared.keys import Signer

_FULL_COMMIT_DIGITS = (40, 64)
_UNKNOWN_YET = ("audience", "keyId", "salt", "collector", "stream", "observationId", "observedAt")
_ROOM_FOR_UNKNOWN = 4096
"""More bytes than the fields that only a real capture has can take."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who attests: the collector, and for whom it does."""

    audience: Audience
    collector_id: str
    version: str
    config_digest: bytes

    def wire(self) -> Collector:
        """Give the `collector` member of a predicate."""
        return Collector(id=self.collector_id, version=self.version, config_digest=digest_text(self.config_digest))


@dataclass(frozen=True, slots=True)
class Observation:
    """All that was seen of one file: where, its content, what it says, and the run it belongs to.

    `path` is relative to the root and `job_folder` to the root as well ("" for the root itself); neither leaves the
    host. `sha256` has 32 bytes, `size` counts bytes, `claim` is already cut to its level.
    """

    root: str
    path: str
    job_folder: str
    sha256: bytes
    size: int
    mtime_ns: int
    format: str
    claim: ReadClaim
    level: Level
    cut: tuple[str, ...]
    context: Context
    context_from: Mapping[str, Origin]


def observation_id(collector_id: str, seen: Observation) -> bytes:
    """The identity of an observation, 32 bytes; the file's mtime stands in where no run is known."""
    run = seen.context.run
    return sha256(
        canonical(
            [
                "carnet-observation-v1",
                collector_id,
                seen.root,
                _name_text(seen.path),
                digest_text(seen.sha256),
                seen.context.repository,
                seen.context.commit,
                ["run", run] if run is not None else ["mtime", str(seen.mtime_ns)],
            ]
        )
    )


def source_key(seen: Observation) -> bytes:
    """What makes two reports versions of one, 32 bytes: repository, job, and the path below the job's folder."""
    below = seen.path
    if seen.job_folder and below.startswith(seen.job_folder + "/"):
        below = below[len(seen.job_folder) + 1 :]
    return sha256(canonical(["carnet-source-v1", seen.context.repository, seen.context.job, _name_text(below)]))


def _name_text(path: str) -> str:
    """Write a path as JSON can hold it: names are bytes on Linux, and need not be UTF-8."""
    return path.encode("utf-8", "surrogateescape").hex()


def subjects(seen: Observation) -> tuple[Subject, ...]:
    """What the statement is about: artifact digests where known, else the full commit, else the file itself."""
    artifacts = dict.fromkeys((digest, name) for name, digest in seen.claim.subjects if digest.strip("0"))
    if artifacts:
        return tuple(subject_sha256(digest, name) for digest, name in artifacts)
    commit = seen.context.commit
    if commit is not None and len(commit) in _FULL_COMMIT_DIGITS:
        return (subject_commit(commit),)
    return (subject_sha256(seen.sha256.hex()),)


def seal(
    identity: Identity, seen: Observation, link: StreamLink, *, observed_at: datetime, salt: bytes, signer: Signer
) -> Envelope:
    """Write the statement about one observation at its place in the stream, and sign it.

    `salt` is 16 random bytes. Raises `MalformedError` (`too_large`) only if something besides the lists is too large.
    """
    evidence = _evidence(seen)
    payload = _payload(identity, seen, link, evidence, observed_at, salt, signer)
    if len(payload) > dsse.MAX_PAYLOAD_BYTES - _ROOM_FOR_UNKNOWN:
        payload = _payload(identity, seen, link, _fitting(seen, evidence), observed_at, salt, signer)
    return dsse.sign(payload, signer)


def shown(seen: Observation) -> JsonObject:
    """Give the statement that would leave for an observation; what only a real capture has is null."""
    return _shown(seen, _fitting(seen, _evidence(seen)))


def _payload(
    identity: Identity,
    seen: Observation,
    link: StreamLink,
    evidence: Mapping[str, Any],
    observed_at: datetime,
    salt: bytes,
    signer: Signer,
) -> bytes:
    predicate = Collected(
        audience=identity.audience,
        key_id=signer.public.key_id,
        salt=salt.hex(),
        collector=identity.wire(),
        stream=link,
        observation_id=digest_text(observation_id(identity.collector_id, seen)),
        observed_at=observed_at,
        source=_source(seen),
        context=seen.context,
        context_from=dict(seen.context_from),
        claim=_claim(seen, evidence),
        disclosure=_disclosure(seen),
    )
    return statement.payload(COLLECTED, subjects(seen), predicate)


def _shown(seen: Observation, evidence: Mapping[str, Any]) -> JsonObject:
    predicate: JsonObject = dict.fromkeys(_UNKNOWN_YET)
    predicate |= {
        "source": _source(seen).to_wire(),
        "context": seen.context.to_wire(),
        "contextFrom": dict(seen.context_from),
        "claim": _claim(seen, evidence).to_wire(),
        "disclosure": _disclosure(seen).to_wire(),
    }
    return {
        "_type": statement.STATEMENT_TYPE,
        "subject": [subject.to_wire() for subject in subjects(seen)],
        "predicateType": COLLECTED,
        "predicate": predicate,
    }


def _fitting(seen: Observation, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Cut the longest lists until the statement fits, whatever the unknown fields will hold; or no list is left."""
    cut = dict(evidence)
    while len(canonical(_shown(seen, cut))) > dsse.MAX_PAYLOAD_BYTES - _ROOM_FOR_UNKNOWN and _cut_longest(cut):
        pass
    return cut


def _evidence(seen: Observation) -> dict[str, Any]:
    evidence: dict[str, Any] = dict(seen.claim.evidence)
    if seen.claim.type is ClaimType.SBOM:
        evidence["documentSha256"] = seen.sha256.hex()
    return evidence


def _source(seen: Observation) -> Source:
    return Source(
        key=digest_text(source_key(seen)), format=seen.format, sha256=digest_text(seen.sha256), bytes=seen.size
    )


def _claim(seen: Observation, evidence: Mapping[str, Any]) -> Claim:
    said = seen.claim
    return Claim(type=said.type, name=said.name, basis=said.basis, passed=said.passed, evidence=dict(evidence))


def _disclosure(seen: Observation) -> Disclosure:
    return Disclosure(level=seen.level.value, cut=seen.cut)


def _cut_longest(evidence: dict[str, Any]) -> bool:
    """Halve the list that takes the most bytes, and count what is left out; False if there is none to cut."""
    lists: list[tuple[int, str, Sequence[Any]]] = [
        (len(canonical(list(value))), name, value)
        for name, value in evidence.items()
        if isinstance(value, list | tuple) and value
    ]
    if not lists:
        return False
    _, name, longest = max(lists, key=lambda one: one[0])
    kept = len(longest) // 2
    evidence[name] = list(longest[:kept])
    before = evidence.get(f"{name}Omitted")
    known = before if isinstance(before, int) and not isinstance(before, bool) else 0
    evidence[f"{name}Omitted"] = known + len(longest) - kept
    return True
