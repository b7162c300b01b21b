"""`spool list/show/retry/drop/salvage`: what an operator may look at and decide, also while the daemon runs."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.clock import utcnow
from collector.commands.daemon import config_option, read_config
from collector.instance import SPOOL_NAME
from collector.masking import masked
from collector.spool import Spool, SpoolReader, SpoolSettings, State
from collector.terminal import output_option, show
from shared.encoding import digest_text, format_time
from shared.errors import Code, StateError
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collector.spool import Listed
    from shared.redaction import Rules


PLACE = click.IntRange(-(1 << 63), (1 << 63) - 1)
"""A place in the spool; entries that were salvaged from an older one have places below zero."""

# A place below zero is no option.
_TAKES_PLACE = {"ignore_unknown_options": True}


@click.group()
def spool() -> None:
    """Look into the queue, put back what was quarantined, or give up an entry for good."""


def spool_path(config_path: Path) -> Path:
    """Give the path of the configured spool; raises `StateError` where there is none yet."""
    config = read_config(config_path)
    path = config.state_dir / SPOOL_NAME
    if not path.exists():
        raise StateError(Code.NOT_FOUND, f"there is no spool in {config.state_dir}", "carnet-collector run makes it")
    return path


def _row(one: Listed, secrets: Rules) -> dict[str, Any]:
    return {
        "sequence": one.sequence,
        "id": digest_text(one.id),
        "state": one.state.value,
        "bytes": one.size,
        "storedAt": format_time(one.stored_at),
        "endedAt": None if one.ended_at is None else format_time(one.ended_at),
        "reason": one.reason,
        "detail": one.detail,
        "by": one.by,
        "answer": one.answer,
        "root": one.root,
        "path": None if one.path is None else masked(one.path, secrets),
    }


@spool.command("list")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only entries in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--after", type=PLACE, help="Only entries behind this sequence number.")
@config_option
@output_option
def spool_list(state: str | None, limit: int, after: int | None, config_path: Path, output: str) -> None:
    """List entries, oldest first."""
    secrets = secret_rules()
    with SpoolReader.open_for_reading(spool_path(config_path)) as reader:
        entries = reader.list(None if state is None else State(state), limit=limit, after=after)
        rows = [_row(one, secrets) for one in entries]
    lines = [f"{'SEQUENCE':>8}  {'STATE':11}  {'STORED':20}  {'FILE':40}  ANSWER"] if rows else ["no such entries"]
    for row in rows:
        file = f"{row['root']}/{row['path']}" if row["path"] else "-"
        why = row["reason"] or row["answer"] or ""
        lines.append(f"{row['sequence']:>8}  {row['state']:11}  {row['storedAt'][:19]}Z  {file:40}  {why}")
    show(output, rows, "\n".join(lines))


@spool.command("show", context_settings=_TAKES_PLACE)
@click.argument("sequence", type=PLACE)
@config_option
@output_option
def spool_show(sequence: int, config_path: Path, output: str) -> None:
    """Show one entry with its exact envelope and the receipt that settled it."""
    with SpoolReader.open_for_reading(spool_path(config_path)) as reader:
        found = reader.show(sequence)
    row = _row(found.entry, secret_rules())
    row["envelope"] = None if found.envelope is None else found.envelope.decode("ascii")
    row["receipt"] = None if found.receipt is None else found.receipt.decode("ascii")
    show(output, row, "\n".join(f"{name:10} {value}" for name, value in row.items() if value is not None))


@spool.command("retry", context_settings=_TAKES_PLACE)
@click.argument("sequence", type=PLACE, required=False)
@click.option("--all", "everything", is_flag=True, help="Everything that is quarantined.")
@config_option
@output_option
def spool_retry(sequence: int | None, everything: bool, config_path: Path, output: str) -> None:  # noqa: FBT001
    """Put a quarantined entry back: it is sent again as it was signed."""
    if (sequence is None) != everything:
        msg = "give a SEQUENCE, or --all"
        raise click.UsageError(msg)
    with Spool.open_for_change(spool_path(config_path), SpoolSettings()) as decisions:
        count = decisions.retry(sequence)
    show(output, {"putBack": count}, f"put back: {count}")


@spool.command("drop", context_settings=_TAKES_PLACE)
@click.argument("sequence", type=PLACE)
@click.option("--reason", required=True, help="Why; the receiver is told, and it stays on record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@output_option
def spool_drop(sequence: int, reason: str, yes: bool, config_path: Path, output: str) -> None:  # noqa: FBT001
    """Give up an entry for good: it is never sent, and the receiver learns its number and the reason."""
    path = spool_path(config_path)
    if not yes:
        click.confirm(f"Entry {sequence} will never be delivered. Drop it?", abort=True, err=True)
    with Spool.open_for_change(path, SpoolSettings()) as decisions:
        decisions.drop(sequence, reason=reason, by=getpass.getuser(), now=utcnow())
    show(output, {"dropped": sequence}, f"dropped {sequence}")
