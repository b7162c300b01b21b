"""What the product's licence says and how it stands: a file that its vendor signed, checked offline.

Pure. Invariants: no licence, a lost one or one that has ended changes no decision and drops no evidence; all that it
ever refuses, once the time of grace is over, is a new user, policy or collector.

The file is a DSSE envelope (payload, payloadType, signatures) of `application/vnd.carnet.licence+json` with one Ed25519
signature of the vendor's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field, ValidationError

from shared.dsse import pae
from shared.encoding import MAX_INTEGER, JsonValue, b64decode, digest_text, parse_object, sha256
from shared.errors import CarnetError, Code, StateError
from shared.fields import DigestText, Name, Timestamp, Wire
from shared.keys import PublicKey

PAYLOAD_TYPE = "application/vnd.carnet.licence+json"
MAX_LICENCE_BYTES = 65_536
_INSTALLATION = b"carnet installation\0"

Entitlement: TypeAlias = bool | Annotated[int, Field(ge=0, le=MAX_INTEGER)] | Name


class Status(StrEnum):
    """How the licence stands."""

    ACTIVE = "active"
    GRACE = "grace"
    EXPIRED = "expired"
    MISSING = "missing"
    INVALID = "invalid"


class Licence(Wire):
    """What the vendor signed: for whom, which plan, until when, and how long it is good after that.

    `installation` binds it to one installation by the hash that its status shows; without it, it is good for any.
    """

    licensee: Name
    plan: Name
    expires_at: Timestamp
    grace_days: Annotated[int, Field(ge=0, le=366)] = 30
    installation: DigestText | None = None
    entitlements: dict[Name, Entitlement] = Field(default={}, max_length=100)

    @property
    def grace_until(self) -> datetime:
        """When the time of grace is over."""
        return self.expires_at + timedelta(days=self.grace_days)


@dataclass(frozen=True, slots=True)
class Licensed:
    """How the licence stands, what it says where it could be read, and what is wrong with it where something is."""

    status: Status
    licence: Licence | None = None
    problem: str | None = None

    def allow_new(self, what: str) -> None:
        """Refuse a new user, policy or collector once the time of grace is over; raises `StateError` (`conflict`).

        Nothing else ever asks.
        """
        if self.status is Status.EXPIRED:
            raise StateError(
                Code.CONFLICT,
                f"the licence has expired, and its time of grace is over: no new {what} can be added",
                "install a renewed one: carnet-receiver licence install FILE; everything else goes on",
            )


Stands: TypeAlias = Callable[[str, datetime], Licensed]
"""Says how the licence of an installation (by its hash) stands at a moment."""


def installation_hash(receiver_id: str) -> str:
    """Name an installation without naming it."""
    return digest_text(sha256(_INSTALLATION + receiver_id.encode()))


def licensed(content: bytes | None, key: PublicKey | None, installation: str, now: datetime) -> Licensed:
    """Say how a licence file stands; `key` is the vendor's, without which there is nothing to check it by."""
    if content is None or key is None:
        return Licensed(Status.MISSING)
    try:
        licence = read_licence(content, key)
    except ValueError as error:
        return Licensed(Status.INVALID, problem=str(error))
    if licence.installation not in {None, installation}:
        return Licensed(Status.INVALID, problem="it is for another installation")
    if now < licence.expires_at:
        return Licensed(Status.ACTIVE, licence)
    return Licensed(Status.GRACE if now < licence.grace_until else Status.EXPIRED, licence)


def read_licence(content: bytes, key: PublicKey) -> Licence:
    """Read a licence file; raises `ValueError` for one that is damaged, or that the vendor did not sign."""
    if len(content) > MAX_LICENCE_BYTES:
        msg = "it is too large"
        raise ValueError(msg)
    try:
        payload, signature = _parts(parse_object(content))
        if not key.verify(pae(payload, PAYLOAD_TYPE), signature):
            msg = "its signature is not the vendor's"
            raise ValueError(msg)
        return Licence.from_wire(parse_object(payload))
    except (CarnetError, ValidationError):
        msg = "it cannot be read"
        raise ValueError(msg) from None


def _parts(envelope: dict[str, JsonValue]) -> tuple[bytes, bytes]:
    payload, signatures = envelope.get("payload"), envelope.get("signatures")
    one = signatures[0] if isinstance(signatures, list) and len(signatures) == 1 else None
    signature = one.get("sig") if isinstance(one, dict) else None
    if not isinstance(payload, str) or not isinstance(signature, str) or envelope.get("payloadType") != PAYLOAD_TYPE:
        msg = "it is no licence"
        raise ValueError(msg)
    return b64decode(payload), b64decode(signature)


def unlicensed(installation: str, now: datetime) -> Licensed:
    """Say how the licence stands where none is configured."""
    del installation, now
    return Licensed(Status.MISSING)
