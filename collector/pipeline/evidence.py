"""`carnet evidence`: posts what a pipeline knows of a release or a target: smoke tests, health, a way back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from collector.pipeline.ci import detect
from collector.pipeline.options import DIGEST, gate_options, kept
from collector.pipeline.telling import post
from shared.encoding import parse_json
from shared.errors import MalformedError
from shared.wire import GATE_API

if TYPE_CHECKING:
    from collector.pipeline.access import Destination
    from shared.encoding import JsonObject, JsonValue

INGEST = f"{GATE_API}/evidence/ingest"
STATUSES = ("passed", "failed", "warning", "skipped", "unknown")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the command line says."""

    kind: str
    status: str
    summary: str | None
    service: str
    namespace: str | None
    environment: str | None
    digest: str | None
    source_sha: str | None
    release_id: str | None
    external_id: str | None
    source: str | None
    observed_at: str | None
    expires_at: str | None
    metrics: tuple[str, ...]
    link: str | None


@click.command(short_help="Post what is known of a release or a target: smoke, health, rollback.")
@click.option("--type", "kind", required=True, metavar="TYPE", help="smoke, unit, integration, health, rollback, ...")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), required=True, help="Only passed counts.")
@click.option("--summary", help="A sentence for people.")
@click.option("--service", metavar="NAME", required=True, help="The service that it is about.")
@click.option("--namespace", metavar="NAME", help="In which namespace.")
@click.option("--environment", metavar="NAME", help="Where; needed for what tells how a target is.")
@click.option("--artifact", "digest", type=DIGEST, help="The artifact that it is about: sha256:..., or a file.")
@click.option("--source-sha", metavar="SHA", help="The commit that it is about, in full.")
@click.option("--release-id", metavar="ID", help="The release that it belongs to.")
@click.option("--external-id", metavar="ID", help="What it is known by at its source; else the CI system's run.")
@click.option("--source", help="Who says so; else the CI system.")
@click.option("--observed-at", metavar="TIME", help="RFC 3339, such as 2026-01-31T12:00:00Z; else now.")
@click.option("--expires-at", metavar="TIME", help="RFC 3339; from then on it counts no more.")
@click.option("--metric", "metrics", metavar="NAME=VALUE", multiple=True, help="Such as ready=true; may be repeated.")
@click.option("--link", metavar="URL", help="Where to look it up.")
@gate_options
def evidence(to: Destination, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Post one piece of evidence with a token.

    It is somebody's word: shown as posted, and of no use where a policy wants a signature. The same source and external
    id again is a correction of what it said before.
    """
    said = _Said(**given)
    ci = detect(os.environ)
    external_id = said.external_id or (ci.run if ci else None)
    if external_id is None:
        msg = "give --external-id: no CI system says which run this is"
        raise click.UsageError(msg)
    item: dict[str, JsonValue] = {
        "type": said.kind,
        "status": said.status.lower(),
        "summary": said.summary,
        "observedAt": said.observed_at,
        "expiresAt": said.expires_at,
        "url": said.link,
        "metrics": _metrics(said.metrics) or None,
    }
    body: JsonObject = {
        "source": said.source or (ci.provider.lower().replace(" ", "_") if ci else "carnet"),
        "externalId": external_id,
        "service": kept({"name": said.service, "namespace": said.namespace, "environment": said.environment}),
        "release": kept({"releaseId": said.release_id, "sourceSha": said.source_sha}),
        "evidence": [kept(item)],
    }
    if said.digest is not None:
        body["artifact"] = {"digest": f"sha256:{said.digest}"}
    post(to, INGEST, body, f"{said.kind} of {said.service}: {said.status.lower()}")


def _metrics(said: tuple[str, ...]) -> JsonObject:
    found: JsonObject = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not name or not equals:
            msg = f"--metric takes NAME=VALUE, not {one[:100]!r}"
            raise click.UsageError(msg)
        found[name] = _value(value)
    return found


def _value(text: str) -> JsonValue:
    """Read true, false and numbers as what they are, and everything else as text."""
    try:
        found = parse_json(text.encode())
    except MalformedError:
        return text
    return found if isinstance(found, bool | int | float) else text
