"""`keygen`: a key that is made here, in a file or in a token, and never leaves."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.commands.daemon import read_config
from collector.keyfiles import KeyFiles
from collector.keyplace import find_passphrase, key_store_of
from collector.terminal import output_option, show
from shared.encoding import b64encode
from shared.errors import ConfigError

if TYPE_CHECKING:
    from collector.keystore import KeyStore


@click.command()
@click.option("--key-file", type=click.Path(path_type=Path), help="Where the key goes; never overwritten.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Or its directory, as in the configuration.")
@click.option("--config", type=click.Path(path_type=Path), help="Or the configuration itself: for a key in a token.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Encrypt the key with this file's first line.")
@click.option("--show", "only_show", is_flag=True, help="Make nothing: print the public half of the key that is there.")
@output_option
def keygen(
    *,
    key_file: Path | None,
    state_dir: Path | None,
    config: Path | None,
    passphrase_file: Path | None,
    only_show: bool,
    output: str,
) -> None:
    """Make this host's private key, and print its public half and fingerprint."""
    if sum(one is not None for one in (key_file, state_dir, config)) != 1 or (config and passphrase_file):
        msg = "give --key-file or --state-dir, with --passphrase-file where it is encrypted; or --config"
        raise click.UsageError(msg)
    with contextlib.closing(_store(key_file or Path(str(state_dir)) / "key.pem", passphrase_file, config)) as store:
        if only_show:
            store.check("leave --show out to make it")
        elif isinstance(store, KeyFiles):
            make_private(store.path.parent)
        signer = store.load() if only_show else store.make_first(secrets.token_bytes)
    if signer is None:
        raise ConfigError(f"there is no key yet: {store.place}", "leave --show out to make it")
    public = b64encode(signer.public.spki)
    text = (
        f"{'at' if only_show else 'made'} {store.place}\nfingerprint {signer.public.key_id}\n"
        f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----"
    )
    show(output, {"path": store.place, "keyId": signer.public.key_id, "publicKey": public}, text)


def _store(path: Path, passphrase_file: Path | None, config: Path | None) -> KeyStore:
    if config is not None:
        return key_store_of(read_config(config), os.environ)
    return KeyFiles(path, find_passphrase(passphrase_file, os.environ))


def make_private(directory: Path) -> None:
    """Make a directory that its owner alone can enter, where there is none; raises `ConfigError`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{directory} cannot be made: {error.strerror}", "choose another directory") from None
