"""The files of an enrolment across an air gap: the invitation that is carried in, the response that follows it.

What lies between them, the request, is a bare envelope. Nothing that is read here is believed: the reader pins the root
and verifies the envelopes. An invitation holds its token: whoever reads the file can ask in its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from shared.encoding import compact, format_time
from shared.errors import Code, MalformedError
from shared.fields import Name, Timestamp, Wire
from shared.joining import KeyringAnswer, emit_keyring, parse_keyring
from shared.members import split_members

MAX_FILE_BYTES = 16 << 20
MAX_REQUEST_BYTES = 1 << 20
INVITATION_FORMAT = "invitation/v1"
RESPONSE_FORMAT = "enrolment-response/v1"

_H = TypeVar("_H", bound=Wire)
_Token: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_]{1,200}\z")]


@dataclass(frozen=True, slots=True)
class OfflineInvitation:
    """An invitation with all that a host needs to ask: the name it is for, the token, and the workspace's keyrings."""

    name: str
    token: str
    expires_at: Timestamp
    keyring: KeyringAnswer

    def __repr__(self) -> str:
        """Show no token."""
        return f"OfflineInvitation(name={self.name!r}, expires_at={self.expires_at!r})"


@dataclass(frozen=True, slots=True)
class OfflineResponse:
    """The statement that took a collector in, as an envelope, and the workspace's keyrings to verify it with."""

    enrolment: bytes
    keyring: KeyringAnswer


def emit_invitation(invitation: OfflineInvitation) -> bytes:
    """Write the file that is carried to the collector."""
    head = compact(
        {
            "carnet": INVITATION_FORMAT,
            "name": invitation.name,
            "token": invitation.token,
            "expiresAt": format_time(invitation.expires_at),
        }
    )
    return head[:-1] + b',"keyring":' + _keyring(invitation.keyring) + b"}"


def parse_invitation(content: bytes) -> OfflineInvitation:
    """Read an invitation; believes nothing of it; raises `MalformedError`."""
    head, raw = _split(_InvitationHead, content, frozenset({"keyring"}), "an invitation")
    return OfflineInvitation(head.name, head.token, head.expires_at, parse_keyring(raw["keyring"]))


def emit_response(response: OfflineResponse) -> bytes:
    """Write the file that is carried back to the collector."""
    head = compact({"carnet": RESPONSE_FORMAT})[:-1]
    return head + b',"enrolment":' + response.enrolment + b',"keyring":' + _keyring(response.keyring) + b"}"


def parse_response(content: bytes) -> OfflineResponse:
    """Read a response; believes nothing of it; raises `MalformedError`."""
    _, raw = _split(_ResponseHead, content, frozenset({"enrolment", "keyring"}), "the response to a request")
    return OfflineResponse(raw["enrolment"], parse_keyring(raw["keyring"]))


class _InvitationHead(Wire):
    carnet: Literal["invitation/v1"]
    name: Name
    token: Annotated[_Token, Field(repr=False)]
    expires_at: Timestamp


class _ResponseHead(Wire):
    carnet: Literal["enrolment-response/v1"]


def _keyring(keyring: KeyringAnswer) -> bytes:
    return emit_keyring(keyring.versions, keyring.root_spki)


def _split(model: type[_H], content: bytes, raw: frozenset[str], what: str) -> tuple[_H, dict[str, bytes]]:
    try:
        found = split_members(content, raw=raw, lists=frozenset(), max_elements=0)
        head = model.from_wire(found.values)
    except (MalformedError, ValidationError):
        raise _not_one(what) from None
    if found.raw.keys() != raw:
        raise _not_one(what)
    return head, found.raw


def _not_one(what: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, f"the file is not {what}", "carry the file as it was written")
