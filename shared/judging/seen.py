"""What the expression of one rule `expect` sees: of the request, the target and the evidence, what it names alone.

Source: policy.md section 2. Invariant: evidence is shown in every way in which it can be read, so that no doubt of it
makes an expression true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shared.encoding import JsonObject, JsonValue
from shared.judging.alone import alone
from shared.judging.asked import AGE, EVIDENCE, STANDS, Asks
from shared.judging.case import Case
from shared.judging.counting import together
from shared.judging.expressions import look_up
from shared.judging.found import weakest
from shared.judging.values import Basis, Group, Reading

_FOUND = frozenset({*STANDS, "artifact"})
"""Parts of what is named that rest on evidence."""
_Readings = Mapping[str, Sequence[Reading]]


class Seen:
    """The names of an expression, and what stands behind each."""

    def __init__(self, case: Case, asks: Asks) -> None:
        """Select the evidence that is named."""
        self._case = case
        self.asks = asks
        self.groups: Mapping[str, tuple[Group, ...]] = {kind: case.groups(kind) for kind in asks.kinds}
        """The groups of each type of evidence that it names, as a bare `require` would count them."""
        self._request: JsonObject = {part: self._of_request(part) for part in asks.parts}

    @property
    def cut(self) -> frozenset[str]:
        """Fields of evidence that the disclosure level left out."""
        return frozenset(f"{kind}.{name}" for kind, many in self.groups.items() for one in many for name in one.cut)

    def ways(self) -> Iterator[JsonObject]:
        """Give the names for every way to read: as it counts, each group in each other way, and all at their last."""
        if not self.groups:
            yield {**self._request, EVIDENCE: {}}
            return
        for readings in _ways(self.groups):
            evidence: JsonObject = {
                kind: _evidence(kind, self.groups[kind], chosen) for kind, chosen in readings.items()
            }
            yield {**self._request, EVIDENCE: evidence}

    def claims(self) -> JsonObject:
        """Give what is named and is no evidence: what the request says, and what is known of the target."""
        return {name: look_up(self._request, name) for name in self.asks.claims}

    def asked(self) -> JsonObject:
        """Give what is named and the request alone says; of how the target stands, what it says no to."""
        said: JsonObject = dict.fromkeys(self.denied, False)
        return said | {name: value for name, value in self.claims().items() if name.partition(".")[0] not in _FOUND}

    @property
    def denied(self) -> tuple[str, ...]:
        """What is named of how the target stands, and the request itself says no to."""
        request = self._case.facts.request
        said = {
            ("health", "ready"): request.ready,
            ("rollback", "available"): request.rollback_available,
            ("rollback", "verified"): request.rollback_verified,
        }
        return tuple(".".join(one) for one in self.asks.fields if said[one] is False)

    def _of_request(self, part: str) -> JsonValue:
        """Give one part of what is asked; nothing for a name that is none of its parts."""
        request = self._case.facts.request
        said: JsonObject = {}
        match part:
            case "service":
                target = request.target
                said |= {"name": target.service, "namespace": target.namespace, "environment": target.environment}
            case "artifact":
                said |= self._artifact()
            case "release":
                said |= {"releaseId": request.release_id, "sourceSha": request.source_sha}
                said |= {"author": request.author, "requestedBy": request.requested_by}
            case "health":
                said |= {"requireHealthyTarget": request.require_healthy_target, **self._standing(part)}
            case "rollback":
                said |= self._standing(part)
            case _:
                plain: JsonObject = {"mode": request.mode.value, "policy": request.policy, "canary": request.canary}
                return plain.get(part, request.context if part == "context" else None)
        return said

    def _artifact(self) -> JsonObject:
        case = self._case
        artifact: JsonObject = {"digest": f"sha256:{case.facts.request.digest}"}
        if self.asks.links:
            artifact["linked"] = case.linked
        if self.asks.peace:
            artifact["contradicted"] = bool(case.contradictions)
        return artifact

    def _standing(self, kind: str) -> JsonObject:
        """Say what is asked of how the target stands; on what that rests only where it is asked for."""
        if kind not in self.asks.standing:
            return {}
        said: JsonObject = {field: self._case.word(kind, field).value for on, field in self.asks.fields if on == kind}
        if kind in self.asks.rests:
            words = [self._case.word(kind, field) for field in STANDS[kind]]
            basis = weakest([one.basis for one in words])
            said |= {"signed": basis is Basis.MEASURED, "basis": basis.value}
            said[AGE] = max(int(one.age.total_seconds()) for one in words)
        return said


def _ways(groups: Mapping[str, tuple[Group, ...]]) -> Iterator[_Readings]:
    base: _Readings = {kind: [one.reading for one in many] for kind, many in groups.items()}
    yield base
    doubtful = 0
    for kind, many in groups.items():
        for at, group in enumerate(many):
            doubtful += bool(group.others)
            for other in group.others:
                yield {**base, kind: [*base[kind][:at], other, *base[kind][at + 1 :]]}
    if doubtful > 1:
        yield {kind: [one.readings[-1] for one in many] for kind, many in groups.items()}


def _evidence(kind: str, groups: Sequence[Group], readings: Sequence[Reading]) -> JsonObject:
    """Put all groups of a type together, as one would see them who asked for each of them."""
    one = readings[0]
    counts = one.counts if len(readings) == 1 else _counts(kind, readings)
    return {
        **counts,
        "effectivePass": all(one.passed for one in groups),
        "signed": all(one.signed for one in readings),
        "basis": weakest([one.weakest for one in readings]).value,
        AGE: max(int(one.age.total_seconds()) for one in readings),
    }


def _counts(kind: str, readings: Sequence[Reading]) -> JsonObject:
    return together(kind, [alone(piece) for one in readings for piece in one.members])
