"""What an enrolment rests on, online or by files: a pinned root, a request that proves the key, an answer for it.

Pure. Invariants: nothing is signed for a receiver before its root fingerprint was pinned or confirmed by a person; an
answer is taken for the key that asked, and one that was carried in for the very request that was carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from collector.trust import Enrolled, follow
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import b64encode, digest_text, format_time, sha256
from shared.errors import CarnetError, Code, UntrustedError
from shared.keyring import TrustedKeyring, open_keyring, version_of
from shared.keys import key_from_spki
from shared.predicates import ENROLMENT_REQUEST, Enrolment, EnrolmentRequest
from shared.statement import subject_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.keys import PublicKey, Signer
    from shared.offline import OfflineResponse


@dataclass(frozen=True, slots=True)
class Offered:
    """What the receiver showed before anything was believed: its root's fingerprint and its keyrings."""

    fingerprint: str
    root_spki: bytes
    versions: tuple[bytes, ...]


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that was carried out: under which name, with which invitation (its digest), when, for whom.

    `keyring` and its `envelope` are the newest that was known then; `url` is who was asked online, where a person must
    confirm the key; None where the request is carried.
    """

    name: str
    token_digest: str
    asked_at: datetime
    keyring: TrustedKeyring
    envelope: bytes
    request: Envelope
    url: str | None = None


def command(*words: str) -> str:
    """Give `enrol` as a person types it; words that are empty are left out."""
    return " ".join(one for one in ("carnet-collector enrol", *words) if one)


def next_step(waiting: Waiting, given: str) -> tuple[str, str]:
    """Say what a request waits for, and the command that comes next; `given` names the key and the directory."""
    asked_at = format_time(waiting.asked_at)
    if waiting.url is None:
        said = f"the request of {asked_at} for {waiting.name} waits for its response"
        return said, command(given, "--response FILE")
    said = f"{waiting.url} was asked at {asked_at}: a person there must confirm the key {waiting.request.key_id}"
    return said, f"once it is confirmed, the same again: {command(given, '--token-file FILE')} --name {waiting.name}"


def taken_in(keyring: TrustedKeyring, enrolment: bytes, key: PublicKey) -> Enrolment:
    """Read the statement by which a workspace took this key in.

    Raises `UntrustedError` or `MalformedError` where it does not prove itself, or is for another key.
    """
    record = keyring.verify(dsse.parse(enrolment)).as_(Enrolment)
    keyring.check_time(record.key_id, record.enrolled_at)
    if record.collector_key_id != key.key_id:
        raise UntrustedError(Code.UNKNOWN_KEY, "the enrolment is for another key", "nothing was written")
    return record


def take_response(waiting: Waiting, response: OfflineResponse, key: PublicKey, pinned: str | None = None) -> Enrolled:
    """Take the response that was carried in; `pinned` is the root's fingerprint where it is said once more.

    Raises `UntrustedError` or `MalformedError` for another root, an older keyring or one that does not follow, for the
    response of another collector, or to another request.
    """
    held = waiting.keyring
    if pinned is not None and pinned != held.root.key_id:
        raise UntrustedError(
            Code.UNKNOWN_KEY, f"the request was made under the root key {held.root.key_id}", "nothing was written"
        )
    newest = max(version_of(dsse.parse(raw)) for raw in response.keyring.versions)
    if newest < held.content.version:
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            f"the response brings version {newest} of the keyring, and the invitation brought {held.content.version}",
            "an older keyring is never taken; have the response written anew",
        )
    keyring, envelope = follow(held, response.keyring.versions)
    record = taken_in(keyring, response.enrolment, key)
    if record.request != digest_text(waiting.request.id):
        raise UntrustedError(
            Code.UNKNOWN_KEY,
            "the response is to another request than any that waits here",
            "carry in the response to a request of this host",
        )
    return Enrolled(record.collector_id, keyring, envelope or waiting.envelope, response.enrolment)


def take_any(
    waiting: Sequence[Waiting], response: OfflineResponse, key: PublicKey, pinned: str | None = None
) -> tuple[Waiting, Enrolled]:
    """Take the response to whichever request it is to (oldest first, at least one); raises like `take_response`."""
    first: CarnetError | None = None
    for one in reversed(waiting):
        try:
            return one, take_response(one, response, key, pinned)
        except CarnetError as error:
            first = first or error
    if first is None:
        msg = "no request waits"
        raise ValueError(msg)
    raise first
