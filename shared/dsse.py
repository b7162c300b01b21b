"""DSSE 1.0 envelopes in their one spelling: read, write, sign, verify.

Invariants: verify, then use those very bytes (`Verified.payload`); identity is the digest of what was signed (the PAE),
never of the envelope's text; the key id in an envelope is a hint and the key comes from whoever asks. An envelope has
the members `payload`, `payloadType`, `signatures` in this order, no white space, standard base64: so its parts are its
bytes, and one pattern reads it whole. Source: github.com/secure-systems-lab/dsse, protocol.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.encoding import b64decode, b64encode, digest_text, sha256
from shared.errors import Code, MalformedError, UntrustedError
from shared.keys import SIGNATURE_BYTES, PublicKey, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_PAYLOAD_BYTES = 1 << 20
MAX_ENVELOPE_BYTES = 4 * ((MAX_PAYLOAD_BYTES + 2) // 3) + 1024

_SIGNATURE = rb'\{"keyid":"(sha256:[0-9a-f]{64})","sig":"([A-Za-z0-9+/]{86}==)"\}'
_ENVELOPE = re.compile(
    rb'\{"payload":"([A-Za-z0-9+/]*={0,2})","payloadType":"application/vnd\.in-toto\+json","signatures":\['
    + _SIGNATURE
    + rb"(?:,"
    + _SIGNATURE
    + rb")?\]\}"
)


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Pre-authentication encoding: the bytes that are signed; lengths count bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def attestation_id(payload: bytes) -> bytes:
    """The identity of whatever carries this payload: SHA-256 of its PAE, 32 bytes."""
    return sha256(pae(payload))


@dataclass(frozen=True)
class Signature:
    """One signature: the key id it claims, and its 64 bytes."""

    key_id: str
    raw: bytes


@dataclass(frozen=True)
class Envelope:
    """A parsed envelope that nobody has verified: its payload must not be believed."""

    payload: bytes
    signatures: tuple[Signature, ...]

    @cached_property
    def id(self) -> bytes:
        """The attestation id, 32 bytes."""
        return attestation_id(self.payload)

    @property
    def key_id(self) -> str:
        """The key id that the first signature claims: a hint."""
        return self.signatures[0].key_id

    def to_bytes(self) -> bytes:
        """Write the envelope in its one spelling; the exact bytes it was read from."""
        signatures = ",".join(f'{{"keyid":"{one.key_id}","sig":"{b64encode(one.raw)}"}}' for one in self.signatures)
        return (
            f'{{"payload":"{b64encode(self.payload)}","payloadType":"{PAYLOAD_TYPE}","signatures":[{signatures}]}}'
        ).encode("ascii")


@dataclass(frozen=True)
class Verified:
    """Bytes that a known key signed; the only thing a statement is read from."""

    payload: bytes
    keys: tuple[PublicKey, ...]
    id: bytes

    @property
    def key(self) -> PublicKey:
        """The key of the first signature."""
        return self.keys[0]

    @cached_property
    def id_text(self) -> str:
        """The attestation id as `sha256:` and hex."""
        return digest_text(self.id)


def parse(data: bytes) -> Envelope:
    """Read an envelope; raises `MalformedError` (`malformed_envelope`, `too_large`) for any other spelling."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise MalformedError(
            Code.TOO_LARGE,
            f"an envelope of {len(data)} bytes",
            f"a payload has at most {MAX_PAYLOAD_BYTES} bytes",
        )
    found = _ENVELOPE.fullmatch(data)
    if found is None:
        raise MalformedError(
            Code.MALFORMED_ENVELOPE,
            "not an envelope in its one spelling",
            "members payload, payloadType, signatures in this order, one signature {keyid, sig}, no white space",
        )
    payload = b64decode(found[1].decode("ascii"))
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MalformedError(
            Code.TOO_LARGE,
            f"a payload of {len(payload)} bytes",
            f"at most {MAX_PAYLOAD_BYTES}",
        )
    signatures = [Signature(found[2].decode("ascii"), b64decode(found[3].decode("ascii")))]
    if found[4] is not None:
        signatures.append(Signature(found[4].decode("ascii"), b64decode(found[5].decode("ascii"))))
        if signatures[0].key_id == signatures[1].key_id:
            raise MalformedError(
                Code.MALFORMED_ENVELOPE,
                "two signatures of one key",
                "an envelope has one signature, or two of different keys",
            )
    return Envelope(payload, tuple(signatures))


def sign(payload: bytes, *signers: Signer) -> Envelope:
    """Sign a payload with one signer, or with two of different keys; raises `ValueError` otherwise."""
    if len({signer.public.raw for signer in signers}) != len(signers) or len(signers) not in (1, 2):
        msg = "an envelope is signed by one key, or by two different ones"
        raise ValueError(msg)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MalformedError(
            Code.TOO_LARGE,
            f"a payload of {len(payload)} bytes",
            f"at most {MAX_PAYLOAD_BYTES}",
        )
    message = pae(payload)
    return Envelope(payload, tuple(Signature(s.public.key_id, s.sign(message)) for s in signers))


def verify(envelope: Envelope, *keys: PublicKey) -> Verified:
    """Check that the envelope has exactly these keys' signatures, in this order.

    Takes the keys from whoever registered them; that each signature names its key is checked besides. Distinct keys
    are counted, never key ids. Raises `UntrustedError` with `bad_signature`, or `MalformedError` where the number of
    signatures is another.
    """
    if len(envelope.signatures) != len(keys) or len({key.raw for key in keys}) != len(keys) or not keys:
        raise MalformedError(
            Code.MALFORMED_ENVELOPE,
            f"{len(envelope.signatures)} signatures where {len(keys)} are expected",
        )
    message = pae(envelope.payload)
    for signature, key in zip(envelope.signatures, keys, strict=True):
        if (
            len(signature.raw) != SIGNATURE_BYTES
            or signature.key_id != key.key_id
            or not key.verify(message, signature.raw)
        ):
            raise UntrustedError(
                Code.BAD_SIGNATURE,
                f"the signature does not verify under {key.key_id}",
                "the bytes were altered",
            )
    return Verified(envelope.payload, keys, sha256(message))


def verify_any(envelope: Envelope, keys: Sequence[PublicKey]) -> Verified:
    """Verify an envelope of one signature under whichever of the keys it names; raises `UntrustedError`."""
    for key in keys:
        if key.key_id == envelope.key_id:
            return verify(envelope, key)
    raise UntrustedError(
        Code.UNKNOWN_KEY,
        f"nobody introduced the key {envelope.key_id}",
        "register the key first",
    )
