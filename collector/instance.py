"""A collector on its host: configuration, key, enrolment and spool, opened together and closed in turn.

Wiring. Invariants: everything is checked before the first side effect; without an enrolment nothing is captured, the
files stay where they are.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from collector import enrolment, succession, waiting
from collector.attest import Identity
from collector.client import ClientSettings, check_url
from collector.clock import utcnow
from collector.enrolling import next_step
from collector.keyplace import key_store_of
from collector.keys import RESTORE_THE_KEY, Keys, check_descent
from collector.plans import root_plans
from collector.rotating import Rotator
from collector.spool import Spool, SpoolSettings
from shared.errors import ConfigError, MalformedError
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from collector.capture import RootPlan
    from collector.config import Config
    from collector.keys import Held, Rotation
    from collector.keystore import KeyStore
    from collector.trust import Enrolled
    from shared.redaction import Rules

SPOOL_NAME = "spool.sqlite"


@dataclass(frozen=True, slots=True)
class Instance:
    """What a running collector holds."""

    config: Config
    plans: Mapping[str, RootPlan]
    secrets: Rules
    identity: Identity
    keys: Keys
    key_store: KeyStore
    enrolled: Enrolled
    spool: Spool
    epoch: str

    def rotator(self, tell: Callable[..., None]) -> Rotator:
        """Give what turns this collector's key over."""
        return Rotator(
            spool=self.spool,
            identity=self.identity,
            keys=self.keys,
            key_store=self.key_store,
            epoch=self.epoch,
            utcnow=utcnow,
            random=secrets.token_bytes,
            tell=tell,
            remember=partial(succession.note, self.config.state_dir),
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


@contextlib.contextmanager
def open_instance(config: Config, given: str) -> Iterator[Instance]:
    """Open everything that a collector needs; raises `ConfigError` in words for whatever is missing or wrong.

    `given` is what names the configuration on a command line, for commands that a hint tells.
    """
    secrets_known = secret_rules()
    plans = check(config, secrets_known)
    enrolled = enrolment.load(config.state_dir)
    if enrolled is None:
        raise not_enrolled(config, given)
    with contextlib.closing(key_store_of(config, os.environ)) as key_store:
        key_store.check(RESTORE_THE_KEY)  # for its faults; which key signs, the spool says below
        identity = Identity(
            audience=enrolled.audience,
            collector_id=enrolled.collector_id,
            version=version("carnet"),
            config_digest=config.digest(),
        )
        with contextlib.closing(_open_spool(config, enrolled)) as spool:
            spool.forget_unknown(identity.version)
            yield Instance(
                config=config,
                plans=plans,
                secrets=secrets_known,
                identity=identity,
                keys=Keys(signing_keys(config, key_store, enrolled, spool.rotations())),
                key_store=key_store,
                enrolled=enrolled,
                spool=spool,
                epoch=secrets.token_hex(16),
            )


def not_enrolled(config: Config, given: str) -> ConfigError:
    """Say that this host is not enrolled, and what comes next: an invitation, a person, or a response."""
    asked = waiting.load(config.state_dir)
    steps = [next_step(one, given) for one in asked] or [("", f"carnet-collector enrol {given} --token-file FILE")]
    told = "".join(f"; {said}" for said, _ in steps if said)
    return ConfigError(f"this host is not enrolled: files stay where they are{told}", steps[-1][1])


def signing_keys(config: Config, key_store: KeyStore, enrolled: Enrolled, rotations: Sequence[Rotation]) -> Held:
    """Find the keys that the spool names, the first of which must be the enrolled one; raises `ConfigError`."""
    held = key_store.choose(rotations)
    try:
        enrolled_key = enrolled.key_id
    except MalformedError:
        path = config.state_dir / enrolment.FILE_NAME
        raise ConfigError(f"{path} is damaged: its enrolment names no key", "put it back from a backup") from None
    check_descent(held.signing.public, rotations, enrolled_key, succession.load(config.state_dir))
    return held


def _open_spool(config: Config, enrolled: Enrolled) -> Spool:
    kept = config.spool
    return Spool.open(
        config.state_dir / SPOOL_NAME,
        SpoolSettings(quota_bytes=kept.quota_bytes, journal=kept.journal, ballast_bytes=kept.ballast_bytes),
        collector_id=enrolled.collector_id,
        new_stream_id=secrets.token_hex(16),
        now=utcnow(),
    )
