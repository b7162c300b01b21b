"""Private keys under a passphrase: PKCS#8 EncryptedPrivateKeyInfo in PEM (RFC 5958, RFC 8018 PBES2), as OpenSSL has it.

Pure, and the one place that loads `cryptography` for a key of ours: it is in the extras that hold private keys, and
nothing else of `shared` needs it.
"""

from __future__ import annotations

from shared.errors import ConfigError

ENCRYPTED_MARK = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class WrongPassphraseError(Exception):
    """The passphrase does not open the key, or what it opens is no Ed25519 key."""


def encrypt(seed: bytes, passphrase: bytes) -> bytes:
    """Write a key (32 secret bytes) as PEM under a passphrase; raises `ConfigError` without the package for it."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            BestAvailableEncryption,
            Encoding,
            PrivateFormat,
        )
    except ModuleNotFoundError as error:
        raise _missing() from error
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


def decrypt(pem: bytes, passphrase: bytes) -> bytes:
    """Read the 32 secret bytes of a key in PEM; raises `WrongPassphraseError`, or `ConfigError` without the package."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _missing() from error
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WrongPassphraseError from None
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongPassphraseError
    return key.private_bytes_raw()


def _missing() -> ConfigError:
    return ConfigError(
        "an encrypted key needs the package cryptography", "install carnet[collector] or carnet[receiver]"
    )
