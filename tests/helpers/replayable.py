"""A bundle whose passport really was judged: from facts that its envelopes bear out, by a policy that is in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared import dsse, statement
from shared.encoding import canonical, digest_text, sha256
from shared.judging.baseline import TEXT, baseline
from shared.judging.docket import Docket, Stated, emit_docket
from shared.judging.judge import judge
from shared.judging.pieces import Told, is_evidence, links_of, piece_of
from shared.judging.policyfile import read_policy
from shared.judging.recorded import ENGINE, verdict_of
from shared.judging.values import Facts, Mode, Request, Target
from tests.helpers.build import NOW, claim_signer, signer
from tests.helpers.build_passports import ARTIFACT, TARGET, World

if TYPE_CHECKING:
    from shared.bundle import Bundle
    from shared.dsse import Envelope
    from shared.encoding import JsonObject
    from shared.statement import Statement

POLICY = """\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: readiness}
scope: {services: ["checkout-*"], environments: [production]}
mode: enforce
rules:
  - id: unit-tests
    title: Unit tests of this commit passed
    owner: platform@acme
    require: {type: TEST_RESULTS, name: "Unit Tests", signed: true, where: "evidence.failed == 0"}
    otherwise: HOLD
"""
ASKED = Request(
    Target(TARGET["service"], TARGET["namespace"], TARGET["environment"]),
    ARTIFACT.removeprefix("sha256:"),
    Mode.ENFORCE,
    release_id="gh-123456",
    source_sha="9f3c8b7",
    rollback_available=True,
)
GREEN: JsonObject = {
    "type": "TEST_RESULTS",
    "name": "Unit Tests",
    "passed": True,
    "evidence": {"totalTests": 3, "passed": 3, "failed": 0, "errors": 0, "skipped": 0},
}
MEASURED: JsonObject = GREEN | {"basis": "measured"}
RED: JsonObject = MEASURED | {"passed": False, "evidence": {"totalTests": 3, "passed": 2, "failed": 1, "errors": 0}}


@dataclass
class Judged:
    """A workspace with a report, a provenance and a post, and the facts of a question that was asked about them."""

    world: World = field(default_factory=World)
    facts: Facts = field(init=False)
    text: str = POLICY
    warnings: tuple[str, ...] = ("as it was",)
    baseline: Mode | None = None

    def __post_init__(self) -> None:
        """Deliver the evidence."""
        self.facts = Facts(ASKED, NOW, authors=frozenset({"carol@acme.example", "dan@acme.example"}))
        self.world.report(claim=MEASURED)
        self.world.built()
        self.world.claim(claim=GREEN, received_at=NOW)
        self.gather()

    def read(self, envelope: Envelope) -> Statement:
        """Verify what one of this workspace's keys signed."""
        known = (self.world.collector, self.world.decision, claim_signer(), signer(9))
        (key,) = (one.public for one in known if one.public.key_id == envelope.key_id)
        return statement.read(dsse.verify(envelope, key))

    def stated(self) -> dict[str, Stated]:
        """All that the passport names."""
        return {digest_text(one.id): Stated(self.read(one), at, held) for one, at, held in self.world.inputs}

    def gather(self) -> None:
        """Take up what was delivered, as a receiver does."""
        evidence = [
            (one.read, Told(one.received_at, one.held, arrival))
            for arrival, one in enumerate(self.stated().values())
            if is_evidence(one.read)
        ]
        pieces = tuple(piece_of(read, told) for read, told in evidence)
        links = tuple(link for read, told in evidence for link in links_of(read, told))
        self.facts = replace(self.facts, evidence=pieces, links=links)

    def bundle(self, **overrides: object) -> Bundle:
        """Judge, and give the bundle of the passport."""
        policy = read_policy(self.text.encode(), 3) if self.baseline is None else baseline(self.baseline)
        text = self.text if self.baseline is None else TEXT.decode()
        verdict = verdict_of(judge(self.facts, (policy,), self.warnings))
        docket = emit_docket(Docket(self.facts, self.warnings, self.baseline))
        said = {name: getattr(verdict, name) for name in type(verdict).model_fields}
        digests = {"facts": digest_text(sha256(canonical(docket))), "engine": ENGINE}
        made = self.world.bundle(**said | digests | overrides)
        return replace(made, facts=docket, policies=(text,))
