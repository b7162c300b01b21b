"""The deeds of `tests.helpers.deeds` that are done at a collector, to a policy, or to what runs at the target."""

from __future__ import annotations

from dataclasses import replace

from shared.judging.policy import Policy, Require, Rule, Test
from shared.judging.policyfile import read_policy
from shared.judging.values import Deployed, Finding
from tests.helpers.deeds import Way, Words, World, asks_for, kind_of, redo, report, say
from tests.helpers.facts import changed, stream

# --- collectors ---


def restart(known: World, finding: Finding, words: Words) -> World:
    """Let a collector send what it has, and say that it is there."""
    facts = known.facts
    streams = tuple(
        replace(one, heard_at=facts.now, silent=False, waiting=0, oldest_waiting_at=None, lacking=0)
        if one.name == words["name"]
        else one
        for one in facts.streams
    )
    assert streams != facts.streams
    return _bring(known.with_facts(streams=streams), finding)


def wait(known: World, finding: Finding, _words: Words) -> World:
    streams = tuple(replace(one, waiting=0, oldest_waiting_at=None) for one in known.facts.streams)
    return _bring(known.with_facts(streams=streams), finding)


def _bring(known: World, finding: Finding) -> World:
    """Bring what was on its way, if the rule asks for evidence: the rest of a run that lacks some, else a report."""
    (rule,) = [one for one in known.policy.rules if one.id == finding.rule]
    if not asks_for(rule):
        return known
    kind, name = kind_of(known, finding)
    part = [one for one in known.facts.evidence if one.reports]
    if part:
        rest = {"run": part[0].run, "reports": part[0].reports, "source_key": "the rest"}
        return report(known, kind, name, signed=True, **rest)
    return report(known, kind, name, signed=True)


def settle(**changes: object) -> Way:
    def way(known: World, _finding: Finding, words: Words) -> World:
        facts = known.facts
        named = [one for one in facts.streams if words["name"] in {one.name, one.stream, one.collector}]
        assert named, words[0]
        streams = tuple(replace(one, **changes) if one in named else one for one in facts.streams)  # type: ignore[arg-type]
        return known.with_facts(streams=streams)

    return way


def enrol(known: World, _finding: Finding, words: Words) -> World:
    name = words.groupdict().get("name") or "ci-new"
    return known.with_facts(streams=(*known.facts.streams, stream(name, heard_at=known.facts.now)))


# --- the policy, and the target ---


def mend_policy(known: World, finding: Finding, words: Words) -> World:
    assert words["policy"] == known.policy.name
    assert words["rule"] == finding.rule
    return replace(known, policy=_with_rule(known.policy, finding.rule, MET))


def without_glob(known: World, finding: Finding, _words: Words) -> World:
    rest = "collection: {maxHeartbeatAge: 15m, gaps: none}"
    return replace(known, policy=_with_rule(known.policy, finding.rule, rest))


def other_name(known: World, finding: Finding, words: Words) -> World:
    (rule,) = [one for one in known.policy.rules if one.id == finding.rule]
    assert isinstance(rule.test, Require)
    test = replace(rule.test, name=words["found"])
    rules = tuple(replace(one, test=test) if one is rule else one for one in known.policy.rules)
    return replace(known, policy=replace(known.policy, rules=rules))


def with_rules(known: World, finding: Finding, _words: Words) -> World:
    return replace(known, policy=replace(known.policy, rules=(_rule(MET, finding),)))


MET = 'expect: "true"'


def _with_rule(policy: Policy, rule: str, test: str) -> Policy:
    rules = [replace(one, test=_test(test)) if one.id == rule else one for one in policy.rules]
    return replace(policy, rules=tuple(rules))


def _rule(test: str, finding: Finding) -> Rule:
    return Rule("t", finding.title, _test(test), finding.otherwise)


def _test(test: str) -> Test:
    text = (
        "apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {name: p}\nscope: {services: ['*'], environments: ['*']}\n"
        f"mode: enforce\nrules:\n  - id: t\n    title: t\n    otherwise: HOLD\n    {test}\n"
    )
    return read_policy(text.encode(), 1).rules[0].test


def so(known: World, finding: Finding, _words: Words) -> World:
    """Make it so: whoever says no says yes, in the request and in what is posted."""
    asked = known.facts.request
    yes = {name: True for name in ("ready", "rollback_available", "rollback_verified") if getattr(asked, name) is False}
    known = known.with_facts(request=changed(asked, yes))
    (rule,) = [one for one in known.policy.rules if one.id == finding.rule]
    for one in known.facts.evidence:
        if one.type in asks_for(rule):
            known = redo(known, one)
    for kind in ("health", "rollback"):
        if any(one.type == kind for one in known.facts.evidence):
            known = say(known, kind)
    return known


def rolled_back(known: World, _finding: Finding, _words: Words) -> World:
    assert isinstance(known.facts.deployed, Deployed)
    return known.with_facts(deployed=None)


def mend_target(known: World, _finding: Finding, _words: Words) -> World:
    return say(known, "health")
