"""Signed things as rows keep them: payload and signature apart, and the one spelling back again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.dsse import Envelope, Signature
from shared.encoding import digest_text, parse_digest
from shared.keys import SIGNATURE_BYTES

_KEY_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Parts:
    """An envelope taken apart: key id (32 bytes), payload, signature (64 bytes); two of each stand after each other."""

    key_id: bytes
    payload: bytes
    signature: bytes

    def envelope(self) -> Envelope:
        """Put the envelope together again; its `to_bytes` are the bytes that came."""
        return Envelope(
            self.payload,
            tuple(
                Signature(digest_text(key_id), signature)
                for key_id, signature in zip(
                    _cut(self.key_id, _KEY_ID_BYTES), _cut(self.signature, SIGNATURE_BYTES), strict=True
                )
            ),
        )


def parts_of(envelope: Envelope) -> Parts:
    """Take an envelope apart."""
    key_ids = b"".join(parse_digest(one.key_id) for one in envelope.signatures)
    return Parts(key_ids, envelope.payload, b"".join(one.raw for one in envelope.signatures))


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
