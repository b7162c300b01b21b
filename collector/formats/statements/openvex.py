"""OpenVEX documents: which vulnerabilities do not matter for which products, by status of their statements.

Source: github.com/openvex/spec, OPENVEX-SPEC.md. What counts are the statements; basis is `carried`.
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
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

TITLE = "OpenVEX"

_CONTEXT = "https://openvex.dev/ns"
_STATEMENT: Path = ("statements", EACH)
_HINT = "see the OpenVEX specification, 0.2.0"


def recognise(head: Head) -> bool:
    """Say whether the document's context is OpenVEX's."""
    return head.text("@context").startswith(_CONTEXT)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the statements by status; raises `MalformedError` for a status that the specification does not know."""
    del thresholds
    kept = Kept(stream)
    counts: Counter[str] = Counter()
    statements, reported_at, has_list = 0, None, False
    for event in json_events(cast("BinaryIO", kept), limits):
        if event.path == ("statements",):
            has_list = has_list or event.kind is Kind.ARRAY
        elif event.path == _STATEMENT:
            if event.kind not in {Kind.MAP, Kind.MAP_END}:
                raise MalformedError(Code.BAD_SYNTAX, f"/statements/{statements} is not an object", _HINT)
            statements += event.kind is Kind.MAP
        elif event.path == (*_STATEMENT, "status"):
            name = VEX_STATUSES.get(event.value) if isinstance(event.value, str) else None
            if name is None:
                raise MalformedError(Code.BAD_SYNTAX, f"/statements/{statements - 1}/status is not known", _HINT)
            counts[name] += 1
        elif event.path == ("timestamp",):
            reported_at = moment(event.value)
    if not has_list or counts.total() != statements:
        raise MalformedError(Code.BAD_SYNTAX, "/statements: a list of objects, each with a status, is expected", _HINT)
    evidence: JsonObject = {"format": "openvex", "statements": statements}
    evidence |= {name: counts[name] for name in VEX_STATUSES.values()}
    if reported_at is not None:
        evidence["reportedAt"] = reported_at
    return Claim(
        type=ClaimType.VEX,
        name=TITLE,
        basis=Basis.CARRIED,
        passed=statements > 0,
        evidence=evidence | whole(kept.document),
    )
