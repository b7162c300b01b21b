"""Seal a small secret for a database row: XSalsa20-Poly1305 (libsodium secretbox) under the master key.

A sealed secret is the 24-byte nonce followed by the box; whoever has the database alone can read nothing of it.
"""

from __future__ import annotations

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from shared.errors import ConfigError

MASTER_KEY_BYTES = SecretBox.KEY_SIZE
NONCE_BYTES = SecretBox.NONCE_SIZE


def seal(master: bytes, secret: bytes, nonce: bytes) -> bytes:
    """Seal a secret with the 32-byte master key and a nonce of 24 random bytes that is never used again."""
    return bytes(_box(master).encrypt(secret, nonce))


def unseal(master: bytes, sealed: bytes) -> bytes:
    """Open what `seal` gave; raises `ConfigError` where the master key is another or the row was altered."""
    box = _box(master)
    try:
        return box.decrypt(sealed)
    except (CryptoError, ValueError):
        raise ConfigError(
            "the master key does not open the role keys of this database",
            "name the master key file that this database was set up with",
        ) from None


def _box(master: bytes) -> SecretBox:
    if len(master) != MASTER_KEY_BYTES:
        raise ConfigError(
            f"the master key has {len(master)} bytes, not {MASTER_KEY_BYTES}",
            "name the master key file that this database was set up with",
        )
    return SecretBox(master)
