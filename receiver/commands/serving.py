"""`serve` and `migrate`: a production start is two explicit steps."""

from __future__ import annotations

from pathlib import Path

import click

from receiver import app
from receiver.commands import options
from receiver.named_secrets import read_password
from receiver.store.migrate import migrate as upgrade
from shared.encoding import compact


@click.command()
@options.config_source
@options.output
def serve(config: Path | None, data: Path | None, output: str) -> None:
    """Serve what a configuration names, until SIGTERM or SIGINT.

    A missing database is an error: make it with migrate.
    """
    plan = app.plan_for(options.read_config(config, data))

    def announce(url: str) -> None:
        click.echo(compact({"url": url}) if output == "json" else f"serving {url}")

    app.serve(plan, announce)


@click.command()
@options.config_source
@options.output
def migrate(config: Path | None, data: Path | None, output: str) -> None:
    """Make the database, or bring it to this version's schema; does nothing where it is there already."""
    found = options.read_config(config, data)
    done = upgrade(found.database_url, read_password(found.database_password_file))
    text = (
        f"the database has schema {done.after} already"
        if done.before == done.after
        else f"the database has schema {done.after}, before: {done.before or 'none'}"
    )
    options.show({"before": done.before, "after": done.after}, text, output)
