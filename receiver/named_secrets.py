"""Secrets that the configuration names by their files; read at a start, and shown nowhere."""

from __future__ import annotations

from pathlib import Path

from receiver.core.sealing import MASTER_KEY_BYTES
from shared.errors import ConfigError
from shared.keyfile import read_secret


def read_master_key(path: Path) -> bytes:
    """Read the key that unseals the role keys; raises `ConfigError`."""
    hint = "it holds 32 random bytes and has mode 0600; restore it from its backup"
    master = read_secret(path, hint)
    if len(master) != MASTER_KEY_BYTES:
        raise ConfigError(f"{path} holds {len(master)} bytes, not {MASTER_KEY_BYTES}", hint)
    return master


def read_password(path: Path | None) -> str | None:
    """Read a password that we show to another server, where a file is named: one line; raises `ConfigError`."""
    if path is None:
        return None
    hint = "it holds the password as one line of text and has mode 0600"
    try:
        password = read_secret(path, hint).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8", hint) from None
    if not password or not password.isprintable():
        raise ConfigError(f"{path} holds no password, or more than one line", hint)
    return password
