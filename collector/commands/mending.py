"""`spool salvage/alarms/clear-alarm`: what to do about a spool that was found damaged and moved aside."""

from __future__ import annotations

from pathlib import Path

import click

from collector.clock import utcnow
from collector.commands.daemon import config_option
from collector.commands.spool import spool, spool_path
from collector.spool import Spool, SpoolReader, SpoolSettings
from collector.terminal import output_option, show
from shared.encoding import digest_text, format_time


@spool.command("salvage")
@click.argument("damaged", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@output_option
def salvage(damaged: Path, config_path: Path, output: str) -> None:
    """Queue again what is readable and undelivered in a spool that was moved aside; may be repeated."""
    with Spool.open_for_change(spool_path(config_path), SpoolSettings()) as into:
        found = Spool.salvage(damaged, into, utcnow())
    rows = [{"sequence": one.sequence, "id": digest_text(one.id)} for one in found]
    show(output, {"queued": rows}, f"queued again: {len(rows)}; {damaged} was left as it is")


@spool.command("alarms")
@config_option
@output_option
def alarms(config_path: Path, output: str) -> None:
    """List what stays loud until a person has seen to it."""
    with SpoolReader.open_for_reading(spool_path(config_path)) as reader:
        found = reader.alarms()
    rows = [
        {"number": one.number, "name": one.name, "detail": one.detail, "raisedAt": format_time(one.raised_at)}
        for one in found
    ]
    lines = [f"{row['number']:>4}  {row['raisedAt']}  {row['name']}: {row['detail']}" for row in rows]
    show(output, rows, "\n".join(lines) or "no alarms")


@spool.command("clear-alarm")
@click.argument("number", type=click.IntRange(0))
@config_option
@output_option
def clear_alarm(number: int, config_path: Path, output: str) -> None:
    """Record that a person has seen to an alarm."""
    with Spool.open_for_change(spool_path(config_path), SpoolSettings()) as decisions:
        decisions.clear_alarm(number)
    show(output, {"cleared": number}, f"cleared alarm {number}")


__all__ = ["spool"]
