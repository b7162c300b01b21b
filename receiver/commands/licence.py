"""`licence`: how the product's licence stands, and a renewed one in its place."""

from __future__ import annotations

from pathlib import Path

import click

from receiver import clock, licensing
from receiver.commands import options
from receiver.commands.collectors import opened
from receiver.config import ReceiverConfig
from receiver.core.licence import MAX_LICENCE_BYTES, Licensed
from receiver.licence_file import LicenceFile
from receiver.store.engine import Store
from shared.encoding import JsonObject, format_time
from shared.errors import ConfigError


@click.group()
def licence() -> None:
    """The product's licence: no decision and no evidence depends on it."""


@licence.command()
@options.config_source
@options.output
def show(config: Path | None, data: Path | None, output: str) -> None:
    """Say how the licence stands, and by which hash its vendor knows this installation."""
    with opened(config, data) as (found, store):
        named = licensing.installation(store)
    _shown(file_of(found).stands(named, clock.utcnow()), named, output)


@licence.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@options.config_source
@options.output
def install(file: Path, config: Path | None, data: Path | None, output: str) -> None:
    """Put FILE in the place of the licence; a running receiver needs no restart."""
    try:
        with file.open("rb") as given:
            content = given.read(MAX_LICENCE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", "name the licence's file") from None
    with opened(config, data) as (found, store):
        named = licensing.installation(store)
    _shown(file_of(found).install(content, named, clock.utcnow()), named, output)


def allow_new(config: ReceiverConfig, store: Store, what: str) -> None:
    """Refuse a new user, policy or collector where the licence's time of grace is over; raises `StateError`."""
    licensing.allow_new(store, file_of(config).stands, what, clock.utcnow())


def file_of(config: ReceiverConfig) -> LicenceFile:
    """Find the licence that a configuration names."""
    return LicenceFile.named(config.licence_file, config.licence_key)


def _shown(stands: Licensed, installation: str, output: str) -> None:
    found = stands.licence
    fields: JsonObject = {
        "status": stands.status.value,
        "problem": stands.problem,
        "licensee": None if found is None else found.licensee,
        "plan": None if found is None else found.plan,
        "expiresAt": None if found is None else format_time(found.expires_at),
        "graceUntil": None if found is None else format_time(found.grace_until),
        "entitlements": {} if found is None else {**found.entitlements},
        "installIdHash": installation,
    }
    lines = [f"{stands.status.value}" + ("" if stands.problem is None else f": {stands.problem}")]
    if found is not None:
        lines.append(f"{found.plan} for {found.licensee}, until {format_time(found.expires_at)}")
        lines.append(f"time of grace until {format_time(found.grace_until)}")
    lines.append(f"installation {installation}")
    options.show(fields, "\n".join(lines), output)
