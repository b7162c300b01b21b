"""Builds of which a hundred pieces of evidence are known each, signed by a collector; and a policy of ten rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receiver import activate, clock, ingest
from receiver.activate import Wanted
from receiver.app import Signers
from receiver.caller import operator
from receiver.core.admit import examine_all
from receiver.ingest import Looked
from receiver.keys_at_hand import RoleSigners
from receiver.named_secrets import read_master_key
from receiver.store.engine import Store
from shared import statement, wire
from shared.encoding import JsonValue, sha256
from shared.predicates import COLLECTED
from shared.statement import subject_commit, subject_sha256
from tests.bench import members
from tests.bench.members import Member
from tests.helpers import build

REPOSITORY = "acme/bench"
POLICY = """\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: bench}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - id: unit-tests
    require: {type: TEST_RESULTS, name: "Unit Tests", signed: true, where: "evidence.failed == 0"}
    otherwise: HOLD
  - {id: integration-tests, require: {type: TEST_RESULTS, name: "Integration"}, otherwise: HOLD}
  - {id: coverage, require: {type: COVERAGE, where: "evidence.coverage >= 80.0"}, otherwise: HOLD}
  - id: findings
    require: {type: SECURITY_SCAN, maxAge: 7d, outcome: any, where: "evidence.critical == 0"}
    otherwise: BLOCK
  - {id: parts, require: {type: SBOM}, otherwise: HOLD}
  - {id: provenance, require: {type: BUILD_PROVENANCE, signed: true}, otherwise: HOLD}
  - {id: rollback, expect: "rollback.available", otherwise: HOLD}
  - {id: rollback-tried, expect: "rollback.verified", otherwise: ALLOW_WITH_CANARY}
  - {id: ready, expect: "health.ready", otherwise: HOLD}
  - {id: nothing-missing, collection: {maxHeartbeatAge: 1d, gaps: none}, otherwise: HOLD}
"""
SCAN: Mapping[str, JsonValue] = {"critical": 0, "high": 0, "medium": 0, "low": 2, "info": 0, "total": 2}
COVERAGE: Mapping[str, JsonValue] = {"coverage": 90.0, "linesCovered": 90, "linesTotal": 100}
PARTS: Mapping[str, JsonValue] = {"format": "spdx", "componentCount": 3}
PIECES: tuple[tuple[str, str, int], ...] = (
    ("TEST_RESULTS", "Unit Tests", 60),
    ("TEST_RESULTS", "Integration", 17),
    ("COVERAGE", "coverage.py", 10),
    ("SECURITY_SCAN", "trivy", 10),
    ("SBOM", "parts", 2),
    ("BUILD_PROVENANCE", "image", 1),
)
"""Type, name and number of what is known of a build: a hundred in all."""
_EVIDENCE = {"COVERAGE": COVERAGE, "SECURITY_SCAN": SCAN, "SBOM": PARTS}


@dataclass(frozen=True)
class Build:
    """What was built: the digest of the artifact and the commit that it is of, in hex."""

    digest: str
    commit: str


def make(data: Path, count: int) -> list[Build]:
    """Have a collector deliver builds to a quickstart that does not run, and judge by the policy from then on."""
    store = members.open_store(data)
    try:
        (member,) = members.enrol(store, 1)
        signers = Signers(read_master_key(data / "master.key")).of(store, member.caller.workspace_id)
        made = [Build(_hex(f"build {number}"), _hex(f"build of {number}")[:40]) for number in range(count)]
        for one in made:
            _deliver(store, signers, member, one)
        by = operator(signers.audience)
        activate.upload(store, signers.audience, POLICY.encode(), by, clock.utcnow())
        activate.activate(store, signers, Wanted("bench", override="a benchmark"), by, clock.utcnow(), os.urandom)
    finally:
        store.close()
    return made


def _deliver(store: Store, signers: RoleSigners, member: Member, about: Build) -> None:
    entries = list(_entries(member, about))
    heartbeat = member.spool.heartbeat(salt=os.urandom(16).hex(), sent_at=clock.utcnow())
    body = wire.emit_batch(member.spool.collector_id, os.urandom(16).hex(), entries, heartbeat)
    looked = ingest.look_at_batch(store, member.caller, body, examine_all)
    assert isinstance(looked, Looked)
    answer = ingest.take_batch(store, signers, member.caller, looked, clock.utcnow(), os.urandom)
    if answer.counts.get("accepted") != len(entries):
        msg = f"not all entries were accepted: {dict(answer.counts)}"
        raise RuntimeError(msg)


def _entries(member: Member, about: Build) -> Iterator[bytes]:
    """Sign what is known of a build."""
    spool = member.spool
    for kind, name, count in PIECES:
        for number in range(count):
            about_file = f"{about.commit} {kind} {name} {number}"
            context = {"repository": REPOSITORY, "commit": about.commit, "run": "4711", "job": f"{kind} {name}"}
            fields: dict[str, Any] = {
                "audience": spool.audience,
                "collector": build.collected().collector.model_copy(update={"id": spool.collector_id}),
                "salt": os.urandom(16).hex(),
                "stream": spool.link(spool.next_sequence, spool.last_id),
                "observation_id": build.digest(f"observation {about_file}"),
                "observed_at": clock.utcnow(),
                "source": {
                    "key": build.digest(about_file),
                    "format": "junit",
                    "sha256": build.digest(f"content {about_file}"),
                    "bytes": 1_000,
                },
                "context": context | ({"reports": count} if kind == "TEST_RESULTS" else {}),
                "claim": _claim(kind, name, about),
            }
            subject = subject_sha256(about.digest) if kind == "BUILD_PROVENANCE" else subject_commit(about.commit)
            signed = statement.sign(COLLECTED, (subject,), build.collected(spool.key, **fields), spool.key)
            spool.next_sequence += 1
            spool.last_id = signed.id
            yield signed.to_bytes()


def _claim(kind: str, name: str, about: Build) -> object:
    if kind == "TEST_RESULTS":
        return build.claim(name=name)
    evidence = {"sha256": about.digest, "size": 3} if kind == "BUILD_PROVENANCE" else _EVIDENCE[kind]
    return build.claim(type=kind, name=name, evidence=evidence)


def _hex(text: str) -> str:
    return sha256(text.encode()).hex()
