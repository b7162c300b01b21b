"""The entry point of `carnet-receiver`: runs a command, and turns what it raises into words and an exit status.

Exits: 0 done, 2 wrong usage, 70 a bug of ours, 78 where the `receiver` extra is not installed, else by the error's
family (docs/architecture.md).
"""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import click

from receiver.importing import imported
from shared.encoding import JsonObject, compact
from shared.errors import CarnetError
from shared.printable import plain

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_NOT_INSTALLED = 78
EXIT_INTERRUPTED = 130
_COLLECT_AFTER = (50_000, 5, 200)
"""A look through 250,000 objects that came lately holds everybody up for some thirty milliseconds; one through all
that a busy gate remembers for half a second."""
_COMMANDS = "receiver.commands.all"
_OURS = ("collector", "receiver", "shared")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Nearly all that is made ends by itself: to look for rings of it as often as usual takes a tenth of the time.
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        # By name, since it needs the libraries of an extra that may not be here.
        group = cast("click.Group", imported(_COMMANDS).GROUP)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in _OURS:
            raise
        click.echo(f"error: {error.name} is not installed\nhint: pip install 'carnet[receiver]'", err=True)
        return EXIT_NOT_INSTALLED
    try:
        return _run(group, words)
    except CarnetError as error:
        _explain(error, as_json=_wants_json(words))
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - a CLI's main is one of the three places for this
        for line in traceback.format_tb(error.__traceback__):
            click.echo(line, err=True, nl=False)
        click.echo(f"error: {type(error).__name__}; this is a bug of ours, please report the lines above", err=True)
        return EXIT_BUG


def _run(group: click.Group, words: list[str]) -> int:
    try:
        status = group.main(words, prog_name="carnet-receiver", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        return EXIT_INTERRUPTED
    return status if isinstance(status, int) else 0


def _explain(error: CarnetError, *, as_json: bool) -> None:
    if as_json:
        fields: JsonObject = {"code": error.code.value, "detail": error.detail, "hint": error.hint}
        click.echo(compact({"error": fields}), err=True)
        return
    click.echo(plain(f"error: {error.detail}"), err=True)
    if error.hint is not None:
        click.echo(plain(f"hint: {error.hint}"), err=True)


def _wants_json(words: list[str]) -> bool:
    pairs = pairwise(words)
    return "--json" in words or "--output=json" in words or ("--output", "json") in pairs


if __name__ == "__main__":
    sys.exit(main())
