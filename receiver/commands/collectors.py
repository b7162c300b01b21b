"""`collectors`: invite, confirm and list them without the console."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from receiver import clock, enrol, keys_at_hand, lookup
from receiver.app import read_master_key, read_password
from receiver.commands import options
from receiver.config import ReceiverConfig
from receiver.store import workspaces
from receiver.store.engine import Store
from shared.encoding import JsonValue, format_time
from shared.errors import Code, StateError
from shared.predicates import Limits

workspace_option = click.option("--workspace", help="The workspace, where there is more than one.")


@click.group()
def collectors() -> None:
    """Who may send evidence."""


@collectors.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--approve", is_flag=True, help="Take the key in at once, without a person who compares it.")
@click.option(
    "--valid-minutes", type=click.IntRange(15, 1440), default=60, show_default=True, help="How long it is good."
)
@click.option(
    "--repository", "repositories", multiple=True, help="A glob that it may speak for; more than one is fine."
)
@click.option("--service", "services", multiple=True, help="A glob that it may speak for.")
@click.option("--environment", "environments", multiple=True, help="A glob that it may speak for.")
@workspace_option
@options.config_source
@options.output
def invite(  # noqa: PLR0913 - each is an option
    names: tuple[str, ...],
    *,
    approve: bool,
    valid_minutes: int,
    repositories: tuple[str, ...],
    services: tuple[str, ...],
    environments: tuple[str, ...],
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Make an invitation for each NAME; each is shown once and serves one key."""
    every = ("*",)
    limits = Limits(repositories=repositories or every, services=services or every, environments=environments or every)
    with opened(config, data) as (_, store):
        made = enrol.invite(
            store,
            chosen(store, workspace),
            names,
            limits,
            approve,
            valid_minutes,
            clock.utcnow(),
            os.urandom,
        )
    items: list[JsonValue] = [
        {"name": one.name, "token": one.token, "expiresAt": format_time(one.expires_at)} for one in made
    ]
    text = "\n".join(f"{one.name}  {one.token}  until {format_time(one.expires_at)}" for one in made)
    options.show({"items": items}, text, output)


@collectors.command()
@click.argument("fingerprint")
@workspace_option
@options.config_source
@options.output
def confirm(fingerprint: str, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Take in the key that waits under FINGERPRINT (sha256:...), which its host has shown you."""
    with opened(config, data) as (found, store):
        workspace_id = chosen(store, workspace)
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), workspace_id)
        answer = enrol.confirm(store, signers, workspace_id, fingerprint, clock.utcnow(), os.urandom)
    fields = {"id": answer.collector_id, "status": answer.status}
    options.show({**fields}, f"{answer.collector_id} is {answer.status}", output)


@collectors.command(name="list")
@workspace_option
@options.config_source
@options.output
def listed(workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List the newest 200 collectors, with the fingerprints of their keys."""
    with opened(config, data) as (_, store):
        found = lookup.collectors(store, chosen(store, workspace), lookup.MAX_LIMIT).items
    items: list[JsonValue] = [
        {
            "id": one.collector.collector_id,
            "name": one.collector.name,
            "status": one.collector.status.value,
            "keys": [key.key.public.key_id for key in one.keys],
            "heardAt": None if one.heard_at is None else format_time(one.heard_at),
        }
        for one in found
    ]
    lines = [
        f"{one.collector.collector_id}  {one.collector.status.value:8}  {one.collector.name}  "
        + " ".join(key.key.public.key_id for key in one.keys)
        for one in found
    ]
    options.show({"items": items}, "\n".join(lines or ["no collector yet: invite one"]), output)


@contextmanager
def opened(config: Path | None, data: Path | None) -> Iterator[tuple[ReceiverConfig, Store]]:
    """Have the database of a configuration open."""
    found = options.read_config(config, data)
    store = Store.open(found.database_url, read_password(found.database_password_file))
    try:
        yield found, store
    finally:
        store.close()


def chosen(store: Store, named: str | None) -> str:
    """Give the workspace that was named, or the only one; raises `StateError`."""
    known = store.read(workspaces.all_ids)
    if named is None and len(known) == 1:
        return known[0]
    if named in known and named is not None:
        return named
    raise StateError(
        Code.NOT_FOUND,
        "there is no such workspace" if named else f"there are {len(known)} workspaces",
        "name one with --workspace: " + (", ".join(known) or "none is set up"),
    )
