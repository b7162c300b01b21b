"""Posts for a command and says what came of it: a line or the answer on stdout, what speaks against it on stderr."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from typing import TYPE_CHECKING, TypeVar

import click

from collector.pipeline.access import Access, Destination, read_access
from collector.terminal import show
from shared.errors import ConfigError
from shared.printable import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from collector.pipeline.posting import Receiver, Reply
    from shared.encoding import JsonObject, JsonValue

    Ask = Callable[[Receiver], Awaitable[Reply]]

_T = TypeVar("_T")
_MAX_SHOWN_CHARS = 500
_MAX_LISTED = 20


def post(to: Destination, path: str, body: JsonObject, what: str) -> None:
    """Post a body to a path, or print it for a dry run; `what` says in words what was posted."""
    ask(to, body, what, lambda receiver: receiver.post(path, body, new_key()))


def ask(to: Destination, body: JsonObject, what: str, how: Ask) -> None:
    """Do something with a receiver and tell its answer, or print the body for a dry run."""
    if to.dry_run:
        click.echo(json.dumps(body, sort_keys=True, indent=None if to.output == "json" else 2))
        return
    reply = talk(read_access(to, os.environ), how)
    show(to.output, reply.body, f"{reply.status} {reply.id} {what}")
    for warning in _warnings(reply.body):
        click.echo(plain(f"warning: {warning}"), err=True)


def talk(access: Access, how: Callable[[Receiver], Awaitable[_T]]) -> _T:
    """Do something with a receiver, telling each wait on stderr; raises what it raises."""
    try:
        from collector.pipeline.posting import Receiver  # noqa: PLC0415 - `carnet drop` needs none of its packages
    except ModuleNotFoundError as error:
        raise missing(error, "carnet[pipeline]") from None

    async def talked() -> _T:
        async with Receiver(access, lambda text: click.echo(plain(f"later: {text}"), err=True)) as receiver:
            return await how(receiver)

    return asyncio.run(talked())


def new_key() -> str:
    """Give an `Idempotency-Key` that nobody used before."""
    return secrets.token_hex(16)


def missing(error: ModuleNotFoundError, extra: str) -> ConfigError:
    """Say which extra is not installed."""
    return ConfigError(f"{error.name} is not installed", f"install {extra}")


def _warnings(body: JsonObject) -> list[str]:
    """Say what of an answer speaks against what was posted."""
    found: list[str] = []
    contradictions = body.get("contradictions")
    if isinstance(contradictions, list):
        found += [f"contradiction: {_words(one)}" for one in contradictions[:_MAX_LISTED]]
    if body.get("effectivePassed") is False:
        found.append("it counts as not passed")
    if body.get("authorized") is False:
        found.append(f"the deployment is not authorized: {_words(body.get('reason') or body.get('authorization'))}")
    cut = body.get("cut")
    if isinstance(cut, list) and cut:
        found.append(f"secrets were masked in {', '.join(_words(one) for one in cut[:_MAX_LISTED])}")
    return found


def _words(value: JsonValue) -> str:
    if isinstance(value, dict):
        value = next((value[name] for name in ("detail", "message", "reason") if name in value), value)
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:_MAX_SHOWN_CHARS].replace("\n", " ")
