"""Sigstore bundles (cosign, gh attestation, npm): a DSSE envelope, or a signature over a digest, with its proofs.

Source: github.com/sigstore/protobuf-specs, sigstore_bundle.proto. npm's registry gives a list of them. The
certificate, the log entries and the signature are kept as they are and not checked here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, cast

from collector.formats.claim import Basis, Claim, ClaimType
from collector.formats.json_tree import json_tree
from collector.formats.statements.carried import Carried, Kept, whole
from collector.formats.statements.envelopes import take_envelope
from shared.encoding import b64decode
from shared.errors import CarnetError, Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject, JsonValue

TITLE = "Sigstore bundle"

_MEDIA = re.compile(r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=|\.v)0\.[1-9](?:\+json)?")
_PREFIX = "application/vnd.dev.sigstore.bundle"
_HINT = "a bundle has mediaType, verificationMaterial, and dsseEnvelope or messageSignature"
_SHA256_BYTES = 32


def recognise(head: Head) -> bool:
    """Say whether the top of the document is a bundle, or npm's list of them."""
    return head.text("mediaType").startswith(_PREFIX) or ("attestations", "[]", "bundle") in head.keys


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read one bundle, or all of a list; raises `MalformedError`."""
    del thresholds
    kept = Kept(stream)
    said = json_tree(cast("BinaryIO", kept), limits)
    bundles = _bundles(said)
    messages = [one["messageSignature"] for one in bundles if "messageSignature" in one]
    if messages:
        if len(bundles) != 1:
            raise MalformedError(Code.BAD_SYNTAX, "a signature over a file stands among other bundles", _HINT)
        return _message(messages[0], kept.document)
    carried = Carried(limits)
    for one in bundles:
        take_envelope(carried, one.get("dsseEnvelope"))
    return carried.claim(TITLE, kept.document)


def _bundles(said: JsonValue) -> list[JsonObject]:
    found: list[JsonObject] = []
    for one in _listed(said):
        media = one.get("mediaType") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(media, str) or not _MEDIA.fullmatch(media):
            raise MalformedError(Code.BAD_SYNTAX, "/mediaType is not that of a bundle 0.1 to 0.9", _HINT)
        if not isinstance(one.get("verificationMaterial"), dict):
            raise MalformedError(Code.BAD_SYNTAX, "/verificationMaterial is not an object", _HINT)
        found.append(one)
    return found


def _listed(said: JsonValue) -> list[JsonValue]:
    """The one bundle, or those of npm's list."""
    items = said["attestations"] if isinstance(said, dict) and "attestations" in said else [{"bundle": said}]
    return [one.get("bundle") if isinstance(one, dict) else None for one in items] if isinstance(items, list) else []


def _message(message: JsonValue, document: bytes | None) -> Claim:
    """A signature over the digest of a file: who signed is in the bundle, that nobody has checked."""
    digest = message.get("messageDigest") if isinstance(message, dict) else None
    raw = None
    if isinstance(digest, dict) and digest.get("algorithm") == "SHA2_256" and isinstance(digest.get("digest"), str):
        try:
            raw = b64decode(str(digest["digest"]))
        except CarnetError:
            raw = None
    if not isinstance(message, dict) or not message.get("signature") or raw is None or len(raw) != _SHA256_BYTES:
        raise MalformedError(
            Code.BAD_SYNTAX, "/messageSignature: a signature over a SHA2_256 digest is expected", _HINT
        )
    evidence: JsonObject = {"statements": 0, "subjects": 1, "signatures": 1, "signaturesChecked": False}
    return Claim(
        type=ClaimType.CUSTOM,
        name=TITLE,
        basis=Basis.CARRIED,
        passed=True,
        evidence=evidence | whole(document),
        subjects=((None, raw.hex()),),
    )
