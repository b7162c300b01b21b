"""How what was posted is answered: runs, artifacts, deployments, each with who says so and what speaks against it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field

from receiver import lookup
from receiver.core.deployments import DeploymentStatus, due
from receiver.core.placing import Status
from receiver.core.runs import Conclusion, RunStatus, StepStatus
from receiver.record import Stored
from receiver.web.answers import LEFT_OUT, AnswerModel
from receiver.web.api_v1.asking import Contradiction, SaidBy, shown_contradiction
from receiver.web.api_v1.fields import Free
from shared.encoding import digest_text
from shared.errors import Code
from shared.fields import Count, DigestText, Timestamp

_Text = Annotated[str | None, LEFT_OUT]
_Number = Annotated[int | None, LEFT_OUT]
_Time = Annotated[Timestamp | None, LEFT_OUT]
_Object = Annotated[Free | None, LEFT_OUT]
_Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


class Standing(AnswerModel):
    """How something that was posted stands now; what is held helps no decision."""

    status: Status
    code: Code | None
    """Why it is held; null where it is not."""
    released_by: Annotated[Count | None, LEFT_OUT]
    """The number in the register of the statement by which it counts, where it was held and released."""


class Recorded(AnswerModel):
    """What every record has."""

    id: str
    attestation_id: DigestText
    """The newest signed word on it: the SHA-256 of what the receiver signed."""
    said_by: SaidBy
    """Who says so: the token that it came with last."""
    standing: Standing
    """Whether that counts. A run stands by every word on it: it goes on from what was said before."""
    contradictions: tuple[Contradiction, ...]
    """What speaks against it."""
    supersedes: str | None
    """The record that this one corrects."""
    superseded_by: str | None
    """The record that corrects this one, and counts instead of it."""
    received_at: Timestamp
    updated_at: Timestamp
    cut: Annotated[tuple[str, ...] | None, LEFT_OUT]
    """In the answer to a post: the fields in which secrets were masked before anything was stored."""


class Step(AnswerModel):
    """A step of a run."""

    name: str
    status: Annotated[StepStatus, Field(strict=False)]
    started_at: _Time
    completed_at: _Time
    duration_seconds: Annotated[float | None, LEFT_OUT]
    number: _Number


class Run(Recorded):
    """A pipeline run as it stands."""

    workflow_name: str
    status: Annotated[RunStatus, Field(strict=False)]
    conclusion: Annotated[Conclusion | None, Field(default=None, strict=False), LEFT_OUT]
    source: _Text
    external_id: _Text
    repository_full_name: _Text
    head_sha: _Text
    head_branch: _Text
    pr_number: _Number
    event: _Text
    triggered_by: _Text
    run_url: _Text
    started_at: _Time
    completed_at: _Time
    duration_seconds: Annotated[float | None, LEFT_OUT]
    """As it was said; where it was not, from the two times."""
    steps: Annotated[tuple[Step, ...] | None, LEFT_OUT]


class Artifact(Recorded):
    """A build artifact."""

    name: str
    sha256: _Sha256
    digest: DigestText
    """The same with sha256: before it."""
    version: _Text
    repository_full_name: _Text
    artifact_type: _Text
    artifact_type_label: _Text
    """What was said where the type is none of the list."""
    commit_sha: _Text
    branch: _Text
    registry: _Text
    pr_number: _Number
    source: _Text
    ci_context: _Object


class Deployment(Recorded):
    """A deployment, or the announcement of one."""

    environment: str
    status: Annotated[DeploymentStatus, Field(strict=False)]
    authorized: bool | None
    """Whether the passport in force when it was received allowed it; null of what was only announced or ended."""
    authorized_reason: _Text
    """Why, naming the passport."""
    missing: bool
    """It was announced, its time is over, and it has not come."""
    expected_until: _Time
    """Of an announcement: until when it may come before it is missing."""
    environment_type: _Text
    service: _Text
    namespace: _Text
    artifact_sha256: Annotated[_Sha256 | None, Field(default=None, alias="artifactSha256"), LEFT_OUT]
    repository_full_name: _Text
    commit_sha: _Text
    ref: _Text
    deployed_by: _Text
    external_id: _Text
    description: _Text
    started_at: _Time
    completed_at: _Time
    passport_id: _Text
    source: _Text
    ci_context: _Object
    metadata: _Object


_R = TypeVar("_R", bound=Recorded)


def shown_run(view: lookup.RecordView) -> Run:
    """Write a run."""
    return _shown(Run, view, {})


def shown_artifact(view: lookup.RecordView) -> Artifact:
    """Write an artifact."""
    return _shown(Artifact, view, {"digest": f"sha256:{view.row.fields['sha256']}"})


def shown_deployment(view: lookup.RecordView, now: datetime) -> Deployment:
    """Write a deployment as it stands now: whether it is missing depends on the time."""
    row = view.row
    announced = row.fields.get("status") == DeploymentStatus.EXPECTED
    allowed = view.authorized
    added: dict[str, Any] = {"missing": row.awaited_until is not None and row.awaited_until < now, "authorized": None}
    if allowed is not None:
        added |= {"authorized": allowed.authorized, "authorizedReason": allowed.reason}
    return _shown(Deployment, view, added | ({"expectedUntil": due(row.fields, row.created_at)} if announced else {}))


def view_of(stored: Stored) -> lookup.RecordView:
    """What was stored, as reads give it."""
    return lookup.RecordView(stored.record, stored.attestation_id, stored.against, stored.standing, stored.authorized)


def with_cut(answer: _R, stored: Stored) -> _R:
    """Say in the answer to a post which fields held a secret."""
    return answer.model_copy(update={"cut": stored.cut})


def _shown(model: type[_R], view: lookup.RecordView, added: dict[str, Any]) -> _R:
    row = view.row
    fields: dict[str, Any] = {**row.fields}
    if isinstance(steps := fields.get("steps"), list):
        fields["steps"] = tuple(steps)
    return model.model_validate(
        {
            **fields,
            **added,
            "id": row.record_id,
            "attestationId": digest_text(view.attestation_id),
            "saidBy": SaidBy(kind="token", id=row.token_id),
            "standing": Standing(
                status=view.standing.status, code=view.standing.code, released_by=view.standing.released_by
            ),
            "contradictions": tuple(shown_contradiction(one) for one in view.against),
            "supersedes": row.supersedes,
            "supersededBy": row.superseded_by,
            "receivedAt": row.created_at,
            "updatedAt": row.updated_at,
        }
    )
