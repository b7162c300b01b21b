"""Enrolment: the receiver's keyring is believed under a pinned root, and possession of the new key is proved.

Invariants: nothing is signed for a receiver before its root fingerprint was pinned or confirmed by a person; the
invitation's token goes only into the Authorization header; nothing is written before everything was verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.trust import Enrolled, follow
from shared import dsse, statement
from shared.encoding import b64encode, digest_text, parse_object, sha256
from shared.errors import Code, StateError, TryLaterError, UntrustedError
from shared.keyring import TrustedKeyring, open_keyring, version_of
from shared.keys import key_from_spki
from shared.predicates import ACCESS, ENROLMENT_REQUEST, Access, Enrolment, EnrolmentRequest
from shared.statement import subject_sha256
from shared.wire import (
    ACCESS_PATH,
    ENROL_PATH,
    KEYRING_PATH,
    emit_access,
    emit_enrol_request,
    parse_enrol_answer,
    parse_keyring,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from collector.client import Client
    from shared.dsse import Envelope
    from shared.keys import PublicKey, Signer
    from shared.predicates import Audience

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,500}", re.ASCII)
"""What may stand behind `Bearer` (RFC 6750, 2.1); whatever else was answered gets into no header."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What the receiver showed before anything was believed: its root's fingerprint and its keyrings."""

    fingerprint: str
    root_spki: bytes
    versions: tuple[bytes, ...]


async def ask_keyring(client: Client, token: str) -> Offered:
    """Fetch the keyring that an invitation is for; raises what `Client` raises, or `MalformedError`."""
    answer = parse_keyring((await client.get(KEYRING_PATH, token)).body)
    return Offered(key_from_spki(answer.root_spki).key_id, answer.root_spki, answer.versions)


def pin(offered: Offered, fingerprint: str) -> tuple[TrustedKeyring, bytes]:
    """Believe the keyrings under the root that was pinned; gives the newest and its envelope.

    Raises `UntrustedError` where the root is another, or a version does not prove itself.
    """
    if offered.fingerprint != fingerprint:
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"the receiver shows the root key {offered.fingerprint}, not {fingerprint}",
            "compare the fingerprint with whoever runs the receiver; nothing was sent",
        )
    root = key_from_spki(offered.root_spki)
    numbers = [version_of(dsse.parse(raw)) for raw in offered.versions]
    if numbers != sorted(set(numbers)):
        raise UntrustedError(Code.UNKNOWN_KEY, "the keyrings come in no order", "this is not ours; nothing was sent")
    first, keyring = _first_under(root, offered.versions)
    keyring, newest = follow(keyring, offered.versions)
    return keyring, newest or first


def _first_under(root: PublicKey, versions: tuple[bytes, ...]) -> tuple[bytes, TrustedKeyring]:
    """Find the first keyring that the root signed: what came before it stood under another root."""
    for raw in versions[:-1]:
        try:
            return raw, open_keyring(dsse.parse(raw), root)
        except UntrustedError:
            continue
    return versions[-1], open_keyring(dsse.parse(versions[-1]), root)


def enrolment_request(
    token: str,
    believed: tuple[TrustedKeyring, bytes],
    signer: Signer,
    *,
    now: datetime,
    random: Callable[[int], bytes],
) -> Envelope:
    """Sign what proves possession of the key: for this workspace, and for this invitation alone."""
    keyring, _ = believed
    return statement.sign(
        ENROLMENT_REQUEST,
        (subject_sha256(sha256(signer.public.spki).hex()),),
        EnrolmentRequest(
            audience=keyring.audience,
            key_id=signer.public.key_id,
            salt=random(16).hex(),
            token_digest=digest_text(sha256(token.encode())),
            nonce=random(16).hex(),
            public_key=b64encode(signer.public.spki),
            sent_at=now,
        ),
        signer,
    )


async def enrol(
    client: Client,
    token: str,
    name: str,
    believed: tuple[TrustedKeyring, bytes],
    signer: Signer,
    request: Envelope,
) -> Enrolled:
    """Send the request and get the collector's id.

    Raises `TryLaterError` while a person must confirm the fingerprint first, `StateError` where the invitation is
    used or bound to another name, and `UntrustedError` where the enrolment statement does not prove itself.
    """
    keyring, envelope = believed
    body = emit_enrol_request(name, request.to_bytes())
    answer = parse_enrol_answer((await client.post(ENROL_PATH, body, token)).body)
    if answer.enrolment is None:
        raise TryLaterError(
            Code.UNAVAILABLE,
            f"enrolment {answer.status}: an admin must confirm the fingerprint {signer.public.key_id}",
            "run the same command again afterwards",
        )
    read = keyring.verify(dsse.parse(answer.enrolment))
    record = read.as_(Enrolment)
    keyring.check_time(record.key_id, record.enrolled_at)
    if record.collector_key_id != signer.public.key_id or record.collector_id != answer.collector_id:
        raise UntrustedError(Code.UNKNOWN_KEY, "the enrolment is for another key", "nothing was written")
    return Enrolled(record.collector_id, keyring, envelope, answer.enrolment)


def access_request(
    collector_id: str, audience: Audience, signer: Signer, *, now: datetime, random: Callable[[int], bytes]
) -> Envelope:
    """Sign what asks for a bearer token; it is good once."""
    return statement.sign(
        ACCESS,
        (subject_sha256(sha256(signer.public.spki).hex()),),
        Access(
            audience=audience,
            key_id=signer.public.key_id,
            salt=random(16).hex(),
            collector_id=collector_id,
            nonce=random(16).hex(),
            sent_at=now,
        ),
        signer,
    )


async def ask_access(
    client: Client,
    collector_id: str,
    request: Envelope,
    again: Callable[[], Awaitable[None]] | None = None,
    rotations: Sequence[bytes] = (),
) -> str:
    """Get a bearer token for an hour with the key alone; raises what `Client` raises, or `StateError`.

    `again` is awaited before the request is sent a second time; `rotations` lead to the key from one that the receiver
    knows.
    """
    path = ACCESS_PATH.format(collector_id=collector_id)
    return parse_token((await client.post(path, emit_access(request.to_bytes(), rotations), None, again)).body)


async def refresh_keyring(client: Client, token: str, held: TrustedKeyring) -> tuple[TrustedKeyring, bytes | None]:
    """Ask for newer keyrings than the one held; raises what `Client` raises, `UntrustedError` or `MalformedError`."""
    answer = parse_keyring((await client.get(KEYRING_PATH, token)).body)
    return follow(held, answer.versions)


def parse_token(body: bytes) -> str:
    """Read the token out of the answer to an access request; raises `MalformedError` or `StateError`."""
    token = parse_object(body).get("token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise StateError(Code.NOT_FOUND, "the answer has no token", "something else may answer for the receiver")
    return token
