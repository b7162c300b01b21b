"""`fsck`: every stored envelope, link, register number and receipt, checked again; and what can be kept anew is."""

from __future__ import annotations

from pathlib import Path

import click

from receiver import clock
from receiver import fsck as checking
from receiver import refill as refilling
from receiver.commands import options
from receiver.commands.collectors import opened
from shared.encoding import JsonValue
from shared.errors import MalformedError

_WORKSPACE = click.option("--workspace", help="Only this workspace.")


_REFILL = click.option(
    "--refill", is_flag=True, help="First keep whom signed words on runs name, where an older receiver did not."
)


@click.command()
@_WORKSPACE
@_REFILL
@options.config_source
@options.output
def fsck(workspace: str | None, refill: bool, config: Path | None, data: Path | None, output: str) -> None:  # noqa: FBT001
    """Check everything that is stored against what was signed.

    Prints one line for each finding; exits 0 where there is none, and 65 otherwise. Changes nothing without --refill,
    and may run beside a receiver that serves.
    """
    with opened(config, data) as (_, store):
        if refill:
            refilling.refill(store, clock.utcnow(), workspace)
        found = checking.check(store, workspace)
    rows: list[JsonValue] = [
        {"workspace": one.workspace_id, "where": one.where, "problem": one.problem} for one in found
    ]
    lines = [f"{one.workspace_id} {one.where}: {one.problem}" for one in found]
    options.show({"findings": rows}, "\n".join(lines or ["nothing found: everything is as it was signed"]), output)
    if found:
        click.get_current_context().exit(MalformedError.exit_status)
