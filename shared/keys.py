"""Ed25519 keys (RFC 8032): public keys and their ids, what can sign, and the one verifier.

Every verification in production goes through `PublicKey.verify`, which is PyNaCl: two libraries would mean that a
signature is valid here and invalid there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from shared.encoding import digest_text, sha256
from shared.errors import Code, UntrustedError

KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64
SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""RFC 8410: SubjectPublicKeyInfo of an Ed25519 key is this followed by the 32 bytes of the key."""


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key; `raw` is its 32 bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        """Refuse any other length; raises `UntrustedError`."""
        if len(self.raw) != KEY_BYTES:
            raise UntrustedError(
                Code.UNKNOWN_KEY,
                f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}",
            )

    @property
    def spki(self) -> bytes:
        """The key as SubjectPublicKeyInfo DER (RFC 8410)."""
        return SPKI_PREFIX + self.raw

    @cached_property
    def key_id(self) -> str:
        """`sha256:` and the hex SHA-256 of the SubjectPublicKeyInfo; people call it the fingerprint."""
        return digest_text(sha256(self.spki))

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Say whether this key signed exactly this message (RFC 8032, libsodium's strict rules)."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + message, self.raw)
        except CryptoError:
            return False
        return True

    def check_sound(self) -> None:
        """Refuse points of small or mixed order and non-canonical encodings; raises `UntrustedError`.

        Asked once, when a key is registered: such a key could make one signature good for many messages.
        """
        if not crypto_core_ed25519_is_valid_point(self.raw):
            raise UntrustedError(
                Code.UNKNOWN_KEY,
                "this is not a sound Ed25519 key: the point is not on the prime-order subgroup",
                "make a new key with carnet-collector keygen",
            )


def key_from_spki(der: bytes) -> PublicKey:
    """Read SubjectPublicKeyInfo DER; raises `UntrustedError` for anything but an Ed25519 key."""
    if not der.startswith(SPKI_PREFIX):
        raise UntrustedError(Code.UNKNOWN_KEY, "this is not the SubjectPublicKeyInfo of an Ed25519 key")
    return PublicKey(der[len(SPKI_PREFIX) :])


class Signer(Protocol):
    """Whatever can sign for one key: a file, and later a token or a module of the host's."""

    @property
    def public(self) -> PublicKey:
        """The key that the signatures verify under."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Give the 64 bytes of an Ed25519 signature over the message."""
        ...


class Ed25519Signer:
    """A signer that holds its private key in memory; its representation never shows the key."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32 secret bytes of RFC 8032; raises `ValueError` for any other length."""
        if len(seed) != SEED_BYTES:
            msg = "an Ed25519 seed has 32 bytes"
            raise ValueError(msg)
        self._key = SigningKey(seed)
        self._public = PublicKey(crypto_sign_seed_keypair(seed)[0])

    @property
    def public(self) -> PublicKey:
        """The key that the signatures verify under."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Give the 64 bytes of an Ed25519 signature over the message."""
        return self._key.sign(message).signature

    def __repr__(self) -> str:
        """Show the key id alone."""
        return f"Ed25519Signer({self._public.key_id})"
