"""What each next action has people do, as a change of what is known: the small deeds behind `tests.helpers.doing`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.encoding import JsonValue
from shared.judging.judge import judge
from shared.judging.policy import Policy, Rule
from shared.judging.values import Basis, Cause, Facts, Finding, Judgement, Link, Piece
from shared.predicates import ClaimType
from tests.helpers.facts import COMMIT, DIGEST, GREEN, actor, approval, changed, ingested, link, piece

TOOK = timedelta(minutes=2)
"""How long it takes to follow an action."""
PEOPLE = tuple(actor(name) for name in ("xaver", "yves", "zora"))
SAYS_YES: dict[str, dict[str, JsonValue]] = {
    "TEST_RESULTS": GREEN,
    "SECURITY_SCAN": dict.fromkeys(("critical", "high", "medium", "low", "info", "total"), 0),
    "COVERAGE": {"coverage": 90.0, "linesCovered": 900, "linesTotal": 1000},
    "SBOM": {"componentCount": 3},
    "health": {"metrics": {"ready": True}},
    "rollback": {"metrics": {"available": True, "verified": True}},
}


@dataclass(frozen=True)
class World:
    """What is known, and by which policy it is judged."""

    facts: Facts
    policy: Policy

    @property
    def judged(self) -> Judgement:
        return judge(self.facts, (self.policy,))

    def with_facts(self, **changes: object) -> World:
        return replace(self, facts=replace(self.facts, **changes))  # type: ignore[arg-type]


Words = re.Match[str]
Way = Callable[[World, Finding, Words], World]


def later(known: World) -> World:
    """Let time go by, in which collectors that are not silent send heartbeats."""
    facts = known.facts
    now = facts.now + TOOK
    alive = [one.heard_at is not None and facts.now - one.heard_at <= TOOK for one in facts.streams]
    streams = tuple(
        replace(one, heard_at=now) if lives else one for one, lives in zip(facts.streams, alive, strict=True)
    )
    return known.with_facts(now=now, streams=streams)


# --- evidence ---


def report(known: World, kind: str, name: str, *, signed: bool, **changes: object) -> World:
    """Let evidence that says yes come: a later run's, which took place after all that is known came."""
    facts = known.facts
    number = 100 + len(facts.evidence)
    told: dict[str, object] = {
        "received_at": facts.now,
        "observed_at": facts.now - timedelta(minutes=1),
        "arrival": number,
        "run": f"run-{number}",
        "reports": None,
    }
    if not signed:
        told |= {"basis": Basis.POSTED, "collector": None, "stream": None, "sequence": None, "source": "ci"}
    else:
        told |= {"sequence": number}
    made = changed(piece(kind, name, SAYS_YES.get(kind, {})), told | changes)
    made = replace(made, id=f"{made.id}-{number}", content=f"{made.content}-{number}")
    return known.with_facts(evidence=(*facts.evidence, made))


def say(known: World, kind: str, **changes: object) -> World:
    """Post evidence on the target, or on this digest, with `carnet evidence`: again where it was said, else by CI."""
    facts, number = known.facts, 100 + len(known.facts.evidence)
    before = [one for one in facts.evidence if one.type == kind]
    told = {"received_at": facts.now, "observed_at": facts.now, "arrival": number}
    made = ingested(kind, SAYS_YES.get(kind, {}), **told | changes)
    if before:
        made = replace(made, source_key=before[-1].source_key, source=before[-1].source, name=before[-1].name)
    if kind not in {"health", "rollback"}:
        made = replace(made, digests=frozenset({DIGEST}))
    made = replace(made, id=f"{made.id}-{number}", content=f"{made.content}-{number}")
    return known.with_facts(evidence=(*facts.evidence, made))


def kind_of(known: World, finding: Finding, name: str | None = None) -> tuple[str, str]:
    """Say which type and name a finding's rule asks for."""
    (rule,) = [one for one in known.policy.rules if one.id == finding.rule]
    named = [one.type for one in known.facts.evidence if one.name == name]
    kind = named[-1] if named else getattr(rule.test, "types", ("TEST_RESULTS",))[0]
    if kinds := asks_for(rule):
        kind = kind if kind in kinds else kinds[0]
    there = [one.name for one in known.facts.evidence if one.type == kind]
    return kind, name or getattr(rule.test, "name", None) or [*there, "theirs"][0]


def asks_for(rule: Rule) -> tuple[str, ...]:
    if types := getattr(rule.test, "types", ()):
        return tuple(types)
    expression = getattr(rule.test, "expression", None)
    return tuple(kind for kind in ClaimType if expression is not None and kind in expression.text)


def by_collector(known: World, finding: Finding, words: Words) -> World:
    kind, name = words.groupdict().get("kind"), words.groupdict().get("name")
    if kind is None:
        kind, name = kind_of(known, finding, name)
    return report(known, kind, name or "theirs", signed=True)


def signed(known: World, _finding: Finding, words: Words) -> World:
    """Let a collector take the very report that was posted, whatever it says."""
    newest = [one for one in known.facts.evidence if one.name == words["name"]][-1]
    said: dict[str, object] = {"passed": newest.passed, "evidence": newest.evidence}
    return report(known, newest.type, newest.name, signed=True, **said)


def by_post(known: World, finding: Finding, words: Words) -> World:
    kind, name = words.groupdict().get("kind"), words.groupdict().get("name")
    if kind is None:
        kind, name = kind_of(known, finding, name)
    return report(known, kind, name or "theirs", signed=False)


def by_evidence(known: World, finding: Finding, words: Words) -> World:
    kind = words.groupdict().get("kind") or kind_of(known, finding)[0]
    return say(known, kind)


def again(known: World, finding: Finding, words: Words) -> World:
    """Run the job again: whoever brought its report brings the new one."""
    wanted = kind_of(known, finding, words["name"])
    for one in known.facts.evidence:
        if (one.type, one.name) == wanted:
            known = redo(known, one)
    return known


def redo(known: World, one: Piece) -> World:
    if one.type in {"health", "rollback"}:
        return say(known, one.type)
    key = "one of its own" if one.source_key == one.id else one.source_key
    same: dict[str, object] = {"source_key": key, "basis": one.basis, "run": one.run and "run-again"}
    same["reports"] = one.reports
    if not one.by_collector:
        same |= {"source": one.source, "voice": one.voice}
    return report(known, one.type, one.name, signed=one.by_collector, **same)


def new_digest(known: World, finding: Finding, words: Words) -> World:
    """Build anew: another digest of another commit, of which everything else is as it was, and one thing is mended."""
    facts = known.facts
    kind, name = kind_of(known, finding, words["name"])
    kept = tuple(one for one in facts.evidence if (one.type, one.name) != (kind, name))
    return report(known.with_facts(evidence=kept), kind, name, signed=True)


def say_it(known: World, finding: Finding, words: Words) -> World:
    """Say it in the request, of what it names."""
    asked = known.facts.request
    fields = {"health.ready": "ready", "rollback.available": "rollback_available"}
    fields["rollback.verified"] = "rollback_verified"
    (rule,) = [one for one in known.policy.rules if one.id == finding.rule]
    named = [field for name, field in fields.items() if name in str(getattr(rule.test, "expression", ""))]
    assert named, words[0]
    return known.with_facts(request=changed(asked, dict.fromkeys(named, True)))


def say_context(known: World, _finding: Finding, _words: Words) -> World:
    return known.with_facts(request=replace(known.facts.request, context={"signed": True}))


def post_it(known: World, _finding: Finding, words: Words) -> World:
    for kind in ("health", "rollback"):
        if kind in words[0]:
            known = say(known, kind)
    return known


def all_again(known: World, finding: Finding, _words: Words) -> World:
    """Deliver whatever contradicts itself anew, by whoever brought it."""
    torn = {one.id for one in finding.considered if one.refused is Cause.CONTRADICTED}
    for one in known.facts.evidence:
        if one.id in torn or (not torn and f'"{one.name}"' in finding.reason):
            known = redo(known, one)
    return known


# --- links ---


def attest_build(known: World, _finding: Finding, _words: Words) -> World:
    return known.with_facts(links=(*known.facts.links, link(id="sha256:built", received_at=known.facts.now)))


def record_artifact(known: World, _finding: Finding, words: Words) -> World:
    said = Link("sha256:record", words["digest"], COMMIT, signed=False, received_at=known.facts.now)
    return known.with_facts(links=(*known.facts.links, said))


def right_commit(known: World, _finding: Finding, _words: Words) -> World:
    (linked,) = {one.commit for one in known.facts.links}
    return known.with_facts(request=replace(known.facts.request, source_sha=linked))


def build_anew(known: World, _finding: Finding, _words: Words) -> World:
    """Build another digest, of the one commit; everything else is as it was."""
    facts = known.facts
    links = tuple(one for one in facts.links if one.commit == COMMIT)
    return known.with_facts(links=links)


# --- what is held, and what people do ---


def release(known: World, finding: Finding, words: Words) -> World:
    """Let held evidence count again: what is named, where one is named; else all that the finding refuses as held."""
    facts = known.facts
    named = {words["id"]} if words["id"] != "ID..." else {one.id for one in finding.considered}
    held = {one.id for one in facts.evidence if one.held is not None}
    held |= {one.id for one in facts.links if one.held is not None}
    assert named & held, "what is not held is not released: `carnet-receiver held release` refuses it"

    evidence = tuple(replace(one, held=None) if one.id in named else one for one in facts.evidence)
    links = tuple(replace(one, held=None) if one.id in named else one for one in facts.links)
    return known.with_facts(evidence=evidence, links=links)


def approve(known: World, finding: Finding, words: Words) -> World:
    """Let as many people approve as the rule asks for, on the page of this passport."""
    assert finding.rule in words["rules"]
    given = [
        approval(
            one,
            finding.rule,
            id=f"sha256:then-{one.subject}",
            at=known.facts.now,
            expires_at=known.facts.now + timedelta(hours=24),
            findings=frozenset({finding.fingerprint}),
        )
        for one in PEOPLE
    ]
    return known.with_facts(approvals=(*known.facts.approvals, *given))
