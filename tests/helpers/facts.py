"""Small facts for tests of judging: one release of `checkout-api`, and what is known of it, spelled shortly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared.encoding import JsonValue
from shared.judging.values import (
    Actor,
    Approval,
    Basis,
    Facts,
    Link,
    Mode,
    Piece,
    Request,
    StreamFact,
    Target,
    Waiver,
)

T = TypeVar("T")
NOW = datetime(2026, 11, 22, 17, 45, tzinfo=UTC)
DIGEST = "d" * 64
COMMIT = "9f3c8b7" + "0" * 33
OTHER_COMMIT = "1234567" + "0" * 33
REPOSITORY = "acme/checkout"
TARGET = Target("checkout-api", "apps-checkout", "production")
AUTHOR = "author@acme"
GREEN: dict[str, JsonValue] = {"totalTests": 10, "passed": 10, "failed": 0, "errors": 0, "skipped": 0}
RED: dict[str, JsonValue] = {"totalTests": 10, "passed": 7, "failed": 3, "errors": 0, "skipped": 0}


def changed(made: T, changes: Mapping[str, object]) -> T:
    """A copy with some fields changed; that their types fit is the test's own business."""
    return replace(made, **changes)  # type: ignore[type-var]


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def request(**changes: object) -> Request:
    asked = Request(TARGET, DIGEST, Mode.ENFORCE, release_id="2.18.4", source_sha=COMMIT[:7])
    return replace(asked, **changes)  # type: ignore[arg-type]


def green_tests(name: str = "Unit Tests", **changes: object) -> Piece:
    return replace(piece("TEST_RESULTS", name, GREEN), **changes)  # type: ignore[arg-type]


def red_tests(name: str = "Unit Tests", **changes: object) -> Piece:
    return replace(piece("TEST_RESULTS", name, RED), **{"passed": False, **changes})  # type: ignore[arg-type]


def scan(critical: int = 0, **changes: object) -> Piece:
    counts: dict[str, JsonValue] = {
        "critical": critical,
        "high": 0,
        "medium": 0,
        "low": 0,
        "info": 0,
        "total": critical,
    }
    return replace(piece("SECURITY_SCAN", "trivy", counts), **{"passed": critical == 0, **changes})  # type: ignore[arg-type]


def piece(kind: str, name: str, evidence: dict[str, JsonValue], **changes: object) -> Piece:
    """A measured piece about the release's commit, ten minutes old."""
    made = Piece(
        id=f"sha256:{kind}-{name}",
        type=kind,
        name=name,
        basis=Basis.MEASURED,
        passed=True,
        evidence=evidence,
        received_at=ago(minutes=10),
        observed_at=ago(minutes=10),
        source_key=f"{kind}/{name}",
        content=f"{kind}/{name}/{sorted(evidence.items())}",
        commits=frozenset({COMMIT}),
        repository=REPOSITORY,
        run="run-1",
        job="unit",
        collector="col_1",
        stream="str_1",
        sequence=1,
        arrival=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def ingested(kind: str, evidence: dict[str, JsonValue], **changes: object) -> Piece:
    """A posted piece about the target, a minute old."""
    posted: dict[str, object] = {
        "basis": Basis.POSTED,
        "collector": None,
        "stream": None,
        "sequence": None,
        "commits": frozenset(),
        "service": TARGET.service,
        "namespace": TARGET.namespace,
        "environment": TARGET.environment,
        "received_at": ago(minutes=1),
        "observed_at": ago(minutes=1),
        "run": None,
        "job": None,
    }
    return piece(kind, kind, evidence, **{**posted, **changes})


def link(*, signed: bool = True, **changes: object) -> Link:
    made = Link("sha256:link", DIGEST, COMMIT, signed=signed, received_at=ago(minutes=12))
    return replace(made, **changes)  # type: ignore[arg-type]


def by_chain(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Let each piece be known since what stands behind it in its stream is, as who gathers facts does."""
    known = list(pieces)
    since: dict[str, datetime] = {}
    for one in sorted(known, key=lambda one: one.sequence or 0, reverse=True):
        if one.stream is not None:
            since[one.stream] = since[one.id] = min(one.received_at, since.get(one.stream, one.received_at))
    return tuple(replace(one, received_at=since.get(one.id, one.received_at)) for one in known)


def stream(name: str = "ci-07", **changes: object) -> StreamFact:
    """A stream that delivered for the release and lacks nothing."""
    made = StreamFact(
        stream=f"str_{name}",
        collector=f"col_{name}",
        name=name,
        heard_at=ago(minutes=1),
        waiting=0,
        oldest_waiting_at=None,
        silent=False,
        forked=False,
        abandoned=False,
        retired=False,
        lacking=0,
        closed=0,
        delivered=True,
        bound=False,
        recent=True,
        brings=frozenset({("TEST_RESULTS", "Unit Tests")}),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def actor(name: str, role: str = "approver", *more: str) -> Actor:
    return Actor(f"usr_{name}", role, frozenset({f"{name}@acme", *more}))


def approval(by: Actor, *rules: str, **changes: object) -> Approval:
    made = Approval(
        id=f"sha256:approval-{by.subject}",
        target=TARGET,
        digest=DIGEST,
        rules=frozenset(rules),
        by=by,
        at=ago(minutes=4),
        expires_at=NOW + timedelta(hours=24),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def waiver(rule: str, *by: Actor, **changes: object) -> Waiver:
    made = Waiver(
        id=f"sha256:waiver-{rule}-{'-'.join(one.subject for one in by)}",
        rule=rule,
        target=TARGET,
        digest=DIGEST,
        reason="the fix is in the next release",
        by=by,
        at=ago(minutes=5),
        expires_at=NOW + timedelta(hours=24),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def facts(*evidence: Piece, **changes: object) -> Facts:
    """What is known of a release whose digest is linked to its commit by a signed link, and whose author is known."""
    made = Facts(request(), NOW, evidence=evidence, links=(link(),), streams=(stream(),), authors=frozenset({AUTHOR}))
    return replace(made, **changes)  # type: ignore[arg-type]
