"""`collectors invite` and `collectors confirm`: let hosts in, online or by files across an air gap, as one table."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TextIO

import click
from pydantic import ValidationError

from receiver import clock, enrol, keys_at_hand, lookup
from receiver import confirm as confirming
from receiver.caller import operator
from receiver.commands import carrying, options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.commands.licence import allow_new
from receiver.confirm import Asking, Carried, Confirmed
from receiver.enrol import Invitation
from receiver.joining import ANY_NAME
from receiver.named_secrets import read_master_key
from receiver.store.engine import Store
from shared.encoding import JsonObject, JsonValue, format_time
from shared.errors import Code, MalformedError, UntrustedError
from shared.joining import KeyringAnswer
from shared.keys import key_from_spki
from shared.offline import OfflineInvitation, OfflineResponse, emit_invitation, emit_response
from shared.predicates import Limits

_ONLINE_MINUTES = 60
_OFFLINE_MINUTES = 24 * 60
_FINGERPRINT = "sha256:"
_EVERYTHING = ("*",)
_NOT_DONE = 1


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--names-file", type=click.File("r", encoding="utf-8"), help="More names, one a line; - for standard input."
)
@click.option("--approve", is_flag=True, help="Take the key in at once, without a person who compares it.")
@click.option(
    "--offline", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write a file for each name, to be carried to hosts that cannot reach this receiver.",
)  # fmt: skip
@click.option(
    "--valid-minutes", type=click.IntRange(enrol.MIN_VALID_MINUTES, enrol.MAX_VALID_MINUTES),
    help=f"How long it is good; {_ONLINE_MINUTES} if not given, with --offline {_OFFLINE_MINUTES}.",
)  # fmt: skip
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
    names_file: TextIO | None,
    approve: bool,
    offline: Path | None,
    valid_minutes: int | None,
    repositories: tuple[str, ...],
    services: tuple[str, ...],
    environments: tuple[str, ...],
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Make an invitation for each NAME; each is shown once, or written to its file, and serves one key."""
    named = _names(names, names_file)
    if offline is not None and (approve or ANY_NAME in named):
        raise click.UsageError("what is carried is for one host, and confirmed by a person: no --approve, no *")
    minutes = valid_minutes or (_ONLINE_MINUTES if offline is None else _OFFLINE_MINUTES)
    limits = _limited_to(repositories, services, environments)
    with opened(config, data) as (found, store):
        allow_new(found, store, "collectors")
        workspace_id = chosen(store, workspace)
        paths: list[Path] = []
        if offline is not None:
            carrying.make_folder(offline)
            paths = carrying.invitation_paths(named, offline)
        made = enrol.invite(store, workspace_id, named, limits, approve, minutes, clock.utcnow(), os.urandom)
        if offline is not None:
            keyring = _keyring(store, workspace_id)
            for one, path in zip(made, paths, strict=True):
                file = OfflineInvitation(one.name, one.token, one.expires_at, keyring)
                carrying.write_invitation(path, emit_invitation(file))
        root = None if offline is None else key_from_spki(_keyring(store, workspace_id).root_spki).key_id
    _show_invitations(made, paths, root, output)


def _limited_to(repositories: tuple[str, ...], services: tuple[str, ...], environments: tuple[str, ...]) -> Limits:
    try:
        return Limits(
            repositories=repositories or _EVERYTHING,
            services=services or _EVERYTHING,
            environments=environments or _EVERYTHING,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise MalformedError(
            Code.INVALID_FIELD, f"{first['loc'][0]}: {first['input']!r} is no glob", "for instance acme/* or production"
        ) from None


def _names(names: tuple[str, ...], names_file: TextIO | None) -> list[str]:
    try:
        lines = [] if names_file is None else [line.strip() for line in names_file]
    except UnicodeDecodeError:
        raise MalformedError(Code.BAD_ENCODING, "the list of names is not UTF-8", "one name a line") from None
    found = [*names, *(line for line in lines if line)]
    if not found:
        raise click.UsageError("name the hosts to invite")
    return found


def _show_invitations(made: Sequence[Invitation], paths: Sequence[Path], root: str | None, output: str) -> None:
    items: list[JsonValue] = []
    lines = []
    for one, path in zip_longest(made, paths):
        shown, key = (one.token, "token") if path is None else (str(path), "file")
        items.append({"name": one.name, key: shown, "expiresAt": format_time(one.expires_at)})
        lines.append(f"{one.name}  {shown}  until {format_time(one.expires_at)}")
    fields: JsonObject = {"items": items}
    if root is not None:
        fields["rootKeyId"] = root
        lines.append(f"tell each host by another way than these files: --receiver-key {root}")
    options.show(fields, "\n".join(lines), output)


@click.command()
@click.argument("requests", nargs=-1, metavar="[FINGERPRINT|FILE|DIR]...")
@click.option("--yes", is_flag=True, help="Confirm all that nothing is wrong with, without a question.")
@click.option(
    "--responses", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR",
    help="Where the responses to requests from files go; beside each request if not given.",
)  # fmt: skip
@workspace_option
@options.config_source
@options.output
def confirm(
    requests: tuple[str, ...],
    *,
    yes: bool,
    responses: Path | None,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Show who asks to be taken in as one table, ask once, and take them in.

    Without an argument these are the collectors that asked online and wait; FILE is a request that was carried in
    (of a DIR all that are called *.request.json), answered by a response beside it, to be carried back. Whoever names
    fingerprints (sha256:...), which the hosts have shown, confirms these keys and no other, without a question.
    Exits 77 where something was refused, with the reason in the table.
    """
    named = [one for one in requests if one.startswith(_FINGERPRINT)]
    carried = carrying.requests([Path(one) for one in requests if not one.startswith(_FINGERPRINT)])
    with opened(config, data) as (found, store):
        workspace_id = chosen(store, workspace)
        rows = confirming.look(store, workspace_id, carried, named, clock.utcnow())
        if not (yes or named) and not _agreed(rows):
            click.echo("nobody was taken in", err=True)
            raise click.exceptions.Exit(_NOT_DONE)
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), workspace_id)
        by = operator(signers.audience)
        done = confirming.confirm(store, signers, rows, by, clock.utcnow(), os.urandom)
        written = _respond(done, _keyring(store, workspace_id), responses)
    items: list[JsonValue] = [_fields(one, path) for one, path in zip(done, written, strict=True)]
    outcomes = [_outcome(one, path) for one, path in zip(done, written, strict=True)]
    table = _table([one.asking for one in done], outcomes)
    options.show({"items": items}, table, output)
    if any(one.enrolment is None for one in done):
        raise click.exceptions.Exit(UntrustedError.exit_status)


def _agreed(rows: Sequence[Asking]) -> bool:
    good = sum(one.problem is None for one in rows)
    if not good:
        return True  # there is nothing to agree to; what is wrong is told as the outcome
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked: name the fingerprints, or say --yes")
    click.echo(_table(rows, ["" for _ in rows]), err=True)
    click.echo("\nCompare each fingerprint with what its host shows.", err=True)
    return click.confirm(f"Take in {good} of {len(rows)}?", default=False, err=True)


def _respond(done: Sequence[Confirmed], keyring: KeyringAnswer, folder: Path | None) -> list[Path | None]:
    written: list[Path | None] = []
    for one in done:
        path = None
        if one.asking.carried is not None and one.enrolment is not None:
            path = carrying.response_path(Path(one.asking.carried.source), one.asking.fingerprint or "", folder)
            carrying.write_response(path, emit_response(OfflineResponse(one.enrolment, keyring)))
        written.append(path)
    return written


def _keyring(store: Store, workspace_id: str) -> KeyringAnswer:
    found = lookup.keyring(store, workspace_id)
    return KeyringAnswer(found.versions, found.root_spki)


def _fields(one: Confirmed, response: Path | None) -> JsonObject:
    asking = one.asking
    problem: JsonObject | None = None
    if asking.problem is not None:
        problem = {"code": asking.problem.code.value, "detail": asking.problem.detail, "hint": asking.problem.hint}
    return {
        "source": None if asking.carried is None else asking.carried.source,
        "name": asking.name,
        "keyId": asking.fingerprint,
        "limits": None if asking.limits is None else asking.limits.to_wire(),
        "validUntil": None if asking.valid_until is None else format_time(asking.valid_until),
        "status": "refused" if one.enrolment is None else "active",
        "id": one.collector_id,
        "response": None if response is None else str(response),
        "problem": problem,
    }


def _outcome(one: Confirmed, response: Path | None) -> str:
    if one.collector_id is None or one.enrolment is None:
        return ""
    return f"{one.collector_id} is active" + ("" if response is None else f", its response: {response}")


def _table(rows: Sequence[Asking], outcomes: Sequence[str]) -> str:
    if not rows:
        return "nobody waits to be confirmed"
    lines = [("NAME", "FINGERPRINT", "MAY SPEAK FOR", "VALID UNTIL", "")]
    for row, outcome in zip(rows, outcomes, strict=True):
        lines.append(
            (
                row.name or _source(row.carried),
                row.fingerprint or "-",
                "-" if row.limits is None else _limits(row.limits),
                "-" if row.valid_until is None else format_time(row.valid_until),
                outcome if row.problem is None else f"REFUSED: {row.problem}",
            )
        )
    widths = [max(len(line[at]) for line in lines) for at in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    )


def _source(carried: Carried | None) -> str:
    name = "?" if carried is None else Path(carried.source).name
    return "".join(char if char.isprintable() else "?" for char in name)


def _limits(limits: Limits) -> str:
    kinds = (("", limits.repositories), ("services ", limits.services), ("environments ", limits.environments))
    limited = [f"{kind}{' '.join(globs)}" for kind, globs in kinds if globs != _EVERYTHING]
    return "; ".join(limited) or "everything"
