"""Reads which root key is pinned: a fingerprint as people compare it, or the public key itself."""

from __future__ import annotations

import re
from pathlib import Path

import click

from shared.encoding import b64decode
from shared.errors import CarnetError
from shared.keys import key_from_spki

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----", re.ASCII)
_MAX_FILE_BYTES = 4096


def read_fingerprint(said: str) -> str:
    """Give the fingerprint (`sha256:` and hex) of a root key.

    Takes a fingerprint, a public key (SubjectPublicKeyInfo in base64), or the name of a file that holds either or a
    PEM. Raises `click.UsageError` for anything else.
    """
    text = said.strip()
    if _FINGERPRINT.fullmatch(text.lower()):
        return text.lower()
    found = _of_key(text)
    if found is not None:
        return found
    try:
        with Path(said).open("rb") as file:
            text = file.read(_MAX_FILE_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        raise _unknown(said) from None
    if _FINGERPRINT.fullmatch(text.lower()):
        return text.lower()
    pem = _PEM.fullmatch(text)
    found = _of_key("".join(pem[1].split()) if pem else text)
    if found is None:
        raise _unknown(said)
    return found


def _of_key(text: str) -> str | None:
    try:
        return key_from_spki(b64decode(text)).key_id
    except CarnetError:
        return None


def _unknown(said: str) -> click.UsageError:
    return click.UsageError(
        f"--key {said[:100]!r} is no root key: give its fingerprint (sha256: and 64 hex digits), or a file that holds "
        "the public key in PEM"
    )
