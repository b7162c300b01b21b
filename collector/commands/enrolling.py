"""`enrol`: introduce this host's key to a receiver, online or by files that are carried across an air gap."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector import enrol as protocol
from collector import enrolment, requested
from collector import waiting as waits
from collector.client import Client, ClientSettings
from collector.clock import utcnow
from collector.commands.asking import Place, as_given, confirm, load_or_make, show_enrolled
from collector.commands.carrying import ask_by_file, take_by_file
from collector.commands.daemon import read_config
from collector.commands.keys import make_private
from collector.enrolling import Waiting, enrolment_request, pin
from collector.instance import client_settings
from collector.keyfiles import KeyFiles
from collector.keyplace import find_passphrase, key_store_of
from collector.leaving import Kind, Leaving, destination
from collector.terminal import output_option
from shared.encoding import digest_text, sha256
from shared.errors import ConfigError

if TYPE_CHECKING:
    from collector.config import Config
    from collector.keystore import KeyStore
    from collector.trust import Enrolled
    from shared.keys import Signer

DEFAULT_STATE_DIR = Path("/var/lib/carnet-collector")
_MAX_TOKEN_BYTES = 1024
_INVITATION = re.compile(r"ce_once_[0-9A-Za-z]{1,100}", re.ASCII)


@click.command()
@click.option("--url", help="The receiver, for instance https://carnet.example.com.")
@click.option("--token-file", help="File with the invitation, or - for standard input.")
@click.option("--token", help="The invitation itself; shows in the process list, so better use --token-file.")
@click.option("--invitation", type=click.Path(path_type=Path), help="Offline, first: the invitation carried in.")
@click.option("--request", type=click.Path(path_type=Path), help="Where the request goes that is carried out.")
@click.option("--response", type=click.Path(path_type=Path), help="Offline, then: the response carried in.")
@click.option("--receiver-key", metavar="FINGERPRINT", help="The root key to pin: sha256:... as its owner told you.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path),
    help="The configuration: it names directory, key (also one in a token), url and certificates.",
)  # fmt: skip
@click.option(
    "--state-dir", type=click.Path(path_type=Path),
    help=f"As in the configuration; {DEFAULT_STATE_DIR} if neither is given.",
)  # fmt: skip
@click.option("--key-file", type=click.Path(path_type=Path), help="The private key, if not state-dir/key.pem.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="What opens it, as in the configuration.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates that replace the system's.")
@click.option("--name", help="The name the invitation is bound to; this host's name if not given.")
@output_option
def enrol(  # noqa: PLR0913 - one argument an option
    *,
    url: str | None,
    token_file: str | None,
    token: str | None,
    invitation: Path | None,
    request: Path | None,
    response: Path | None,
    receiver_key: str | None,
    config_path: Path | None,
    state_dir: Path | None,
    key_file: Path | None,
    passphrase_file: Path | None,
    ca_file: Path | None,
    name: str | None,
    output: str,
) -> None:
    """Introduce this host's key to a receiver with an invitation; makes the key first where there is none.

    Online with --url and --token-file. Across an air gap with files: --invitation FILE --request FILE writes what is
    carried to the receiver; --response FILE takes what is carried back. Until then nothing is captured.
    """
    if config_path is not None and (state_dir or key_file or passphrase_file):
        msg = "--config names the directory and the key: leave --state-dir, --key-file and --passphrase-file out"
        raise click.UsageError(msg)
    config = None if config_path is None else read_config(config_path)
    online = url or (config.receiver.url if config is not None and (token_file or token) else None)
    _one_way(online=online, carried_in=invitation, carried_back=response)
    if (invitation is None) != (request is None) or (online is None and (token_file or token or ca_file or name)):
        msg = "--invitation goes with --request; --token-file, --ca-file and --name go with --url"
        raise click.UsageError(msg)
    token = _invitation(token_file, token) if online is not None else None
    asked_dir = state_dir
    state_dir = config.state_dir if config is not None else state_dir or DEFAULT_STATE_DIR
    if enrolment.load(state_dir) is not None:
        raise ConfigError(
            f"{state_dir} is enrolled already", "use another state directory, or move this one away as a whole"
        )
    given = as_given(config=config_path, state_dir=asked_dir, key_file=key_file, passphrase_file=passphrase_file)
    with contextlib.closing(_key_store(config, state_dir, key_file, passphrase_file)) as key:
        place = Place(state_dir, key, given)
        if response is not None:
            take_by_file(place, response, receiver_key, output)
            return
        make_private(state_dir)
        if invitation is not None and request is not None:
            ask_by_file(place, invitation, request, receiver_key, output)
            return
        signer = load_or_make(key)
        settings = _settings(config, str(online), ca_file)
        asked = _Asked(settings, str(token), receiver_key, name or socket.gethostname(), signer, state_dir)
        enrolled = asyncio.run(_enrol(asked))
        enrolment.save(state_dir, enrolled)
    waits.forget(state_dir)
    show_enrolled(enrolled, signer, output)


def _one_way(**ways: object) -> None:
    if sum(one is not None for one in ways.values()) != 1:
        msg = "give --url (online), --invitation with --request, or --response"
        raise click.UsageError(msg)


def _key_store(config: Config | None, state_dir: Path, key_file: Path | None, passphrase_file: Path | None) -> KeyStore:
    if config is not None:
        return key_store_of(config, os.environ)
    return KeyFiles(key_file or state_dir / "key.pem", find_passphrase(passphrase_file, os.environ))


def _settings(config: Config | None, url: str, ca_file: Path | None) -> ClientSettings:
    if config is None:
        return ClientSettings(url=url, ca_file=ca_file)
    said = client_settings(config)
    return replace(said, url=url, ca_file=ca_file or said.ca_file)


# --- online ---


def _invitation(token_file: str | None, token: str | None) -> str:
    if (token_file is None) == (token is None):
        msg = "give --token-file FILE, or - for standard input"
        raise click.UsageError(msg)
    if token is not None:
        click.echo("warning: --token shows in the process list; use --token-file", err=True)
        return token.strip()
    if token_file == "-":  # noqa: S105 - the name for standard input
        return _formed(sys.stdin.readline(_MAX_TOKEN_BYTES), "standard input")
    try:
        with Path(str(token_file)).open(encoding="ascii") as file:
            return _formed(file.read(_MAX_TOKEN_BYTES), str(token_file))
    except (OSError, ValueError):
        raise ConfigError(f"{token_file} cannot be read as a token", "give the file with the invitation") from None


def _formed(content: str, where: str) -> str:
    """Take the token out of what was read; whatever else stands there would be told as a token that is not known."""
    found = content.strip()
    if _INVITATION.fullmatch(found) is None:
        more = "holds more than the token" if _INVITATION.search(found) else "holds no invitation"
        raise ConfigError(f"{where} {more}", "leave in it the one word that begins with ce_once_, and nothing else")
    return found


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
        believed = pin(offered, asked.fingerprint or confirm(offered.fingerprint))
        about = (asked.invitation, believed, asked.signer)
        request = enrolment_request(*about, now=utcnow(), random=secrets.token_bytes)
        leaving = Leaving(Kind.ENROLMENT_REQUEST, request.id, len(request.to_bytes()))
        to = destination(asked.settings.url, believed[0].audience)
        requested.note(asked.state_dir, leaving, to, utcnow())
        try:
            enrolled = await protocol.enrol(client, asked.invitation, asked.name, believed, asked.signer, request)
        except protocol.UnconfirmedError:
            digest = digest_text(sha256(asked.invitation.encode()))
            url = asked.settings.url
            waits.save(asked.state_dir, Waiting(asked.name, digest, utcnow(), *believed, request, url))
            raise
        requested.note_answered(asked.state_dir, leaving)
        return enrolled
