"""A bundle whose passport really was judged: from facts that its envelopes bear out, by a policy that is in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.encoding import canonical, digest_text, sha256
from shared.judging.baseline import TEXT, baseline
from shared.judging.docket import Docket, emit_docket
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.recorded import ENGINE, verdict_of
from shared.judging.values import Basis, Facts, Link, Mode, Piece, Request, Target
from shared.predicates import Claimed, Collected
from tests.helpers.build import COMMIT, NOW, claimed, collected
from tests.helpers.build_passports import ARTIFACT, TARGET, World

if TYPE_CHECKING:
    from shared.bundle import Bundle
    from shared.dsse import Envelope

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
    require: {type: TEST_RESULTS, name: "Unit Tests", where: "evidence.failed == 0"}
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


def piece_of(envelope: Envelope, content: Collected | Claimed) -> Piece:
    """What a receiver makes of a report or of a post."""
    collector = isinstance(content, Collected)
    return Piece(
        id=digest_text(envelope.id),
        type=content.claim.type.value,
        name=content.claim.name,
        basis=Basis(str(content.claim.basis)),
        passed=content.claim.passed,
        evidence=dict(content.claim.evidence),
        received_at=NOW,
        observed_at=NOW,
        source_key="one" if collector else "another",
        content="one" if collector else "another",
        commits=frozenset({COMMIT}),
        repository="acme/checkout-api",
        collector="col_ci07" if collector else None,
        stream="5a" if collector else None,
        sequence=0 if collector else None,
    )


@dataclass
class Judged:
    """A workspace with a report and a post, and the facts of a question that was asked about them."""

    world: World = field(default_factory=World)
    facts: Facts = field(init=False)
    text: str = POLICY
    warnings: tuple[str, ...] = ("as it was",)
    baseline: Mode | None = None

    def __post_init__(self) -> None:
        """Deliver the evidence."""
        green = {"totalTests": 3, "passed": 3, "failed": 0, "errors": 0, "skipped": 0}
        said = {"type": "TEST_RESULTS", "name": "Unit Tests", "passed": True, "evidence": green}
        report, post = self.world.report(), self.world.claim(claim=said)
        self.facts = Facts(
            request=ASKED,
            now=NOW,
            evidence=(piece_of(report, collected()), piece_of(post, claimed(claim=said))),
            links=(Link(digest_text(report.id), ASKED.digest, COMMIT, signed=True, received_at=NOW),),
            authors=frozenset({"carol@acme.example", "dan@acme.example"}),
        )

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
