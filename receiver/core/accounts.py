"""Accounts of people: roles and what each includes, e-mail addresses, and passwords, of which only a hash is kept.

Passwords are hashed with Argon2id (RFC 9106) at libsodium's interactive limits: 64 MiB, two passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from shared.errors import Code, MalformedError, UntrustedError

MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 12, 200
_MAX_EMAIL_CHARS = 200
_MAX_IDENTITIES = 50
# Of a password that nobody has: what an unknown address is compared with, so that it takes as long.
_NOBODYS = "$argon2id$v=19$m=65536,t=2,p=1$52n6E1T3qzoXk9ecHLqPKA$P+t2iq0LakjSm6II9k+CVkjGjSVaE/K/cYxmkArAIMQ"
_EMAIL = re.compile(r"[^\s@\x00-\x1f]{1,64}@[a-z0-9.-]{1,128}", re.ASCII)


class Role(StrEnum):
    """What a person may do in a workspace; an auditor reads everything and changes nothing."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    AUDITOR = "auditor"


_RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.APPROVER: 2, Role.ADMIN: 3}


def includes(role: Role, needed: Role) -> bool:
    """Say whether a role may do what another one may; an auditor's is no more than a viewer's."""
    return _RANK.get(role, _RANK[Role.VIEWER]) >= _RANK.get(needed, len(_RANK)) or role is needed


def read_email(text: str) -> str:
    """Give an address as it is kept, in lower case; raises `MalformedError` (`invalid_field`)."""
    email = text.strip().lower()
    if len(email) > _MAX_EMAIL_CHARS or _EMAIL.fullmatch(email) is None:
        raise MalformedError(Code.INVALID_FIELD, f"{text[:80]!r} is no e-mail address", "write name@example.org")
    return email


def read_identities(names: Iterable[str]) -> tuple[str, ...]:
    """Give further names of a person as they are kept, each once, in lower case; raises `MalformedError`."""
    found = tuple(sorted({one.strip().lower() for one in names}))
    if len(found) > _MAX_IDENTITIES or any(
        not one.isprintable() or not 1 <= len(one) <= _MAX_EMAIL_CHARS for one in found
    ):
        raise MalformedError(
            Code.INVALID_FIELD,
            "these are no names of a person",
            f"at most {_MAX_IDENTITIES}, each of 1 to {_MAX_EMAIL_CHARS} printable characters",
        )
    return found


def hash_password(password: str) -> str:
    """Hash a password with a salt of its own; raises `MalformedError` for one that is too short or too long."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise MalformedError(
            Code.INVALID_FIELD,
            f"a password of {len(password)} characters",
            f"take {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS}; several words are easier to keep",
        )
    hashed: bytes = argon2id.str(
        password.encode(), opslimit=argon2id.OPSLIMIT_INTERACTIVE, memlimit=argon2id.MEMLIMIT_INTERACTIVE
    )
    return hashed.decode("ascii")


def matches(password: str, stored: str | None) -> bool:
    """Say whether this is the password of which `stored` was kept; as slow for a wrong one as for the right one.

    None is of an account that is not there: as slow too, and never right.
    """
    if len(password) > MAX_PASSWORD_CHARS:
        return False
    try:
        found = bool(argon2id.verify((stored or _NOBODYS).encode("ascii"), password.encode()))
    except (CryptoError, ValueError):
        return False
    return found and stored is not None


def not_signed_in() -> UntrustedError:
    """Give the one answer to a wrong address, a wrong password and an account that has ended."""
    return UntrustedError(Code.UNAUTHORIZED, "e-mail address or password is wrong", "try again, or ask an admin")
