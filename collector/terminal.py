"""How commands speak: text or JSON, errors as what is wrong and what to do, exits by the family of the error."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from shared.errors import CarnetError
from shared.printable import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OUR_BUG = 70


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--output text|json` to a command."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="For people or for programs.",
    )(command)


def color_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--color auto|always|never` to a command, which is given a truth value as `color`."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        callback=lambda _ctx, _param, when: wants_color(when, os.environ, is_terminal=sys.stdout.isatty()),
        help="Colour in the text; auto: on a terminal, unless NO_COLOR is set.",
    )(command)


def wants_color(when: str, environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Say whether text is coloured; what the command line says goes before NO_COLOR (no-color.org)."""
    if when != "auto":
        return when == "always"
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def show(output: str, value: object, text: str) -> None:
    """Print the value as one line of JSON, or the text.

    What files and peers say of themselves cannot steer the terminal: control characters are written out.
    """
    click.echo(json.dumps(value, sort_keys=True) if output == "json" else plain(text))


def run_program(command: click.Command, name: str) -> NoReturn:
    """Run a command line to its end and exit; the one place of a program where any exception may end up."""
    try:
        status = command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CarnetError as error:
        click.echo(f"error: {error.detail}", err=True)
        if error.hint:
            click.echo(f"do:    {error.hint}", err=True)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - a program's last word
        click.echo(f"error: {type(error).__name__}: {error}", err=True)
        click.echo("do:    this is a bug of Carnet's; please report it", err=True)
        sys.exit(OUR_BUG)
    sys.exit(status if isinstance(status, int) else 0)
