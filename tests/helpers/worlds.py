"""A release with which nothing is wrong, and worlds in which one thing is: the rule, its cause, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shared.judging.policyfile import read_policy
from shared.judging.values import Basis, Cause, Facts, Piece
from tests.helpers.facts import (
    OTHER_COMMIT,
    actor,
    ago,
    approval,
    changed,
    facts,
    green_tests,
    ingested,
    piece,
    red_tests,
    request,
    scan,
    stream,
    waiver,
)

ANNE, BERT = actor("anne"), actor("bert")
POLICY = read_policy(
    b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: production}
scope: {services: ["*"], environments: [production]}
mode: enforce
rules:
  - id: unit-tests
    title: Unit tests of this commit passed
    require: {type: TEST_RESULTS, name: "Unit Tests", signed: true, where: "evidence.failed == 0"}
    otherwise: HOLD
  - id: findings
    title: No critical findings
    require: {type: SECURITY_SCAN, outcome: any, where: "evidence.critical == 0"}
    otherwise: BLOCK
  - id: ready
    title: The target is ready
    expect: "health.ready"
    otherwise: HOLD
  - id: verified
    title: The rollback was tried
    expect: "rollback.verified"
    otherwise: ALLOW_WITH_CANARY
  - id: covered
    title: Coverage is high enough, or somebody says so
    require: {type: COVERAGE, where: "evidence.coverage >= 80"}
    otherwise: REQUIRE_APPROVAL
  - id: two-people
    title: Two people approved
    approvals: {count: 2}
    otherwise: REQUIRE_APPROVAL
  - id: nothing-missing
    title: Nothing is missing
    collection: {maxHeartbeatAge: 15m, gaps: none}
    otherwise: HOLD
""",
    1,
)


def covered(percent: float = 90.0, **changes: object) -> Piece:
    counts = {"coverage": percent, "linesCovered": int(percent * 10), "linesTotal": 1000}
    return piece("COVERAGE", "coverage.py", {**counts}, **changes)


def good() -> Facts:
    """A world in which nothing is wrong."""
    return facts(
        green_tests(),
        scan(),
        covered(),
        ingested("health", {"metrics": {"ready": True}}),
        request=request(rollback_available=True, rollback_verified=True),
        approvals=(approval(ANNE, "two-people"), approval(BERT, "two-people")),
    )


def without(known: Facts, kind: str) -> Facts:
    return replace(known, evidence=tuple(one for one in known.evidence if one.type != kind))


def with_(known: Facts, *pieces: Piece) -> Facts:
    kinds = {one.type for one in pieces}
    return replace(known, evidence=(*(one for one in known.evidence if one.type not in kinds), *pieces))


# --- one thing is wrong, and it is named ---

World = tuple[str, Cause, Callable[[Facts], Facts], str]
LATE = stream(waiting=14, oldest_waiting_at=ago(minutes=20))
WORLDS: tuple[World, ...] = (
    ("unit-tests", Cause.FAILED, lambda w: with_(w, red_tests()), "3 tests failed"),
    ("unit-tests", Cause.REVOKED, lambda w: with_(w, green_tests(held="key_revoked")), "revoked key"),
    ("unit-tests", Cause.HELD, lambda w: with_(w, green_tests(held="forked")), "held back"),
    ("unit-tests", Cause.UNSIGNED, lambda w: with_(w, green_tests(basis=Basis.DECLARED)), "not signed"),
    ("unit-tests", Cause.NEAR_MISS, lambda w: with_(w, green_tests("unit tests")), "there is one for something else"),
    (
        "unit-tests",
        Cause.NEAR_MISS,
        lambda w: with_(w, green_tests(commits=frozenset({OTHER_COMMIT}))),
        "there is one for something else",
    ),
    ("unit-tests", Cause.ON_ITS_WAY, lambda w: replace(without(w, "TEST_RESULTS"), streams=(LATE,)), "on its way"),
    ("unit-tests", Cause.NOT_REPORTED, lambda w: without(w, "TEST_RESULTS"), "has not reported"),
    (
        "unit-tests",
        Cause.MISSING,
        lambda w: replace(without(w, "TEST_RESULTS"), streams=(stream(brings=frozenset()),)),
        "nobody has sent",
    ),
    (
        "unit-tests",
        Cause.CONTRADICTED,
        lambda w: with_(
            w, green_tests(evidence={"totalTests": 3, "passed": 4, "failed": 0, "errors": 0, "skipped": 0})
        ),
        "contradicts itself",
    ),
    ("findings", Cause.FAILED, lambda w: with_(w, scan(critical=2)), "2 critical findings"),
    (
        "findings",
        Cause.STALE,
        lambda w: with_(w, scan(received_at=ago(days=8), observed_at=ago(days=8))),
        "too old",
    ),
    ("findings", Cause.ERROR, lambda w: with_(w, changed(scan(), {"cut": ("critical",)})), "could not be judged"),
    ("findings", Cause.MISSING, lambda w: without(w, "SECURITY_SCAN"), "nobody has sent"),
    (
        "ready",
        Cause.FAILED,
        lambda w: with_(w, ingested("health", {"metrics": {"ready": False}}, passed=False)),
        "the target is not ready",
    ),
    ("ready", Cause.MISSING, lambda w: without(w, "health"), "nobody has sent"),
    ("covered", Cause.FAILED, lambda w: with_(w, covered(61.2)), "61.2 percent"),
    (
        "two-people",
        Cause.WAITING_FOR_PERSON,
        lambda w: replace(w, approvals=w.approvals[:1]),
        "a person has to say yes",
    ),
    ("nothing-missing", Cause.STALE, lambda w: replace(w, streams=(stream(heard_at=ago(hours=1)),)), "too old"),
    ("nothing-missing", Cause.MISSING, lambda w: replace(w, streams=(stream(lacking=2),)), "nobody has sent"),
    (
        "nothing-missing",
        Cause.CONTRADICTED,
        lambda w: replace(w, streams=(stream(forked=True),)),
        "two different entries",
    ),
)


def noises() -> tuple[Callable[[Facts], Facts], ...]:
    """What changes nothing: evidence of other digests, another stream, waivers of others, a name nobody asks for."""
    elsewhere = red_tests(id="sha256:elsewhere", commits=frozenset(), digests=frozenset({"e" * 64}), source_key="e")
    extra = piece("SBOM", "parts", {"componentCount": 3})
    return (
        lambda w: w,
        lambda w: replace(w, evidence=(*w.evidence, extra)),
        lambda w: replace(w, evidence=(*w.evidence, replace(elsewhere, type="LICENCES"))),
        lambda w: replace(
            w, streams=(*w.streams, stream("other", delivered=False, recent=False, lacking=9, brings=frozenset()))
        ),
        lambda w: replace(w, waivers=(waiver("unit-tests", ANNE, digest="e" * 64),)),
    )
