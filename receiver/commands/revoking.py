"""`collectors revoke`, `keys revoke`, `tokens revoke`: end them at once, and say what that does."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver import clock, keys_at_hand, revoke
from receiver.caller import operator
from receiver.commands import options
from receiver.commands.collectors import chosen, opened, workspace_option
from receiver.core.impact import Effect, Some
from receiver.core.revocation import Asked, Loss, What
from receiver.named_secrets import read_master_key
from shared.encoding import JsonObject, digest_text, format_time

_TIMES = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d"]
_F = TypeVar("_F", bound=Callable[..., Any])


def _ending(function: _F) -> _F:
    """Add what every revocation is asked with."""
    for option in (
        options.output,
        options.config_source,
        workspace_option,
        click.option("--dry-run", is_flag=True, help="Say what it would do, and change nothing."),
        click.option("--always", is_flag=True, help="Compromised, and nobody knows since when."),
        click.option(
            "--since", type=click.DateTime(_TIMES), help="Compromised since this time (UTC), by the receiver's clock."
        ),
        click.option("--reason", required=True, help="Why; it stands in the signed statement."),
    ):
        function = option(function)
    return function


_kind = click.option("--kind", type=click.Choice([one.value for one in Loss]), required=True)
_kind_or_lost = click.option(
    "--kind", type=click.Choice([one.value for one in Loss]), default=Loss.LOST.value, show_default=True
)


@click.command(name="revoke")
@click.argument("collector_id")
@_kind
@_ending
def revoke_collector(collector_id: str, **asked: Any) -> None:  # noqa: ANN401 - the options of `_ending`
    """End the collector COLLECTOR_ID (col_...): its keys, its access and its invitations, at once."""
    _revoke(What.COLLECTOR, collector_id, **asked)


@click.command(name="revoke")
@click.argument("key_id")
@_kind
@_ending
def revoke_key(key_id: str, **asked: Any) -> None:  # noqa: ANN401
    """End the key KEY_ID (sha256:...), and those that came in by its rotations since."""
    _revoke(What.KEY, key_id, **asked)


@click.command(name="revoke")
@click.argument("token_id")
@_kind_or_lost
@_ending
def revoke_token(token_id: str, **asked: Any) -> None:  # noqa: ANN401
    """End the token TOKEN_ID (tok_...): running receivers refuse it from their next request on."""
    _revoke(What.TOKEN, token_id, **asked)


def _revoke(  # noqa: PLR0913 - each is an option
    what: What,
    named: str,
    *,
    kind: str,
    reason: str,
    since: datetime | None,
    always: bool,
    dry_run: bool,
    workspace: str | None,
    config: Path | None,
    data: Path | None,
    output: str,
) -> None:
    loss = Loss(kind)
    if loss is Loss.COMPROMISED and (since is None) != always:
        raise click.UsageError("compromised since when? --since TIME, or --always where nobody knows")
    if loss is Loss.LOST and (since is not None or always):
        raise click.UsageError("what is lost ends now; say --kind compromised where somebody else may have used it")
    asked = Asked(what, named, loss, None if since is None else since.replace(tzinfo=UTC), reason)
    with opened(config, data) as (found, store):
        workspace_id = chosen(store, workspace)
        if dry_run:
            effect = revoke.impact(store, workspace_id, asked, clock.utcnow())
        else:
            signers = keys_at_hand.load(store, read_master_key(found.master_key_file), workspace_id)
            by = operator(signers.audience)
            effect = revoke.revoke(store, signers, asked, by, clock.utcnow(), os.urandom)
    options.show(_fields(effect, dry_run=dry_run), _text(effect, dry_run=dry_run), output)


def _fields(effect: Effect, *, dry_run: bool) -> JsonObject:
    asked = effect.asked
    return {
        "id": asked.id,
        "what": asked.what.value,
        "kind": asked.kind.value,
        "since": _time(asked.since),
        "reason": asked.reason,
        "dryRun": dry_run,
        "revocation": effect.revocation,
        "revokedAt": _time(effect.revoked_at),
        "keys": [*effect.keys],
        "untrusted": {"items": [digest_text(one) for one in effect.untrusted], "total": effect.untrusted_total},
        "staysGood": effect.stays_good,
        "neverDeliveredAtMost": effect.never_delivered_at_most,
        "collectAgain": {
            "repositories": _named(effect.repositories),
            "commits": _named(effect.commits),
            "runs": _named(effect.runs),
        },
        "tokens": effect.tokens,
        "invitations": effect.invitations,
        "offeredSince": _time(effect.offered_since),
    }


def _named(some: Some) -> JsonObject:
    return {"items": [*some.items], "total": some.total}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _text(effect: Effect, *, dry_run: bool) -> str:
    asked = effect.asked
    since = "always" if asked.since is None else format_time(asked.since)
    number = "" if effect.revocation is None else f", number {effect.revocation} of the register"
    said = "would be revoked" if dry_run and effect.revoked_at is None else "is revoked"
    lines = [
        f"{asked.id} {said} as {asked.kind.value}, counted from {since}{number}: {asked.reason}",
        f"held from now: {effect.untrusted_total} attestations; go on to count: {effect.stays_good}",
    ]
    if asked.what is not What.TOKEN:
        lines += [
            f"made and never delivered: {effect.never_delivered_at_most} at most",
            f"ends: {len(effect.keys)} keys, {effect.tokens} hourly tokens, {effect.invitations} invitations",
        ]
    for name, some in (
        ("repositories", effect.repositories),
        ("commits", effect.commits),
        ("runs", effect.runs),
    ):
        if some.total:
            more = f" and {some.total - len(some.items)} more" if some.total > len(some.items) else ""
            lines.append(f"collect again, {name}: {' '.join(some.items)}{more}")
    return "\n".join(lines)
