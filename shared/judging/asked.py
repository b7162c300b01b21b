"""What an expression asks of the facts, told from its names alone: worked out with the policy, not for each release.

Source: policy.md section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.judging.expressions import Expression

STANDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"health": ("ready",), "rollback": ("available", "verified")})
"""What can be said of how the target stands."""
AGE = "ageSeconds"
EVIDENCE = "evidence"
_ASKS = frozenset({"requireHealthyTarget"})
"""Beside what stands, and asked by the request alone."""
_RESTS = frozenset({"signed", "basis", AGE})


@dataclass(frozen=True, slots=True)
class Asks:
    """What stands behind the names of an expression.

    `kinds` are the types of evidence that it names, `standing` of what it names how the target stands in it (a claim or
    evidence), `fields` what of that it names itself, such as (`health`, `ready`). `parts` are those of the request,
    with the fields of each; `claims` the dotted names of all of these but ages. `rests` are the parts of which it asks
    on what they rest. `links` and `peace` say whether it asks that the digest is linked, and that nothing about it is
    contradicted.
    """

    kinds: tuple[str, ...]
    standing: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    parts: tuple[str, ...]
    claims: tuple[str, ...]
    rests: frozenset[str]
    links: bool
    peace: bool


def asks(expression: Expression) -> Asks:
    """Tell what an expression asks for."""
    parts = expression.parts
    standing = tuple(kind for kind in STANDS if kind in parts and not parts[kind] <= _ASKS)
    claimed = ((part, one) for part, rest in parts.items() for one in rest if one != AGE)
    return Asks(
        kinds=tuple(sorted({one.partition(".")[0] for one in expression.touches})),
        standing=standing,
        fields=tuple((kind, one) for kind in standing for one in STANDS[kind] if one in parts[kind]),
        parts=tuple(part for part in parts if part != EVIDENCE),
        claims=tuple(sorted(f"{part}.{one}".rstrip(".") for part, one in claimed if part != EVIDENCE)),
        rests=frozenset(kind for kind in standing if not _RESTS.isdisjoint(parts[kind])),
        links="linked" in parts.get("artifact", ()),
        peace="contradicted" in parts.get("artifact", ()),
    )
