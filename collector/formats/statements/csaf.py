"""CSAF 2.0 and 2.1 (OASIS): security advisories and VEX documents, vulnerabilities by what they mean for products.

What counts are the vulnerabilities, each under every status that some product has (section 3.2.3.9): known
affected, first affected and last affected are `affected`; fixed and first fixed are `fixed`. Basis is `carried`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, BinaryIO, cast

from collector.formats.claim import Basis, Claim, ClaimType
from collector.formats.json_events import EACH, Kind, json_events
from collector.formats.statements.carried import VEX_STATUSES, Kept, whole
from collector.formats.times import moment
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

TITLE = "CSAF"

_VERSIONS = frozenset({"2.0", "2.1"})
_FIELDS: frozenset[Path] = frozenset(
    {
        ("document", "category"),
        ("document", "csaf_version"),
        ("document", "tracking", "current_release_date"),
        ("document", "tracking", "generator", "engine", "name"),
        ("document", "tracking", "generator", "engine", "version"),
    }
)
_VULNERABILITY: Path = ("vulnerabilities", EACH)
_STATUS: Path = (*_VULNERABILITY, "product_status")
_WORDS = {
    "known_not_affected": "notAffected",
    "known_affected": "affected",
    "first_affected": "affected",
    "last_affected": "affected",
    "fixed": "fixed",
    "first_fixed": "fixed",
    "recommended": "fixed",
    "under_investigation": "underInvestigation",
    "unknown": "underInvestigation",
}
_HINT = "make the document again as CSAF 2.0"


def recognise(head: Head) -> bool:
    """Say whether the document names a version of CSAF, known here or not."""
    return bool(head.text("document", "csaf_version")) or (
        ("document", "tracking") in head.keys and ("document", "publisher") in head.keys
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the vulnerabilities by status; raises `MalformedError`."""
    del thresholds
    kept = Kept(stream)
    said: dict[Path, Scalar] = {}
    counts: Counter[str] = Counter()
    found: set[str] = set()
    vulnerabilities = 0
    for event in json_events(cast("BinaryIO", kept), limits):
        path = event.path
        if path in _FIELDS:
            said[path] = event.value
        elif path == _VULNERABILITY:
            if event.kind is Kind.MAP:
                vulnerabilities, found = vulnerabilities + 1, set()
            elif event.kind is Kind.MAP_END:
                counts.update(found)
            else:
                raise MalformedError(Code.BAD_SYNTAX, "an item of /vulnerabilities is not an object", _HINT)
        elif path[:3] == _STATUS and len(path) == len(_STATUS) + 2 and event.kind is Kind.VALUE:
            word = _WORDS.get(str(path[3]))
            if word is None:
                raise MalformedError(
                    Code.BAD_SYNTAX,
                    f"/vulnerabilities/{vulnerabilities - 1}/product_status: a status that CSAF does not know",
                    _HINT,
                )
            found.add(word)
    return _claim(said, vulnerabilities, counts, kept.document, limits)


def _claim(
    said: dict[Path, Scalar], vulnerabilities: int, counts: Counter[str], document: bytes | None, limits: Limits
) -> Claim:
    version, category = said.get(("document", "csaf_version")), said.get(("document", "category"))
    if version not in _VERSIONS or not isinstance(category, str) or not category:
        raise MalformedError(Code.BAD_SYNTAX, "/document: csaf_version 2.0 or 2.1 and a category are needed", _HINT)
    evidence: JsonObject = {"format": "csaf", "specVersion": version, "vulnerabilities": vulnerabilities}
    evidence |= {name: counts[name] for name in VEX_STATUSES.values()}
    engine: Path = ("document", "tracking", "generator", "engine")
    for name, path in (("tool", (*engine, "name")), ("toolVersion", (*engine, "version"))):
        if isinstance(text := said.get(path), str) and text:
            evidence[name] = text[: limits.max_text_chars]
    if reported_at := moment(said.get(("document", "tracking", "current_release_date"))):
        evidence["reportedAt"] = reported_at
    return Claim(
        type=ClaimType.VEX,
        name=TITLE,
        basis=Basis.CARRIED,
        passed=vulnerabilities > 0,
        evidence=evidence | whole(document),
    )
