"""`passports`: list, show, export and replay decisions without the console."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from receiver import clock
from receiver import passports as use_case
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.core import documents
from receiver.core.dossier import dossier_fields
from receiver.passports import Filters, PassportRow
from shared.encoding import JsonObject, JsonValue, digest_text, format_time
from shared.errors import ConfigError, UntrustedError
from shared.judging.values import Decision

_FORMATS = ("json", "md", "text", "html", "csv", "bundle")


@click.group()
def passports() -> None:
    """Decisions as they were signed."""


@passports.command(name="list")
@click.option("--service", help="Only of this service.")
@click.option("--environment", help="Only to this environment.")
@click.option("--decision", type=click.Choice(list(Decision)), help="Only those that decided so.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@workspace_option
@options.config_source
@options.output
def listed(
    *,
    service: str | None,
    environment: str | None,
    decision: str | None,
    limit: int,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """List passports, newest first; a star marks the one in force of its release."""
    found: list[tuple[PassportRow, bool]] = []
    filters = Filters(service=service, environment=environment, decision=decision)
    with opened(config, data) as (_, store):
        workspace_id, cursor = chosen(store, workspace), None
        while len(found) < limit:
            page = use_case.page(store, workspace_id, filters, limit - len(found), cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    items: list[JsonValue] = [_fields(row, in_force=in_force) for row, in_force in found]
    lines = [
        f"{row.passport_id} {'*' if in_force else ' '} {row.decision:20}  {format_time(row.evaluated_at)}  "
        f"{row.service} -> {row.environment}  {digest_text(row.digest)[:19]}  {row.headline}"
        for row, in_force in found
    ]
    options.show({"items": items}, "\n".join(lines or ["nobody has asked the gate yet"]), output)


@passports.command()
@click.argument("passport_id", metavar="PASSPORT")
@workspace_option
@options.config_source
@options.output
def show(passport_id: str, *, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Show PASSPORT (pp_...) as the pipeline saw it."""
    with opened(config, data) as (_, store):
        found = use_case.look(store, chosen(store, workspace), passport_id)
    options.show(dossier_fields(found, clock.utcnow()), found.page, output)


@passports.command()
@click.argument("passport_id", metavar="PASSPORT")
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="bundle", show_default=True)
@click.option(
    "--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="A new file; unset: standard output."
)
@workspace_option
@options.config_source
@options.output
def export(
    passport_id: str,
    *,
    kind: str,
    target: Path | None,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Export PASSPORT (pp_...): the bundle for `carnet verify`, the other forms for people and programs."""
    with opened(config, data) as (_, store):
        workspace_id = chosen(store, workspace)
        if kind == "bundle":
            written = use_case.bundle(store, workspace_id, passport_id)
        else:
            found = use_case.look(store, workspace_id, passport_id)
            written = documents.write(kind, dossier_fields(found, clock.utcnow()), found.page)
    if target is None:
        sys.stdout.buffer.write(written)
        return
    try:
        with target.open("xb") as opened_file:
            opened_file.write(written)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}", "name a new file in a folder") from None
    fields: JsonObject = {"passport": passport_id, "format": kind, "bytes": len(written), "to": str(target)}
    options.show(fields, f"{target}: {len(written)} bytes", output)


@passports.command()
@click.argument("passport_id", metavar="PASSPORT")
@workspace_option
@options.config_source
@options.output
def replay(passport_id: str, *, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Judge once more what PASSPORT (pp_...) judged, from the signed bytes alone.

    Exits 0 where the same comes out, bit for bit, and 77 where it does not.
    """
    with opened(config, data) as (_, store):
        found = use_case.judge_again(store, chosen(store, workspace), passport_id)
    fields: JsonObject = {
        "passport": passport_id,
        "decision": found.passport.decision,
        "replayed": found.verdict.decision,
        "same": not found.differences,
        "differences": [*found.differences],
    }
    says = "the same comes out" if not found.differences else f"these differ: {', '.join(found.differences)}"
    options.show(fields, f"{passport_id} decided {found.passport.decision}; judged again: {says}", output)
    if found.differences:
        click.get_current_context().exit(UntrustedError.exit_status)


def _fields(row: PassportRow, *, in_force: bool) -> JsonObject:
    return {
        "id": row.passport_id,
        "decision": row.decision,
        "proceed": row.proceed,
        "mode": row.mode,
        "headline": row.headline,
        "service": row.service,
        "namespace": row.namespace,
        "environment": row.environment,
        "artifact": digest_text(row.digest),
        "evaluatedAt": format_time(row.evaluated_at),
        "validUntil": format_time(row.valid_until),
        "inForce": in_force,
        "supersedes": row.supersedes,
    }
