"""What is written as bytes elsewhere, described: envelopes, batches, and the answers that carry signed bytes.

`shared.wire` reads and writes these without ever spelling an envelope anew; the models here are for the OpenAPI
document, and tests hold what is really sent and answered against them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, RootModel

from receiver.core.placing import Status
from receiver.web.answers import LEFT_OUT, AnswerModel
from receiver.web.bodies import RequestModel
from shared.errors import Code
from shared.fields import DigestText, Id, Name, Spki
from shared.joining import MAX_ACCESS_ROTATIONS
from shared.wire import MAX_BATCH_ENTRIES

_BASE64 = r"\A(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\z"
_Number = Annotated[int, Field(ge=0, le=MAX_BATCH_ENTRIES)]


class Signature(AnswerModel):
    """One signature, and a hint at whose it is."""

    keyid: DigestText
    """SHA-256 of the key's SubjectPublicKeyInfo."""
    sig: Annotated[str, Field(pattern=r"\A[A-Za-z0-9+/]{86}==\z")]
    """Ed25519, in base64."""


class Envelope(AnswerModel):
    """A DSSE envelope around an in-toto statement: the exact bytes that were signed, and the signature.

    Two of different keys have what introduces a new key: the old key's signature, then the new one's.
    """

    payload: Annotated[str, Field(pattern=_BASE64, min_length=4)]
    """The statement in base64, padded."""
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=2)]


class Introduced(RequestModel):
    """A request for access with a key that the receiver may not know yet, and the rotations that lead to it."""

    request: Envelope
    rotations: Annotated[tuple[Envelope, ...], Field(max_length=MAX_ACCESS_ROTATIONS)] = ()


class AccessRequest(RootModel[Envelope | Introduced]):
    """The statement that a collector signed, alone or with its key rotations beside it."""


class BatchRequest(RequestModel):
    """A batch of a collector; each entry stands for itself, and what is wrong with one blocks no other."""

    collector_id: Id
    batch_id: Id
    """Chosen by the sender. It may come again with the same entries, and with no others."""
    heartbeat: Envelope | JsonValue = None
    """An envelope; anything else is passed over."""
    attestations: Annotated[tuple[Envelope | JsonValue, ...], Field(min_length=1, max_length=MAX_BATCH_ENTRIES)]
    """Envelopes; anything else among them is refused by itself."""


class EntryResult(AnswerModel):
    """What became of one entry, in words; the receipt is what counts."""

    index: _Number
    attestation_id: Annotated[DigestText | None, LEFT_OUT]
    status: Status
    code: Annotated[Code | None, LEFT_OUT]
    detail: Annotated[str | None, LEFT_OUT]
    hint: Annotated[str | None, LEFT_OUT]


class BatchAnswer(AnswerModel):
    """What became of a batch."""

    batch_id: Id
    accepted: _Number
    duplicate: _Number
    held: _Number
    refused: _Number
    results: tuple[EntryResult, ...]
    receipt: Envelope
    """Signed by the receiver; it names every entry."""


class HeartbeatRequest(RequestModel):
    """A heartbeat that comes without a batch."""

    collector_id: Id
    heartbeat: Envelope


class HeartbeatAnswer(AnswerModel):
    """A receipt of no entries; its batch id is beat- and the number of the beat."""

    receipt: Envelope


class Keyring(AnswerModel):
    """Every version of a workspace's keyring, each linked to the one before."""

    root_key: Spki
    """SubjectPublicKeyInfo of the root key, in base64: compare its SHA-256 with the fingerprint that was pinned."""
    versions: tuple[Envelope, ...]
    """Oldest first, each signed with the root key."""


class EnrolRequest(RequestModel):
    """A collector's name, and the proof that it holds its key."""

    name: Name
    request: Envelope
    """A statement urn:carnet:enrolment-request:v1 that names the invitation by its digest."""


class Enrolled(AnswerModel):
    """The collector is taken in."""

    id: Id
    status: Literal["active"]
    enrolment: Envelope
    """Signed by the workspace's decision key."""


class Waiting(AnswerModel):
    """A person has to confirm the key first; send the same request again to learn how it stands."""

    id: Id
    status: Literal["pending"]
