"""Check the row of a passport against what was signed: every column, and the papers that are kept beside it.

Pure. What the register says of it was checked before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.core.passport import release_key
from shared.encoding import canonical, digest_text, sha256
from shared.judging.values import Target
from shared.passports import Passport


@dataclass(frozen=True, slots=True)
class Kept:
    """A passport's row, with what was asked and the facts as canonical JSON; `target` is service, namespace, where."""

    passport_id: str
    release_key: bytes
    supersedes: str | None
    target: tuple[str, str | None, str]
    digest: bytes
    mode: str
    decision: str
    proceed: bool
    headline: str
    evaluated_at: datetime
    valid_until: datetime
    release_id: str | None
    source_sha: str | None
    policies: str
    page: str
    request: bytes
    facts: bytes


def check_passport(row: Kept, passport: Passport) -> list[str]:
    """Give what differs between a row and its statement."""
    target, release = passport.target, passport.release
    named = Target(target.service, target.namespace, target.environment)
    digest = passport.artifact.removeprefix("sha256:")
    columns: dict[str, tuple[object, object]] = {
        "id": (row.passport_id, passport.passport_id),
        "release key": (row.release_key, release_key(named, digest)),
        "predecessor": (row.supersedes, passport.supersedes),
        "target": (row.target, (target.service, target.namespace, target.environment)),
        "digest": (row.digest.hex(), digest),
        "mode": (row.mode, passport.mode),
        "decision": (row.decision, passport.decision),
        "proceed": (row.proceed, passport.proceed),
        "headline": (row.headline, passport.headline),
        "times": ((row.evaluated_at, row.valid_until), (passport.evaluated_at, passport.valid_until)),
        "release": ((row.release_id, row.source_sha), (release.release_id, release.source_sha)),
        "policies": (row.policies, canonical([one.to_wire() for one in passport.policies]).decode()),
        "page": (row.page.partition(" ")[0], passport.decision),
        "request": (digest_text(sha256(row.request)), passport.request),
        "facts": (digest_text(sha256(row.facts)), passport.facts),
    }
    return [f"its {name} is not what was signed" for name, (here, there) in columns.items() if here != there]
