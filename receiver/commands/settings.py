"""`config check` and `config show`: what a receiver would start with."""

from __future__ import annotations

from pathlib import Path

import click

from receiver.commands import options
from receiver.config import ENVIRONMENT_PREFIX
from shared.encoding import JsonObject


@click.group()
def config() -> None:
    """Look at the configuration without starting anything."""


@config.command()
@options.config_source
@options.output
def check(config: Path | None, data: Path | None, output: str) -> None:
    """Read the configuration and say whether it is right."""
    options.read_config(config, data)
    options.show({"ok": True}, "the configuration is right", output)


@config.command()
@options.config_source
@options.output
def show(config: Path | None, data: Path | None, output: str) -> None:
    """Print every key with the value it has, from the file, the environment, or by default."""
    found = options.read_config(config, data)
    values: JsonObject = found.model_dump(mode="json")
    lines = [
        f"{name} = {'unset' if value is None else value}  # {type(found).model_fields[name].description}"
        for name, value in values.items()
    ]
    lines.append(f"# each may be overridden by the environment, for instance {ENVIRONMENT_PREFIX}PORT")
    options.show(values, "\n".join(lines), output)
