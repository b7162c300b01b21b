"""`policy`: check a policy, keep it, and say which version of it judges from now on."""

from __future__ import annotations

import os
from pathlib import Path

import click

from receiver import activate, clock, keys_at_hand
from receiver.activate import Activation, PolicyRow, Wanted
from receiver.caller import operator
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.commands.licence import allow_new
from receiver.named_secrets import read_master_key
from shared.encoding import JsonObject, JsonValue, digest_text, format_time
from shared.errors import ConfigError
from shared.judging.policyfile import read_policy
from shared.judging.problems import PolicyError
from shared.judging.words import counted
from shared.judging.yamltext import MAX_BYTES

_file = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


@click.group()
def policy() -> None:
    """What must be true before a release."""


@policy.command()
@_file
@options.output
def check(file: Path, output: str) -> int:
    """Say whether FILE is a policy, or all that is wrong with it, with lines and columns; needs no database."""
    text = read_text(file)
    try:
        found = read_policy(text, 1)
    except PolicyError as error:
        problems: list[JsonValue] = [
            {"line": one.line, "column": one.column, "code": one.code.value, "text": one.text, "hint": one.hint}
            for one in error.problems
        ]
        lines = [
            f"{file}:{one.line}:{one.column}: {one.text}" + (f" ({one.hint})" if one.hint else "")
            for one in error.problems
        ]
        options.show({"ok": False, "problems": problems}, "\n".join(lines), output)
        return error.exit_status
    fields: JsonObject = {
        "ok": True,
        "name": found.name,
        "digest": found.digest,
        "mode": found.mode.value,
        "rules": len(found.rules),
        "problems": [],
    }
    said = f"{found.name} is a policy of {counted(len(found.rules), 'rule')}, mode {found.mode}"
    options.show(fields, f"{said}\n{found.digest}", output)
    return 0


@policy.command()
@_file
@workspace_option
@options.config_source
@options.output
def upload(file: Path, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Keep FILE as the next version of its policy; it judges nothing until it is activated."""
    text = read_text(file)
    with opened(config, data) as (found, store):
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), chosen(store, workspace))
        if not activate.knows(store, signers.workspace_id, text):
            allow_new(found, store, "policies")
        done = activate.upload(store, signers.audience, text, operator(signers.audience), clock.utcnow())
    said = "is kept" if done.new else "was there before"
    options.show(_row(done.row) | {"new": done.new}, f"version {done.row.version} of {done.row.name} {said}", output)


@policy.command(name="activate")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Which version; the newest without.")
@click.option("--override-simulation", is_flag=True, help="Enforce though it was not simulated; needs --reason.")
@click.option("--reason", help="Why it is not simulated; it stands in the signed statement.")
@workspace_option
@options.config_source
@options.output
def activate_policy(
    name: str,
    *,
    version: int | None,
    override_simulation: bool,
    reason: str | None,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Judge by the policy NAME from now on; one that enforces must have been simulated in the last day."""
    if override_simulation != (reason is not None):
        raise click.UsageError("--override-simulation and --reason TEXT go together")
    with opened(config, data) as (found, store):
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), chosen(store, workspace))
        by = operator(signers.audience)
        done = activate.activate(store, signers, Wanted(name, version, reason), by, clock.utcnow(), os.urandom)
    fields = _row(done.row) | {
        "register": done.activation.number,
        "activeFrom": format_time(done.activation.active_from),
        "simulatedAt": None if done.simulated_at is None else format_time(done.simulated_at),
        "override": done.activation.override,
        "new": done.new,
    }
    said = "is active" if done.new else "was active before"
    options.show(
        fields,
        f"version {done.row.version} of {name} {said}, mode {done.row.mode}: number {done.activation.number}"
        " of the register",
        output,
    )


@policy.command()
@click.argument("name")
@workspace_option
@options.config_source
@options.output
def deactivate(name: str, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Judge by the policy NAME no longer; what it covered falls to a less specific one, or to the baseline."""
    with opened(config, data) as (found, store):
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), chosen(store, workspace))
        ended = activate.deactivate(store, signers.audience, name, operator(signers.audience), clock.utcnow())
    options.show(_activation(ended), f"version {ended.version} of {name} is no longer active", output)


@policy.command(name="list")
@workspace_option
@options.config_source
@options.output
def listed(workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List all policies: the version that is active, or the newest where none is."""
    with opened(config, data) as (_, store):
        found = activate.listed(store, chosen(store, workspace))
    items: list[JsonValue] = [
        _row(row) | {"activeFrom": None if active is None else format_time(active.active_from)} for row, active in found
    ]
    lines = [
        f"{row.name}  version {row.version}  {row.mode:8}  "
        + ("not active" if active is None else f"active since {format_time(active.active_from)}")
        for row, active in found
    ]
    options.show({"items": items}, "\n".join(lines or ["no policy yet: releases are judged by the baseline"]), output)


@policy.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Whose text; of the active one without, else of the newest.")
@workspace_option
@options.config_source
@options.output
def show(
    name: str, version: int | None, workspace: str | None, config: Path | None, data: Path | None, output: str
) -> None:
    """Show the policy NAME: the text of one version, and, as JSON, all versions and when which was active."""
    with opened(config, data) as (_, store):
        found = activate.show(store, chosen(store, workspace), name, version)
    fields = _row(found.shown) | {
        "text": found.text,
        "versions": [_row(one) for one in found.versions],
        "activations": [_activation(one) for one in found.activations],
    }
    options.show(fields, found.text.rstrip("\n"), output)


def read_text(file: Path) -> bytes:
    """Read a policy's file, no more of it than a policy may have and a byte; raises `ConfigError`."""
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", "name the file of a policy") from None


def _row(row: PolicyRow) -> JsonObject:
    return {
        "name": row.name,
        "version": row.version,
        "digest": digest_text(row.digest),
        "mode": row.mode,
        "uploadedBy": row.uploaded_by,
        "uploadedAt": format_time(row.uploaded_at),
    }


def _activation(one: Activation) -> JsonObject:
    return {
        "name": one.name,
        "version": one.version,
        "register": one.number,
        "activeFrom": format_time(one.active_from),
        "endedAt": None if one.ended_at is None else format_time(one.ended_at),
        "override": one.override,
    }
