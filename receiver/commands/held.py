"""`held`: what is stored and helps no decision, and how two people let it count after all."""

from __future__ import annotations

import os
from pathlib import Path

import click

from receiver import clock, keys_at_hand, lookup, people, release
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.core.accounts import Role
from receiver.core.placing import Status
from receiver.named_secrets import read_master_key
from shared.encoding import JsonObject, JsonValue, digest_text, format_time, parse_digest
from shared.errors import ConfigError

_HELD = lookup.Filters(status=Status.HELD, record=None)
_MAX_PASSWORD_FILE_BYTES = 4096


@click.group()
def held() -> None:
    """What is stored, and counts for nothing until two people release it."""


@held.command(name="list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many, newest first.")
@workspace_option
@options.config_source
@options.output
def listed(limit: int, workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List what is held, newest first."""
    found: list[lookup.AttestationView] = []
    with opened(config, data) as (_, store):
        workspace_id, cursor = chosen(store, workspace), None
        while len(found) < limit:
            page = lookup.attestations(store, workspace_id, _HELD, limit - len(found), cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    items: list[JsonValue] = [_fields(one) for one in found]
    lines = [
        f"{digest_text(one.row.id)}  {one.standing.code}  {format_time(one.row.received_at)}  "
        f"{one.row.type}  {one.row.name}"
        for one in found
    ]
    options.show({"items": items}, "\n".join(lines or ["nothing is held"]), output)


@held.command(name="release")
@click.argument("attestation_ids", metavar="[ATTESTATION]...", nargs=-1)
@click.option(
    "--revocation", type=click.IntRange(min=1), help="Take back this revocation, by its number in the register."
)
@click.option("--reason", required=True, help="Why; it stands in the signed statement.")
@click.option("--by", "emails", nargs=2, required=True, metavar="EMAIL EMAIL", help="The two people who say so.")
@click.option(
    "--password-file",
    "files",
    multiple=True,
    help="A file with a password in its first line, for each of both; asked for without.",
)
@workspace_option
@options.config_source
@options.output
def release_held(  # noqa: PLR0913 - each is an option
    attestation_ids: tuple[str, ...],
    *,
    revocation: int | None,
    reason: str,
    emails: tuple[str, str],
    files: tuple[str, ...],
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Let ATTESTATIONs (sha256:...) count after all, or take a revocation back: two people sign in, here and now."""
    if (revocation is None) == (not attestation_ids):
        raise click.UsageError("name attestations, or a --revocation")
    if files and len(files) != len(emails):
        raise click.UsageError("one --password-file for each of both people, in their order")
    passwords = [_read(one) for one in files] or [
        click.prompt(f"password of {email}", hide_input=True, err=True) for email in emails
    ]
    wanted = release.Wanted(tuple(parse_digest(one) for one in attestation_ids), revocation, reason)
    with opened(config, data) as (found, store):
        workspace_id, now = chosen(store, workspace), clock.utcnow()
        first, second = (
            people.sign_in(store, workspace_id, email, password, now, Role.APPROVER)
            for email, password in zip(emails, passwords, strict=True)
        )
        signers = keys_at_hand.load(store, read_master_key(found.master_key_file), workspace_id)
        done = release.release(store, signers, wanted, (first, second), now, os.urandom)
    fields: JsonObject = {
        "release": done.number,
        "attestations": [*attestation_ids],
        "revocation": revocation,
        "reason": done.reason,
        "by": [one.subject for one in done.by],
        "at": format_time(done.at),
    }
    what = f"{len(attestation_ids)} attestations" if revocation is None else f"revocation {revocation}"
    text = f"{what}: released by {' and '.join(one.subject for one in done.by)}, number {done.number} of the register"
    options.show(fields, text, output)


def _fields(view: lookup.AttestationView) -> JsonObject:
    row, origin = view.row, view.row.origin
    signed = isinstance(origin, lookup.FromCollector)
    return {
        "id": digest_text(row.id),
        "code": None if view.standing.code is None else view.standing.code.value,
        "type": row.type,
        "name": row.name,
        "collectorId": origin.collector_id if isinstance(origin, lookup.FromCollector) else None,
        "tokenId": None if signed else getattr(origin, "token_id", None),
        "receivedAt": format_time(row.received_at),
        "repository": row.repository,
        "commit": row.commit,
    }


def _read(file: str) -> str:
    try:
        with Path(file).open(encoding="utf-8") as opened_file:
            return opened_file.readline(_MAX_PASSWORD_FILE_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{file} cannot be read as a password", "give a text file with it in the first line"
        ) from None
