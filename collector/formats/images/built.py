"""Images that a build tool says it made, as one claim: which digests, under which names, built by what.

Rules for all formats of this group: a digest is SHA-256 in 64 hex digits and not all zero, or the file is
refused; passed is a file that names at least one image. The commit comes from the context beside the file:
the claim links both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim, ClaimType
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

MAX_IMAGES = 1_000

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_HINT = "an image digest is sha256: and 64 hex digits"


@dataclass(slots=True)
class Images:
    """Takes the images of a file and makes the claim at its end; `builder` is what made them, where it is said."""

    limits: Limits
    builder: str | None = None
    size: int | None = None
    _found: dict[tuple[str | None, str], None] = field(default_factory=dict)

    def take(self, name: str | None, digest: object, where: str) -> None:
        """Take one image; raises `MalformedError` that names the place, where its digest is none."""
        found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if found is None or not found[1].strip("0"):
            raise MalformedError(Code.BAD_SYNTAX, f"{where}: not a digest of an image", _HINT)
        self._found[name and name[: self.limits.max_text_chars], found[1]] = None
        if len(self._found) > MAX_IMAGES:
            raise MalformedError(Code.TOO_LARGE, f"there are more than {MAX_IMAGES} images")

    def claim(self, title: str) -> Claim:
        """Make the claim; raises `MalformedError` where there is no image."""
        if not self._found:
            raise MalformedError(Code.BAD_SYNTAX, "there is no image in this file", _HINT)
        digests = {digest for _, digest in self._found}
        evidence: JsonObject = {"images": len(digests)}
        if len(digests) == 1:
            evidence["sha256"] = next(iter(digests))
            if self.size is not None:
                evidence["size"] = self.size
        names = [name for name, _ in self._found if name]
        if names:
            evidence["name"] = ", ".join(names)
        if self.builder:
            evidence["builder"] = self.builder[: self.limits.max_text_chars]
        return Claim(
            type=ClaimType.BUILD_PROVENANCE,
            name=title,
            basis=Basis.MEASURED,
            passed=True,
            evidence=evidence,
            subjects=tuple(self._found),
        )
