"""The built-in baseline: what a service without a policy is judged by (policy.md section 6)."""

from __future__ import annotations

from dataclasses import replace

from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.values import Mode

VERSION = 0
"""The version of what is built in; the baseline's own is in its name."""

TEXT = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: built-in-baseline-1}
scope: {services: ["*"], environments: ["*"]}
mode: shadow
validity: 24h
rules:
  - id: artifact-linked
    title: The artifact is linked to its commit
    expect: "artifact.linked"
    otherwise: HOLD
    fix: "Record the artifact with its commit: carnet artifact --sha256 HEX --name NAME --commit SHA"
  - id: tests
    title: Tests passed
    require: {type: [TEST_RESULTS, smoke, unit, integration]}
    otherwise: HOLD
    fix: "Run the tests for this commit and let their reports be delivered."
  - id: nothing-contradicted
    title: Nothing contradicts itself
    expect: "!artifact.contradicted"
    otherwise: HOLD
    fix: "Look at the evidence that is named, and deliver what is true."
    waivable: false
  - id: target-healthy
    title: The target is healthy, or need not be
    expect: "health.ready || !health.requireHealthyTarget"
    otherwise: HOLD
    fix: "Bring the target to ready, and ask again."
  - id: rollback-available
    title: A way back is there
    expect: "rollback.available"
    otherwise: HOLD
    fix: "Prepare a rollback, and say so when you ask: carnet gate --rollback-available"
  - id: rollback-verified
    title: The way back was tried
    expect: "rollback.verified"
    otherwise: ALLOW_WITH_CANARY
    fix: "Try the rollback, and say so when you ask: carnet gate --rollback-verified"
"""


def baseline(mode: Mode) -> Policy:
    """Give the baseline in a mode; its digest is that of `TEXT`, whatever the mode."""
    return replace(read_policy(TEXT, VERSION), mode=mode)
