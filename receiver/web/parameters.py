"""What stands in a path, by its name in the table of routes: how it looks, and what it is.

A value that does not look so names nothing: it is answered with 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.encoding import JsonObject


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name in a path: a sentence, a JSON Schema of its text, and one that could be."""

    note: str
    schema: JsonObject
    example: str


def _id(prefix: str, note: str) -> Parameter:
    example = f"{prefix}7k2m4q6s3v5x2z4b6d3f5h7j2m"
    return Parameter(note, {"type": "string", "pattern": f"^{prefix}[A-Za-z0-9_.:-]{{1,95}}$"}, example)


PARAMETERS: Mapping[str, Parameter] = {
    "attestation_id": Parameter(
        "An attestation id: the SHA-256 of what was signed, with or without sha256: before it.",
        {"type": "string", "pattern": "^(sha256:)?[0-9A-Fa-f]{64}$"},
        "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    ),
    "artifact_id": Parameter(
        "An artifact's id, or its SHA-256, with or without sha256: before it.",
        {"type": "string", "pattern": "^(art_[A-Za-z0-9_.:-]{1,95}|(sha256:)?[0-9A-Fa-f]{64})$"},
        "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    ),
    "key_id": Parameter(
        "A key's id: the SHA-256 of its SubjectPublicKeyInfo, with or without sha256: before it.",
        {"type": "string", "pattern": "^(sha256:)?[0-9A-Fa-f]{64}$"},
        "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
    ),
    "collector_id": _id("col_", "A collector's id."),
    "token_id": _id("tok_", "A token's id."),
    "deployment_id": _id("dep_", "A deployment's id."),
    "environment_name": Parameter(
        "An environment's name.", {"type": "string", "minLength": 1, "maxLength": 200}, "production"
    ),
    "passport_id": _id("pp_", "A passport's id."),
    "run_id": _id("run_", "A pipeline run's id."),
}
"""One line for every name; several rows may use it."""
