"""Enrolment and access over HTTP: what is asked of a receiver, and what of its answers is believed.

Invariants: the invitation's token goes only into the Authorization header; nothing is written before everything was
verified.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from collector.enrolling import Offered, taken_in
from collector.trust import Enrolled, follow
from shared import statement
from shared.encoding import parse_object, sha256
from shared.errors import Code, StateError, TryLaterError, UntrustedError
from shared.joining import emit_access, emit_enrol_request, parse_enrol_answer, parse_keyring
from shared.keyring import TrustedKeyring
from shared.keys import key_from_spki
from shared.predicates import ACCESS, Access
from shared.statement import subject_sha256
from shared.wire import ACCESS_PATH, ENROL_PATH, KEYRING_PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from collector.client import Client
    from shared.dsse import Envelope
    from shared.keys import Signer
    from shared.predicates import Audience

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,500}", re.ASCII)
"""What may stand behind `Bearer` (RFC 6750, 2.1); whatever else was answered gets into no header."""


class UnconfirmedError(TryLaterError):
    """The receiver has the request, and a person there must confirm the fingerprint first."""

    def __init__(self, status: str, key_id: str) -> None:
        """Take the receiver's word for how it stands, and the fingerprint."""
        super().__init__(
            Code.UNAVAILABLE,
            f"enrolment {status}: an admin must confirm the fingerprint {key_id}",
            "run the same command again afterwards",
        )


async def ask_keyring(client: Client, token: str) -> Offered:
    """Fetch the keyring that an invitation is for; raises what `Client` raises, or `MalformedError`."""
    answer = parse_keyring((await client.get(KEYRING_PATH, token)).body)
    return Offered(key_from_spki(answer.root_spki).key_id, answer.root_spki, answer.versions)


async def enrol(
    client: Client,
    token: str,
    name: str,
    believed: tuple[TrustedKeyring, bytes],
    signer: Signer,
    request: Envelope,
) -> Enrolled:
    """Send the request and get the collector's id.

    Raises `UnconfirmedError` while a person must confirm the fingerprint first, `StateError` where the invitation is
    used or bound to another name, and `UntrustedError` where the enrolment statement does not prove itself.
    """
    keyring, envelope = believed
    body = emit_enrol_request(name, request.to_bytes())
    answer = parse_enrol_answer((await client.post(ENROL_PATH, body, token)).body)
    if answer.enrolment is None:
        raise UnconfirmedError(answer.status, signer.public.key_id)
    record = taken_in(keyring, answer.enrolment, signer.public)
    if record.collector_id != answer.collector_id:
        raise UntrustedError(Code.UNKNOWN_KEY, "the enrolment is for another collector", "nothing was written")
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
