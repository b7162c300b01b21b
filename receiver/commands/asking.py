"""`keys` and `collectors ask`: what is asked of collectors from afar, and how far they are."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from receiver import ask as asking
from receiver import clock
from receiver.ask import Campaign
from receiver.caller import OPERATOR
from receiver.commands import options
from receiver.commands.collectors import chosen, collectors, opened, workspace_option
from receiver.core.asking import Wanted
from shared.encoding import JsonObject, JsonValue, format_time
from shared.requests import RequestKind

_EVERY = ("*",)
_KINDS = click.Choice([RequestKind.RESCAN.value, RequestKind.RESEND.value, RequestKind.HEARTBEAT.value])


@click.group()
def keys() -> None:
    """Turn the keys of a fleet over without touching a host."""


@keys.command()
@click.argument("globs", metavar="[GLOB]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Ask every active collector.")
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    required=True,
    help="When it shall have happened (UTC); later is an alarm, never a refusal.",
)
@workspace_option
@options.config_source
@options.output
def rotate(
    globs: tuple[str, ...],
    *,
    everyone: bool,
    before: datetime,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Ask the collectors whose names match GLOB, or all, for a new key."""
    wanted = Wanted(RequestKind.ROTATE_KEY, before=before.replace(tzinfo=UTC))
    _ask(_whom(globs, everyone=everyone), wanted, workspace, (config, data), output)


@keys.command()
@click.argument("campaign_id", metavar="[CAMPAIGN]", required=False)
@workspace_option
@options.config_source
@options.output
def campaign(
    campaign_id: str | None, *, workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """Say how far CAMPAIGN is, without it the last rotation that was asked for."""
    with opened(config, data) as (_, store):
        found = asking.look(store, chosen(store, workspace), campaign_id, RequestKind.ROTATE_KEY, clock.utcnow())
    _show(found, output)


@collectors.command(name="ask")
@click.argument("kind", type=_KINDS)
@click.argument("globs", metavar="[GLOB]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Ask every active collector.")
@click.option("--from", "since", type=click.IntRange(0), help="With resend: the place in its stream to begin at.")
@click.option("--seconds", type=click.IntRange(1), help="With heartbeat: the interval.")
@workspace_option
@options.config_source
@options.output
def ask(  # noqa: PLR0913 - each is an option
    kind: str,
    globs: tuple[str, ...],
    *,
    everyone: bool,
    since: int | None,
    seconds: int | None,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Ask the collectors whose names match GLOB, or all, for a full scan, for entries once more, for another rhythm."""
    if (kind == RequestKind.RESEND) != (since is not None) or (kind == RequestKind.HEARTBEAT) != (seconds is not None):
        raise click.UsageError("resend needs --from, heartbeat needs --seconds, and nothing else takes them")
    wanted = Wanted(RequestKind(kind), since=since, seconds=seconds)
    _ask(_whom(globs, everyone=everyone), wanted, workspace, (config, data), output)


def _whom(globs: tuple[str, ...], *, everyone: bool) -> tuple[str, ...]:
    if everyone == bool(globs):
        raise click.UsageError("name whom to ask: GLOB..., or --all")
    return _EVERY if everyone else globs


def _ask(
    globs: tuple[str, ...], wanted: Wanted, workspace: str | None, source: tuple[Path | None, Path | None], output: str
) -> None:
    with opened(*source) as (_, store):
        workspace_id = chosen(store, workspace)
        found = asking.ask(store, workspace_id, globs, wanted, OPERATOR, clock.utcnow(), os.urandom)
    _show(found, output)


def _show(found: Campaign, output: str) -> None:
    items: list[JsonValue] = [
        {
            "id": one.standing.collector_id,
            "name": one.name,
            "state": one.state,
            "overdue": one.overdue,
            "silent": one.silent,
            "heardAt": None if one.heard_at is None else format_time(one.heard_at),
            "endedAt": None if one.standing.ended_at is None else format_time(one.standing.ended_at),
        }
        for one in found.members
    ]
    counts: JsonObject = {**found.counts}
    fields: JsonObject = {
        "campaign": found.campaign_id,
        "kind": found.wanted.kind.value,
        "askedAt": format_time(found.asked_at),
        "before": None if found.wanted.before is None else format_time(found.wanted.before),
        **counts,
        "items": items,
    }
    head = f"{found.campaign_id}: " + ", ".join(f"{number} {word}" for word, number in found.counts.items())
    lines = [
        f"{one.standing.collector_id}  {one.state:11}  {one.name}"
        + (f"  heard {format_time(one.heard_at)}" if one.heard_at is not None else "")
        for one in found.members
    ]
    options.show(fields, "\n".join([head, *lines]), output)
