"""The receiver's configuration: one TOML file, one frozen model, every default and limit here with its unit.

Files name secret files, never secrets. Everything is validated before the first side effect. The environment may
override any key under the prefix `CARNET_RECEIVER_`, for what systemd or Helm must put in: `CARNET_RECEIVER_PORT=8443`.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import ConfigError
from shared.fields import Spki
from shared.predicates import ClaimType
from shared.wire import MAX_BATCH_BYTES, MAX_BODY_BYTES

ENVIRONMENT_PREFIX = "CARNET_RECEIVER_"

_STORAGES = ("redis", "rediss", "valkey", "valkeys")

Seconds = Annotated[float, Field(gt=0, le=3600)]
Port = Annotated[int, Field(ge=0, le=65535)]
Many = Annotated[int, Field(ge=1, le=1_000_000)]
Glob = Annotated[str, Field(min_length=1, max_length=300)]


class ExpectationConfig(BaseModel):
    """One `[[expectations]]`: evidence of these types comes within a time after whatever the globs cover."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, description="what it is called in findings")]
    types: Annotated[tuple[ClaimType, ...], Field(min_length=1, description="the types that are expected")]
    after: Annotated[
        Literal["pipeline-run", "commit", "deployment"],
        Field(description="of what: a run that ended, the first run of a commit, a deployment that went well"),
    ]
    within_minutes: Annotated[int, Field(ge=1, le=44_640, description="how long it may take")]
    repositories: Annotated[tuple[Glob, ...], Field(min_length=1, description="globs; `*` is everything")] = ("*",)
    services: Annotated[tuple[Glob, ...], Field(min_length=1, description="globs; `*` is everything")] = ("*",)
    environments: Annotated[tuple[Glob, ...], Field(min_length=1, description="globs; `*` is everything")] = ("*",)
    workspace: Annotated[str | None, Field(description="the one workspace it is for; unset: all of them")] = None


class ReceiverConfig(BaseModel):
    """Every key of `receiver.toml`; the first two have no default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: Annotated[str, Field(min_length=1, description="the database, made by `carnet-receiver migrate`")]
    master_key_file: Annotated[
        Path, Field(description="32 random bytes that unseal the role keys; mode 0600, back it up apart")
    ]
    database_password_file: Annotated[
        Path | None, Field(description="the password for a PostgreSQL database; mode 0600")
    ] = None
    host: Annotated[str, Field(description="the address to listen on")] = "127.0.0.1"
    port: Annotated[Port, Field(description="the port to listen on; 0 takes a free one")] = 8750
    tls_certificate_file: Annotated[Path | None, Field(description="certificate chain in PEM")] = None
    tls_key_file: Annotated[Path | None, Field(description="its private key in PEM; mode 0600")] = None
    behind_tls_proxy: Annotated[
        bool, Field(description="a proxy on this host or in this pod ends TLS; plain HTTP is served to it")
    ] = False
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", description="where people find it; unset: as it was asked for"
        ),
    ] = None
    metrics_port: Annotated[
        Port | None, Field(description="a port of its own for /metrics and the probes; unset: with the rest")
    ] = None
    metrics_host: Annotated[str, Field(description="the address of that port")] = "127.0.0.1"
    header_seconds: Annotated[Seconds, Field(description="how long a request's header may take")] = 10.0
    body_idle_seconds: Annotated[Seconds, Field(description="how long a body, or its reader, may stand still")] = 30.0
    request_seconds: Annotated[Seconds, Field(description="how long a body may take in all")] = 60.0
    keep_alive_seconds: Annotated[Seconds, Field(description="how long an idle connection stays open")] = 75.0
    stop_seconds: Annotated[Seconds, Field(description="how long a stop waits for requests in flight")] = 10.0
    max_connections: Annotated[Many, Field(description="connections in all")] = 500
    max_connections_per_peer: Annotated[Many, Field(description="connections from one address")] = 250
    max_body_bytes: Annotated[int, Field(ge=1, le=MAX_BODY_BYTES, description="a body, after inflation")] = (
        MAX_BODY_BYTES
    )
    max_batch_bytes: Annotated[
        int, Field(ge=1, le=MAX_BATCH_BYTES, description="the body of a batch, after inflation")
    ] = MAX_BATCH_BYTES
    max_failures_per_minute: Annotated[Many, Field(description="requests without a good token from one address")] = 20
    max_sign_ins_per_minute: Annotated[
        Many, Field(description="attempts to sign in from one address; for one account five times as many")
    ] = 10
    session_idle_minutes: Annotated[
        int, Field(ge=2, le=1440, description="a session ends after so long without a request")
    ] = 15
    session_hours: Annotated[int, Field(ge=1, le=168, description="and after so long in any case")] = 8
    rate_limit_storage_url: Annotated[
        str | None,
        Field(description="redis:// or rediss:// (valkey://, valkeys://): limits shared with other receivers"),
    ] = None
    rate_limit_password_file: Annotated[Path | None, Field(description="its password; mode 0600")] = None
    rate_limit_storage_seconds: Annotated[
        float, Field(gt=0, le=1, description="how long it may take to answer; then each receiver counts for itself")
    ] = 0.1
    worker_threads: Annotated[int, Field(ge=1, le=64, description="threads that read; one more stores")] = 3
    max_waiting_requests: Annotated[Many, Field(description="requests that wait for one of them")] = 64
    licence_file: Annotated[
        Path | None, Field(description="the product's licence, which `carnet-receiver licence install` writes")
    ] = None
    licence_key: Annotated[
        Spki | None, Field(description="the vendor's public key that it is checked by: SubjectPublicKeyInfo in base64")
    ] = None
    expectations: Annotated[
        tuple[ExpectationConfig, ...], Field(max_length=1000, description="evidence that must come")
    ] = ()

    @model_validator(mode="after")
    def _expectations_have_names_of_their_own(self) -> Self:
        names = [one.name for one in self.expectations]
        if len(set(names)) != len(names):
            msg = "expectations: two have the same name"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _transport_is_safe(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            msg = "tls_certificate_file and tls_key_file: both are needed, or neither"
            raise ValueError(msg)
        if self.tls_key_file is None and not self.behind_tls_proxy and not is_loopback(self.host):
            msg = (
                f"host {self.host!r} is not loopback and plain HTTP is not served there: set tls_certificate_file "
                "and tls_key_file, or behind_tls_proxy = true"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _limits_are_shared_without_a_secret(self) -> Self:
        if self.rate_limit_storage_url is not None:
            _check_storage(self.rate_limit_storage_url)
        elif self.rate_limit_password_file is not None:
            msg = "rate_limit_password_file: there is no rate_limit_storage_url"
            raise ValueError(msg)
        return self


def _check_storage(text: str) -> None:
    """Refuse a URL that is none, or holds a password; it is not quoted, since it may."""
    try:
        url = urlsplit(text)
        right = url.scheme in _STORAGES and bool(url.hostname) and url.port != 0
        secret = url.password is not None or "password" in url.query
    except ValueError:
        right = secret = False
    if not right:
        msg = "rate_limit_storage_url: write for instance rediss://limits.example:6379/0"
        raise ValueError(msg)
    if secret:
        msg = "rate_limit_storage_url: a password stands in a file of its own, rate_limit_password_file"
        raise ValueError(msg)


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this host alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_config(path: Path, environment: Mapping[str, str]) -> ReceiverConfig:
    """Read a configuration; raises `ConfigError` with the key, the value, and what would be right."""
    try:
        fields = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "name the file with --config") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", "see docs/operations.md for an example") from None
    for name, value in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX):
            fields[name.removeprefix(ENVIRONMENT_PREFIX).lower()] = value
    try:
        return ReceiverConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_problems(error)}", "see docs/operations.md for every key") from None


def _problems(error: ValidationError) -> str:
    found = []
    for one in error.errors(include_url=False):
        key = ".".join(str(part) for part in one["loc"])
        if one["type"] == "extra_forbidden":
            found.append(f"{key}: no such key")
        elif one["type"] == "missing":
            found.append(f"{key}: is needed")
        elif key:
            found.append(f"{key} = {one['input']!r}: {one['msg']}")
        else:
            found.append(one["msg"].removeprefix("Value error, "))
    return "; ".join(found)
