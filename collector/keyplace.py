"""Where the configuration says that this host's keys are, and what opens them: a file or a systemd credential.

Wiring. Invariant: neither a passphrase nor a PIN is ever taken from an argument or from the environment, which others
can read.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from collector.clock import utcnow
from collector.keyfiles import KeyFiles
from collector.pins import RefusedPin
from shared.errors import ConfigError
from shared.keyfile import read_passphrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.config import Config, Pkcs11Section
    from collector.keystore import KeyStore

PASSPHRASE_CREDENTIAL = "key-passphrase"  # noqa: S105 - a name
PIN_CREDENTIAL = "pkcs11-pin"
"""The names of the systemd credentials (systemd.exec(5), LoadCredential)."""


def key_store_of(config: Config, environment: Mapping[str, str]) -> KeyStore:
    """Give the store that a configuration names, not yet opened; raises `ConfigError`."""
    if config.keys.pkcs11 is not None:
        return _token(config.keys.pkcs11, config.state_dir, environment)
    return KeyFiles(config.key_path, find_passphrase(config.key_passphrase_file, environment))


def find_passphrase(configured: Path | None, environment: Mapping[str, str]) -> bytes | None:
    """Read what opens the private key: the named file, else the systemd credential; None where there is neither.

    Raises `ConfigError`.
    """
    return _secret(configured, PASSPHRASE_CREDENTIAL, environment, "passphrase")


def _token(section: Pkcs11Section, state_dir: Path, environment: Mapping[str, str]) -> KeyStore:
    try:
        from collector import tokenkeys, tokens  # noqa: PLC0415 - an extra that most hosts do without
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"keys.pkcs11: {error.name} is not installed", "install the extra: carnet[collector,pkcs11]"
        ) from None
    pin = _secret(section.pin_file, PIN_CREDENTIAL, environment, "PIN")
    if pin is None:
        raise ConfigError(
            "keys.pkcs11: there is no PIN",
            f"name a file with it as keys.pkcs11.pin_file, or load it as the systemd credential {PIN_CREDENTIAL}",
        )
    try:
        place = tokens.TokenPlace(section.module, section.token, section.label, pin.decode())
    except UnicodeDecodeError:
        raise ConfigError("keys.pkcs11: the PIN is not UTF-8", "PKCS#11 takes no other") from None
    return tokenkeys.TokenKeys(place, _today, RefusedPin(state_dir, section.pin_file))


def _today() -> date:
    return utcnow().date()


def _secret(configured: Path | None, credential: str, environment: Mapping[str, str], what: str) -> bytes | None:
    if configured is not None:
        return read_passphrase(configured, what=what)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    path = None if credentials is None else Path(credentials) / credential
    return read_passphrase(path, credential=True, what=what) if path is not None and path.exists() else None
