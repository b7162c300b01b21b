"""Decisions and what people do about them: passports, their summaries for others, policies, approvals, waivers.

All are signed by a workspace's decision key. A passport says the whole decision and names everything that it rests on
by id or digest, so that a bundle can be checked against it alone. A person in a statement is the receiver's record of
who acted. Source of the summary: slsa.dev/spec/v1.0/verification_summary.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from shared.acts import Person, Registered
from shared.encoding import MAX_INTEGER
from shared.fields import Commit, Count, DigestText, Id, LongName, Name, Timestamp, Wire
from shared.predicatebase import Audience, Predicate

POLICY = "urn:carnet:policy:v1"
WAIVER = "urn:carnet:waiver:v1"
APPROVAL = "urn:carnet:approval:v1"
PASSPORT = "urn:carnet:passport:v1"
SUMMARY = "https://slsa.dev/verification_summary/v1"

MAX_POLICY_CHARS = 262_144
MAX_INPUTS = 4_000
"""What a passport names, so that it stays within the size of a payload; it counts what it leaves out."""

Decided: TypeAlias = Literal["BLOCK", "ROLLBACK_RECOMMENDED", "HOLD", "REQUIRE_APPROVAL", "ALLOW_WITH_CANARY", "ALLOW"]
"""A decision, strongest first."""
InMode: TypeAlias = Literal["shadow", "advisory", "enforce"]
Why: TypeAlias = Literal[
    "failed", "contradicted", "revoked", "held", "stale", "unsigned", "near_miss", "on_its_way", "not_reported",
    "missing", "waiting_for_person", "error", "waived",
]  # fmt: skip
"""Why a rule is not met."""
Words: TypeAlias = Annotated[str, StringConstraints(max_length=4000, pattern=r"\A[^\x00]*\z")]
"""What is said to people, of which policies write a part: any text without a NUL."""
PolicyText: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_POLICY_CHARS, pattern=r"\A[^\x00]+\z")
]
Version: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
"""Of a policy; 0 is built in."""


class Place(Wire):
    """Where to: a service in an environment, and the namespace where one was said."""

    service: Name
    namespace: Name | None = None
    environment: Name


class PolicyUse(Wire):
    """A policy that was judged by: its name, its version, and the SHA-256 of its text."""

    name: Name
    version: Version
    digest: DigestText


class PolicyActivated(Registered):
    """`urn:carnet:policy:v1`: this text is what a workspace judges by from now on, in this mode.

    `digest` is that of the text in UTF-8. `simulatedAt` is when history was judged by it, `override` why it was
    activated without that.
    """

    name: Name
    version: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    digest: DigestText
    text: PolicyText
    mode: InMode
    simulated_at: Timestamp | None = None
    override: LongName | None = None
    by: Person
    activated_at: Timestamp


class Approval(Registered):
    """`urn:carnet:approval:v1`: a person's yes to the findings of one passport, for its target and artifact alone.

    `passport` is the attestation id of the passport; `rules` are those whose findings it was given on, `findings` the
    fingerprints of those that it lifts, and the marks of all that was not met: another finding of the same rule is not
    lifted by it, and what failed since is not what it was given for.
    """

    passport_id: Id
    passport: DigestText
    target: Place
    artifact: DigestText
    rules: tuple[Name, ...] = Field(strict=False)
    findings: tuple[DigestText, ...] = Field(strict=False)
    comment: LongName | None = None
    by: Person
    approved_at: Timestamp
    expires_at: Timestamp


class Waiver(Registered):
    """`urn:carnet:waiver:v1`: one rule does not count for one artifact at one target until a time.

    `by` are one person or two; `secondReason` is what the second said, where that was something else.
    """

    rule: Name
    target: Place
    artifact: DigestText
    reason: LongName
    second_reason: LongName | None = None
    by: tuple[Person, ...] = Field(min_length=1, max_length=2, strict=False)
    waived_at: Timestamp
    expires_at: Timestamp


class Looked(Wire):
    """A piece of evidence that was looked at for a rule, and why it does not help; nothing where it does."""

    id: Name
    refused: Why | None = None
    detail: Words = ""


class Found(Wire):
    """What one rule found: met, or not met with a cause; `decision` is what it asks for where it is not met.

    `consideredOmitted` counts what a long list was cut by. `fingerprint` is what an approval that lifts it names; it
    changes with the policy, the cause, and what was found. `marks` are what an approval of the release must name of it,
    so that it counts: one that it is not met, and one for each thing that is to blame.
    """

    rule: Name
    title: Words
    met: bool
    decision: Decided
    cause: Why | None = None
    reason: Words = ""
    who: Words = ""
    next_action: Words = ""
    then_decision: Decided | None = None
    considered: tuple[Looked, ...] = Field(default=(), strict=False)
    considered_omitted: Count = 0
    waived_by: tuple[Words, ...] = Field(default=(), strict=False)
    waived_until: Timestamp | None = None
    fingerprint: DigestText | None = None
    marks: tuple[DigestText, ...] = Field(default=(), strict=False)


class Freshness(Wire):
    """How old the oldest evidence is that counted, and which rules found theirs too old."""

    oldest_evidence_age_seconds: Count | None = None
    stale: tuple[Words, ...] = Field(default=(), strict=False)


class Verdict(Wire):
    """All that judging says, for a passport and for an answer alike."""

    decision: Decided
    proceed: bool
    mode: InMode
    requested_mode: InMode
    headline: Words
    severity: Name
    confidence: Annotated[float, Field(ge=0, le=1)]
    confidence_words: Words
    findings: tuple[Found, ...] = Field(strict=False)
    warnings: tuple[Words, ...] = Field(strict=False)
    policies: tuple[PolicyUse, ...] = Field(strict=False)
    freshness: Freshness
    evaluated_at: Timestamp
    valid_until: Timestamp


class ReleaseAsked(Wire):
    """The release as the pipeline named it; `sourceSha` is a full commit or a prefix of one."""

    release_id: Name | None = None
    source_sha: Commit | None = None
    author: Name | None = None
    requested_by: Name | None = None


class Input(Wire):
    """An envelope that was looked at, by its attestation id; `held` is why it helped nothing, a reason code.

    `receivedAt` is said of evidence and of rotations: the receiver's time, which alone tells whether a key was good
    then.
    """

    id: DigestText
    received_at: Timestamp | None = None
    held: Name | None = None


def name_inputs(inputs: Iterable[Input]) -> tuple[tuple[Input, ...], int]:
    """Give what a passport names of these, sorted by id and each once, and how many it leaves out; acts go first."""
    by_id = {one.id: one for one in inputs}
    kept = sorted(by_id.values(), key=lambda one: (one.received_at is not None, one.id))[:MAX_INPUTS]
    return tuple(sorted(kept, key=lambda one: one.id)), len(by_id) - len(kept)


class Passport(Registered, Verdict):
    """`urn:carnet:passport:v1`: a decision, and by ids and digests everything that it rests on.

    `request` and `facts` are the SHA-256 of the canonical JSON of what was asked, and of what was known besides the
    evidence's own words; `policies` name the texts by digest; `inputs` are sorted by id, each once, and so are
    `rotations`, which introduced keys that signed inputs: when each was received, and why what it introduced helps
    nothing, where it does not. `audiences` are former ones of the workspace that evidence may be addressed to.
    `supersedes` is the id of the passport before.
    """

    passport_id: Id
    target: Place
    artifact: DigestText
    release: ReleaseAsked
    request: DigestText
    facts: DigestText
    inputs: tuple[Input, ...] = Field(strict=False)
    inputs_omitted: Count = 0
    rotations: tuple[Input, ...] = Field(default=(), strict=False)
    engine: Name
    keyring_version: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    supersedes: Id | None = None
    audiences: tuple[Audience, ...] = Field(default=(), strict=False)

    @property
    def verdict(self) -> Verdict:
        """The part that judging said."""
        return Verdict.model_validate({name: getattr(self, name) for name in Verdict.model_fields})


class Verifier(Wire):
    """Who verified: a URI that ends in the workspace, and the version of each component that did."""

    id: Words
    version: dict[str, str] = Field(default={})


class Resource(Wire):
    """Something by its address and digests, as in-toto's ResourceDescriptor names it."""

    uri: Words
    digest: dict[str, str]


class Summary(Predicate):
    """SLSA's verification summary v1: the decision of a passport for those who know nothing of passports.

    `verificationResult` is PASSED for ALLOW alone. SLSA's own levels are not looked at here, and that is what
    `verifiedLevels` says.
    """

    verifier: Verifier
    time_verified: Timestamp
    resource_uri: Words
    policy: Resource
    input_attestations: tuple[Resource, ...] = Field(default=(), strict=False)
    verification_result: Literal["PASSED", "FAILED"]
    verified_levels: tuple[Name, ...] = Field(strict=False)
    slsa_version: Name = "1.0"


_NO_POLICY = Resource(uri="urn:carnet:policy", digest={})


def summary_of(passport: Passport, passport_digest: str, verifier: str, salt: str) -> Summary:
    """Say a passport's decision in SLSA's words, for the key that signed the passport to sign.

    `passport_digest` is the passport's attestation id as text, `verifier` the address that the workspace's id is put
    behind, `salt` 16 random bytes in hex.
    """
    policy = next(iter(passport.policies), None)
    passed = passport.decision == "ALLOW"
    name = f"{verifier.rstrip('/')}/{passport.audience.workspace}"
    uri = f"urn:carnet:passport:{passport.passport_id}"
    return Summary(
        audience=passport.audience,
        key_id=passport.key_id,
        salt=salt,
        verifier=Verifier(id=name, version={"carnet": passport.engine}),
        time_verified=passport.evaluated_at,
        resource_uri=f"urn:carnet:artifact:{passport.artifact}",
        policy=Resource(uri=f"urn:carnet:policy:{policy.name}", digest=_digest(policy.digest))
        if policy
        else _NO_POLICY,
        input_attestations=(Resource(uri=uri, digest=_digest(passport_digest)),),
        verification_result="PASSED" if passed else "FAILED",
        verified_levels=("SLSA_BUILD_LEVEL_UNEVALUATED" if passed else "FAILED",),
    )


def _digest(text: str) -> dict[str, str]:
    return {"sha256": text.removeprefix("sha256:")}
