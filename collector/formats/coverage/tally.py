"""Counts covered lines and makes the claim; a format only says which lines were hit.

Rules for all formats: a line of a file counts once, however often it is reported, and is covered if it was
hit in any of them; of a line's branches the largest numbers count. The percentage is never rounded up to
100. Where nothing was measured there is no `coverage` field, and it has not passed if a minimum is set.

Lines are held as bits, 64 to an integer. Past `max_tracked` integers what is held is added up and forgotten:
a line that comes again after that counts again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim, ClaimType, cut_list
from collector.formats.numbers import percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Thresholds
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

LISTED = 500

_BLOCK = 64
_HIT_LINE = 1 | 1 << _BLOCK
_SEEN_BITS = (1 << _BLOCK) - 1


@dataclass(slots=True)
class Sums:
    """Lines and branches, covered and all."""

    covered: int = 0
    total: int = 0
    branches_covered: int = 0
    branches: int = 0

    def add(self, other: Sums) -> None:
        """Add those of another part of the report."""
        self.covered += other.covered
        self.total += other.total
        self.branches_covered += other.branches_covered
        self.branches += other.branches

    def put(self, evidence: JsonObject) -> None:
        """Write the evidence fields."""
        if self.total:
            evidence["coverage"] = percent(self.covered, self.total)
        evidence["linesCovered"], evidence["linesTotal"] = self.covered, self.total
        if self.branches:
            evidence["branchesCovered"], evidence["branchesTotal"] = self.branches_covered, self.branches


@dataclass(slots=True)
class _File:
    """The lines of one file: by block, a bit for each that was seen, and 64 bits up for each that was hit."""

    blocks: dict[int, int] = field(default_factory=dict)
    branches: dict[int, tuple[int, int]] = field(default_factory=dict)
    loose: Sums = field(default_factory=Sums)

    def sums(self) -> Sums:
        sums = Sums(
            covered=sum((bits >> _BLOCK).bit_count() for bits in self.blocks.values()),
            total=sum((bits & _SEEN_BITS).bit_count() for bits in self.blocks.values()),
            branches_covered=sum(covered for covered, _ in self.branches.values()),
            branches=sum(total for _, total in self.branches.values()),
        )
        sums.add(self.loose)
        return sums


@dataclass(slots=True)
class Tally:
    """Takes lines, or sums where a report has no lines, file by file in any order, and makes the claim at its end.

    `tool` and `tool_version` where the file says so, `reported_at` as `collector.formats.times` gives it.
    `declared` and `declared_rate` (0 to 1) are what the report says of itself; they count only where there is
    neither a line nor a sum.
    """

    limits: Limits
    tool: str | None = None
    tool_version: str | None = None
    reported_at: str | None = None
    declared: Sums | None = None
    declared_rate: float | None = None
    _sums: Sums = field(default_factory=Sums)
    _files: dict[str, _File] = field(default_factory=dict)
    _tracked: int = 0
    _listed: dict[str, Sums] = field(default_factory=dict)
    _unlisted: int = 0

    def line(self, file: str, number: int | None, *, hit: bool, branches_covered: int = 0, branches: int = 0) -> None:
        """Take one line of a file; without a number it cannot be told from another and counts for itself."""
        lines = self._file(file)
        branches_covered = min(branches_covered, branches)
        if number is None:
            lines.loose.add(Sums(int(hit), 1, branches_covered, branches))
            return
        block, place = divmod(number, _BLOCK)
        before = lines.blocks.get(block, 0)
        lines.blocks[block] = before | 1 << place | int(hit) << _BLOCK + place
        self._tracked += not before
        if branches:
            known = lines.branches.get(number, (0, 0))
            lines.branches[number] = max(known[0], branches_covered), max(known[1], branches)
            self._tracked += known == (0, 0)
        if self._tracked > self.limits.max_tracked:
            self.settle()

    def lines(self, file: str, hits: Mapping[int, bool]) -> None:
        """Take lines of a file by their numbers, as `line` does, many at a time."""
        found: dict[int, int] = {}
        for number, hit in hits.items():
            block, place = number // _BLOCK, number % _BLOCK
            found[block] = found.get(block, 0) | (_HIT_LINE if hit else 1) << place
        for block, bits in found.items():
            lines = self._file(file)
            before = lines.blocks.get(block, 0)
            lines.blocks[block] = before | bits
            self._tracked += not before
            if self._tracked > self.limits.max_tracked:
                self.settle()

    def summed(self, file: str, sums: Sums) -> None:
        """Take the sums of a file, or of a part of it, from a report that has no lines; they are added up."""
        self._file(file).loose.add(
            Sums(min(sums.covered, sums.total), sums.total, min(sums.branches_covered, sums.branches), sums.branches)
        )

    def settle(self) -> None:
        """Add up what is held and forget it, for a report in which nothing that follows is about the same lines."""
        for name, lines in self._files.items():
            sums = lines.sums()
            self._sums.add(sums)
            if name in self._listed:
                self._listed[name].add(sums)
            elif len(self._listed) < LISTED:
                self._listed[name] = sums
            else:
                self._unlisted += 1
        self._files, self._tracked = {}, 0

    def claim(self, title: str, thresholds: Thresholds) -> Claim:
        """Make the claim."""
        self.settle()
        evidence: JsonObject = {}
        if not self._sums.total and self.declared is not None:
            self.declared.put(evidence)
        elif not self._sums.total and self.declared_rate is not None:
            evidence["coverage"] = min(round(100 * self.declared_rate, 2), 99.99 if self.declared_rate < 1 else 100.0)
        else:
            self._sums.put(evidence)
        files: list[JsonValue] = [
            {"path": name, "covered": sums.covered, "total": sums.total} for name, sums in self._listed.items()
        ]
        if files:
            cut_list(evidence, "files", files, len(files) + self._unlisted)
        said = (("tool", self.tool), ("toolVersion", self.tool_version), ("reportedAt", self.reported_at))
        evidence |= {name: value for name, value in said if value}
        coverage = evidence.get("coverage")
        is_enough = isinstance(coverage, float) and coverage >= (thresholds.min_coverage or 0.0)
        return Claim(
            type=ClaimType.COVERAGE,
            name=self.tool or title,
            basis=Basis.MEASURED,
            passed=is_enough or thresholds.min_coverage is None,
            evidence=evidence,
        )

    def _file(self, name: str) -> _File:
        name = name[: self.limits.max_text_chars]
        lines = self._files.get(name)
        if lines is None:
            if self._tracked >= self.limits.max_tracked:
                self.settle()
            self._tracked += 1
            lines = self._files[name] = _File()
        return lines
