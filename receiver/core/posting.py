"""What came with a token, in one shape: the fields as they are answered, what they are evidence of, and who says so.

Pure. Invariants: what is signed is what is answered; a link that is not full (an abbreviated commit) is kept and shown,
and is no subject; the same content again is recognised by its digest, whatever its spelling was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared import statement
from shared.dsse import Envelope
from shared.encoding import JsonObject, canonical, digest_text, sha256
from shared.judging.pieces import nameless
from shared.keys import Signer
from shared.predicates import CLAIMED, Audience, Claimed, ClaimType, Context, PostedClaim, Token
from shared.statement import Subject, subject_commit, subject_sha256

MAX_COMPONENTS = 2_000
_FOUND_BY = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,600}")
_FULL_COMMITS = frozenset({40, 64})


class Record(StrEnum):
    """What an attestation is evidence of: of itself, or of something that was posted and has fields of its own."""

    ATTESTATION = "attestation"
    RUN = "pipeline-run"
    ARTIFACT = "artifact"
    DEPLOYMENT = "deployment"
    INGESTED = "ingested"
    """What a source says of a release or of how a target is, of whatever type."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Something that came with a token, read and normalised.

    `fields` are what it says, as it is answered and compared; `natural` are the parts that name the same thing again,
    None where nothing does. `digest` is an artifact's SHA-256 in hex; `passed` is the sender's word. `status` and
    `label` are what lists are narrowed by, `details` what is signed beside the claim; `cut` names the fields in which
    secrets were masked.
    """

    record: Record
    fields: JsonObject
    context: Context
    type: ClaimType
    name: str
    passed: bool
    evidence: JsonObject
    natural: tuple[str, ...] | None = None
    digest: str | None = None
    status: str | None = None
    label: str | None = None
    details: JsonObject = field(default_factory=dict)
    cut: tuple[str, ...] = field(default=())

    @property
    def natural_key(self) -> bytes | None:
        """The 32 bytes under which the same thing is found again."""
        return None if self.natural is None else sha256(canonical([self.record.value, *self.natural]))

    @property
    def content(self) -> bytes:
        """The 32 bytes that tell the same content from another."""
        return sha256(canonical(self.fields))

    @property
    def commit(self) -> str | None:
        """The full commit that it is about, if it names one."""
        commit = self.context.commit
        return commit if commit is not None and len(commit) in _FULL_COMMITS else None

    @property
    def digests(self) -> tuple[bytes, ...]:
        """What it is about: 20 or 32 bytes each."""
        return tuple(sorted({bytes.fromhex(one) for one in (self.digest, self.commit) if one is not None}))

    @property
    def components(self) -> tuple[str, ...]:
        """The components that a parts list names."""
        return components(self.type, self.evidence)


def components(kind: ClaimType, evidence: Mapping[str, object]) -> tuple[str, ...]:
    """Give the components that a claim lists and that can be asked for, each once; only parts lists have any.

    One that is longer than a database's index holds, or has control characters, stays in the claim and is found by
    nothing.
    """
    listed = evidence.get("components") if kind is ClaimType.SBOM else None
    if not isinstance(listed, list):
        return ()
    return tuple(dict.fromkeys(one for one in listed if isinstance(one, str) and _FOUND_BY.fullmatch(one)))[
        :MAX_COMPONENTS
    ]


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What the receiver adds: for whom, whose token, when it came, what it corrects, and 16 random bytes."""

    audience: Audience
    token: Token
    received_at: datetime
    salt: bytes
    supersedes: bytes | None = None


def voice(workspace_id: str, token_id: str, owner: str | None) -> str:
    """Name who speaks with a token: its owner, with whichever of their tokens, else the token alone.

    A digest, since what is signed is exported, and whom a token was given to is for the workspace alone.
    """
    who: JsonObject = {"owner": owner} if owner else {"token": token_id}
    return digest_text(sha256(canonical({"workspace": workspace_id, **who})))


def wrap(posted: Posted, around: Wrapping, signer: Signer) -> Envelope:
    """Sign what was posted as `urn:carnet:claimed:v1`."""
    key = posted.natural_key
    predicate = Claimed(
        audience=around.audience,
        key_id=signer.public.key_id,
        salt=around.salt.hex(),
        record=posted.record.value,
        token=around.token,
        received_at=around.received_at,
        source_key=None if key is None else digest_text(key),
        context=posted.context,
        claim=PostedClaim(type=posted.type, name=posted.name, passed=posted.passed, evidence=posted.evidence),
        details=posted.details,
        cut=posted.cut,
        supersedes=None if around.supersedes is None else digest_text(around.supersedes),
    )
    return statement.sign(CLAIMED, subjects(posted), predicate, signer)


def subjects(posted: Posted) -> tuple[Subject, ...]:
    """Give what a post is about: its artifact and its full commit, else the repository or request that it names."""
    found: list[Subject] = []
    if posted.digest is not None:
        found.append(subject_sha256(posted.digest))
    if posted.commit is not None:
        found.append(subject_commit(posted.commit))
    if not found:
        # A statement has a subject: a name that everybody can compute from what is posted, and nothing links by.
        found.append(subject_sha256(nameless(posted.context).hex(), posted.context.repository))
    return tuple(found)
