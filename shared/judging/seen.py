"""What the expression of one rule `expect` sees: of the request, the target and the evidence, what it names alone.

Source: policy.md section 2. Invariant: evidence is shown in every way in which it can be read, so that no doubt of it
makes an expression true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from shared.encoding import JsonObject, JsonValue
from shared.judging.case import Case
from shared.judging.counting import together
from shared.judging.expressions import Expression, look_up
from shared.judging.found import weakest
from shared.judging.values import Basis, Group, Reading

STANDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"health": ("ready",), "rollback": ("available", "verified")})
"""What can be said of how the target stands."""
_ASKS = frozenset({"requireHealthyTarget"})
"""Beside what stands, and asked by the request alone."""
_AGE = "ageSeconds"
_EVIDENCE = "evidence"
_Readings = Mapping[str, Sequence[Reading]]


class Seen:
    """The names of an expression, and what stands behind each."""

    def __init__(self, case: Case, expression: Expression) -> None:
        """Select the evidence that is named."""
        self._case = case
        self._parts = parts = expression.parts
        kinds = sorted({one.partition(".")[0] for one in expression.touches})
        self.groups: Mapping[str, tuple[Group, ...]] = {kind: case.groups(kind) for kind in kinds}
        """The groups of each type of evidence that it names, as a bare `require` would count them."""
        self.standing = tuple(kind for kind in STANDS if kind in parts and not parts[kind] <= _ASKS)
        """Of what it names how the target stands in it, a claim or evidence."""
        self.fields = tuple((kind, one) for kind in self.standing for one in STANDS[kind] if one in parts[kind])
        """What of that it names itself, such as (`health`, `ready`)."""
        self.asks_links, self.asks_peace = (one in parts.get("artifact", ()) for one in ("linked", "contradicted"))
        """Whether it names that the digest is linked, and that nothing about it is contradicted."""
        self._request: JsonObject = {part: self._of_request(part) for part in parts if part != _EVIDENCE}

    @property
    def cut(self) -> frozenset[str]:
        """Fields of evidence that the disclosure level left out."""
        return frozenset(f"{kind}.{name}" for kind, many in self.groups.items() for one in many for name in one.cut)

    def ways(self) -> Iterator[JsonObject]:
        """Give the names for every way to read: as it counts, each group in each other way, and all at their last."""
        for readings in _ways(self.groups):
            evidence: JsonObject = {
                kind: _evidence(kind, self.groups[kind], chosen) for kind, chosen in readings.items()
            }
            yield {**self._request, _EVIDENCE: evidence}

    def claims(self) -> JsonObject:
        """Give what is named and is no evidence: what the request says, and what is known of the target."""
        claimed = ((part, one) for part, rest in self._parts.items() for one in rest if one != _AGE)
        names = sorted(f"{part}.{one}".rstrip(".") for part, one in claimed if part != _EVIDENCE)
        return {name: look_up(self._request, name) for name in names}

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
        if self.asks_links:
            artifact["linked"] = case.linked
        if self.asks_peace:
            artifact["contradicted"] = bool(case.contradictions)
        return artifact

    def _standing(self, kind: str) -> JsonObject:
        if kind not in self.standing:
            return {}
        words = {field: self._case.word(kind, field) for field in STANDS[kind]}
        basis = weakest(one.basis for one in words.values())
        said: dict[str, JsonValue] = {field: one.value for field, one in words.items()}
        return {
            **said,
            "signed": basis is Basis.MEASURED,
            "basis": basis.value,
            _AGE: max(int(one.age.total_seconds()) for one in words.values()),
        }


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
    counts = one.counts if len(readings) == 1 else together(kind, [piece for one in readings for piece in one.members])
    return {
        **counts,
        "effectivePass": all(one.passed for one in groups),
        "signed": all(one.signed for one in readings),
        "basis": weakest(one.weakest for one in readings).value,
        _AGE: max(int(one.age.total_seconds()) for one in readings),
    }
