"""Counts the parts of a product and makes the claim; a format only says what it found.

A part is listed by its package url, else as `name@version`. Licences are counted as written, once for each
part that has them. Memory is bounded: by 2,000 parts that are listed, and by the distinct licences.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim, ClaimType, cut_list
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

LISTED = 2_000
LISTED_LICENSES = 200

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(slots=True)
class Tally:
    """Takes the parts of a document and makes the claim at its end.

    `tool` and `tool_version` where the file says so, `reported_at` as `collector.formats.times` gives it;
    `vulnerabilities` counts those that are listed in the document.
    """

    limits: Limits
    tool: str | None = None
    tool_version: str | None = None
    reported_at: str | None = None
    vulnerabilities: int = 0
    _count: int = 0
    _named: int = 0
    _listed: list[JsonValue] = field(default_factory=list)
    _licenses: Counter[str] = field(default_factory=Counter)
    _subjects: dict[str, str | None] = field(default_factory=dict)

    def component(
        self, *, purl: str | None = None, name: str = "", version: str | None = None, licenses: Iterable[str] = ()
    ) -> None:
        """Count one part."""
        self._count += 1
        listed = purl or (f"{name}@{version}" if name and version else name)
        if listed:
            self._named += 1
            if len(self._listed) < LISTED:
                self._listed.append(listed[: self.limits.max_text_chars])
        self.licensed(licenses)

    def licensed(self, licenses: Iterable[str]) -> None:
        """Count the licences of one part, where they are known only behind it."""
        for text in {text[: self.limits.max_text_chars] for text in licenses}:
            self._licenses[text] += 1
        if len(self._licenses) > self.limits.max_tracked:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {self.limits.max_tracked} licences")

    def product(self, name: str | None, sha256: str) -> None:
        """Name the product that the document is about by its SHA-256 in hex; what is no such digest is left out."""
        if _SHA256.fullmatch(sha256):
            self._subjects.setdefault(sha256.lower(), name)

    def claim(self, title: str, *, spelling: str, version: str, passed: bool) -> Claim:
        """Make the claim: `spelling` and `version` of the document, and whether it is well-formed."""
        evidence: JsonObject = {"format": spelling, "specVersion": version, "componentCount": self._count}
        cut_list(evidence, "components", self._listed, self._named)
        licenses = self._licenses.most_common(LISTED_LICENSES)
        evidence["licenses"] = dict(licenses)
        if len(self._licenses) > len(licenses):
            evidence["licensesOmitted"] = len(self._licenses) - len(licenses)
        if self.vulnerabilities:
            evidence["vulnerabilities"] = self.vulnerabilities
        said = (("tool", self.tool), ("toolVersion", self.tool_version), ("reportedAt", self.reported_at))
        evidence |= {name: value for name, value in said if value}
        return Claim(
            type=ClaimType.SBOM,
            name=title,
            basis=Basis.MEASURED,
            passed=passed,
            evidence=evidence,
            subjects=tuple((name, digest) for digest, name in self._subjects.items()),
        )
