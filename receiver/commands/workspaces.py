"""`workspaces`: make and list the tenants of a receiver."""

from __future__ import annotations

import os
from pathlib import Path

import click

from receiver import clock, setup
from receiver.app import read_master_key
from receiver.commands import options
from receiver.commands.collectors import opened
from receiver.store import workspaces as rows
from shared.encoding import JsonObject, JsonValue, format_time
from shared.keyfile import load_key, write_key
from shared.keys import SEED_BYTES, PublicKey

_MAX_NAME_CHARS = 200


@click.group()
def workspaces() -> None:
    """The tenants: each has keys, evidence and tokens of its own."""


@workspaces.command()
@click.argument("name")
@click.option(
    "--root-key",
    type=click.Path(path_type=Path),
    required=True,
    help="The root's private key; made where it is missing. It is read here alone: keep it off this host.",
)
@options.config_source
@options.output
def create(name: str, root_key: Path, config: Path | None, data: Path | None, output: str) -> None:
    """Make a workspace with a NAME: its ids, its role keys, and the first keyring, signed by its root key."""
    if not 1 <= len(name) <= _MAX_NAME_CHARS or not name.isprintable():
        raise click.UsageError(f"a name has 1 to {_MAX_NAME_CHARS} printable characters")
    with opened(config, data) as (found, store):
        master = read_master_key(found.master_key_file)
        root = load_key(root_key) if root_key.exists() else write_key(root_key, os.urandom(SEED_BYTES))
        made = setup.create(store, master, root, name, clock.utcnow(), os.urandom)
    fields: JsonObject = {
        "id": made.workspace_id,
        "name": name,
        "receiver": made.receiver_id,
        "rootKey": made.root_key_id,
    }
    options.show(fields, f"{made.workspace_id}  {name}\nroot key {made.root_key_id}: collectors pin it", output)


@workspaces.command(name="list")
@options.config_source
@options.output
def listed(config: Path | None, data: Path | None, output: str) -> None:
    """List the workspaces, oldest first."""
    with opened(config, data) as (_, store):
        found = store.read(lambda tx: [rows.get(tx, one) for one in rows.all_ids(tx)])
    items: list[JsonValue] = [
        {
            "id": one.workspace_id,
            "name": one.name,
            "receiver": one.receiver_id,
            "rootKey": PublicKey(one.root_key).key_id,
            "createdAt": format_time(one.created_at),
        }
        for one in found
    ]
    lines = [f"{one.workspace_id}  {format_time(one.created_at)}  {one.name}" for one in found]
    options.show({"items": items}, "\n".join(lines or ["no workspace yet: create one"]), output)
