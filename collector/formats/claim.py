"""What a file says, as a value: type, name, verdict and evidence of one claim; and a verdict's thresholds.

Invariants: a claim is made once and never changed; its lists are already cut at the lengths of
docs/formats.md, and a cut list `x` is always followed by `xOmitted`, the number of entries left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.predicates import Basis, ClaimType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.encoding import JsonObject, JsonValue

__all__ = ["Basis", "Claim", "ClaimType", "Severity", "Thresholds", "cut_list"]


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst; grows as it gets milder."""
        return _RANKS[self.value]


_RANKS = {level.value: rank for rank, level in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim read out of one file, before disclosure cuts it.

    `name` comes from the tool or the format; `evidence` has the typed fields of docs/formats.md; `subjects`
    are (name or None, SHA-256 as 64 lower-case hex digits) of artifacts that the claim is about, where the
    file says so.
    """

    type: ClaimType
    name: str
    basis: Basis
    passed: bool
    evidence: Mapping[str, JsonValue]
    subjects: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the line is drawn: the mildest severity that fails a scan, the least percentage of lines."""

    fail_on: Severity = Severity.HIGH
    min_coverage: float | None = None


def cut_list(evidence: JsonObject, field: str, values: Sequence[JsonValue], total: int) -> None:
    """Put a list that is already cut into the evidence, and how many of `total` entries were left out."""
    evidence[field] = list(values)
    if total > len(values):
        evidence[f"{field}Omitted"] = total - len(values)
