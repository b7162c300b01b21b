"""`users`: accounts of people, and what they may do."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from receiver import clock, people
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.commands.licence import allow_new
from receiver.core.accounts import Role
from shared.encoding import JsonObject, JsonValue, base32_id, format_time
from shared.errors import ConfigError

_PASSWORD_BYTES = 15
_MAX_PASSWORD_FILE_BYTES = 4096

role_option = click.option(
    "--role",
    type=click.Choice([one.value for one in Role]),
    required=True,
    help="Each but auditor includes those before.",
)
password_option = click.option(
    "--password-file", help="A file with the password in its first line, or - for standard input; one is made without."
)


@click.group()
def users() -> None:
    """Who may sign in, approve and release."""


@users.command()
@click.argument("email")
@role_option
@password_option
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) from which the account is no longer good."
)
@workspace_option
@options.config_source
@options.output
def add(
    email: str,
    *,
    role: str,
    password_file: str | None,
    until: datetime | None,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Give the person with this EMAIL an account."""
    password = _password(password_file)
    ends_at = None if until is None else until.replace(tzinfo=UTC)
    with opened(config, data) as (found, store):
        allow_new(found, store, "users")
        made = people.add(store, chosen(store, workspace), email, Role(role), password, clock.utcnow(), ends_at)
    _shown(made, None if password_file else password, output)


@users.command()
@click.argument("email")
@password_option
@workspace_option
@options.config_source
@options.output
def password(
    email: str, password_file: str | None, workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """Set a new password for EMAIL; the old one is good no more."""
    fresh = _password(password_file)
    with opened(config, data) as (_, store):
        changed = people.set_password(store, chosen(store, workspace), email, fresh, clock.utcnow())
    _shown(changed, None if password_file else fresh, output)


@users.command()
@click.argument("email")
@role_option
@workspace_option
@options.config_source
@options.output
def role(email: str, role: str, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Give EMAIL another role."""
    with opened(config, data) as (_, store):
        changed = people.set_role(store, chosen(store, workspace), email, Role(role), clock.utcnow())
    _shown(changed, None, output)


@users.command()
@click.argument("email")
@click.argument("names", nargs=-1)
@workspace_option
@options.config_source
@options.output
def identities(
    email: str, names: tuple[str, ...], workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """Say under which other NAMES (logins at the code host) EMAIL writes and triggers: nobody approves their own."""
    with opened(config, data) as (_, store):
        changed = people.set_identities(store, chosen(store, workspace), email, names, clock.utcnow())
    _shown(changed, None, output)


@users.command()
@click.argument("email")
@workspace_option
@options.config_source
@options.output
def disable(email: str, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """End the account of EMAIL, from now on and for good."""
    with opened(config, data) as (_, store):
        changed = people.disable(store, chosen(store, workspace), email, clock.utcnow())
    _shown(changed, None, output)


@users.command(name="list")
@workspace_option
@options.config_source
@options.output
def listed(workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List the accounts."""
    with opened(config, data) as (_, store):
        found = people.listed(store, chosen(store, workspace))
    items: list[JsonValue] = [_fields(one) for one in found]
    lines = [_line(one) for one in found]
    options.show({"items": items}, "\n".join(lines or ["no account yet: add one"]), output)


def _password(file: str | None) -> str:
    if file is None:
        return base32_id("", os.urandom(_PASSWORD_BYTES))
    try:
        if file == "-":
            return sys.stdin.readline(_MAX_PASSWORD_FILE_BYTES).rstrip("\r\n")
        with Path(file).open(encoding="utf-8") as opened_file:
            return opened_file.readline(_MAX_PASSWORD_FILE_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{file} cannot be read as a password", "its first line is to be the password") from None


def _shown(account: people.Account, made: str | None, output: str) -> None:
    fields = _fields(account) | ({} if made is None else {"password": made})
    text = _line(account) + ("" if made is None else f"\npassword {made}; it is not shown again")
    options.show(fields, text, output)


def _fields(account: people.Account) -> JsonObject:
    return {
        "email": account.email,
        "role": account.role.value,
        "createdAt": format_time(account.created_at),
        "endsAt": None if account.ends_at is None else format_time(account.ends_at),
        "disabledAt": None if account.disabled_at is None else format_time(account.disabled_at),
        "identities": [*account.identities],
    }


def _line(account: people.Account) -> str:
    until = "" if account.ends_at is None else f"  until {format_time(account.ends_at)}"
    ended = "" if account.disabled_at is None else f"  ended {format_time(account.disabled_at)}"
    also = f"  also {' '.join(account.identities)}" if account.identities else ""
    return f"{account.role.value:8}  {account.email}{also}{until}{ended}"
