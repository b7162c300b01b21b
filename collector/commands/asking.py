"""What both ways of enrolment share: where the host keeps its key, a person who compares, and the last word."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from collector.terminal import show
from shared.errors import Code, UntrustedError

if TYPE_CHECKING:
    from pathlib import Path

    from collector.keystore import KeyStore
    from collector.trust import Enrolled
    from shared.keys import Signer


@dataclass(frozen=True, slots=True)
class Place:
    """The state directory, the key, and what on the command line named them: the next command needs the same."""

    state_dir: Path
    key: KeyStore
    given: str


def as_given(**options: Path | None) -> str:
    """Give the options that were given as they stand on a command line, quoted for a shell."""
    words = [(name.replace("_", "-"), value) for name, value in options.items() if value is not None]
    return " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in words)


def load_or_make(key: KeyStore) -> Signer:
    """Give this host's key, made where there is none."""
    return key.load() or key.make_first(secrets.token_bytes)


def confirm(fingerprint: str) -> str:
    """Ask a person whether the root key is the right one; raises `UntrustedError` where nobody says so."""
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


def show_enrolled(enrolled: Enrolled, signer: Signer, output: str) -> None:
    """Say as whom this host is enrolled, and with what."""
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
