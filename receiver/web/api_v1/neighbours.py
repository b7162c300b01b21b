"""How everything around something is answered: PR, commit, run, attestation, artifact, deployment, and who says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from receiver import explore
from receiver.web.answers import LEFT_OUT, AnswerModel
from receiver.web.api_v1.asking import Attestation, Contradiction, SaidBy, shown_attestation
from receiver.web.api_v1.recorded import (
    Artifact,
    Deployment,
    Recorded,
    Run,
    shown_artifact,
    shown_deployment,
    shown_run,
)
from shared.fields import Count, DigestText

_T = TypeVar("_T", bound=AnswerModel)
_MAX_NAMED = 50


class Some(AnswerModel, Generic[_T]):
    """The newest of a kind, and how many more there are: counted to 200 for each digest, commit or pull request."""

    items: tuple[_T, ...]
    left_out: Count

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the list after what is in it."""
        return "Some" + str(params[0].__name__)


class NamedPullRequest(AnswerModel):
    """A pull request that was named, and by whom."""

    repository_full_name: Annotated[str | None, LEFT_OUT]
    pr_number: int
    said_by: tuple[SaidBy, ...]


class NamedCommit(AnswerModel):
    """A commit that was named, and by whom; an abbreviated one links nothing."""

    commit_sha: str
    said_by: tuple[SaidBy, ...]


class NamedDigest(AnswerModel):
    """The digest of a file that was named, and by whom."""

    digest: DigestText
    said_by: tuple[SaidBy, ...]


class LinkedAttestation(Attestation):
    """An attestation, and what it hangs on."""

    linked_by: tuple[str, ...]
    """Digests of files, commits, pull requests (acme/api#42), repositories, components."""


class Objection(Contradiction):
    """What speaks against something that is shown here."""

    against: str
    """The id of what it speaks against."""


class Around(AnswerModel):
    """Everything that hangs together with something, the newest of each kind first."""

    pull_requests: tuple[NamedPullRequest, ...]
    commits: tuple[NamedCommit, ...]
    digests: tuple[NamedDigest, ...]
    runs: Some[Run]
    attestations: Some[LinkedAttestation]
    artifacts: Some[Artifact]
    deployments: Some[Deployment]
    contradictions: tuple[Objection, ...]


class Found(Around):
    """What was found, and as what."""

    q: str
    matched: tuple[str, ...]
    """What the text names: digest, commit, pullRequest, repository, artifact, component, or what it is the id of."""


class ArtifactInFull(Artifact):
    """An artifact, and everything that touches its digest."""

    provenance: Around


def shown_around(found: explore.Around, now: datetime) -> Around:
    """Write everything around something."""
    runs = tuple(shown_run(one) for one in found.runs.items)
    artifacts = tuple(shown_artifact(one) for one in found.artifacts.items)
    deployments = tuple(shown_deployment(one, now) for one in found.deployments.items)
    attestations = tuple(
        LinkedAttestation(**dict(shown_attestation(one.view)), linked_by=one.linked_by)
        for one in found.attestations.items
    )
    named = _Named()
    for attestation in attestations:
        about = attestation.context
        digests = [one for one in attestation.linked_by if one.startswith("sha256:")]
        named.add(attestation.said_by, about.commit, about.repository, about.pr_number, digests)
    for run in runs:
        named.add(run.said_by, run.head_sha, run.repository_full_name, run.pr_number, [])
    for artifact in artifacts:
        named.add(
            artifact.said_by,
            artifact.commit_sha,
            artifact.repository_full_name,
            artifact.pr_number,
            [artifact.digest],
        )
    for deployment in deployments:
        digest = [] if deployment.artifact_sha256 is None else [f"sha256:{deployment.artifact_sha256}"]
        named.add(deployment.said_by, deployment.commit_sha, deployment.repository_full_name, None, digest)
    shown: list[Recorded | Attestation] = [*runs, *attestations, *artifacts, *deployments]
    return Around(
        pull_requests=tuple(
            NamedPullRequest(repository_full_name=repository, pr_number=number, said_by=by)
            for (repository, number), by in named.said(named.pull_requests)
        ),
        commits=tuple(NamedCommit(commit_sha=commit, said_by=by) for commit, by in named.said(named.commits)),
        digests=tuple(NamedDigest(digest=digest, said_by=by) for digest, by in named.said(named.digests)),
        runs=Some[Run](items=runs, left_out=found.runs.left_out),
        attestations=Some[LinkedAttestation](items=attestations, left_out=found.attestations.left_out),
        artifacts=Some[Artifact](items=artifacts, left_out=found.artifacts.left_out),
        deployments=Some[Deployment](items=deployments, left_out=found.deployments.left_out),
        contradictions=tuple(Objection(**dict(said), against=one.id) for one in shown for said in one.contradictions),
    )


class _Named:
    """What is named in what is shown, each with those who say so."""

    def __init__(self) -> None:
        self.pull_requests: dict[tuple[str | None, int], dict[SaidBy, None]] = {}
        self.commits: dict[str, dict[SaidBy, None]] = {}
        self.digests: dict[str, dict[SaidBy, None]] = {}

    def add(
        self, by: SaidBy, commit: str | None, repository: str | None, number: int | None, digests: Iterable[str]
    ) -> None:
        if number is not None:
            self.pull_requests.setdefault((repository, number), {})[by] = None
        if commit is not None:
            self.commits.setdefault(commit, {})[by] = None
        for digest in digests:
            self.digests.setdefault(digest, {})[by] = None

    @staticmethod
    def said(found: dict[_K, dict[SaidBy, None]]) -> list[tuple[_K, tuple[SaidBy, ...]]]:
        return [(one, tuple(by)[:_MAX_NAMED]) for one, by in list(found.items())[:_MAX_NAMED]]


_K = TypeVar("_K")
