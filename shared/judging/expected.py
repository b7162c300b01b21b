"""The rule `expect`: an expression over the request and the evidence for the digest must be exactly true.

Source: policy.md section 2. Invariant: an expression that names evidence which is not here, or which a `require` would
not count, is not met, whatever the rest of it says.
"""

from __future__ import annotations

from dataclasses import replace

from shared.encoding import JsonObject, JsonValue
from shared.judging import actions
from shared.judging.absent import absent
from shared.judging.case import Case
from shared.judging.counting import together
from shared.judging.expressions import Outcome
from shared.judging.found import WORST, Found, weakest
from shared.judging.policy import Expect, Policy, Require, Rule
from shared.judging.required import against
from shared.judging.values import Basis, Cause, Considered, Group
from shared.judging.words import joined, listed

_TARGET_FIELDS = {"health": ("ready",), "rollback": ("available", "verified")}
_TARGET = tuple((kind, field) for kind, fields in _TARGET_FIELDS.items() for field in fields)
_Groups = dict[str, tuple[Group, ...]]
_SUBJECTS = {"health": "the target", "rollback": "rollback"}


def look(case: Case, policy: Policy, rule: Rule, test: Expect) -> Found:
    """Work the expression out, unless evidence that it names cannot be counted."""
    names = frozenset(test.expression.names)
    kinds = sorted({one.split(".")[0] for one in test.expression.touches})
    by_kind = {kind: case.groups(kind) for kind in kinds}
    if found := _torn(case, rule, names):
        return found
    for kind, groups in by_kind.items():
        if not groups:
            return absent(case, Require((kind,)), rule.fix)
        if found := _uncounted(case, rule, kind, groups):
            return found
    outcome = Outcome(met=True)
    for doubted in _doubts(by_kind):
        outcome = test.expression.evaluate(_names(case, names, by_kind, doubted), cut=_cut(by_kind))
        if not outcome.met:
            break
    every = [group for groups in by_kind.values() for group in groups]
    considered = _considered(case, names, every)
    oldest = max((group.age for group in every), default=None)
    if outcome.met:
        return Found(considered=considered, slots={_basis(case, names, every): 1}, oldest=oldest)
    found = _why(case, policy, rule, test, outcome)
    slots = {_basis(case, names, every): 1} if found.cause is Cause.FAILED else {}
    return Found(
        found.cause, found.reason, found.brief, found.action, considered=considered, slots=slots, oldest=oldest
    )


def _torn(case: Case, rule: Rule, names: frozenset[str]) -> Found | None:
    """Say that what tells how the target stands contradicts itself: no claim and no waiver goes over that."""
    for kind in _TARGET_FIELDS:
        torn = tuple(one for one in case.groups(kind) if one.cause is Cause.CONTRADICTED)
        if torn and any(one.startswith(f"{kind}.") for one in names):
            return _uncounted(case, rule, kind, torn)
    return None


def _uncounted(case: Case, rule: Rule, kind: str, groups: tuple[Group, ...]) -> Found | None:
    """Say why what is here of a type is not what a bare `require` would count."""
    bad = [(one.cause, one) for one in groups if one.cause is not None]
    if not bad:
        return None
    cause, group = min(bad, key=lambda one: WORST.index(one[0]))
    request = case.facts.request
    considered = tuple(Considered(one.id, cause, group.detail) for one in group.members)
    considered += tuple(one for one in group.considered if one.refused is not None)
    held = tuple(one.id for one in group.considered if one.refused is Cause.HELD)
    action = {
        Cause.CONTRADICTED: actions.agree(request.digest),
        Cause.HELD: actions.release(held),
        Cause.ON_ITS_WAY: case.waiting_for(kind, group.name),
        Cause.REVOKED: actions.collect_again(kind, group.name, rule.fix),
        Cause.STALE: actions.renew(request, kind, group.name, rule.fix),
    }.get(cause, rule.fix)
    brief = f"the evidence contradicts itself: {group.name}" if cause is Cause.CONTRADICTED else ""
    return Found(cause, against(group), brief=brief, action=action, considered=considered)


def _why(case: Case, policy: Policy, rule: Rule, test: Expect, outcome: Outcome) -> Found:
    """Tell why an expression is not met, in the words of what it names."""
    names = test.expression.names
    if "artifact.contradicted" in names and case.contradictions:
        said = listed(case.contradictions)
        brief = f"the evidence contradicts itself: {said}"
        return Found(Cause.CONTRADICTED, said, brief, actions.agree(case.facts.request.digest))
    if "artifact.linked" in names and not case.linked:
        digest = case.facts.request.digest
        words = f"nothing links {digest[:12]} to a commit"
        return Found(Cause.MISSING, words, action=rule.fix or actions.link(digest))
    fields = [(kind, field) for kind, field in _TARGET if f"{kind}.{field}" in names]
    if outcome.is_false:
        no = [kind for kind, field in fields if case.word(kind, field).value is False]
        action = rule.fix or f"make it so, then ask again: {rule.title}"
        words = joined([_stands(case, kind) for kind in dict.fromkeys(no)])
        return Found(Cause.FAILED, words or outcome.reason, words or f"{rule.title}: no", action)
    if unknown := [one for one in fields if case.word(*one).value is None]:
        return _unsaid(case, rule, unknown)
    return Found(Cause.ERROR, outcome.reason, action=actions.repair(policy.name, rule.id))


def _unsaid(case: Case, rule: Rule, unknown: list[tuple[str, str]]) -> Found:
    """Tell that nobody says, or nobody said lately, how the target stands."""
    what = listed([f"{kind}.{field}" for kind, field in unknown])
    action = rule.fix or f"say {what} in the request, or post evidence on it: carnet evidence"
    for kind, field in unknown:
        if found := _uncounted(case, rule, kind, case.word(kind, field).refused):
            return replace(found, action=action) if found.cause is Cause.STALE else found
    return Found(Cause.MISSING, f"nothing says {what}", action=action)


def _stands(case: Case, kind: str) -> str:
    """Say how the target stands: "rollback is available, not verified"."""
    known = [(field, case.word(kind, field).value) for field in _TARGET_FIELDS[kind]]
    words = ", ".join(field if value else f"not {field}" for field, value in known if value is not None)
    return f"{_SUBJECTS[kind]} is {words}"


# --- what an expression sees ---


def _doubts(by_kind: _Groups) -> list[frozenset[str]]:
    """Give which pieces in doubt to count: none, those of one group, all; the expression must be true of each."""
    each = [frozenset(one.id for one in group.doubted) for groups in by_kind.values() for group in groups]
    return list(dict.fromkeys([frozenset(), *each, frozenset().union(*each)]))


def _names(case: Case, names: frozenset[str], by_kind: _Groups, doubted: frozenset[str]) -> JsonObject:
    request = case.facts.request
    evidence: JsonObject = {kind: _evidence(kind, groups, doubted) for kind, groups in by_kind.items()}
    found: JsonObject = {
        "service": {
            "name": request.target.service,
            "namespace": request.target.namespace,
            "environment": request.target.environment,
        },
        "artifact": {"digest": f"sha256:{request.digest}"},
        "release": {
            "releaseId": request.release_id,
            "sourceSha": request.source_sha,
            "author": request.author,
            "requestedBy": request.requested_by,
        },
        "health": {"requireHealthyTarget": request.require_healthy_target},
        "rollback": {},
        "mode": request.mode.value,
        "policy": request.policy,
        "canary": request.canary,
        "context": request.context,
        "evidence": evidence,
    }
    for kind in _TARGET_FIELDS:
        if any(one.startswith(f"{kind}.") for one in names):
            found[kind] = {**_object(found[kind]), **_standing(case, kind)}
    if "artifact.linked" in names or "artifact.contradicted" in names:
        found["artifact"] = {
            **_object(found["artifact"]),
            "linked": case.linked,
            "contradicted": bool(case.contradictions),
        }
    return found


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _standing(case: Case, kind: str) -> JsonObject:
    words = {field: case.word(kind, field) for field in _TARGET_FIELDS[kind]}
    basis = weakest(one.basis for one in words.values())
    return {
        **{field: one.value for field, one in words.items()},
        "signed": basis is Basis.MEASURED,
        "basis": basis.value,
        "ageSeconds": max(int(one.age.total_seconds()) for one in words.values()),
    }


def _evidence(kind: str, groups: tuple[Group, ...], doubted: frozenset[str]) -> JsonObject:
    """Put all groups of a type together, as one would see them who asked for each of them."""
    pieces = [piece for group in groups for piece in group.members]
    pieces += [piece for group in groups for piece in group.doubted if piece.id in doubted]
    return {
        **together(kind, pieces),
        "effectivePass": all(one.passed for one in groups),
        "signed": all(one.signed for one in groups),
        "basis": weakest(one.weakest for one in groups).value,
        "ageSeconds": max(int(one.age.total_seconds()) for one in groups),
    }


def _cut(by_kind: _Groups) -> frozenset[str]:
    return frozenset(f"{kind}.{name}" for kind, groups in by_kind.items() for group in groups for name in group.cut)


def _basis(case: Case, names: frozenset[str], groups: list[Group]) -> Basis:
    """Say on what the answer rests: the weakest of the proofs that are named; what only asks does not count."""
    bases = [group.weakest for group in groups]
    for kind, fields in _TARGET_FIELDS.items():
        bases += [case.word(kind, field).basis for field in fields if f"{kind}.{field}" in names]
    if names & {"artifact.linked", "artifact.contradicted"}:
        bases.append(case.link_basis)
    return weakest(bases)


def _considered(case: Case, names: frozenset[str], groups: list[Group]) -> tuple[Considered, ...]:
    found = {piece.id: Considered(piece.id) for group in groups for piece in group.members}
    for kind in _TARGET_FIELDS:
        if any(one.startswith(f"{kind}.") for one in names):
            found |= {piece.id: Considered(piece.id) for group in case.groups(kind) for piece in group.members}
    for group in groups:
        found |= {one.id: one for one in group.considered if one.refused is not None}
    return tuple(found[one] for one in sorted(found))
