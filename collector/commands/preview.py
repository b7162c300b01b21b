"""`preview`: what would leave for a file, before anything does; needs no configuration and no key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.clock import monotonic
from collector.commands.daemon import read_config
from collector.commands.painting import paint_comparison, paint_preview
from collector.commands.picking import Picking, at_level, pick_configured, pick_loosely
from collector.commands.previewing import compared, previewed
from collector.disclose import Level
from collector.masking import masked
from collector.parsing import Parser
from collector.plans import root_plans
from collector.terminal import color_option, output_option
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.commands.picking import NotPicked
    from shared.encoding import JsonObject
    from shared.redaction import Rules

_BAD_BYTES = 65
_LEVELS = click.Choice([level.value for level in Level])


@click.command()
@click.argument("paths", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path),
    help="Show what the collector of this configuration would send, and nothing that it would not look at.",
)  # fmt: skip
@click.option("--level", type=_LEVELS, help="How much of a report leaves; as configured, else verdict.")
@click.option(
    "--diff",
    "levels",
    metavar="LEVEL LEVEL",
    nargs=2,
    type=_LEVELS,
    help="Show what changes from one level to another.",
)
@click.option("--artifact", is_flag=True, help="Treat the files as artifacts: hashed only.")
@color_option
@output_option
def preview(
    paths: tuple[Path, ...],
    config_path: Path | None,
    level: str | None,
    levels: tuple[str, str] | None,
    artifact: bool,  # noqa: FBT001 - click's way
    color: bool,  # noqa: FBT001
    output: str,
) -> None:
    """Show the payload that would leave for each FILE, and what was cut; nothing is sent and no number is used."""
    if level is not None and levels is not None:
        msg = "--diff names two levels: leave --level out"
        raise click.UsageError(msg)
    failed = False
    secrets = secret_rules()
    picked = _pick(paths, config_path, secrets, as_artifact=artifact)
    with Parser(monotonic, lambda *_, **__: None) as parser:
        for one in picked:
            if levels is None:
                found = previewed(_at(one, level), parser)
                text = paint_preview
            else:
                found = compared(one, parser, Level(levels[0]), Level(levels[1]))
                text = paint_comparison
            found = _without_secret_names(found, secrets)
            failed = failed or "error" in found
            click.echo(json.dumps(found) if output == "json" else text(found), color=color)
    if failed:
        raise click.exceptions.Exit(_BAD_BYTES)


def _pick(
    paths: tuple[Path, ...], config_path: Path | None, secrets: Rules, *, as_artifact: bool
) -> Iterator[Picking | NotPicked]:
    if config_path is None:
        yield from pick_loosely(paths, secrets, as_artifact=as_artifact)
    else:
        plans = root_plans(read_config(config_path), secrets)
        yield from pick_configured(paths, plans, as_artifact=as_artifact)


def _at(one: Picking | NotPicked, level: str | None) -> Picking | NotPicked:
    return at_level(one, None if level is None else Level(level)) if isinstance(one, Picking) else one


def _without_secret_names(found: JsonObject, secrets: Rules) -> JsonObject:
    """Give what is printed with a mark for each secret in the file's name, also where an error tells it."""
    error = found.get("error")
    if isinstance(error, dict):
        found = {**found, "error": {**error, "detail": masked(str(error["detail"]), secrets)}}
    return {**found, "path": masked(str(found["path"]), secrets)}
