"""DSSE envelopes around in-toto statements, one in a file or one a line (`*.intoto.jsonl`).

Source: github.com/secure-systems-lab/dsse, envelope.md. Any spelling of the envelope is read, since its
signatures are kept and not checked here. A payload of another type than in-toto's is carried unread.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, cast

from collector.formats.json_tree import json_tree
from collector.formats.statements.carried import Carried, Kept
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from shared.encoding import JsonValue

TITLE = "DSSE envelope"

_MEMBERS = frozenset({("payload",), ("payloadType",), ("signatures",)})
_IN_SIGNATURES = frozenset({("signatures", "[]", name) for name in ("sig", "keyid", "cert")})
_OBJECT = "eyJ"
"""How the base64 of an object that opens with a key begins."""
_HINT = "an envelope has payload, payloadType and signatures with sig"


def recognise(head: Head) -> bool:
    """Say whether the document begins as an envelope; a long payload may hide what stands behind it."""
    if head.keys.keys() >= _MEMBERS or "in-toto" in head.text("payloadType"):
        return True
    # A JWS (RFC 7515) has a payload, too, but its signatures are made of other members.
    return head.text("payload").startswith(_OBJECT) and head.keys.keys() <= _MEMBERS | _IN_SIGNATURES


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read the envelopes of a file; raises `MalformedError`."""
    del thresholds
    carried, kept = Carried(limits), Kept(stream)
    text = _all(cast("BinaryIO", kept), limits)
    lines = [line for line in text.split(b"\n") if line.strip()]
    # One envelope may be spread over lines; of several, each has its own.
    for one in lines if len(lines) > 1 and lines[0].rstrip().endswith(b"}") else [text]:
        take_envelope(carried, json_tree(BytesIO(one), limits))
    return carried.claim(TITLE, kept.document)


def take_envelope(carried: Carried, envelope: JsonValue) -> None:
    """Take one envelope that is parsed already; raises `MalformedError`."""
    signatures = envelope.get("signatures") if isinstance(envelope, dict) else None
    if not isinstance(envelope, dict) or not isinstance(signatures, list) or not signatures:
        raise MalformedError(Code.BAD_SYNTAX, "an envelope without signatures", _HINT)
    for one in signatures:
        if not isinstance(one, dict) or not isinstance(one.get("sig"), str) or not one["sig"]:
            raise MalformedError(Code.BAD_SYNTAX, "an item of /signatures has no sig", _HINT)
    if not isinstance(envelope.get("payloadType"), str):
        raise MalformedError(Code.BAD_SYNTAX, "/payloadType is not a string", _HINT)
    carried.signatures += len(signatures)
    carried.take_payload(envelope.get("payload"), envelope["payloadType"])


def _all(stream: BinaryIO, limits: Limits) -> bytes:
    """Read to the end; an envelope is one token, and a parser would hold it in memory too."""
    pieces, size = [], 0
    while piece := stream.read(limits.chunk_bytes):
        pieces.append(piece)
        size += len(piece)
        if size > limits.max_token_bytes:
            raise MalformedError(Code.TOO_LARGE, f"more than {limits.max_token_bytes} bytes of envelopes")
    return b"".join(pieces)
