"""`rotate-key`: a new key now, whether the daemon runs or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from collector.clock import utcnow
from collector.commands.daemon import config_option, given, read_config
from collector.instance import open_instance
from collector.logs import json_teller
from collector.rotating import told
from collector.status import SOCKET_NAME, ask_rotation
from collector.terminal import output_option, show


@click.command("rotate-key")
@config_option
@output_option
def rotate_key(config_path: Path, output: str) -> None:
    """Make a new key and introduce it with the old one; nothing waits for it, and nothing is lost.

    The running collector does it where there is one. The receiver learns of the new key with the next batch, and then
    the old one is removed.
    """
    config = read_config(config_path)
    found = asyncio.run(ask_rotation(config.state_dir / SOCKET_NAME))
    if found is None:
        with open_instance(config, given(config_path)) as instance:
            rotator = instance.rotator(json_teller(utcnow, instance.secrets))
            rotator.tidy()
            found = told(rotator.rotate())
    text = f"old key {found['oldKeyId']}\nnew key {found['newKeyId']}\nsigns from {int(str(found['sequence'])) + 1} on"
    show(output, found, text)
