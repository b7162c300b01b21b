"""The collector's configuration: one TOML file, one frozen model, unknown keys refused, everything checked at start.

Invariants: every default and limit stands here with its unit in its name; files are named, secrets never; a value that
is wrong is answered with its key, the value and what would be right (`ConfigError`).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from shared.encoding import canonical, sha256
from shared.errors import ConfigError
from shared.fields import Commit, Count, LongName, Name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

ENVIRONMENT_PREFIX = "CARNET_COLLECTOR_"
_MAX_FILE_BYTES = 1 << 20

Glob: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500)]
RootName: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9][a-z0-9_-]{0,62}\z")]
DisclosureLevel: TypeAlias = Literal["verdict", "summary", "full"]
FieldName: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z][A-Za-z0-9_.-]{0,63}\z")]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=31_536_000)]
Bytes: TypeAlias = Annotated[int, Field(gt=0, le=1 << 50)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReceiverSection(_Section):
    """Where the receiver is and how it is reached."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    ca_file: Path | None = Field(None, description="certificates that replace the system's")
    proxy: str | None = Field(None, description="an HTTP proxy; none is taken from the environment")
    connect_timeout_seconds: Seconds = 10
    answer_timeout_seconds: Seconds = 60


class NameRule(_Section):
    """Files that match are attested under this name, whatever they say of themselves."""

    match: Glob
    name: Name


class ContextSection(_Section):
    """What is known of every file of a root; goes before a context file and before git."""

    repository: LongName | None = None
    commit: Commit | None = None
    branch: LongName | None = None
    pr_number: Annotated[int, Field(ge=1)] | None = None
    run: Name | None = None
    job: Name | None = None
    reports: Count | None = None
    service: Name | None = None
    environment: Name | None = None


class SpeaksForSection(_Section):
    """What this root may speak for (globs); while a list is empty, context files say nothing of its kind."""

    repositories: tuple[Glob, ...] = ()
    services: tuple[Glob, ...] = ()
    environments: tuple[Glob, ...] = ()


class RootSection(_Section):
    """One watched folder."""

    name: RootName
    path: Path
    include: tuple[Glob, ...] = Field(("**",), min_length=1, description="globs below the root; what matches is read")
    exclude: tuple[Glob, ...] = Field((), description="globs below the root; go before `include`")
    artifacts: tuple[Glob, ...] = Field((), description="globs of files that are hashed only, whatever they hold")
    names: tuple[NameRule, ...] = Field((), description="names of claims by glob; the first that matches counts")
    disclosure: DisclosureLevel = Field("verdict", description="how much of a report leaves")
    disclosure_by: dict[str, DisclosureLevel] = Field({}, description="levels of formats that have another one")
    fields: tuple[FieldName, ...] | None = Field(None, description="the only evidence fields that leave, if set")
    watch: Literal["events", "poll"] = Field("events", description="poll where the folder is on NFS or SMB")
    follow_symlinks: bool = Field(default=False, description="follow links that stay inside the root")
    max_links: Annotated[int, Field(ge=1, le=65_535)] = Field(1, description="a file with more hard links is refused")
    fail_on: Literal["critical", "high", "medium", "low", "info"] = "high"
    min_coverage: Annotated[float, Field(ge=0, le=100)] | None = None
    context: ContextSection = ContextSection()
    speaks_for: SpeaksForSection = SpeaksForSection()

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if not path.is_absolute():
            msg = "give an absolute path"
            raise ValueError(msg)
        return path


class WatchSection(_Section):
    """When a file is taken."""

    scan_seconds: Seconds = Field(60, description="between two scans; the scan is the truth, events only hints")
    settle_seconds: Seconds = Field(2, description="between two equal looks at a file that nobody said is finished")
    broken_after_seconds: Seconds = Field(300, description="a broken report is attested as not passed after this long")
    max_file_bytes: Bytes = Field(512 << 20, description="larger reports are attested as not passed")
    parse_seconds: Seconds = Field(30, description="a report may be read this long, and 3 seconds more for each MiB")
    max_artifact_bytes: Bytes = Field(64 << 30, description="larger artifacts are set aside")


class SpoolSection(_Section):
    """The durable queue."""

    quota_bytes: Bytes = Field(4 << 30, description="of undelivered envelopes; when full, nothing more is taken")
    journal: Literal["rollback", "wal"] = Field("rollback", description="wal needs a SQLite with the WAL-reset fix")
    ballast_bytes: Bytes = Field(4 << 20, description="kept free for the day the disk is full")
    keep_delivered_seconds: Seconds = Field(14 * 86_400, description="the fleet is the receiver's last backup")
    keep_delivered_bytes: Bytes = 1 << 30


class ShipSection(_Section):
    """How batches are sent."""

    max_entries: Annotated[int, Field(ge=1, le=100)] = 100
    max_batch_bytes: Annotated[int, Field(ge=2 << 20, le=16 << 20)] = 8 << 20
    heartbeat_seconds: Annotated[Seconds, Field(le=300)] = Field(
        120, description="+-20 %, at most 300; also how often an unreachable receiver is tried"
    )
    retry_first_seconds: Seconds = Field(1, description="full jitter below this, doubling, while 429 or 5xx come")
    retry_cap_seconds: Seconds = 60
    put_back_first_seconds: Seconds = Field(60, description="an entry refused without a receipt waits this long first")
    put_back_cap_seconds: Seconds = 3_600
    stop_seconds: Seconds = Field(8, description="a request in flight may take this long when told to stop")


class ObeySection(_Section):
    """What is obeyed of what the receiver may ask; no request can name a path or change what leaves."""

    rotate_key: bool = Field(default=True, description="a new key before a date")
    rescan: bool = Field(default=True, description="a full scan of every root, soon")
    resend: bool = Field(default=True, description="delivered entries once more")
    heartbeat: bool = Field(default=True, description="another interval between heartbeats, within these bounds")
    min_heartbeat_seconds: Seconds = 30
    max_heartbeat_seconds: Seconds = 3_600

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_heartbeat_seconds > self.max_heartbeat_seconds:
            msg = "min_heartbeat_seconds is above max_heartbeat_seconds"
            raise ValueError(msg)
        return self


class Pkcs11Section(_Section):
    """The token (PKCS#11) that holds the private key in place of a file; needs the extra `carnet[pkcs11]`."""

    module: Path = Field(description="the token's library, for instance /usr/lib/softhsm/libsofthsm2.so")
    token: Annotated[str, StringConstraints(pattern=r"\A[\x20-\x7e]{1,32}\z")] = Field(description="the token's label")
    label: Annotated[str, StringConstraints(pattern=r"\A[\x21-\x7e]{1,64}\z")] = Field(
        "carnet-collector", description="of this collector's keys, and of no others in the token"
    )
    pin_file: Path | None = Field(
        None, description="its first line is the PIN; the systemd credential pkcs11-pin if not set"
    )


class KeysSection(_Section):
    """Where the key is, and when it is turned over; by command at any time."""

    rotate_after_days: Annotated[float, Field(gt=0, le=36_500)] | None = Field(
        None, description="a new key in the last fifth of this time, at a time of its own; by command alone if not set"
    )
    pkcs11: Pkcs11Section | None = Field(None, description="a token that holds the key; a file does if not set")


class HealthSection(_Section):
    """Where health can be asked: a Unix socket in the state directory, or an address."""

    listen: str | None = Field(None, description="host:port; without it only the Unix socket status.sock answers")


class Config(_Section):
    """The whole file."""

    state_dir: Path
    key_file: Path | None = Field(None, description="the private key; key.pem in the state directory if not set")
    key_passphrase_file: Path | None = Field(
        None, description="what opens the private key; the systemd credential key-passphrase if not set and there"
    )
    receiver: ReceiverSection
    roots: tuple[RootSection, ...] = Field(min_length=1)
    watch: WatchSection = WatchSection()
    spool: SpoolSection = SpoolSection()
    ship: ShipSection = ShipSection()
    obey: ObeySection = ObeySection()
    keys: KeysSection = KeysSection()
    health: HealthSection = HealthSection()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.state_dir.is_absolute():
            msg = "state_dir: give an absolute path"
            raise ValueError(msg)
        if self.keys.pkcs11 is not None and (self.key_file or self.key_passphrase_file):
            msg = "keys.pkcs11: the token holds the key, so leave key_file and key_passphrase_file out"
            raise ValueError(msg)
        names = [root.name for root in self.roots]
        if len(set(names)) != len(names):
            msg = "roots: two of them have one name"
            raise ValueError(msg)
        for root in self.roots:
            if self.state_dir.is_relative_to(root.path):
                msg = f"state_dir lies inside of the root {root.name}; the collector never writes there"
                raise ValueError(msg)
        return self

    @property
    def key_path(self) -> Path:
        """Where the private key is."""
        return self.key_file or self.state_dir / "key.pem"

    def digest(self) -> bytes:
        """SHA-256 of the configuration in force, 32 bytes; each statement names it."""
        return sha256(canonical(self.model_dump(mode="json")))


OVERRIDES = {
    "STATE_DIR": ("state_dir",),
    "KEY_FILE": ("key_file",),
    "RECEIVER_URL": ("receiver", "url"),
    "RECEIVER_CA_FILE": ("receiver", "ca_file"),
    "HEALTH_LISTEN": ("health", "listen"),
}
"""What the environment may override, without the prefix; no secret is among them."""


def load_config(path: Path, environment: Mapping[str, str]) -> Config:
    """Read and check the file; raises `ConfigError` with every key that is wrong, and what would be right."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "name it with --config") from None
    if len(raw) > _MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than {_MAX_FILE_BYTES} bytes", "is it the right file?")
    try:
        fields = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", "see docs/operations.md for a whole example") from None
    for name, keys in OVERRIDES.items():
        value = environment.get(ENVIRONMENT_PREFIX + name)
        if value is not None:
            section: object = fields
            for key in keys[:-1]:
                section = section.setdefault(key, {}) if isinstance(section, dict) else None
            if isinstance(section, dict):  # what is no section is told of below
                section[keys[-1]] = value
    try:
        return Config.model_validate(fields)
    except ValidationError as error:
        raise ConfigError("; ".join(_problems(error)), f"correct {path}; docs/operations.md has every key") from None


_WORDS = {
    "extra_forbidden": "this key is not known",
    "missing": "this key is needed",
    "string_pattern_mismatch": "has a character that may not stand here; docs/operations.md says which may",
}


def _problems(error: ValidationError) -> list[str]:
    lines = []
    found = error.errors(include_url=False)
    below = {one["loc"][:1] for one in found if len(one["loc"]) > 1}
    for one in found:
        if one["type"] == "too_short" and one["loc"] in below:
            continue  # the list is empty only because of what is wrong within it
        key = ".".join(str(part) for part in one["loc"]) or "the file"
        given = "" if isinstance(one["input"], dict | list) else f" (given: {str(one['input'])[:100]!r})"
        message = _WORDS.get(one["type"], one["msg"])
        lines.append(f"{key}: {message.removeprefix('Value error, ')}{given}")
    return lines
