"""What SPDX 2.2 and 2.3 say in either spelling: packages, licences, who made the document and what it describes.

* Every package counts, also the one that the document describes; files and snippets do not.
* Licences are counted as written: the concluded one, else the declared one; NONE and NOASSERTION are none.
* Well-formed, and so passed: it says that it is SPDX of a version known here.
* The subjects are the packages that the document describes and that have a SHA-256, among the first 2,000 that do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.parts.tally import LISTED, Tally
from collector.formats.times import moment

if TYPE_CHECKING:
    from collector.formats.claim import Claim
    from collector.formats.limits import Limits

TITLE = "SPDX"

DOCUMENT = "SPDXRef-DOCUMENT"
DESCRIBES = "DESCRIBES"
PURL = "purl"
SHA256 = "SHA256"

_PREFIX = "SPDX-"
_VERSIONS = frozenset({"2.2", "2.3"})
_NO_LICENSE = frozenset({"", "NONE", "NOASSERTION"})
_TOOL = re.compile(r"Tool:\s*(.+)", re.DOTALL)
_TOOL_WITH_VERSION = re.compile(r"(.+?)-(v?\d+(?:\.\S*)?)")
"""`syft-1.13.0`: what follows the hyphen is a version where it is a number."""


@dataclass(slots=True)
class Package:
    """What a package says of itself; "" is nothing."""

    name: str = ""
    version: str = ""
    spdx_id: str = ""
    purl: str = ""
    concluded: str = ""
    declared: str = ""
    sha256: str = ""


@dataclass(slots=True)
class Document:
    """Takes what a document says, in any order, and makes the claim at its end."""

    limits: Limits
    version: str = ""
    created: str = ""
    _tally: Tally = field(init=False)
    _tool: tuple[str, str | None] | None = None
    _described: set[str] = field(default_factory=set)
    _digests: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin to count."""
        self._tally = Tally(self.limits)

    def creator(self, text: str) -> None:
        """Take one of the creators: the first `Tool: name-version` is the tool."""
        found = _TOOL.fullmatch(text[: self.limits.max_text_chars].strip())
        if found and self._tool is None:
            versioned = _TOOL_WITH_VERSION.fullmatch(found[1])
            self._tool = (versioned[1], versioned[2]) if versioned else (found[1], None)

    def package(self, package: Package) -> None:
        """Count a package."""
        self._tally.component(
            purl=package.purl or None,
            name=package.name,
            version=package.version or None,
            licenses=license_of(package.concluded, package.declared),
        )
        if package.sha256 and package.spdx_id and len(self._digests) < LISTED:
            self._digests[self._cut(package.spdx_id)] = self._cut(package.name), self._cut(package.sha256)

    def describes(self, spdx_id: str) -> None:
        """Take the identifier of an element that the document describes."""
        if len(self._described) < LISTED:
            self._described.add(self._cut(spdx_id))

    def claim(self) -> Claim:
        """Make the claim, at the end of the document."""
        tally = self._tally
        if self._tool is not None:
            tally.tool, tally.tool_version = self._tool
        tally.reported_at = moment(self.created)
        for spdx_id, (name, digest) in self._digests.items():
            if spdx_id in self._described:
                tally.product(name, digest)
        version = self._cut(self.version).removeprefix(_PREFIX)
        is_known = self.version.startswith(_PREFIX) and version in _VERSIONS
        return tally.claim(TITLE, spelling="spdx", version=version, passed=is_known)

    def _cut(self, text: str) -> str:
        return text[: self.limits.max_text_chars]


def license_of(concluded: str, declared: str) -> list[str]:
    """Return the licence that counts: the concluded one, else the declared one; of NONE and NOASSERTION nothing."""
    counts = concluded if concluded not in _NO_LICENSE else declared
    return [] if counts in _NO_LICENSE else [counts]


def is_purl(reference_type: str) -> bool:
    """Say whether that type of an external reference, by its name or its URL, is a package url."""
    return reference_type == PURL or reference_type.endswith(f"/{PURL}")
