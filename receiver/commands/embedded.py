"""The directory of a quickstart: made on the first start, taken up again on every later one.

`receiver.toml` is written last: where it stands, the directory is complete. A first start that was interrupted
before is taken up where it ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from receiver import access, enrol, people, setup
from receiver.commands.authority import check_certificate, make_certificates
from receiver.commands.options import CONFIG_NAME
from receiver.core.accounts import Role
from receiver.core.sealing import MASTER_KEY_BYTES
from receiver.core.tokens import Kind, Scope
from receiver.named_secrets import read_master_key
from receiver.store import workspaces
from receiver.store.engine import Store
from receiver.store.migrate import migrate
from shared.encoding import base32_id
from shared.errors import ConfigError
from shared.keyfile import load_key, write_key, write_secret
from shared.keys import SEED_BYTES, PublicKey
from shared.predicates import Limits

ADMIN_EMAIL = "admin@localhost"
INVITATION_MINUTES = 24 * 60
API_KEY_SCOPES = (
    Scope.ATTESTATIONS_WRITE,
    Scope.PIPELINES_WRITE,
    Scope.ARTIFACTS_WRITE,
    Scope.DEPLOYMENTS_WRITE,
    Scope.COLLECTOR_WRITE,
    Scope.READ,
)
_PASSWORD_BYTES = 15


@dataclass(frozen=True, slots=True)
class Names:
    """What a quickstart is known by; nothing of it is secret."""

    receiver: str
    workspace: str
    root_key: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is shown once, when the directory is made; its representation shows nothing."""

    api_key: str
    gate_token: str
    evidence_token: str
    enrol_token: str
    admin_password: str

    def __repr__(self) -> str:
        return "Secrets(...)"


class Embedded:
    """The paths of a quickstart's directory."""

    def __init__(self, folder: Path) -> None:
        """Take the directory, which need not exist."""
        self.folder = folder.absolute()
        self.config = self.folder / CONFIG_NAME
        self.master_key = self.folder / "master.key"
        self.root_key = self.folder / "root.key"
        self.database = self.folder / "receiver.db"
        self.authority = self.folder / "ca.pem"
        self.certificate = self.folder / "server.pem"
        self.certificate_key = self.folder / "server.key"

    @property
    def complete(self) -> bool:
        """Say whether a first start came to its end here."""
        return self.config.is_file()

    @property
    def database_url(self) -> str:
        """The database as the store names it."""
        return f"sqlite:///{self.database}"

    def names(self) -> Names:
        """Read what the quickstart is known by; raises `StateError` without a workspace."""
        store = Store.open(self.database_url)
        try:
            return _names(store)
        finally:
            store.close()

    def make(self, now: datetime, random: Callable[[int], bytes]) -> tuple[Names, Secrets]:
        """Make keys, database, workspace, tokens and account; raises `ConfigError` where the disk refuses."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.folder} cannot be made: {error.strerror}", "name another directory with --data"
            ) from None
        if not self.master_key.exists():
            write_secret(self.master_key, random(MASTER_KEY_BYTES))
        root = load_key(self.root_key) if self.root_key.exists() else write_key(self.root_key, random(SEED_BYTES))
        migrate(self.database_url)
        store = Store.open(self.database_url)
        try:
            if not store.read(workspaces.all_ids):
                setup.create(store, read_master_key(self.master_key), root, "quickstart", now, random)
            names = _names(store)
            return names, self._issue(store, names.workspace, now, random)
        finally:
            store.close()

    def make_tls(self, hosts: list[str], now: datetime) -> None:
        """Make the certificates that are served on an address other than loopback, unless good ones are there.

        Raises `ConfigError` where those that are there have expired or are for other hosts.
        """
        if self.certificate_key.exists():
            check_certificate(self.certificate.read_bytes(), hosts, now)
            return
        made = make_certificates(hosts, now)
        _replace(self.authority, made.authority)
        _replace(self.certificate, made.server)
        write_secret(self.certificate_key, made.server_key)

    def write_config(self, host: str, port: int, *, tls: bool) -> None:
        """Write `receiver.toml`, which says that the directory is complete."""
        lines = [
            "# Made by carnet-receiver quickstart. Every key: docs/operations.md.",
            f"database_url = {_toml(self.database_url)}",
            f"master_key_file = {_toml(str(self.master_key))}",
            f"host = {_toml(host)}",
            f"port = {port}",
        ]
        if tls:
            lines.append(f"tls_certificate_file = {_toml(str(self.certificate))}")
            lines.append(f"tls_key_file = {_toml(str(self.certificate_key))}")
        _replace(self.config, ("\n".join(lines) + "\n").encode())

    def _issue(self, store: Store, workspace_id: str, now: datetime, random: Callable[[int], bytes]) -> Secrets:
        def token(kind: Kind, label: str, *scopes: Scope) -> str:
            return access.issue(store, workspace_id, kind, scopes, label, now, random).token

        invitations = enrol.invite(
            store,
            workspace_id,
            ["*"],
            Limits(),
            approve=True,
            valid_minutes=INVITATION_MINUTES,
            now=now,
            random=random,
        )
        password = base32_id("", random(_PASSWORD_BYTES))
        if not people.listed(store, workspace_id):
            people.add(store, workspace_id, ADMIN_EMAIL, Role.ADMIN, password, now)
        else:
            # A first start that was interrupted: nobody has seen its password.
            people.set_password(store, workspace_id, ADMIN_EMAIL, password, now)
        return Secrets(
            token(Kind.API_KEY, "quickstart API key", *API_KEY_SCOPES),
            token(Kind.GATE, "quickstart gate", Scope.GATE_EVALUATE),
            token(Kind.GATE, "quickstart evidence", Scope.EVIDENCE_WRITE),
            invitations[0].token,
            password,
        )


def _names(store: Store) -> Names:
    workspace_ids = store.read(workspaces.all_ids)
    if not workspace_ids:
        raise ConfigError("the database has no workspace", "take another directory with --data")
    found = store.read(lambda tx: workspaces.get(tx, workspace_ids[0]))
    return Names(found.receiver_id, found.workspace_id, PublicKey(found.root_key).key_id)


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_secret(fresh, content)
    fresh.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _toml(text: str) -> str:
    """Write a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text)
