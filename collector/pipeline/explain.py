"""`carnet explain`: the page of a passport that exists, as the gate printed it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click

from collector.pipeline.access import read_access
from collector.pipeline.options import gate_options
from collector.pipeline.telling import talk
from shared.encoding import parse_object
from shared.errors import Code, ConfigError, StateError
from shared.printable import plain
from shared.wire import GATE_API

if TYPE_CHECKING:
    from collector.pipeline.access import Destination
    from collector.pipeline.posting import Receiver

PASSPORTS = f"{GATE_API}/passports"
_PASSPORT = re.compile(r"pp_[0-9A-Za-z]{1,60}", re.ASCII)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})", re.ASCII)


@click.command(short_help="Show why a release may go or not, from its passport.")
@click.argument("which", metavar="PP_ID|DIGEST")
@click.option("--service", metavar="NAME", help="Of which service, where the digest was judged for several.")
@click.option("--environment", metavar="NAME", help="For which environment.")
@gate_options
def explain(to: Destination, which: str, service: str | None, environment: str | None) -> None:
    """Show the page of a passport, or of the newest one of an artifact, as the gate printed it.

    The token needs the scope read.
    """
    asked = None
    if (found := _DIGEST.fullmatch(which)) is not None:
        named = {"q": f"sha256:{found[1].lower()}", "service": service, "environment": environment, "limit": 1}
        asked = f"{PASSPORTS}?{urlencode({name: value for name, value in named.items() if value is not None})}"
    elif _PASSPORT.fullmatch(which) is None:
        raise ConfigError(
            f"{which[:100]!r} is neither a passport (pp_...) nor a digest (sha256:...)", "give one of them"
        )

    async def read(receiver: Receiver) -> str:
        passport = which if asked is None else _newest(await receiver.get(asked), which)
        form = "json" if to.output == "json" else "text"
        page = await receiver.get(f"{PASSPORTS}/{quote(passport, safe='')}/export?format={form}")
        return page.decode("utf-8", "replace")

    for line in talk(read_access(to, os.environ), read).rstrip("\n").split("\n"):
        click.echo(plain(line))


def _newest(answer: bytes, which: str) -> str:
    items = parse_object(answer).get("items")
    first = items[0] if isinstance(items, list) and items else None
    found = first.get("id") if isinstance(first, dict) else None
    if not isinstance(found, str):
        raise StateError(Code.NOT_FOUND, f"there is no passport of {which[:100]}", "ask the gate: carnet gate")
    return found
