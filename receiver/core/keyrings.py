"""Write the next version of a workspace's keyring, for its root to sign.

Invariant: a key that was ever in it stays in it, with the time that it ended, so that what it signed can still be
verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import b64encode, digest_text, sha256
from shared.keyring import TrustedKeyring
from shared.keys import Signer
from shared.predicates import KEYRING, Audience, EndedKey, Keyring, Register, RoleKey
from shared.statement import subject_sha256

FIRST = 1
"""The version of the first keyring."""


@dataclass(frozen=True, slots=True)
class Next:
    """What the next keyring says; `roots` are the one that signs, and the one that it introduces where it does.

    `ended` are the collectors' keys that are revoked by now, once for each revocation that stands.
    """

    audience: Audience
    keys: Sequence[RoleKey]
    ended: Iterable[EndedKey]
    place: Register
    salt: bytes
    issued_at: datetime
    roots: Sequence[Signer]


def first(what: Next) -> Envelope:
    """Sign version 1."""
    return _signed(what, FIRST, None)


def after(held: TrustedKeyring, what: Next) -> Envelope:
    """Sign the version that follows the one held."""
    return _signed(what, held.content.version + 1, digest_text(held.id))


def _signed(what: Next, version: int, previous: str | None) -> Envelope:
    signer, newest = what.roots[0], what.roots[-1]
    ended = tuple(sorted(what.ended, key=lambda one: (one.key_id, one.number)))
    keyring = Keyring(
        audience=what.audience,
        key_id=signer.public.key_id,
        salt=what.salt.hex(),
        register_=what.place,
        version=version,
        previous=previous,
        issued_at=what.issued_at,
        keys=tuple(what.keys),
        revocations=tuple(sorted({one.key_id for one in ended})),
        ended=ended,
        roots=None if newest is signer else (b64encode(signer.public.spki), b64encode(newest.public.spki)),
    )
    subject = subject_sha256(sha256(newest.public.spki).hex())
    return dsse.sign(statement.payload(KEYRING, (subject,), keyring), *what.roots)
