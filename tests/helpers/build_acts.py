"""Builders of what ends, releases and rotates keys, and of what closes gaps; like `build`, the same in every run."""

from shared import dsse, predicates, statement
from shared.dsse import Envelope
from shared.encoding import b64encode, sha256
from shared.keys import Ed25519Signer
from shared.predicates import (
    ClaimType,
    Collector,
    GapClosed,
    KeyRotation,
    Missing,
    Person,
    Predicate,
    Register,
    Release,
    Revocation,
    StreamLink,
)
from shared.statement import subject_sha256
from tests.helpers import build
from tests.helpers.build import AUDIENCE, COLLECTOR_ID, NOW, STREAM_ID, decision_signer, digest, random16, signer

ALICE = Person(issuer="local", subject="alice@acme.example", method="password", role="admin")
BOB = Person(issuer="local", subject="bob@acme.example", method="password", role="approver")


def _acted(overrides: dict[str, object], **fields: object) -> dict[str, object]:
    common: dict[str, object] = {
        "audience": AUDIENCE,
        "key_id": decision_signer().public.key_id,
        "salt": random16(0x70000),
        "register_": Register(number=3, previous=digest("register 2")),
        "reason": "as ticket 17 says",
    }
    return common | fields | overrides


def revocation(**overrides: object) -> Revocation:
    """A collector's key is revoked as compromised since a time."""
    key = signer().public.key_id
    fields = {"what": "key", "id": key, "kind": "compromised", "since": NOW, "keys": (key,)}
    return Revocation.model_validate(_acted(overrides, **fields, by=ALICE, revoked_at=NOW))


def release(**overrides: object) -> Release:
    """Two people release one attestation."""
    return Release.model_validate(_acted(overrides, attestations=(digest("held"),), by=(ALICE, BOB), released_at=NOW))


def gap_closed(**overrides: object) -> GapClosed:
    """Places 118 to 131 of a stream are known to be lost."""
    fields = {"collector_id": COLLECTOR_ID, "stream": STREAM_ID, "first": 118, "last": 131}
    return GapClosed.model_validate(_acted(overrides, **fields, by=(BOB,), closed_at=NOW))


def missing(**overrides: object) -> Missing:
    """Test results of a pipeline run that never came."""
    return Missing.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": decision_signer().public.key_id,
            "salt": random16(0x70001),
            "expectation": "unit tests of shop",
            "anchor": {"kind": "pipeline-run", "id": "run_1", "at": NOW},
            "repository": "acme/shop",
            "type": ClaimType.TEST_RESULTS,
            "due_at": NOW,
            "found_at": NOW,
        }
        | overrides
    )


def key_rotation(
    old: Ed25519Signer | None = None,
    new: Ed25519Signer | None = None,
    link: StreamLink | None = None,
    **overrides: object,
) -> KeyRotation:
    """A collector's next key, at a place of its stream."""
    old, new = old or signer(), new or signer(9)
    return KeyRotation.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": old.public.key_id,
            "salt": random16(0x70002),
            "collector": Collector(id=COLLECTOR_ID, version="1.0.0", config_digest=digest("config")),
            "stream": link or build.link(),
            "public_key": b64encode(new.public.spki),
            "new_key_id": new.public.key_id,
            "rotated_at": NOW,
        }
        | overrides
    )


def key_rotation_envelope(
    old: Ed25519Signer | None = None,
    new: Ed25519Signer | None = None,
    link: StreamLink | None = None,
    **overrides: object,
) -> Envelope:
    """A rotation, signed by the old key and by the new one."""
    old, new = old or signer(), new or signer(9)
    predicate: Predicate = key_rotation(old, new, link, **overrides)
    subject = subject_sha256(sha256(new.public.spki).hex())
    return dsse.sign(statement.payload(predicates.KEY_ROTATION, (subject,), predicate), old, new)
