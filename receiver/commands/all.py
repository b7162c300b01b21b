"""Every command of `carnet-receiver` in one group; what it imports needs the `receiver` extra."""

import click

from receiver.commands.asking import keys
from receiver.commands.collectors import collectors
from receiver.commands.evidence import fsck
from receiver.commands.held import held
from receiver.commands.quickstart import quickstart
from receiver.commands.revoking import revoke_collector, revoke_key, revoke_token
from receiver.commands.serving import migrate, serve
from receiver.commands.settings import config
from receiver.commands.streams import streams
from receiver.commands.tokens import tokens
from receiver.commands.users import users
from receiver.commands.workspaces import workspaces


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="carnet", prog_name="carnet-receiver")
def GROUP() -> None:  # noqa: N802 - it is a value, whatever makes it
    """Verify evidence, keep it exactly, and answer for it."""


for _command in (quickstart, serve, migrate, fsck, config, collectors, held, keys, streams, tokens, users, workspaces):
    GROUP.add_command(_command)

collectors.add_command(revoke_collector)
keys.add_command(revoke_key)
tokens.add_command(revoke_token)
