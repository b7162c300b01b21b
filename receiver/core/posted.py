"""What is posted, from its normalised fields to what is signed of it: attestations, runs, artifacts, and so on.

Pure. The fields are as they are answered: lowerCamelCase, enums upper-case, digests and commits in lower case, nothing
that was not said.
"""

from __future__ import annotations

from receiver.core.deployments import DeploymentStatus
from receiver.core.posting import Posted, Record
from receiver.core.runs import Conclusion, RunStatus, whole_run
from shared.encoding import JsonObject, JsonValue
from shared.judging.contradictions import typed
from shared.predicates import Claimed, ClaimType, Context

_BESIDE = "beside"
_CLAIMED_BESIDE = ("evidenceUrl", "source", "resourceType", "resourceId")
_ARTIFACT, _DEPLOYMENT = "Artifact", "Deployment"
_INGESTED_BESIDE = (
    "source", "externalId", "type", "namespace", "releaseId", "renderedManifestPath", "author", "requestedBy",
    "observedAt", "expiresAt",
)  # fmt: skip
PASSED = "passed"
"""The one status of ingested evidence that passes."""


def attestation(fields: JsonObject, cut: tuple[str, ...] = ()) -> Posted:
    """Make what is signed of a posted attestation; found again where `source` and `resourceId` say what it is of."""
    kind = ClaimType(str(fields["type"]))
    said = fields.get("evidence")
    evidence = typed(kind, said if isinstance(said, dict) else {})
    source, resource = _text(fields, "source"), _text(fields, "resourceId")
    natural = None
    if source is not None and resource is not None:
        about = [
            _text(fields, name) or "" for name in ("resourceType", "repositoryFullName", "commitSha", "artifactSha256")
        ]
        natural = (source, resource, kind.value, str(fields["name"]), *about, str(fields.get("prNumber", "")))
    return Posted(
        record=Record.ATTESTATION,
        fields={**fields, "evidence": evidence},
        context=_context(fields),
        type=kind,
        name=str(fields["name"]),
        passed=fields["passed"] is True,
        evidence=evidence,
        natural=natural,
        digest=_text(fields, "artifactSha256"),
        label=str(fields["name"]),
        details={name: fields[name] for name in _CLAIMED_BESIDE if name in fields},
        cut=cut,
    )


def artifact(fields: JsonObject, cut: tuple[str, ...] = ()) -> Posted:
    """Make what is signed of an artifact: that it was built, under which name and version, from which commit."""
    named = ("sha256", "repositoryFullName", "name", "version", "commitSha")
    return Posted(
        record=Record.ARTIFACT,
        fields=fields,
        context=_context(fields),
        type=ClaimType.BUILD_PROVENANCE,
        name=_ARTIFACT,
        passed=True,
        evidence=fields,
        natural=tuple(_text(fields, name) or "" for name in named),
        digest=_text(fields, "sha256"),
        status=_text(fields, "artifactType"),
        label=_text(fields, "name"),
        cut=cut,
    )


def run(fields: JsonObject, cut: tuple[str, ...] = (), beside: str | None = None) -> Posted:
    """Make what is signed of a pipeline run; it passed if it completed and its conclusion says so.

    `beside` is whose it is where another voice says otherwise of the run of this name: it is found again by both, and
    that is signed. Raises what `whole_run` does.
    """
    fields = whole_run(fields)
    status = RunStatus(str(fields["status"]))
    source, external = _text(fields, "source"), _text(fields, "externalId")
    return Posted(
        record=Record.RUN,
        fields=fields,
        context=_context(fields, commit="headSha", branch="headBranch", run=external),
        type=ClaimType.CUSTOM,
        name=str(fields["workflowName"]),
        passed=status is RunStatus.COMPLETED and fields.get("conclusion") == Conclusion.SUCCESS,
        evidence=fields,
        natural=None if external is None else (source or "", external, *(() if beside is None else (beside,))),
        status=status.value,
        label=str(fields["workflowName"]),
        details={} if beside is None else {_BESIDE: beside},
        cut=cut,
    )


def deployment(fields: JsonObject, cut: tuple[str, ...] = ()) -> Posted:
    """Make what is signed of a deployment; found again by source, external id, environment, service and namespace."""
    external = _text(fields, "externalId")
    named = ("source", "externalId", "environment", "service", "namespace")
    return Posted(
        record=Record.DEPLOYMENT,
        fields=fields,
        context=_context(fields),
        type=ClaimType.CUSTOM,
        name=_DEPLOYMENT,
        passed=fields["status"] == DeploymentStatus.SUCCESS,
        evidence=fields,
        natural=None if external is None else tuple(_text(fields, name) or "" for name in named),
        digest=_text(fields, "artifactSha256"),
        status=_text(fields, "status"),
        label=_text(fields, "service"),
        cut=cut,
    )


def ingested(fields: JsonObject, cut: tuple[str, ...] = (), voice: str | None = None) -> Posted:
    """Make what is signed of a piece of evidence that was ingested; only the status `passed` passes.

    The metrics of the closed types are their counts; those of every other type stay below `metrics`. With `voice` it
    is found again by the same voice alone: source and external id are any text, and whoever writes those of somebody
    else corrects nothing of theirs.
    """
    said, metrics = str(fields["type"]), fields.get("metrics")
    kind = ClaimType(said) if said in ClaimType.__members__ else ClaimType.CUSTOM
    evidence: JsonObject = {name: fields[name] for name in ("status", "summary", "url") if name in fields}
    if isinstance(metrics, dict):
        evidence = typed(kind, {**metrics, **evidence}) if kind == said else {**evidence, "metrics": metrics}
    named = ("source", "externalId", "type", "artifactSha256", "service", "namespace", "environment")
    return Posted(
        record=Record.INGESTED,
        fields=fields,
        context=_context(fields, commit="sourceSha"),
        type=kind,
        name=said,
        passed=fields["status"] == PASSED,
        evidence=evidence,
        natural=(*(() if voice is None else (voice,)), *(_text(fields, name) or "" for name in named)),
        digest=_text(fields, "artifactSha256"),
        status=_text(fields, "status"),
        label=said,
        details={name: fields[name] for name in _INGESTED_BESIDE if name in fields},
        cut=cut,
    )


def _context(
    fields: JsonObject, *, commit: str = "commitSha", branch: str = "branch", run: str | None = None
) -> Context:
    number: JsonValue = fields.get("prNumber")
    return Context(
        repository=_text(fields, "repositoryFullName"),
        commit=_text(fields, commit),
        branch=_text(fields, branch),
        pr_number=number if isinstance(number, int) else None,
        run=run,
        service=_text(fields, "service"),
        environment=_text(fields, "environment"),
    )


def _text(fields: JsonObject, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


BUILDERS = {
    Record.ATTESTATION: attestation,
    Record.ARTIFACT: artifact,
    Record.RUN: run,
    Record.DEPLOYMENT: deployment,
    Record.INGESTED: ingested,
}
"""What makes each record, by its kind."""


def is_beside(details: JsonObject) -> str | None:
    """Say by what was signed beside it whose run it is, beside that of another voice; None for any other."""
    return _text(details, _BESIDE)


def anew(kind: Record, fields: JsonObject, claimed: Claimed) -> Posted:
    """Make what was posted anew from the fields of its record, by whom it was signed to be; raises what builders do."""
    if kind is Record.INGESTED:
        return ingested(fields, claimed.cut, claimed.token.voice)
    if kind is Record.RUN:
        return run(fields, claimed.cut, is_beside(claimed.details))
    return BUILDERS[kind](fields, claimed.cut)
