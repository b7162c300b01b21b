"""`carnet deploy`: what was put where, or is announced to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from collector.pipeline.files import sha256_of
from collector.pipeline.options import FILE, SHA256, about_options, kept, posting_options
from collector.pipeline.telling import post
from shared.wire import API

if TYPE_CHECKING:
    from pathlib import Path

    from collector.pipeline.access import Destination
    from collector.pipeline.options import About
    from shared.encoding import JsonValue

DEPLOYMENTS = f"{API}/deployments"
STATUSES = ("SUCCESS", "FAILURE", "PENDING", "IN_PROGRESS", "INACTIVE", "EXPECTED")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the command line says besides where it goes and what it is about."""

    environment: str
    environment_type: str | None
    service: str | None
    namespace: str | None
    status: str | None
    expected: bool
    artifact: Path | None
    artifact_sha256: str | None
    version: str | None
    ref: str | None
    deployed_by: str | None
    external_id: str | None
    description: str | None
    passport: str | None
    started_at: str | None
    completed_at: str | None
    metadata: tuple[str, ...]
    source: str | None


@click.command(short_help="Post what was deployed where, or announce it.")
@click.option("--environment", required=True, help="Where to, such as production.")
@click.option("--environment-type", help="What kind of environment it is.")
@click.option("--service", help="Which service.")
@click.option("--namespace", help="In which namespace.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="How it stands.")
@click.option("--expected", is_flag=True, help="Announce it: the same as --status EXPECTED.")
@click.option("--artifact-sha256", type=SHA256, metavar="HEX", help="What was deployed, by its digest.")
@click.option("--artifact", type=FILE, help="What was deployed: a file, which is hashed.")
@click.option("--version", help="What was deployed, by its version; a digest says more.")
@click.option("--ref", help="The branch or tag that was deployed.")
@click.option("--deployed-by", metavar="WHO", help="Who deployed; else who started this run.")
@click.option("--external-id", metavar="ID", help="The deployment's id where it is run.")
@click.option("--description", help="A sentence for people.")
@click.option("--passport", metavar="PP_ID", help="The passport that let it go.")
@click.option("--started-at", metavar="TIME", help="RFC 3339, such as 2026-01-31T12:00:00Z.")
@click.option("--completed-at", metavar="TIME", help="RFC 3339.")
@click.option("--metadata", metavar="NAME=VALUE", multiple=True, help="Anything else; may be given more than once.")
@click.option("--source", help="Who says so; else the CI system.")
@about_options
@posting_options
def deploy(to: Destination, about: About, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Post a deployment, or announce one (--expected) that is reported missing if it never comes.

    A digest says what was deployed. Beside one, the commit and branch of this job are left out: a job that promotes
    or rolls back runs at another commit than the artifact was built from. Say --commit and --ref where they are true.
    """
    said = _Said(**given)
    status = _status(said)
    if said.artifact is not None and said.artifact_sha256 is not None:
        msg = "--artifact and --artifact-sha256 are two ways to say the same: give one"
        raise click.UsageError(msg)
    digest = said.artifact_sha256 if said.artifact is None else sha256_of(said.artifact)
    ci = about.ci
    ref = (ci.tag if ci else None) or about.branch
    body = kept(
        {
            "environment": said.environment,
            "environmentType": said.environment_type,
            "service": said.service,
            "namespace": said.namespace,
            "status": status,
            "artifactSha256": digest,
            "repositoryFullName": about.repository,
            "commitSha": about.commit if digest is None or about.commit_said else None,
            "ref": said.ref or (ref if digest is None else None),
            "deployedBy": said.deployed_by or (ci.triggered_by if ci else None),
            "externalId": said.external_id,
            "description": said.description,
            "passportId": said.passport,
            "startedAt": said.started_at,
            "completedAt": said.completed_at,
            "source": said.source or about.source,
            "ciContext": about.ci_context,
            "metadata": _metadata(said) or None,
        }
    )
    post(to, DEPLOYMENTS, body, f"{said.service or about.repository or 'deployment'} in {said.environment}: {status}")


def _status(said: _Said) -> str:
    if said.expected and said.status not in (None, "EXPECTED"):
        msg = "--expected announces a deployment: leave --status out"
        raise click.UsageError(msg)
    if said.status is None and not said.expected:
        msg = "give --status, or --expected to announce a deployment"
        raise click.UsageError(msg)
    return said.status or "EXPECTED"


def _metadata(said: _Said) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {} if said.version is None else {"version": said.version}
    for one in said.metadata:
        name, equals, value = one.partition("=")
        if not name or not equals:
            msg = f"--metadata takes NAME=VALUE, not {one!r}"
            raise click.UsageError(msg)
        found[name] = value
    return found
