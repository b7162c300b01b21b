"""The names that an expression in a policy may use, and what each holds.

Source: policy.md sections 1 and 2. Invariants: a name that is not declared is refused when a policy is uploaded; names
under `evidence.` are touched by whoever names them, so that one that is missing or cut is never passed over.
A list `x` that was cut comes with `xOmitted`, how many entries are left out.

`where` sees one group: `evidence.<field>` of the rule's type and `group.size`. `expect` sees the request in the words
of its JSON (`rollback.available`, `service.name`), with `signed`, `basis` and `ageSeconds` beside what better evidence
than the request may say; `artifact.linked` and `artifact.contradicted`; and for each type what a rule of it would
count, all its groups together: `evidence.TEST_RESULTS.failed`, and beside the fields `effectivePass`, `signed`,
`basis`, `ageSeconds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from shared.predicates import ClaimType


class Holds(Enum):
    """What stands behind a name."""

    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"
    TEXT = "a text"
    LIST = "a list"
    MAP = "an object"
    ANY = "anything"


_COMMON = {"tool": Holds.TEXT, "toolVersion": Holds.TEXT, "reportedAt": Holds.TEXT, "unreadable": Holds.TEXT}
_CARRIED = {
    **dict.fromkeys(("statements", "subjects", "signatures"), Holds.WHOLE),
    "signaturesChecked": Holds.FLAG,
    **dict.fromkeys(("sourceCommit", "predicateType", "builder"), Holds.TEXT),
}


def _whole(*names: str) -> dict[str, Holds]:
    return dict.fromkeys(names, Holds.WHOLE)


FIELDS: Mapping[ClaimType, Mapping[str, Holds]] = MappingProxyType(
    {
        ClaimType.TEST_RESULTS: {
            **_COMMON,
            **_whole("totalTests", "passed", "failed", "errors", "skipped", "flaky"),
            "durationSeconds": Holds.NUMBER,
            "declaredTotals": Holds.MAP,
            **dict.fromkeys(("suites", "failedTests", "failedCases"), Holds.LIST),
        },
        ClaimType.COVERAGE: {
            **_COMMON,
            "coverage": Holds.NUMBER,
            **_whole("linesCovered", "linesTotal", "branchesCovered", "branchesTotal"),
            "files": Holds.LIST,
        },
        ClaimType.SECURITY_SCAN: {
            **_COMMON,
            **_whole("critical", "high", "medium", "low", "info", "total", "fixable"),
            **_whole("suppressed", "undecided", "runs", "runsWithoutResults"),
            "executionSuccessful": Holds.FLAG,
            "complete": Holds.FLAG,
            **dict.fromkeys(("rules", "findings"), Holds.LIST),
        },
        ClaimType.SBOM: {
            **_COMMON,
            **dict.fromkeys(("format", "specVersion", "documentSha256"), Holds.TEXT),
            **_whole("componentCount", "vulnerabilities"),
            "components": Holds.LIST,
            "licenses": Holds.MAP,
        },
        ClaimType.BUILD_PROVENANCE: {
            **_COMMON,
            **dict.fromkeys(("sha256", "name"), Holds.TEXT),
            **_whole("size", "images"),
            **_CARRIED,
        },
        ClaimType.VEX: {
            **_COMMON,
            **dict.fromkeys(("format", "specVersion"), Holds.TEXT),
            **_whole("notAffected", "affected", "fixed", "underInvestigation", "vulnerabilities"),
            **_CARRIED,
        },
    }
)
"""The typed fields by claim type. Of the types that do not stand here nobody knows the fields: each name is taken."""

_INGESTED = {"status": Holds.TEXT, "summary": Holds.TEXT, "metrics": Holds.MAP}
_RUNTIME: Mapping[str, Mapping[str, Holds]] = MappingProxyType(
    {
        "health": {"ready": Holds.FLAG},
        "rollback": {"available": Holds.FLAG, "verified": Holds.FLAG},
    }
)
RUNTIME = frozenset(_RUNTIME)
"""The types of evidence on how a target is now, which ages in minutes."""

_SAID = {"signed": Holds.FLAG, "basis": Holds.TEXT, "ageSeconds": Holds.WHOLE}
_REQUEST: Mapping[str, Holds] = MappingProxyType(
    {
        **dict.fromkeys(("service.name", "service.namespace", "service.environment", "artifact.digest"), Holds.TEXT),
        **dict.fromkeys(("release.releaseId", "release.sourceSha"), Holds.TEXT),
        **dict.fromkeys(("release.author", "release.requestedBy", "mode", "policy"), Holds.TEXT),
        **dict.fromkeys(("health.ready", "health.requireHealthyTarget", "canary"), Holds.FLAG),
        **dict.fromkeys(("rollback.available", "rollback.verified"), Holds.FLAG),
        **{f"{kind}.{name}": holds for kind in ("health", "rollback") for name, holds in _SAID.items()},
        "artifact.linked": Holds.FLAG,
        "artifact.contradicted": Holds.FLAG,
        "context": Holds.MAP,
    }
)
_PREFIX = "evidence."


def fields_of(kind: str) -> Mapping[str, Holds] | None:
    """Give the fields that evidence of a type has; None where each name is taken."""
    try:
        return FIELDS.get(ClaimType(kind))
    except ValueError:
        return {**_INGESTED, **_RUNTIME.get(kind, {})}


def in_where(kind: str, named: Iterable[str]) -> dict[str, Holds]:
    """Declare the names for a rule's `where`; `named` are the dotted names in its text."""
    fields = fields_of(kind)
    if fields is None:
        fields = {field.partition(".")[0]: Holds.ANY for field in _evidence(named)}
    return {"group.size": Holds.WHOLE} | {_PREFIX + name: holds for name, holds in fields.items()}


def in_expect(named: Iterable[str]) -> dict[str, Holds]:
    """Declare the names for an `expect`; `named` are the dotted names in its text."""
    declared = dict(_REQUEST)
    for field in _evidence(named):
        kind, _, name = field.partition(".")
        if not name or (kind.isupper() and kind not in ClaimType.__members__):
            continue
        known = fields_of(kind)
        if known is None:
            known = {name.partition(".")[0]: Holds.ANY}
        known = {"effectivePass": Holds.FLAG, **known, **_SAID}
        declared |= {f"{_PREFIX}{kind}.{one}": holds for one, holds in known.items()}
    return declared


def _evidence(named: Iterable[str]) -> set[str]:
    return {name.removeprefix(_PREFIX) for name in named if name.startswith(_PREFIX)}
