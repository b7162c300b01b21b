"""Every command of `carnet-receiver` in one group; what it imports needs the `receiver` extra."""

import click

from receiver.commands.asking import keys
from receiver.commands.collectors import collectors
from receiver.commands.enrolling import confirm, invite
from receiver.commands.evidence import fsck
from receiver.commands.held import held
from receiver.commands.licence import licence
from receiver.commands.passports import passports
from receiver.commands.policy import policy
from receiver.commands.revoking import revoke_collector, revoke_key, revoke_token
from receiver.commands.settings import config
from receiver.commands.simulating import simulate_policy
from receiver.commands.streams import streams
from receiver.commands.tokens import tokens
from receiver.commands.users import users
from receiver.commands.workspaces import workspaces
from receiver.importing import imported

_SERVING = {"quickstart": "quickstart", "serve": "serving", "migrate": "serving"}
"""Commands that serve or migrate, and their modules: they bring the web server and more, which takes a second."""


class _Commands(click.Group):
    """Imports what serves when it is asked for, so that all other commands start without it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_SERVING})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _SERVING:
            module = imported(f"receiver.commands.{_SERVING[cmd_name]}")
            found: click.Command = getattr(module, cmd_name)
            return found
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="carnet", prog_name="carnet-receiver")
def GROUP() -> None:  # noqa: N802 - it is a value, whatever makes it
    """Verify evidence, keep it exactly, and answer for it."""


for _command in (fsck, config, collectors, held, keys, licence, passports, policy, streams, tokens, users, workspaces):
    GROUP.add_command(_command)

collectors.add_command(invite)
collectors.add_command(confirm)
collectors.add_command(revoke_collector)
keys.add_command(revoke_key)
tokens.add_command(revoke_token)
policy.add_command(simulate_policy)
