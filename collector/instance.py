"""A collector on its host: configuration, key, enrolment and spool, opened together and closed in turn.

Wiring. Invariants: everything is checked before the first side effect; without an enrolment nothing is captured, the
files stay where they are.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from collector import enrolment
from collector.attest import Identity
from collector.client import ClientSettings, check_url
from collector.clock import utcnow
from collector.plans import root_plans
from collector.spool import Spool, SpoolSettings
from shared.errors import ConfigError
from shared.keyfile import load_key
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector.capture import RootPlan
    from collector.config import Config
    from collector.trust import Enrolled
    from shared.keys import Ed25519Signer
    from shared.redaction import Rules

SPOOL_NAME = "spool.sqlite"


@dataclass(frozen=True, slots=True)
class Instance:
    """What a running collector holds."""

    config: Config
    plans: Mapping[str, RootPlan]
    secrets: Rules
    identity: Identity
    signer: Ed25519Signer
    key_made_at: datetime
    enrolled: Enrolled
    spool: Spool
    epoch: str


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


@contextlib.contextmanager
def open_instance(config: Config) -> Iterator[Instance]:
    """Open everything that a collector needs; raises `ConfigError` in words for whatever is missing or wrong."""
    secrets_known = secret_rules()
    plans = check(config, secrets_known)
    signer = load_key(config.key_path)
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
            signer=signer,
            key_made_at=datetime.fromtimestamp(config.key_path.stat().st_mtime, UTC),
            enrolled=enrolled,
            spool=spool,
            epoch=secrets.token_hex(16),
        )
    finally:
        spool.close()
