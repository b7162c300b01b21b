"""Options that several commands have, and how they print."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.config import ReceiverConfig, load_config
from shared.encoding import JsonObject, compact
from shared.errors import ConfigError
from shared.printable import plain

CONFIG_NAME = "receiver.toml"
_F = TypeVar("_F", bound=Callable[..., Any])

output = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="How to print: for people, or as JSON."
)


def config_source(function: _F) -> _F:
    """Add `--config FILE` and `--data DIR`, of which one is needed."""
    data = click.option(
        "--data", type=click.Path(path_type=Path), help="The directory that quickstart made; holds its receiver.toml."
    )
    config = click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
    return data(config(function))


def read_config(config: Path | None, data: Path | None) -> ReceiverConfig:
    """Read the configuration that was named; raises `ConfigError`, and click's `UsageError` for none or two."""
    if (config is None) == (data is None):
        raise click.UsageError("name the configuration: --config FILE, or --data DIR of a quickstart")
    path = config if config is not None else data / CONFIG_NAME if data is not None else None
    if path is None or not path.is_file():
        raise ConfigError(f"there is no configuration at {path}", "see docs/operations.md for an example")
    return load_config(path, os.environ)


def show(fields: JsonObject, text: str, how: str) -> None:
    """Print one answer, as JSON in one line or as text that cannot steer the terminal."""
    click.echo(compact(fields) if how == "json" else plain(text))
