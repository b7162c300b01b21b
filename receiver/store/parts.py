"""Signed things as rows keep them: payload and signature apart, and the one spelling back again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.dsse import Envelope, Signature
from shared.encoding import digest_text, parse_digest


@dataclass(frozen=True, slots=True)
class Parts:
    """An envelope of one signature, taken apart: key id (32 bytes), payload, signature (64 bytes)."""

    key_id: bytes
    payload: bytes
    signature: bytes

    def envelope(self) -> Envelope:
        """Put the envelope together again; its `to_bytes` are the bytes that came."""
        return Envelope(self.payload, (Signature(digest_text(self.key_id), self.signature),))


def parts_of(envelope: Envelope) -> Parts:
    """Take an envelope of one signature apart."""
    (signature,) = envelope.signatures
    return Parts(parse_digest(signature.key_id), envelope.payload, signature.raw)
