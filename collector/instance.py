"""A collector on its host: configuration, key, enrolment and spool, opened together and closed in turn.

Wiring. Invariants: everything is checked before the first side effect; without an enrolment nothing is captured, the
files stay where they are.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from collector import enrolment, keyfiles
from collector.attest import Identity
from collector.client import ClientSettings, check_url
from collector.clock import utcnow
from collector.keys import Keys
from collector.plans import root_plans
from collector.rotating import Rotator
from collector.spool import Spool, SpoolSettings
from shared.errors import ConfigError
from shared.keyfile import load_key, read_passphrase
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from collector.capture import RootPlan
    from collector.config import Config
    from collector.trust import Enrolled
    from shared.redaction import Rules

SPOOL_NAME = "spool.sqlite"
CREDENTIAL = "key-passphrase"
"""The name of the systemd credential with the key's passphrase (systemd.exec(5), LoadCredential)."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What a running collector holds."""

    config: Config
    plans: Mapping[str, RootPlan]
    secrets: Rules
    identity: Identity
    keys: Keys
    passphrase: bytes | None = field(repr=False)
    enrolled: Enrolled
    spool: Spool
    epoch: str

    def rotator(self, tell: Callable[..., None]) -> Rotator:
        """Give what turns this collector's key over."""
        return Rotator(
            spool=self.spool,
            identity=self.identity,
            keys=self.keys,
            key_path=self.config.key_path,
            passphrase=self.passphrase,
            epoch=self.epoch,
            utcnow=utcnow,
            random=secrets.token_bytes,
            tell=tell,
        )


def client_settings(config: Config) -> ClientSettings:
    """Give how the receiver is reached."""
    said = config.receiver
    return ClientSettings(
        url=said.url,
        ca_file=said.ca_file,
        proxy=said.proxy,
        connect_timeout_seconds=said.connect_timeout_seconds,
        answer_timeout_seconds=said.answer_timeout_seconds,
    )


def check(config: Config, secrets: Rules) -> dict[str, RootPlan]:
    """Look for what is wrong beyond single keys, and give the plan of each root; raises `ConfigError`."""
    check_url(config.receiver.url)
    plans = root_plans(config, secrets)
    for root in config.roots:
        if not root.path.is_dir():
            raise ConfigError(f"roots.{root.name}.path: {root.path} is no directory", "make it, or correct the path")
        if config.state_dir.resolve().is_relative_to(root.path.resolve()):
            raise ConfigError(
                f"state_dir: {config.state_dir} lies inside of the root {root.name}",
                "move one of them; the collector never writes where it watches",
            )
    return plans


def find_passphrase(configured: Path | None, environment: Mapping[str, str]) -> bytes | None:
    """Read what opens the private key: the named file, else the systemd credential; None where there is neither.

    Never from an argument or from the environment, which others can read. Raises `ConfigError`.
    """
    if configured is not None:
        return read_passphrase(configured)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    path = None if credentials is None else Path(credentials) / CREDENTIAL
    return read_passphrase(path, credential=True) if path is not None and path.exists() else None


@contextlib.contextmanager
def open_instance(config: Config) -> Iterator[Instance]:
    """Open everything that a collector needs; raises `ConfigError` in words for whatever is missing or wrong."""
    secrets_known = secret_rules()
    plans = check(config, secrets_known)
    passphrase = find_passphrase(config.key_passphrase_file, os.environ)
    load_key(config.key_path, passphrase)  # for its faults; which key signs, the spool says below
    enrolled = enrolment.load(config.state_dir)
    if enrolled is None:
        raise ConfigError(
            "this host is not enrolled: files stay where they are",
            f"carnet-collector enrol --url {config.receiver.url} --token-file FILE --state-dir {config.state_dir}",
        )
    identity = Identity(
        audience=enrolled.audience,
        collector_id=enrolled.collector_id,
        version=version("carnet"),
        config_digest=config.digest(),
    )
    kept = config.spool
    spool = Spool.open(
        config.state_dir / SPOOL_NAME,
        SpoolSettings(quota_bytes=kept.quota_bytes, journal=kept.journal, ballast_bytes=kept.ballast_bytes),
        collector_id=enrolled.collector_id,
        new_stream_id=secrets.token_hex(16),
        now=utcnow(),
    )
    try:
        spool.forget_unknown(identity.version)
        yield Instance(
            config=config,
            plans=plans,
            secrets=secrets_known,
            identity=identity,
            keys=Keys(keyfiles.choose(config.key_path, passphrase, spool.rotations())),
            passphrase=passphrase,
            enrolled=enrolled,
            spool=spool,
            epoch=secrets.token_hex(16),
        )
    finally:
        spool.close()
