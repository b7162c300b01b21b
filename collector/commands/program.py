"""The commands of `carnet-collector`, put together."""

from __future__ import annotations

import click

from collector.commands.daemon import config, once, run
from collector.commands.enrolling import enrol
from collector.commands.formats import formats
from collector.commands.keys import keygen
from collector.commands.ledger import ledger
from collector.commands.mending import spool
from collector.commands.preview import preview
from collector.commands.rotating import rotate_key
from collector.commands.standing import status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="carnet", prog_name="carnet-collector")
def program() -> None:
    """Turn finished CI outputs into signed attestations, keep them safe, and ship them.

    First: enrol. Then: run. To see what would leave for a file, before anything does: preview FILE.
    """


for command in (enrol, run, once, status, preview, ledger, formats, spool, config, keygen, rotate_key):
    program.add_command(command)
