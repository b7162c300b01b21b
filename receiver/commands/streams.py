"""`streams`: what is missing of what collectors numbered, what never came at all, and closing a gap on record."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import click

from receiver import clock, expect, keys_at_hand, people
from receiver import streams as cases
from receiver.caller import OPERATOR
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.core.accounts import Role
from receiver.core.changes import LACKING
from receiver.core.completeness import Lack, Standing
from receiver.core.ranges import NO_END, Range
from receiver.named_secrets import read_master_key
from receiver.store.engine import Store
from shared.encoding import JsonObject, JsonValue, format_time
from shared.keyfile import read_secret
from shared.predicates import Audience, Person

_RANGE = re.compile(r"([0-9]{1,16})(?:(-)([0-9]{1,16})?)?")


def read_gap(_context: click.Context, _option: click.Parameter, text: str) -> Range:
    """Read a number, or two with a dash between them, as the first and the last of a gap; one and a dash has no end."""
    found = _RANGE.fullmatch(text)
    if found is None:
        raise click.BadParameter("write a number, a range such as 118-131, or 132- for the end of a stream")
    return int(found[1]), int(found[3] or (NO_END if found[2] else found[1]))


@click.group()
def streams() -> None:
    """What is missing, and what never came."""


@streams.command(name="list")
@click.option("--wrong", is_flag=True, help="Only those of which something is missing, or that are not as they should.")
@workspace_option
@options.config_source
@options.output
def listed(*, wrong: bool, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List all streams and how they stand."""
    with opened(config, data) as (_, store):
        found = cases.of_workspace(store, chosen(store, workspace), clock.utcnow())
    shown = [one for one in found if not wrong or not one.complete]
    none = "nothing is missing" if wrong else "no stream yet"
    options.show({"items": [_fields(one) for one in shown]}, "\n".join(map(_line, shown)) or none, output)


@streams.command()
@click.argument("stream")
@workspace_option
@options.config_source
@options.output
def show(stream: str, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """Show what is known of STREAM: every hole, and what changed lately."""
    with opened(config, data) as (_, store):
        found, events = cases.one(store, chosen(store, workspace), stream, clock.utcnow())
    changed: list[JsonValue] = [
        {
            "at": format_time(one.at),
            "kind": one.change.kind.value,
            "first": one.change.first,
            "last": one.change.last,
        }
        for one in events
    ]
    lines = [_line(found), *(f"  {_span(part)}  {kind.value}" for kind, part in found.holes)]
    lines += [
        f"  {format_time(one.at)}  {one.change.kind.value}"
        + ("" if one.change.first is None else f"  {_span((one.change.first, one.change.last or one.change.first))}")
        for one in events
    ]
    options.show(_fields(found) | {"events": changed}, "\n".join(lines), output)


@streams.command()
@click.argument("stream")
@click.argument("gap", callback=read_gap)
@click.option("--reason", required=True, help="Why these are lost; it stands in the signed statement.")
@click.option("--by", "emails", multiple=True, help="Who says so, by e-mail: once or twice. Without: the operator.")
@click.option(
    "--password-file",
    "password_files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="The password of each --by, in their order, mode 0600; without it is asked for.",
)
@workspace_option
@options.config_source
@options.output
def close(  # noqa: PLR0913 - each is an option
    stream: str,
    gap: Range,
    *,
    reason: str,
    emails: tuple[str, ...],
    password_files: tuple[Path, ...],
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Say on record that GAP (such as 118-131) of STREAM is lost; two people after a compromise.

    132- says that nothing comes any more from there on, of a stream that its collector left behind.
    """
    with opened(config, data) as (found, store):
        workspace_id = chosen(store, workspace)
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), workspace_id)
        by = _people(store, signers.audience, emails, password_files)
        said = cases.close(store, signers, stream, gap, reason, by, clock.utcnow(), os.urandom)
    fields: JsonObject = {
        "stream": said.stream,
        "first": said.first,
        "last": said.last,
        "number": said.register_.number,
    }
    options.show(
        fields, f"{_span(gap)} of {said.stream} is closed: number {said.register_.number} of the register", output
    )


@streams.command()
@click.option("--withdrawn", is_flag=True, help="Those too whose evidence came after all.")
@workspace_option
@options.config_source
@options.output
def missing(*, withdrawn: bool, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List evidence that was expected and never came."""
    with opened(config, data) as (_, store):
        found = expect.missing(store, chosen(store, workspace), withdrawn=withdrawn)
    items: list[JsonValue] = [_finding(one) for one in found]
    lines = [
        f"{format_time(one.overdue.due_at)}  {one.overdue.type.value}  {one.overdue.expectation}  "
        f"{one.overdue.known.kind.value} {one.overdue.known.id}"
        + ("" if one.withdrawn_at is None else "  came after all")
        for one in found
    ]
    options.show({"items": items}, "\n".join(lines or ["nothing that was expected is missing"]), output)


@streams.command()
@click.argument("collector")
@click.option("--intermittent/--steady", required=True, help="Whether it may be silent for any time.")
@click.option("--lag-minutes", type=click.IntRange(0), default=0, show_default=True, help="How long entries may take.")
@workspace_option
@options.config_source
@options.output
def rhythm(
    collector: str,
    *,
    intermittent: bool,
    lag_minutes: int,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Say how COLLECTOR (its id) sends: always, or now and then, and with which lag."""
    lag = timedelta(minutes=lag_minutes)
    with opened(config, data) as (_, store):
        workspace_id = chosen(store, workspace)
        cases.set_rhythm(store, workspace_id, collector, lag, OPERATOR, clock.utcnow(), intermittent=intermittent)
    words = "may be silent" if intermittent else "sends all the time"
    fields: JsonObject = {"id": collector, "intermittent": intermittent, "lagMinutes": lag_minutes}
    options.show(fields, f"{collector} {words}; its entries may take {lag_minutes} min", output)


def _people(
    store: Store, audience: Audience, emails: tuple[str, ...], password_files: tuple[Path, ...]
) -> tuple[Person, ...]:
    """Sign in who says something; whoever has the database and the keys in hand is the operator."""
    if not emails:
        return (Person(issuer=audience.receiver, subject=OPERATOR, method="command", role=Role.ADMIN.value),)
    if password_files and len(password_files) != len(emails):
        raise click.UsageError("--password-file: one for each --by, or none")
    found = []
    for at, email in enumerate(emails):
        password = _password(password_files[at]) if password_files else _asked(email)
        found.append(people.sign_in(store, audience.workspace, email, password, clock.utcnow(), Role.APPROVER))
    return tuple(found)


def _password(path: Path) -> str:
    return read_secret(path, "it holds one password as a line of text and has mode 0600").decode().rstrip("\r\n")


def _asked(email: str) -> str:
    return str(click.prompt(f"Password of {email}", hide_input=True, err=True))


def _fields(one: cases.StreamView) -> JsonObject:
    return {
        "id": one.stream_id,
        "collectorId": one.collector_id,
        "standing": one.standing.value,
        "complete": one.complete,
        "contiguousTo": _number(one.mark),
        "head": _number(one.head),
        "knownTo": _number(one.known_to),
        "forkedFrom": one.forked_from,
        "twoHolders": one.two_holders,
        "settled": one.settled,
        "holes": [{"first": first, "last": last, "kind": kind.value} for kind, (first, last) in one.holes],
        "heardAt": None if one.heard_at is None else format_time(one.heard_at),
        "waiting": one.waiting,
    }


def _line(one: cases.StreamView) -> str:
    lacking = sum(last - first + 1 for kind, (first, last) in one.holes if kind in LACKING)
    flying = sum(last - first + 1 for kind, (first, last) in one.holes if kind is Lack.IN_FLIGHT)
    words = [one.stream_id, one.collector_id, f"{one.standing.value:9}", f"up to {one.mark} of {one.known_to}"]
    words += [f"{lacking} missing"] if lacking else []
    words += [f"{flying} in flight"] if flying else []
    words += [] if one.forked_from is None else [f"forked from {one.forked_from}"]
    words += ["two hold a key of it: revoke that"] if one.two_holders else []
    if one.standing is Standing.ABANDONED:
        words.append("settled" if one.settled else f"nothing comes any more? streams close STREAM {one.known_to + 1}-")
    if one.standing is Standing.SILENT:
        words.append("never heard" if one.heard_at is None else f"last heard {format_time(one.heard_at)}")
    return "  ".join(words)


def _finding(one: expect.Finding) -> JsonObject:
    late = one.overdue
    return {
        "expectation": late.expectation,
        "type": late.type.value,
        "after": late.known.kind.value,
        "id": late.known.id,
        "repository": late.known.repository,
        "commit": late.known.commit,
        "dueAt": format_time(late.due_at),
        "foundAt": format_time(one.found_at),
        "withdrawnAt": None if one.withdrawn_at is None else format_time(one.withdrawn_at),
    }


def _number(found: int) -> int | None:
    return found if found >= 0 else None


def _span(part: Range) -> str:
    first, last = part
    if last == NO_END:
        return f"{first}-"
    return str(first) if first == last else f"{first}-{last}"
