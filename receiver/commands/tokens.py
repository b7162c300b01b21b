"""`tokens`: issue, list and revoke them without the console."""

from __future__ import annotations

import os
from pathlib import Path

import click

from receiver import access, clock
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.core.tokens import Kind, Scope
from shared.encoding import JsonObject, JsonValue, format_time
from shared.predicates import Limits

_KINDS = {"api-key": Kind.API_KEY, "gate": Kind.GATE}
_PAGE = 200


@click.group()
def tokens() -> None:
    """What may ask: keys of pipelines and gates."""


@tokens.command()
@click.argument("label")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([one.value for one in Scope]), help="Repeat."
)
@click.option("--kind", type=click.Choice(list(_KINDS)), default="api-key", show_default=True)
@click.option("--days", type=click.IntRange(1, access.MAX_VALID_DAYS), default=90, show_default=True)
@click.option(
    "--per-minute", type=click.IntRange(1, access.MAX_PER_MINUTE), default=100, show_default=True, help="Requests."
)
@click.option("--repository", "repositories", multiple=True, help="A glob that it may post for; repeat.")
@click.option("--service", "services", multiple=True, help="A glob that it may speak for; a gate's token names some.")
@click.option("--environment", "environments", multiple=True, help="The same for environments.")
@click.option("--owner", help="Whom it is for, such as an e-mail address: they approve nothing that it asks for.")
@click.option("--require-policy", is_flag=True, help="A gate holds what no policy covers, instead of its baseline.")
@workspace_option
@options.config_source
@options.output
def issue(  # noqa: PLR0913 - each is an option
    label: str,
    *,
    scopes: tuple[str, ...],
    kind: str,
    days: int,
    per_minute: int,
    repositories: tuple[str, ...],
    services: tuple[str, ...],
    environments: tuple[str, ...],
    owner: str | None,
    require_policy: bool,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    """Issue a token under a LABEL that people know it by; it is shown once."""
    if _KINDS[kind] is Kind.GATE and not (services and environments):
        raise click.UsageError("a gate's token names its --service and --environment; '*' for all of them")
    every = ("*",)
    limits = Limits(repositories=repositories or every, services=services or every, environments=environments or every)
    with opened(config, data) as (_, store):
        made = access.issue(
            store,
            chosen(store, workspace),
            _KINDS[kind],
            [Scope(one) for one in scopes],
            label,
            clock.utcnow(),
            os.urandom,
            days,
            per_minute,
            limits=limits,
            owner=owner,
            require_policy=require_policy,
        )
    until = format_time(made.expires_at)
    options.show(
        {"id": made.id, "label": label, "token": made.token, "expiresAt": until},
        f"{made.token}\n{made.id}, {label}, until {until}; the token is not shown again",
        output,
    )


@tokens.command(name="list")
@workspace_option
@options.config_source
@options.output
def listed(workspace: str | None, config: Path | None, data: Path | None, output: str) -> None:
    """List the tokens, newest first, without the hourly ones of collectors."""
    rows: list[access.TokenRow] = []
    with opened(config, data) as (_, store):
        workspace_id, cursor = chosen(store, workspace), None
        while True:
            page, cursor = access.listed(store, workspace_id, _PAGE, cursor)
            rows += page
            if cursor is None:
                break
    items: list[JsonValue] = [_fields(one) for one in rows]
    now = clock.utcnow()
    lines = [
        f"{one.token_id}  {_state(one, good=one.good(now)):8}  until {format_time(one.expires_at)}  {one.label}  "
        + " ".join(sorted(one.scopes))
        for one in rows
    ]
    options.show({"items": items}, "\n".join(lines or ["no token yet: issue one"]), output)


def _fields(row: access.TokenRow) -> JsonObject:
    def time(name: str) -> str | None:
        moment = getattr(row, name)
        return None if moment is None else format_time(moment)

    return {
        "id": row.token_id,
        "label": row.label,
        "kind": row.kind.name,
        "scopes": [*sorted(row.scopes)],
        "limits": row.limits.to_wire(),
        "owner": row.owner,
        "requirePolicy": row.require_policy,
        "limitPerMinute": row.limit_per_minute,
        "createdAt": time("created_at"),
        "expiresAt": time("expires_at"),
        "lastUsedAt": time("last_used_at"),
        "revokedAt": time("revoked_at"),
        "reason": row.revoked_reason,
    }


def _state(row: access.TokenRow, *, good: bool) -> str:
    return "revoked" if row.revoked_at is not None else "good" if good else "expired"
