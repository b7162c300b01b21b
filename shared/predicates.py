"""One frozen model per predicate type, and the closed table: type URI -> model, role, log, register.

A type that is not in the table, or that is signed by a role which the table does not name, verifies nowhere. Readers
ignore fields that they do not know, unless `crit` names them. Models read and write the same lowerCamelCase fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.encoding import MAX_INTEGER, JsonObject
from shared.fields import Commit, Count, DigestText, Id, LongName, Name, Random, Spki, Timestamp, Wire


class Audience(Wire):
    """For whom a statement is meant: one workspace of one receiver; receipts name the collector as well."""

    receiver: Id
    workspace: Id
    collector: Id | None = None

    def same_place(self, other: Audience) -> bool:
        """Say whether both name the same workspace of the same receiver."""
        return self.receiver == other.receiver and self.workspace == other.workspace


class Role(StrEnum):
    """Whose key may sign a type of statement."""

    COLLECTOR = "collector"
    ROOT = "root"
    RECEIPT = "receipt"
    CLAIM = "claim"
    DECISION = "decision"
    LOG = "log"


class Predicate(Wire):
    """What every predicate has; the time is named for the act in each of them."""

    audience: Audience
    key_id: DigestText
    salt: Random
    crit: tuple[str, ...] = Field(default=(), strict=False)

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire; an empty `crit` is left out."""
        fields = super().to_wire()
        if not self.crit:
            fields.pop("crit", None)
        return fields


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


class Collector(Wire):
    """Which collector, which version of it, and the digest of the configuration that it runs with."""

    id: Id
    version: Name
    config_digest: DigestText


class StreamLink(Wire):
    """One place in a collector's numbered, chained stream; `previous` is null at sequence 0 and nowhere else."""

    id: Random
    epoch: Random
    sequence: Count
    previous: DigestText | None

    def to_wire(self) -> JsonObject:
        """Give the fields; the null of the first place is written out."""
        return {
            "id": self.id,
            "epoch": self.epoch,
            "sequence": self.sequence,
            "previous": self.previous,
        }


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
    """The token that somebody showed: its id, which is no secret, and what its issuer called it."""

    id: Id
    label: Name


class Claimed(Predicate):
    """`urn:carnet:claimed:v1`: what came with a token, in the receiver's record of it.

    `record` names what was posted (an attestation, or the evidence of a run, an artifact or a deployment, whose
    fields are the claim's evidence); `sourceKey` tells which posts are about the same thing, where the sender says so;
    `details` is what was said beside the claim; `cut` names the fields in which secrets were masked; `supersedes` is
    the id of what this corrects.
    """

    record: Literal["attestation", "pipeline-run", "artifact", "deployment"]
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


class Request(Wire):
    """Something that the receiver asks of a collector; obeyed as far as the collector's configuration allows."""

    kind: Literal["rotate-key", "rescan", "resend", "heartbeat"]
    before: Timestamp | None = None
    since_sequence: Annotated[Count | None, Field(alias="from")] = None
    seconds: Count | None = None


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


class Register(Wire):
    """A place in the workspace's chained list of acts: numbered from 1 without a hole, `previous` null at 1."""

    number: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    previous: DigestText | None

    def to_wire(self) -> JsonObject:
        """Give the fields; the null of the first number is written out."""
        return {"number": self.number, "previous": self.previous}


class Registered(Predicate):
    """What statements have that take a place in the register."""

    register_: Annotated[Register, Field(alias="register")]

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire."""
        return super().to_wire() | {"register": self.register_.to_wire()}


class RoleKey(Wire):
    """A key of the receiver's, the one role it signs for, and from when until when it is good."""

    key_id: DigestText
    public_key: Spki
    role: Annotated[Role, Field(strict=False)]
    valid_from: Timestamp
    valid_until: Timestamp | None = None


class Keyring(Registered):
    """`urn:carnet:keyring:v1`: who signs what for this workspace; signed by its root key alone."""

    version: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    previous: DigestText | None
    issued_at: Timestamp
    keys: tuple[RoleKey, ...] = Field(strict=False)
    revocations: tuple[DigestText, ...] = Field(default=(), strict=False)

    def to_wire(self) -> JsonObject:
        """Give the fields; the null of the first version is written out."""
        return super().to_wire() | {"previous": self.previous}


class Person(Wire):
    """Who did an act, as the receiver recorded it: issuer and subject of the sign-in, its method, the role held."""

    issuer: Name
    subject: Name
    method: Name
    role: Name


class Limits(Wire):
    """What a collector may speak for: globs of repositories, services and environments; `*` is everything."""

    repositories: tuple[Name, ...] = Field(default=("*",), strict=False)
    services: tuple[Name, ...] = Field(default=("*",), strict=False)
    environments: tuple[Name, ...] = Field(default=("*",), strict=False)


class Enrolment(Registered):
    """`urn:carnet:enrolment:v1`: a collector's key was taken in, by whom, and for what it may speak."""

    collector_id: Id
    name: Name
    public_key: Spki
    collector_key_id: DigestText
    limits: Limits
    by: Person
    enrolled_at: Timestamp


COLLECTED = "urn:carnet:collected:v1"
HEARTBEAT = "urn:carnet:heartbeat:v1"
ACCESS = "urn:carnet:access:v1"
ENROLMENT_REQUEST = "urn:carnet:enrolment-request:v1"
CLAIMED = "urn:carnet:claimed:v1"
RECEIPT = "urn:carnet:receipt:v1"
KEYRING = "urn:carnet:keyring:v1"
ENROLMENT = "urn:carnet:enrolment:v1"


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
        PredicateType(ACCESS, Access, Role.COLLECTOR),
        PredicateType(ENROLMENT_REQUEST, EnrolmentRequest, Role.COLLECTOR),
        PredicateType(CLAIMED, Claimed, Role.CLAIM, logged=True),
        PredicateType(RECEIPT, Receipt, Role.RECEIPT),
        PredicateType(KEYRING, Keyring, Role.ROOT, logged=True, registered=True),
        PredicateType(ENROLMENT, Enrolment, Role.DECISION, logged=True, registered=True),
    )
}
