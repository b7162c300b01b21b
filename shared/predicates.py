"""One frozen model per predicate type, and the closed table: type URI -> model, role, log, register.

A type that is not in the table, or that is signed by a role which the table does not name, verifies nowhere. Readers
ignore fields that they do not know, unless `crit` names them. Models read and write the same lowerCamelCase fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.acts import (
    EndedKey,
    Enrolment,
    GapClosed,
    Keyring,
    Limits,
    Person,
    Register,
    Registered,
    Release,
    Revocation,
    RoleKey,
)
from shared.encoding import MAX_INTEGER, JsonObject
from shared.fields import Commit, Count, DigestText, Id, LongName, Name, Random, Spki, Timestamp, Wire
from shared.passports import (
    APPROVAL,
    PASSPORT,
    POLICY,
    SUMMARY,
    WAIVER,
    Approval,
    Passport,
    PolicyActivated,
    Summary,
    Waiver,
)
from shared.predicatebase import Audience, Collector, Predicate, Role, StreamLink
from shared.requests import Obeyed, Request

__all__ = [
    "ACCESS",
    "APPROVAL",
    "CLAIMED",
    "COLLECTED",
    "ENROLMENT",
    "ENROLMENT_REQUEST",
    "GAP_CLOSED",
    "HEARTBEAT",
    "KEYRING",
    "KEY_ROTATION",
    "MISSING",
    "PASSPORT",
    "POLICY",
    "RECEIPT",
    "RELEASE",
    "REVOCATION",
    "SUMMARY",
    "TABLE",
    "WAIVER",
    "Access",
    "Anchor",
    "Approval",
    "Audience",
    "Basis",
    "Claim",
    "ClaimType",
    "Claimed",
    "Collected",
    "Collector",
    "Context",
    "Disclosure",
    "Ended",
    "EndedKey",
    "Enrolment",
    "EnrolmentRequest",
    "GapClosed",
    "Heartbeat",
    "KeyRotation",
    "Keyring",
    "Limits",
    "Missing",
    "Passport",
    "Person",
    "PolicyActivated",
    "PostedClaim",
    "Predicate",
    "PredicateType",
    "Receipt",
    "ReceiptEntry",
    "ReceiptSeen",
    "Register",
    "Registered",
    "Release",
    "Request",
    "Revocation",
    "Role",
    "RoleKey",
    "Source",
    "SpoolNow",
    "StreamLink",
    "StreamMark",
    "StreamNow",
    "Summary",
    "Token",
    "Waiver",
]


class ClaimType(StrEnum):
    """The closed list of what a piece of evidence can be about."""

    TEST_RESULTS = "TEST_RESULTS"
    COVERAGE = "COVERAGE"
    SECURITY_SCAN = "SECURITY_SCAN"
    CODE_REVIEW = "CODE_REVIEW"
    SBOM = "SBOM"
    VEX = "VEX"
    BUILD_PROVENANCE = "BUILD_PROVENANCE"
    DEPLOYMENT_APPROVAL = "DEPLOYMENT_APPROVAL"
    SIGSTORE_VERIFICATION = "SIGSTORE_VERIFICATION"
    SERVICENOW_CHANGE = "SERVICENOW_CHANGE"
    CUSTOM = "CUSTOM"
    TAG = "TAG"


class Basis(StrEnum):
    """On what a claim rests; `signed: true` in a policy means measured and signed by a collector."""

    MEASURED = "measured"
    CARRIED = "carried"
    DECLARED = "declared"


class Source(Wire):
    """The file a claim was read from: its grouping key, format, content digest and size in bytes; never its path."""

    key: DigestText
    format: Name
    sha256: DigestText
    bytes: Count


class Context(Wire):
    """The run that made the file, as far as it is known."""

    repository: LongName | None = None
    commit: Commit | None = None
    branch: LongName | None = None
    pr_number: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    run: Name | None = None
    job: Name | None = None
    reports: Count | None = None
    service: Name | None = None
    environment: Name | None = None


class Claim(Wire):
    """What is said: of which type, under which name, on which basis, and the evidence fields of that type."""

    type: Annotated[ClaimType, Field(strict=False)]
    name: Name
    basis: Annotated[Basis, Field(strict=False)]
    passed: bool
    evidence: dict[str, Any]


class PostedClaim(Wire):
    """What somebody says who showed a token: a claim like any other, and never on a better basis than that."""

    type: Annotated[ClaimType, Field(strict=False)]
    name: Name
    basis: Literal["posted"] = "posted"
    passed: bool
    evidence: dict[str, Any]


class Token(Wire):
    """The token that somebody showed: its id, which is no secret, and what its issuer called it.

    `voice` tells who speaks: the same for all tokens of one owner, else of this token alone; it names nobody.
    """

    id: Id
    label: Name
    voice: DigestText | None = None


class Claimed(Predicate):
    """`urn:carnet:claimed:v1`: what came with a token, in the receiver's record of it.

    `record` names what was posted: an attestation, the evidence of a run, an artifact or a deployment, whose fields are
    the claim's evidence, or what was ingested (`shared.judging.pieces`); `sourceKey` tells which posts are about the
    same thing, where the sender says so; `details` is what was said beside the claim; `cut` names the fields in which
    secrets were masked; `supersedes` is the id of what this corrects.
    """

    record: Literal["attestation", "pipeline-run", "artifact", "deployment", "ingested"]
    token: Token
    received_at: Timestamp
    source_key: DigestText | None = None
    context: Context
    claim: PostedClaim
    details: dict[str, Any] = Field(default={})
    cut: tuple[str, ...] = Field(default=(), strict=False)
    supersedes: DigestText | None = None

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire, evidence as it came."""
        claim = self.claim.to_wire() | {"evidence": dict(self.claim.evidence)}
        fields = super().to_wire() | {"claim": claim, "details": dict(self.details)}
        return {name: value for name, value in fields.items() if value or name not in {"details", "cut"}}


class Disclosure(Wire):
    """Which level cut the claim down, and which fields it cut, most general first."""

    level: Literal["verdict", "summary", "full"]
    cut: tuple[str, ...] = Field(default=(), strict=False)


class Collected(Predicate):
    """`urn:carnet:collected:v1`: a file that a collector read, and what it counted in it."""

    collector: Collector
    stream: StreamLink
    observation_id: DigestText
    observed_at: Timestamp
    source: Source
    context: Context
    context_from: dict[str, Literal["config", "file", "git"]]
    claim: Claim
    disclosure: Disclosure

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire, evidence as it came."""
        return super().to_wire() | {
            "stream": self.stream.to_wire(),
            "claim": self.claim.to_wire() | {"evidence": dict(self.claim.evidence)},
        }


class StreamNow(Wire):
    """A stream as its collector sees it: the highest number given out so far, and the id it went to."""

    id: Random
    epoch: Random
    high_water: Count | None = None
    head: DigestText | None = None


class Ended(Wire):
    """An entry that will not be delivered as it is: its place, its id, and why."""

    sequence: Count
    id: DigestText
    reason: Name


class SpoolNow(Wire):
    """How many entries wait, and how old the oldest of them is."""

    depth: Count
    oldest_seconds: Count


class ReceiptSeen(Wire):
    """The last receipt that the collector believed."""

    id: DigestText
    received_at: Timestamp


class Heartbeat(Predicate):
    """`urn:carnet:heartbeat:v1`: how a collector is, said every two minutes and with each batch."""

    collector: Collector
    stream: StreamNow
    beat: Count
    sent_at: Timestamp
    last_receipt: ReceiptSeen | None = None
    spool: SpoolNow
    quarantined: tuple[Ended, ...] = Field(default=(), strict=False)
    dropped: tuple[Ended, ...] = Field(default=(), strict=False)
    ended_omitted: Count = 0
    key_age_seconds: Count
    obeyed: Annotated[tuple[Obeyed, ...] | None, Field(strict=False)] = None
    closed: bool = False


class Access(Predicate):
    """`urn:carnet:access:v1`: a collector asks for a bearer token for an hour."""

    collector_id: Id
    nonce: Random
    sent_at: Timestamp


class EnrolmentRequest(Predicate):
    """`urn:carnet:enrolment-request:v1`: possession of a new key, proved to whoever issued the invitation."""

    token_digest: DigestText
    nonce: Random
    public_key: Spki
    sent_at: Timestamp


class ReceiptEntry(Wire):
    """What became of one entry: known by its attestation id, or by the SHA-256 of its bytes where it has none."""

    attestation_id: DigestText | None = None
    entry_digest: DigestText | None = None
    status: Literal["accepted", "duplicate", "held", "refused"]
    code: str | None = None


class StreamMark(Wire):
    """How far a stream is here without a hole (null: its first entry is missing), and the highest number seen."""

    id: Random
    contiguous_to: Count | None
    head: Count

    def to_wire(self) -> JsonObject:
        """Give the fields; a null is written out."""
        return {"id": self.id, "contiguousTo": self.contiguous_to, "head": self.head}


class Receipt(Predicate):
    """`urn:carnet:receipt:v1`: what the receiver did with each entry of one batch, in the order of the batch."""

    batch_id: Id
    received_at: Timestamp
    keyring_version: Count
    entries: tuple[ReceiptEntry, ...] = Field(strict=False)
    streams: tuple[StreamMark, ...] = Field(default=(), strict=False)
    requests: tuple[Request, ...] = Field(default=(), strict=False)

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire."""
        return super().to_wire() | {"streams": [mark.to_wire() for mark in self.streams]}


class KeyRotation(Predicate):
    """`urn:carnet:key-rotation:v1`: a collector's new key, signed by the old one and by the new one, in this order.

    Takes a place in the stream: below its sequence the old key signs, from the next one on the new key.
    """

    collector: Collector
    stream: StreamLink
    public_key: Spki
    new_key_id: DigestText
    rotated_at: Timestamp

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire."""
        return super().to_wire() | {"stream": self.stream.to_wire()}


class Anchor(Wire):
    """What was independently known, and from when: a pipeline run, a commit or a deployment."""

    kind: Literal["pipeline-run", "commit", "deployment"]
    id: Name
    at: Timestamp


class Missing(Predicate):
    """`urn:carnet:missing:v1`: evidence that was expected of something that is known, and never came in time."""

    expectation: Name
    anchor: Anchor
    repository: LongName | None = None
    service: Name | None = None
    environment: Name | None = None
    type: Annotated[ClaimType, Field(strict=False)]
    name: Name | None = None
    due_at: Timestamp
    found_at: Timestamp


COLLECTED = "urn:carnet:collected:v1"
HEARTBEAT = "urn:carnet:heartbeat:v1"
ACCESS = "urn:carnet:access:v1"
ENROLMENT_REQUEST = "urn:carnet:enrolment-request:v1"
KEY_ROTATION = "urn:carnet:key-rotation:v1"
CLAIMED = "urn:carnet:claimed:v1"
RECEIPT = "urn:carnet:receipt:v1"
KEYRING = "urn:carnet:keyring:v1"
ENROLMENT = "urn:carnet:enrolment:v1"
REVOCATION = "urn:carnet:revocation:v1"
RELEASE = "urn:carnet:release:v1"
GAP_CLOSED = "urn:carnet:gap-closed:v1"
MISSING = "urn:carnet:missing:v1"


@dataclass(frozen=True)
class PredicateType:
    """A row of the table: the model that reads it, the one role that may sign it, and where it is kept."""

    uri: str
    model: type[Predicate]
    role: Role
    logged: bool = False
    registered: bool = False


TABLE = {
    row.uri: row
    for row in (
        PredicateType(COLLECTED, Collected, Role.COLLECTOR, logged=True),
        PredicateType(HEARTBEAT, Heartbeat, Role.COLLECTOR),
        PredicateType(KEY_ROTATION, KeyRotation, Role.COLLECTOR, logged=True),
        PredicateType(ACCESS, Access, Role.COLLECTOR),
        PredicateType(ENROLMENT_REQUEST, EnrolmentRequest, Role.COLLECTOR),
        PredicateType(CLAIMED, Claimed, Role.CLAIM, logged=True),
        PredicateType(RECEIPT, Receipt, Role.RECEIPT),
        PredicateType(KEYRING, Keyring, Role.ROOT, logged=True, registered=True),
        PredicateType(ENROLMENT, Enrolment, Role.DECISION, logged=True, registered=True),
        PredicateType(REVOCATION, Revocation, Role.DECISION, logged=True, registered=True),
        PredicateType(RELEASE, Release, Role.DECISION, logged=True, registered=True),
        PredicateType(GAP_CLOSED, GapClosed, Role.DECISION, logged=True, registered=True),
        PredicateType(POLICY, PolicyActivated, Role.DECISION, logged=True, registered=True),
        PredicateType(WAIVER, Waiver, Role.DECISION, logged=True, registered=True),
        PredicateType(APPROVAL, Approval, Role.DECISION, logged=True, registered=True),
        PredicateType(MISSING, Missing, Role.DECISION, logged=True),
        PredicateType(PASSPORT, Passport, Role.DECISION, logged=True, registered=True),
        PredicateType(SUMMARY, Summary, Role.DECISION),
    )
}
