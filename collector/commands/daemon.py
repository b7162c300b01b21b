"""`run`, `once` and `config`: the daemon, one pass for cron, and the configuration of both."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector import daemon as wiring
from collector.clock import utcnow
from collector.commands.asking import as_given
from collector.config import load_config
from collector.instance import check, open_instance
from collector.logs import json_teller
from collector.notify import ServiceManager
from collector.terminal import output_option, show
from shared.encoding import digest_text
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.config import Config

DEFAULT_CONFIG = Path("/etc/carnet-collector/collector.toml")
_TRY_LATER, _NOT_BELIEVED = 75, 77


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE` to a command."""
    return click.option(
        "--config", "config_path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True,
        help="The configuration file.",
    )(command)  # fmt: skip


def read_config(path: Path) -> Config:
    """Load the configuration with this process's environment; raises `ConfigError`."""
    return load_config(path, os.environ)


def given(path: Path) -> str:
    """Give `--config` as it stands on a command line, for commands that a hint tells."""
    return as_given(config=path)


@click.command()
@config_option
def run(config_path: Path) -> None:
    """Run the daemon: watch, attest, keep, ship, until SIGTERM."""
    with open_instance(read_config(config_path), given(config_path)) as instance:
        asyncio.run(wiring.run(instance, json_teller(utcnow, instance.secrets), ServiceManager.of(os.environ)))


@click.command()
@config_option
@output_option
def once(config_path: Path, output: str) -> None:
    """Take in what is there, ship it, and end; for cron.

    Exits 75 where something waits for later or the receiver did not answer, 77 where it does not let this host in.
    """
    with open_instance(read_config(config_path), given(config_path)) as instance:
        found = asyncio.run(wiring.once(instance, json_teller(utcnow, instance.secrets)))
    report = found["status"]
    text = (
        f"captured {report['intake']['captured']}, delivered {found['delivered']}, "
        f"pending {report['spool']['pending']}, set aside {report['spool']['setAside']}"
    )
    show(output, found, text)
    if not found["done"]:
        raise click.exceptions.Exit(_TRY_LATER if found["letIn"] else _NOT_BELIEVED)


@click.group()
def config() -> None:
    """Check or show the configuration."""


@config.command("check")
@config_option
@output_option
def config_check(config_path: Path, output: str) -> None:
    """Say whether the configuration is right; changes nothing. Exits 78 with every key that is wrong."""
    check(read_config(config_path), secret_rules())
    show(output, {"ok": True}, f"{config_path} is right")


@config.command("show")
@config_option
@output_option
def config_show(config_path: Path, output: str) -> None:
    """Show every setting in force, defaults included."""
    found = read_config(config_path)
    value = {**found.model_dump(mode="json"), "key_file": str(found.key_path), "digest": digest_text(found.digest())}
    show(output, value, "\n".join(_flat("", value)))


def _flat(prefix: str, value: Any) -> list[str]:  # noqa: ANN401 - any part of the configuration
    if isinstance(value, dict):
        return [line for name, one in value.items() for line in _flat(f"{prefix}.{name}" if prefix else name, one)]
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return [line for at, one in enumerate(value) for line in _flat(f"{prefix}[{at}]", one)]
    return [f"{prefix} = {value!r}"]
