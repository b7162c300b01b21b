"""What a receiver is started with, in plain values: where it listens, what it opens, its limits and expectations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from receiver.config import ExpectationConfig, ReceiverConfig
from receiver.core.expectations import After, Expectation
from receiver.core.presence import NOTED_EVERY
from receiver.web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SharedLimits:
    """Where rate limits are counted together with other receivers, and how long that may take."""

    url: str
    password_file: Path | None
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a receiver is started with: plain values, all validated."""

    database_url: str
    master_key_file: Path
    address: Address
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    metrics_address: Address | None = None
    settings: WebSettings = field(default_factory=WebSettings)
    database_password_file: Path | None = None
    shared_limits: SharedLimits | None = None
    refusals_seconds: float = 60.0
    rounds_seconds: float = NOTED_EVERY.total_seconds()
    expectations: tuple[Expectation, ...] = ()
    licence_file: Path | None = None
    licence_key: str | None = None


def plan_for(config: ReceiverConfig) -> Plan:
    """Read a plan out of a configuration."""
    metrics = None if config.metrics_port is None else Address(config.metrics_host, config.metrics_port)
    shared = None
    if config.rate_limit_storage_url is not None:
        seconds = config.rate_limit_storage_seconds
        shared = SharedLimits(config.rate_limit_storage_url, config.rate_limit_password_file, seconds)
    names = WebSettings.__dataclass_fields__.keys()
    return Plan(
        config.database_url,
        config.master_key_file,
        Address(config.host, config.port),
        config.tls_certificate_file,
        config.tls_key_file,
        metrics,
        WebSettings(**{name: getattr(config, name) for name in names}),
        config.database_password_file,
        shared,
        expectations=tuple(_expected(one) for one in config.expectations),
        licence_file=config.licence_file,
        licence_key=config.licence_key,
    )


def _expected(one: ExpectationConfig) -> Expectation:
    return Expectation(
        one.name,
        one.types,
        After(one.after),
        timedelta(minutes=one.within_minutes),
        one.repositories,
        one.services,
        one.environments,
        one.workspace,
    )
