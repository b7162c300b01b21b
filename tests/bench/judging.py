"""Judging alone: facts that are at hand, as the gate has them of pieces that it parsed before, and nothing read."""

from __future__ import annotations

import time

from shared.encoding import JsonValue
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.values import Decision, Facts, Piece
from tests.bench import builds
from tests.bench.figures import Figure, Sizes, percentile
from tests.helpers.facts import DIGEST, GREEN, facts, ingested, piece

_ROUNDS = 20
_GOAL = 2_000


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures: with the hundred pieces of a build, and with one of each kind or two."""
    return [_figure(_known(1), sizes), _figure(_known(40), sizes)]


def _figure(known: Facts, sizes: Sizes) -> Figure:
    """Judge the same again and again; the first time each piece is worked out, which is not counted."""
    policies = (read_policy(builds.POLICY.encode(), 1),)
    assert judge(known, policies).decision is Decision.ALLOW
    seconds, busy = [], []
    for _ in range(_ROUNDS):
        began, began_work = time.perf_counter(), time.process_time()
        for _ in range(sizes.requests):
            judge(known, policies)
        busy.append((time.process_time() - began_work) / sizes.requests)
        seconds.append((time.perf_counter() - began) / sizes.requests)
    took, worked = percentile(seconds, 0.5), percentile(busy, 0.5)
    return Figure(
        f"judging alone: {len(policies[0].rules)} rules, {len(known.evidence)} pieces",
        f"{1 / took:,.0f} a second, {worked * 1000:.2f} ms of a processor each",
        f"best of {_ROUNDS} rounds {1 / min(seconds):,.0f}",
        f">= {_GOAL:,} a second",
    )


def _known(share: int) -> Facts:
    """What is known of a build, of each kind so much less; and how its target stands."""
    counts = [(kind, name, max(1, count // share)) for kind, name, count in builds.PIECES]
    made = [_piece(kind, name, number, count) for kind, name, count in counts for number in range(count)]
    health = ingested("health", {"metrics": {"ready": True}}, source="k8s")
    rollback = ingested("rollback", {"metrics": {"available": True, "verified": True}}, source="k8s")
    return facts(*made, health, rollback)


def _piece(kind: str, name: str, number: int, of: int) -> Piece:
    evidence: dict[str, dict[str, JsonValue]] = {
        "TEST_RESULTS": GREEN,
        "COVERAGE": {**builds.COVERAGE},
        "SECURITY_SCAN": {**builds.SCAN},
        "SBOM": {**builds.PARTS},
        "BUILD_PROVENANCE": {"sha256": DIGEST, "size": 3},
    }
    own = f"{kind}/{name}/{number}"
    return piece(
        kind,
        name,
        evidence[kind],
        id=f"sha256:{own}",
        source_key=own,
        content=own,
        reports=of if kind == "TEST_RESULTS" else None,
        digests=frozenset({DIGEST}) if kind == "BUILD_PROVENANCE" else frozenset(),
    )
