"""Builders of decisions, of what people do about them, and of bundles; like `build`, the same in every run.

`World` is a small workspace whose register fits together: a keyring, an enrolled collector with a report, a claim that
came with a token, and a passport over both. What a test wants otherwise it changes before it asks for the bundle.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared import dsse, predicates, statement
from shared.bundle import Bundle
from shared.dsse import Envelope
from shared.encoding import JsonObject, canonical, digest_text, sha256
from shared.keys import Ed25519Signer
from shared.passports import Approval, Passport, PolicyActivated, Summary, Waiver, summary_of
from shared.predicates import Audience, EndedKey, Predicate, Register, Role
from shared.statement import subject_sha256
from shared.verify import Wanted
from tests.helpers import build, build_acts
from tests.helpers.build import AUDIENCE, NOW, Row, decision_signer, digest, random16, root_signer, signer
from tests.helpers.build_acts import ALICE, BOB

ARTIFACT = digest("checkout-api.tar.gz")
TARGET = {"service": "checkout-api", "namespace": "apps-checkout", "environment": "production"}
WANTED = Wanted("checkout-api", "production", ARTIFACT)
POLICY_TEXT = "apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {name: readiness}\nmode: enforce\nrules: []\n"
REQUEST: JsonObject = {"mode": "enforce", "service": {"name": "checkout-api"}, "artifact": {"digest": ARTIFACT}}
FACTS: JsonObject = {"authors": ["carol@acme.example"]}
PASSPORT_ID = "pp_01j0p9hold7"
TURNED_AT = NOW - timedelta(days=3)
"""When rotations were received: before everything else."""


def _acted(overrides: dict[str, object], number: int, fields: dict[str, object]) -> dict[str, object]:
    common: dict[str, object] = {
        "audience": AUDIENCE,
        "key_id": decision_signer().public.key_id,
        "salt": random16(0x80000 + number),
        "register_": Register(number=number, previous=digest(f"register {number - 1}")),
    }
    return common | fields | overrides


def policy(**overrides: object) -> PolicyActivated:
    """A policy that was activated after history was judged by it."""
    fields = {
        "name": "readiness",
        "version": 3,
        "digest": digest_text(sha256(POLICY_TEXT.encode())),
        "text": POLICY_TEXT,
        "mode": "enforce",
        "simulated_at": NOW - timedelta(hours=1),
        "by": ALICE,
        "activated_at": NOW,
    }
    return PolicyActivated.model_validate(_acted(overrides, 4, fields))


def approval(**overrides: object) -> Approval:
    """A person's yes to the findings of a passport."""
    fields = {
        "passport_id": PASSPORT_ID,
        "passport": digest("passport"),
        "target": TARGET,
        "artifact": ARTIFACT,
        "rules": ("two-people",),
        "findings": (digest("finding"),),
        "by": BOB,
        "approved_at": NOW,
        "expires_at": NOW + timedelta(hours=72),
    }
    return Approval.model_validate(_acted(overrides, 5, fields))


def waiver(**overrides: object) -> Waiver:
    """A rule that does not count for a day."""
    fields = {
        "rule": "unit-tests",
        "target": TARGET,
        "artifact": ARTIFACT,
        "reason": "the test host burned down",
        "by": (BOB,),
        "waived_at": NOW,
        "expires_at": NOW + timedelta(hours=24),
    }
    return Waiver.model_validate(_acted(overrides, 6, fields))


def passport(**overrides: object) -> Passport:
    """A passport that allows, resting on nothing but a policy."""
    fields = {
        "passport_id": PASSPORT_ID,
        "target": TARGET,
        "artifact": ARTIFACT,
        "release": {"release_id": "gh-123456", "source_sha": "9f3c8b7"},
        "decision": "ALLOW",
        "proceed": True,
        "mode": "enforce",
        "requested_mode": "enforce",
        "headline": "Nothing has failed.",
        "severity": "none",
        "confidence": 1.0,
        "confidence_words": "1 of 1 proofs, 1 signed",
        "findings": (),
        "warnings": (),
        "policies": ({"name": "readiness", "version": 3, "digest": digest_text(sha256(POLICY_TEXT.encode()))},),
        "freshness": {"oldest_evidence_age_seconds": 380},
        "evaluated_at": NOW + timedelta(minutes=5),
        "valid_until": NOW + timedelta(hours=24),
        "request": digest_text(sha256(canonical(REQUEST))),
        "facts": digest_text(sha256(canonical(FACTS))),
        "inputs": (),
        "engine": "2",
        "keyring_version": 1,
    }
    return Passport.model_validate(_acted(overrides, 9, fields))


def held_passport() -> Passport:
    """A passport that holds, with everything in it that may be."""
    finding = {
        "rule": "unit-tests",
        "title": "Unit tests of this commit passed",
        "met": False,
        "decision": "HOLD",
        "cause": "on_its_way",
        "reason": 'no "Unit Tests" for 9f3c8b7; ci-07 has 14 reports waiting',
        "who": "platform@acme",
        "next_action": "restart carnet-collector on ci-07",
        "then_decision": "ALLOW_WITH_CANARY",
        "considered": ({"id": digest("old"), "refused": "stale", "detail": "9 days old"},),
    }
    waived = finding | {"rule": "lint", "cause": "waived", "waived_by": ("bob@acme.example",), "waived_until": NOW}
    return passport(
        decision="HOLD",
        proceed=False,
        headline="Nothing has failed. 1 of 2 proofs is not here yet.",
        severity="medium",
        confidence=0.67,
        findings=(finding, waived),
        warnings=("asked for shadow: enforce is configured",),
        inputs=({"id": digest("old"), "received_at": NOW, "held": "key_revoked"},),
        inputs_omitted=2,
        supersedes="pp_01j0p9hold6",
        audiences=({"receiver": "rcv_before", "workspace": "ws_before"},),
    )


def summary(of: Passport | None = None) -> Summary:
    """The same decision in SLSA's words."""
    return summary_of(of or passport(), digest("passport"), "https://carnet.acme.example/", random16(0x80010))


@dataclass
class World:
    """What a small workspace holds; `register` are the envelopes of its acts by number, from 1 on."""

    audience: Audience = AUDIENCE
    root: Ed25519Signer = field(default_factory=root_signer)
    decision: Ed25519Signer = field(default_factory=decision_signer)
    collector: Ed25519Signer = field(default_factory=signer)
    register: list[Envelope] = field(default_factory=list)
    keyrings: list[Envelope] = field(default_factory=list)
    keys: list[Envelope] = field(default_factory=list)
    inputs: list[tuple[Envelope, datetime | None, str | None]] = field(default_factory=list)
    rotations: list[tuple[Envelope, datetime | None, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the keyring and enrol the collector."""
        self.keyring()
        self.enrol(self.collector)

    def place(self) -> Register:
        """The next place of the register."""
        number = len(self.register) + 1
        return Register(number=number, previous=digest_text(self.register[-1].id) if self.register else None)

    def keyring(self, *, kept: bool = True, **overrides: object) -> Envelope:
        """The next keyring; with `kept` false it is one that this workspace signs after the passport."""
        rows = (
            Row(build.receipt_signer()),
            Row(self.decision, Role.DECISION),
            Row(build.claim_signer(), Role.CLAIM),
        )
        made = build.keyring(
            self.root,
            None,
            version=len(self.keyrings) + 1,
            previous=self.keyrings[-1].id if self.keyrings else None,
            rows=rows,
            **{"audience": self.audience, "register_": self.place(), **overrides},
        )
        if kept:
            self.keyrings.append(made)
            self.register.append(made)
        return made

    def act(self, uri: str, predicate: Predicate) -> Envelope:
        """Sign an act at the next place of the register."""
        fixed = predicate.model_copy(
            update={"audience": self.audience, "key_id": self.decision.public.key_id, "register_": self.place()}
        )
        made = statement.sign(uri, (subject_sha256(ARTIFACT.removeprefix("sha256:")),), fixed, self.decision)
        self.register.append(made)
        return made

    def enrol(self, key: Ed25519Signer, **overrides: object) -> None:
        """Enrol a collector's key."""
        self.keys.append(self.act(predicates.ENROLMENT, build.enrolment(key, **overrides)))

    def report(
        self,
        received_at: datetime = NOW,
        held: str | None = None,
        key: Ed25519Signer | None = None,
        sequence: int = 0,
        **overrides: object,
    ) -> Envelope:
        """A report that a collector signed."""
        previous = None if sequence == 0 else digest(f"entry {sequence - 1}")
        fields = {"audience": self.audience} | overrides
        made = build.collected_envelope(key or self.collector, sequence, previous, **fields)
        self.inputs.append((made, received_at, held))
        return made

    def built(self, sequence: int = 1, **overrides: object) -> Envelope:
        """A collector's word that the artifact was built from the commit."""
        said = {"type": "BUILD_PROVENANCE", "name": "Artifact", "basis": "measured", "passed": True, "evidence": {}}
        link = build.link(sequence, None if sequence == 0 else digest(f"entry {sequence - 1}"))
        fields = {"audience": self.audience, "stream": link, "claim": said} | overrides
        predicate = build.collected(self.collector, **fields)
        subject = subject_sha256(ARTIFACT.removeprefix("sha256:"))
        made = statement.sign(predicates.COLLECTED, (subject,), predicate, self.collector)
        self.inputs.append((made, NOW, None))
        return made

    def acted(self, uri: str, predicate: Predicate) -> Envelope:
        """An act that the passport rests on."""
        made = self.act(uri, predicate)
        self.inputs.append((made, None, None))
        return made

    def claim(self, held: str | None = None, **overrides: object) -> Envelope:
        """A claim that came with a token."""
        made = build.claimed_envelope(**{"audience": self.audience, **overrides})
        self.inputs.append((made, NOW, held))
        return made

    def revoke(self, **overrides: object) -> Envelope:
        """A revocation that the passport knows of."""
        return self.acted(predicates.REVOCATION, build_acts.revocation(**overrides))

    def release(self, **overrides: object) -> Envelope:
        """A release that the passport knows of."""
        return self.acted(predicates.RELEASE, build_acts.release(**overrides))

    def passport(self, **overrides: object) -> Passport:
        """The passport over all inputs."""
        inputs, rotations = (
            [
                {"id": digest_text(envelope.id), "received_at": received_at, "held": held}
                for envelope, received_at, held in sorted(some, key=lambda one: one[0].id)
            ]
            for some in (self.inputs, self.rotations)
        )
        fields = {
            "keyring_version": len(self.keyrings),
            "inputs": inputs,
            "rotations": rotations,
            "audience": self.audience,
        }
        own = {"key_id": self.decision.public.key_id, "register_": self.place()}
        return passport(**fields | own | overrides)

    def bundle(self, **overrides: object) -> Bundle:
        """The bundle of that passport."""
        predicate = self.passport(**overrides)
        subject = subject_sha256(predicate.artifact.removeprefix("sha256:"))
        return Bundle(
            passport=statement.sign(predicates.PASSPORT, (subject,), predicate, self.decision),
            request=REQUEST,
            facts=FACTS,
            policies=(POLICY_TEXT,),
            inputs=tuple(sorted((one[0] for one in self.inputs), key=lambda one: one.id)),
            keys=tuple(sorted(self.keys, key=lambda one: one.id)),
            keyrings=tuple(self.keyrings),
            root=self.root.public,
        )


def world() -> World:
    """A workspace with one report and one claim."""
    made = World()
    made.report()
    made.claim()
    return made


def keyring_that_revokes(made: World, since: datetime | None, key: Ed25519Signer | None = None) -> Envelope:
    """A newer keyring than the passport's, which calls a collector's key compromised since then (None: always)."""
    key_id = (key or made.collector).public.key_id
    later = Register(number=99, previous=digest("register 98"))
    ended = (EndedKey(key_id=key_id, number=98, since=since),)
    return made.keyring(kept=False, register_=later, revocations=(key_id,), ended=ended)


def turned(
    made: World,
    new: Ed25519Signer,
    sequence: int,
    *,
    old: Ed25519Signer | None = None,
    received_at: datetime | None = TURNED_AT,
    held: str | None = None,
    **overrides: object,
) -> Envelope:
    """A key, the collector's first unless said, is followed by another one at a place of its stream."""
    link = build.link(sequence, None if sequence == 0 else digest("before"))
    rotation = build_acts.key_rotation_envelope(old or made.collector, new, link, **overrides)
    made.keys.append(rotation)
    made.rotations.append((rotation, received_at, held))
    return rotation


def resigned(bundle: Bundle, key: Ed25519Signer) -> Bundle:
    """The same bundle with the passport's bytes signed by another key."""
    return replace(bundle, passport=dsse.sign(bundle.passport.payload, key))
