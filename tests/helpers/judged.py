"""Small policies for tests of judging, one rule a line, and what they find in facts."""

from __future__ import annotations

from dataclasses import replace

from shared.judging.judge import judge
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.values import Facts, Finding, Judgement

TESTS = 'require: {type: TEST_RESULTS, name: "Unit Tests", signed: true}'
NOTHING_MISSING = "c HOLD: collection: {maxHeartbeatAge: 15m, gaps: none}"


def policy(*rules: str, mode: str = "enforce", name: str = "p", validity: str = "24h") -> Policy:
    """A policy of rules `id otherwise: test`, one a line."""
    lines = [
        "apiVersion: carnet/v1",
        "kind: GatePolicy",
        f"metadata: {{name: {name}}}",
        'scope: {services: ["*"], environments: ["*"]}',
        f"mode: {mode}",
        f"validity: {validity}",
        "rules:" if rules else "rules: []",
    ]
    for rule in rules:
        head, test = rule.split(": ", 1)
        name_of, otherwise, *more = head.split()
        lines += [f"  - id: {name_of}", f"    title: {name_of} holds", f"    otherwise: {otherwise}", f"    {test}"]
        lines += [f"    {one.replace('=', ': ')}" for one in more]
    return read_policy("\n".join(lines).encode() + b"\n", 1)


def signed(known: Facts, *policies: Policy, seen: Facts | None = None) -> Facts:
    """The same facts, where all approvals were given on what is found in them, or in others that were `seen` then."""
    findings = judge(known if seen is None else seen, policies).findings
    marks = frozenset(mark for one in findings for mark in one.marks)
    return replace(known, approvals=tuple(replace(one, findings=marks) for one in known.approvals))


def only(judgement: Judgement) -> Finding:
    (finding,) = judgement.findings
    return finding


def about(known: Facts, rule: str) -> Finding:
    return only(judge(known, (policy(rule),)))
