"""`workspaces`: make and list the tenants of a receiver."""

from __future__ import annotations

import os
from pathlib import Path

import click

from receiver import clock, rekey, setup
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.named_secrets import read_master_key
from receiver.store import workspaces as rows
from shared.encoding import JsonObject, JsonValue, format_time
from shared.keyfile import load_key, write_key
from shared.keys import SEED_BYTES, PublicKey
from shared.predicates import Role

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


@workspaces.command()
@workspace_option
@options.config_source
@options.output
def keyring(workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Show which keys sign what, under which root, and which are revoked."""
    with opened(config, data) as (_, store):
        found = rekey.show(store, chosen(store, workspace))
    _shown(found, output)


@workspaces.command(name="rotate-keys")
@click.option(
    "--root-key", type=click.Path(path_type=Path), required=True, help="The root's private key; read here alone."
)
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([one.value for one in rekey.ROLES]), help="Repeat; all without."
)
@workspace_option
@options.config_source
@options.output
def rotate_keys(
    root_key: Path, roles: tuple[str, ...], workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """Make new keys for the receiver's roles, and the keyring that says so; it carries all revocations until now.

    Running receivers take the new keys with their next answer; the old ones stay good for an hour more, and what they
    signed stays good.
    """
    with opened(config, data) as (settings, store):
        root, master = load_key(root_key), read_master_key(settings.master_key_file)
        wanted = [Role(one) for one in roles] or list(rekey.ROLES)
        found = rekey.rotate_roles(store, master, root, chosen(store, workspace), wanted, clock.utcnow(), os.urandom)
    _shown(found, output)


@workspaces.command(name="rotate-root")
@click.option("--root-key", type=click.Path(path_type=Path), required=True, help="The root's private key until now.")
@click.option(
    "--new-root-key", type=click.Path(path_type=Path), required=True, help="The next one; made where it is missing."
)
@workspace_option
@options.config_source
@options.output
def rotate_root(
    root_key: Path, new_root_key: Path, workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """Introduce the next root key by a keyring that both sign; collectors follow by themselves.

    Whoever enrols or verifies from now on pins the new fingerprint.
    """
    with opened(config, data) as (_, store):
        root = load_key(root_key)
        fresh = load_key(new_root_key) if new_root_key.exists() else write_key(new_root_key, os.urandom(SEED_BYTES))
        found = rekey.rotate_root(store, root, fresh, chosen(store, workspace), clock.utcnow(), os.urandom)
    _shown(found, output)


def _shown(found: rekey.Rekeyed, output: str) -> None:
    keys: list[JsonValue] = [{**one.to_wire()} for one in found.keys]
    fields: JsonObject = {
        "version": found.version,
        "rootKey": found.root_key_id,
        "keys": keys,
        "revocations": list(found.revocations),
    }
    lines = [f"keyring version {found.version} under root {found.root_key_id}"]
    for one in found.keys:
        until = "" if one.valid_until is None else f" until {format_time(one.valid_until)}"
        lines.append(f"  {one.role.value:8}  {one.key_id}  from {format_time(one.valid_from)}{until}")
    lines += [f"  revoked   {one}" for one in found.revocations]
    options.show(fields, "\n".join(lines), output)
