"""`collectors`: the group of commands about who may send, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from receiver import lookup
from receiver.commands import options
from receiver.config import ReceiverConfig
from receiver.named_secrets import read_password
from receiver.store import workspaces
from receiver.store.engine import Store
from shared.encoding import JsonValue, format_time
from shared.errors import Code, StateError

workspace_option = click.option("--workspace", help="The workspace, where there is more than one.")


@click.group()
def collectors() -> None:
    """Who may send evidence."""


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
