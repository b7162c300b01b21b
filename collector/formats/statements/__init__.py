"""Statements that somebody makes about a product: declared claims, provenance, exploitability."""

from __future__ import annotations

from collector.formats.claim import Basis, ClaimType
from collector.formats.format import Format
from collector.formats.statements import attest, csaf, envelopes, in_toto, openvex, sigstore

ROWS: tuple[Format, ...] = (
    Format(
        "attest",
        attest.TITLE,
        None,
        attest.recognise,
        attest.read,
        ends=True,
        looks_for="JSON whose carnet begins with attest/",
        basis=Basis.DECLARED,
    ),
    Format(
        "sigstore-bundle",
        sigstore.TITLE,
        None,
        sigstore.recognise,
        sigstore.read,
        ends=True,
        looks_for="JSON with a mediaType of Sigstore bundles, or attestations with a bundle",
        basis=Basis.CARRIED,
    ),
    Format(
        "in-toto",
        in_toto.TITLE,
        None,
        in_toto.recognise,
        in_toto.read,
        ends=True,
        looks_for="JSON whose _type begins with https://in-toto.io/Statement/",
        basis=Basis.CARRIED,
    ),
    Format(
        "dsse",
        envelopes.TITLE,
        None,
        envelopes.recognise,
        envelopes.read,
        ends=False,
        looks_for="JSON with payload, payloadType and signatures, or a payloadType of in-toto",
        basis=Basis.CARRIED,
    ),
    Format(
        "openvex",
        openvex.TITLE,
        ClaimType.VEX,
        openvex.recognise,
        openvex.read,
        ends=True,
        looks_for="JSON whose @context is OpenVEX's",
        basis=Basis.CARRIED,
    ),
    Format(
        "csaf",
        csaf.TITLE,
        ClaimType.VEX,
        csaf.recognise,
        csaf.read,
        ends=True,
        looks_for="JSON with document that has a csaf_version, or tracking beside publisher",
        basis=Basis.CARRIED,
    ),
)
"""The rows of this group, the more specific one first."""
