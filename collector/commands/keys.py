"""`keygen` and `enrol`: a key that is made here and never leaves, a receiver that is pinned before it is believed."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector import enrol as protocol
from collector import enrolment, requested
from collector.client import Client, ClientSettings
from collector.clock import utcnow
from collector.instance import find_passphrase
from collector.leaving import Kind, Leaving, destination
from collector.terminal import output_option, show
from shared.encoding import b64encode
from shared.errors import Code, ConfigError, UntrustedError
from shared.keyfile import load_key, write_key

if TYPE_CHECKING:
    from collector.trust import Enrolled
    from shared.keys import Signer

DEFAULT_STATE_DIR = Path("/var/lib/carnet-collector")
_MAX_TOKEN_BYTES = 1024


@click.command()
@click.option("--key-file", type=click.Path(path_type=Path), help="Where the key goes; never overwritten.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Or its directory, as in the configuration.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Encrypt the key with this file's first line.")
@click.option("--show", "only_show", is_flag=True, help="Make nothing: print the public half of the key that is there.")
@output_option
def keygen(
    key_file: Path | None,
    state_dir: Path | None,
    passphrase_file: Path | None,
    only_show: bool,  # noqa: FBT001
    output: str,
) -> None:
    """Make this host's private key, and print its public half and fingerprint."""
    if (key_file is None) == (state_dir is None):
        msg = "give --key-file or --state-dir"
        raise click.UsageError(msg)
    path = key_file or Path(str(state_dir)) / "key.pem"
    passphrase = find_passphrase(passphrase_file, os.environ)
    if only_show:
        signer = load_key(path, passphrase)
    else:
        _make_private(path.parent)
        signer = write_key(path, secrets.token_bytes(32), passphrase)
    public = b64encode(signer.public.spki)
    text = (
        f"{'at' if only_show else 'made'} {path}\nfingerprint {signer.public.key_id}\n"
        f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----"
    )
    show(output, {"path": str(path), "keyId": signer.public.key_id, "publicKey": public}, text)


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{directory} cannot be made: {error.strerror}", "choose another directory") from None


@click.command()
@click.option("--url", required=True, help="The receiver, for instance https://carnet.example.com.")
@click.option("--token-file", help="File with the invitation, or - for standard input.")
@click.option("--token", help="The invitation itself; shows in the process list, so better use --token-file.")
@click.option("--receiver-key", metavar="FINGERPRINT", help="The root key to pin: sha256:... as its owner told you.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=DEFAULT_STATE_DIR, show_default=True,
    help="As in the configuration.",
)  # fmt: skip
@click.option("--key-file", type=click.Path(path_type=Path), help="The private key, if not state-dir/key.pem.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="What opens it, as in the configuration.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates that replace the system's.")
@click.option("--name", help="The name the invitation is bound to; this host's name if not given.")
@output_option
def enrol(  # noqa: PLR0913, PLR0917 - one argument an option
    url: str,
    token_file: str | None,
    token: str | None,
    receiver_key: str | None,
    state_dir: Path,
    key_file: Path | None,
    passphrase_file: Path | None,
    ca_file: Path | None,
    name: str | None,
    output: str,
) -> None:
    """Introduce this host's key to a receiver with an invitation; makes the key first where there is none."""
    invitation = _invitation(token_file, token)
    _make_private(state_dir)
    if enrolment.load(state_dir) is not None:
        raise ConfigError(
            f"{state_dir} is enrolled already", "use another state directory, or move this one away as a whole"
        )
    path = key_file or state_dir / "key.pem"
    passphrase = find_passphrase(passphrase_file, os.environ)
    seed = secrets.token_bytes(32)
    signer: Signer = load_key(path, passphrase) if path.exists() else write_key(path, seed, passphrase)
    settings = ClientSettings(url=url, ca_file=ca_file)
    asked = _Asked(settings, invitation, receiver_key, name or socket.gethostname(), signer, state_dir)
    enrolled = asyncio.run(_enrol(asked))
    enrolment.save(state_dir, enrolled)
    show(
        output,
        {
            "collectorId": enrolled.collector_id,
            "receiver": enrolled.audience.receiver,
            "workspace": enrolled.audience.workspace,
            "keyId": signer.public.key_id,
            "rootKey": enrolled.keyring.root.key_id,
        },
        f"enrolled as {enrolled.collector_id} at {enrolled.audience.receiver}/{enrolled.audience.workspace}\n"
        f"key  {signer.public.key_id}\nroot {enrolled.keyring.root.key_id} (pinned)",
    )


def _invitation(token_file: str | None, token: str | None) -> str:
    if (token_file is None) == (token is None):
        msg = "give --token-file FILE, or - for standard input"
        raise click.UsageError(msg)
    if token is not None:
        click.echo("warning: --token shows in the process list; use --token-file", err=True)
        return token.strip()
    if token_file == "-":  # noqa: S105 - the name for standard input
        return sys.stdin.readline(_MAX_TOKEN_BYTES).strip()
    try:
        with Path(str(token_file)).open(encoding="ascii") as file:
            return file.readline(_MAX_TOKEN_BYTES).strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{token_file} cannot be read as a token", "give the file with the invitation") from None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks whom, with what."""

    settings: ClientSettings
    invitation: str
    fingerprint: str | None
    name: str
    signer: Signer
    state_dir: Path


async def _enrol(asked: _Asked) -> Enrolled:
    async with Client(asked.settings) as client:
        offered = await protocol.ask_keyring(client, asked.invitation)
        believed = protocol.pin(offered, asked.fingerprint or _confirm(offered.fingerprint))
        about = (asked.invitation, believed, asked.signer)
        request = protocol.enrolment_request(*about, now=utcnow(), random=secrets.token_bytes)
        leaving = Leaving(Kind.ENROLMENT_REQUEST, request.id, len(request.to_bytes()))
        to = destination(asked.settings.url, believed[0].audience)
        requested.note(asked.state_dir, leaving, to, utcnow())
        enrolled = await protocol.enrol(client, asked.invitation, asked.name, believed, asked.signer, request)
        requested.note_answered(asked.state_dir, leaving)
        return enrolled


def _confirm(fingerprint: str) -> str:
    if not os.isatty(0):
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"nobody can be asked whether the root key {fingerprint} is the right one",
            "give it as --receiver-key once its owner told you so",
        )
    click.echo(f"The receiver shows this root key:\n\n  {fingerprint}\n", err=True)
    click.echo("Compare it with what its owner told you.", err=True)
    if not click.confirm("Is it the same?", default=False, err=True):
        raise UntrustedError(Code.UNKNOWN_KEY, "the root key was not confirmed", "nothing was sent or written")
    return fingerprint
