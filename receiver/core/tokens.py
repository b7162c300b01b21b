"""Bearer tokens: a prefix that secret scanners know, 32 random bytes in base62, and a CRC-32 that catches typos.

Invariants: a token has one length and one spelling; its id tells nothing about it; what is kept of it is a SHA-256,
which is enough for 256 random bits, and is compared in constant time.
"""

from __future__ import annotations

import hmac
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.encoding import base32_id, sha256
from shared.errors import Code, UntrustedError

SECRET_BYTES = 32

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_SECRET_CHARS = 43
_CRC_CHARS = 6
_ID_BYTES = 10
_ID_DOMAIN = b"carnet token id\0"


class Kind(StrEnum):
    """What a token was issued as; the prefix says it to people and to secret scanners."""

    API_KEY = "mw_live_"
    GATE = "rp_live_"
    INVITATION = "ce_once_"
    COLLECTOR_ACCESS = "ca_hour_"
    SESSION = "rp_sess_"
    """What the cookie of somebody who signed in holds; no bearer token."""


class Scope(StrEnum):
    """What a token may do."""

    ATTESTATIONS_WRITE = "attestations:write"
    PIPELINES_WRITE = "pipelines:write"
    ARTIFACTS_WRITE = "artifacts:write"
    DEPLOYMENTS_WRITE = "deployments:write"
    COLLECTOR_WRITE = "collector:write"
    GATE_EVALUATE = "gate:evaluate"
    EVIDENCE_WRITE = "evidence:write"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A token that is spelled right: its kind, its id (no secret), and the SHA-256 that is compared."""

    kind: Kind
    token_id: str
    digest: bytes

    def matches(self, stored: bytes) -> bool:
        """Say in constant time whether this is the token of which `stored` was kept."""
        return hmac.compare_digest(self.digest, stored)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, shown this once; its representation does not show it."""

    token: str
    id: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"IssuedToken(id={self.id!r}, expires_at={self.expires_at!r})"


def make_token(kind: Kind, random: bytes) -> str:
    """Write a token from 32 random bytes."""
    if len(random) != SECRET_BYTES:
        msg = f"a token is made of {SECRET_BYTES} random bytes"
        raise ValueError(msg)
    text = kind.value + _base62(int.from_bytes(random), _SECRET_CHARS)
    return text + _crc(text)


def parse_token(text: str) -> Parsed:
    """Read a token; raises `UntrustedError` (`unauthorized`) for every other spelling, without a database."""
    kind = next((one for one in Kind if text.startswith(one.value)), None)
    if kind is None or len(text) != len(kind.value) + _SECRET_CHARS + _CRC_CHARS:
        raise unauthorized()
    body = text[:-_CRC_CHARS]
    if not text.isascii() or _crc(body) != text[-_CRC_CHARS:] or not _is_secret(body[len(kind.value) :]):
        raise unauthorized()
    encoded = text.encode("ascii")
    return Parsed(kind, base32_id("tok_", sha256(_ID_DOMAIN + encoded)[:_ID_BYTES]), sha256(encoded))


def unauthorized() -> UntrustedError:
    """Give the one answer to every token that is not good; it never says why, and never shows the token."""
    return UntrustedError(
        Code.UNAUTHORIZED,
        "the bearer token is missing, wrong, expired or revoked",
        "send Authorization: Bearer with a token that an admin issued for this workspace",
    )


def _crc(text: str) -> str:
    return _base62(zlib.crc32(text.encode("ascii", "replace")), _CRC_CHARS)


def _is_secret(text: str) -> bool:
    value = 0
    for char in text:
        digit = _VALUES.get(char)
        if digit is None:
            return False
        value = value * len(_ALPHABET) + digit
    return value < 1 << (8 * SECRET_BYTES)


def _base62(value: int, width: int) -> str:
    chars: list[str] = []
    for _ in range(width):
        value, digit = divmod(value, len(_ALPHABET))
        chars.append(_ALPHABET[digit])
    return "".join(reversed(chars))
