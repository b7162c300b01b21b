"""Believe an enrolment request: a key that signed, itself, for exactly one workspace and one invitation.

The key is taken from the request, since nobody knows it yet; that it signed the request is what is proved.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared import dsse, statement
from shared.encoding import b64decode, digest_text, parse_payload
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.keys import PublicKey, key_from_spki
from shared.predicates import EnrolmentRequest
from shared.statement import Statement


@dataclass(frozen=True, slots=True)
class Proof:
    """A sound key whose possession was proved; that the audience is ours is still to be asked."""

    key: PublicKey
    statement: Statement

    @property
    def asked(self) -> EnrolmentRequest:
        """What was signed."""
        return self.statement.as_(EnrolmentRequest)

    @property
    def id(self) -> bytes:
        """The attestation id of the request."""
        return self.statement.verified.id


def prove(request: bytes, token_digest: bytes) -> Proof:
    """Read a request for enrolment made for the invitation with this SHA-256.

    Raises `MalformedError` where it cannot be read, `UntrustedError` where the key is not sound, did not sign it, or
    signed it for another invitation.
    """
    proof = possession(request)
    if proof.asked.token_digest != digest_text(token_digest):
        raise _other("the request was made for another invitation")
    return proof


def possession(request: bytes) -> Proof:
    """Read a request for enrolment, for whichever invitation; raises as `prove` does."""
    envelope = dsse.parse(request)
    key = _named_key(envelope.payload)
    key.check_sound()
    read = statement.read(dsse.verify(envelope, key))
    asked = read.as_(EnrolmentRequest)
    if key_from_spki(b64decode(asked.public_key)) != key:
        raise _other("the request names another key than the one that signed it")
    if read.not_understood:
        raise MalformedError(
            Code.NOT_UNDERSTOOD, f"the request marks {read.not_understood[0][:80]!r} as critical", "update the receiver"
        )
    return Proof(key, read)


def _named_key(payload: bytes) -> PublicKey:
    try:
        predicate = parse_payload(payload).get("predicate")
        text = predicate.get("publicKey") if isinstance(predicate, dict) else None
        if isinstance(text, str):
            return key_from_spki(b64decode(text))
    except CarnetError:
        pass
    raise MalformedError(
        Code.MALFORMED_STATEMENT,
        "the request names no public key",
        "send urn:carnet:enrolment-request:v1 with publicKey as base64 SubjectPublicKeyInfo",
    )


def _other(detail: str) -> UntrustedError:
    return UntrustedError(Code.FORBIDDEN, detail, "sign a request for this invitation with the new key")
