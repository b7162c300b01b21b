"""Builders of keys, statements and envelopes: each with good defaults, all of them the same in every run.

Keys come from fixed seeds and salts from counters: what is built twice is equal, so vectors can be committed.
Overrides are named as the models name their fields (`observed_at`, not `observedAt`), and are validated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared import dsse, predicates, statement
from shared.dsse import Envelope
from shared.encoding import b64encode, digest_text, sha256
from shared.keys import Ed25519Signer
from shared.predicates import (
    Access,
    Audience,
    Claim,
    Claimed,
    ClaimType,
    Collected,
    Enrolment,
    EnrolmentRequest,
    Heartbeat,
    Keyring,
    Limits,
    Person,
    Predicate,
    Receipt,
    ReceiptEntry,
    Register,
    Role,
    RoleKey,
    StreamLink,
    StreamMark,
)
from shared.statement import Subject, subject_sha256

AUDIENCE = Audience(receiver="rcv_qgxd3wlyk5ihxbm3s4x7n2c6te", workspace="ws_payments")
OTHER_AUDIENCE = Audience(receiver="rcv_qgxd3wlyk5ihxbm3s4x7n2c6te", workspace="ws_lending")
COLLECTOR_ID = "col_ci07"
NOW = datetime(2026, 3, 2, 17, 24, 30, 250000, tzinfo=UTC)
STREAM_ID = "5a" * 16
EPOCH = "e0" * 16
COMMIT = "9f3c8b7d2e1a4c5b6a79808f1e2d3c4b5a697887"

COLLECTOR_SEED, ROOT_SEED, RECEIPT_SEED, DECISION_SEED = 1, 100, 101, 102


def seed(number: int) -> bytes:
    """The 32 secret bytes of test key `number`."""
    return sha256(b"carnet test key %d" % number)


def signer(number: int = COLLECTOR_SEED) -> Ed25519Signer:
    """Test key `number`; the same in every run."""
    return Ed25519Signer(seed(number))


def root_signer() -> Ed25519Signer:
    """The root key of the test workspace."""
    return signer(ROOT_SEED)


def receipt_signer() -> Ed25519Signer:
    """The key that signs receipts in the test workspace."""
    return signer(RECEIPT_SEED)


def decision_signer() -> Ed25519Signer:
    """The key that signs the receiver's record of people's acts in the test workspace."""
    return signer(DECISION_SEED)


def random16(number: int) -> str:
    """What stands for 16 random bytes: the same for the same number."""
    return f"{number:032x}"


def digest(text: str) -> str:
    """The digest of a word, where any digest will do."""
    return digest_text(sha256(text.encode()))


def claim(**overrides: object) -> Claim:
    """A claim of four passed tests."""
    return Claim.model_validate(
        {
            "type": ClaimType.TEST_RESULTS,
            "name": "Unit Tests",
            "basis": "measured",
            "passed": True,
            "evidence": {"totalTests": 4, "passed": 4, "failed": 0, "errors": 0, "skipped": 0},
        }
        | overrides
    )


def link(sequence: int = 0, previous: str | bytes | None = None, **overrides: object) -> StreamLink:
    """A place in the test stream; `previous` is an id as text or as 32 bytes."""
    return StreamLink.model_validate(
        {
            "id": STREAM_ID,
            "epoch": EPOCH,
            "sequence": sequence,
            "previous": digest_text(previous) if isinstance(previous, bytes) else previous,
        }
        | overrides
    )


def collected(key: Ed25519Signer | None = None, **overrides: object) -> Collected:
    """The predicate of a captured report; `key` is the one that will sign it, by default the collector's."""
    place = StreamLink.model_validate(overrides.get("stream") or link())
    content = f"report {place.sequence}"
    return Collected.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": (key or signer()).public.key_id,
            "salt": random16(0x10000 + place.sequence),
            "collector": {"id": COLLECTOR_ID, "version": "0.1.0", "config_digest": digest("config")},
            "stream": place,
            "observation_id": digest(f"observation {place.sequence}"),
            "observed_at": NOW,
            "source": {
                "key": digest(f"key {place.sequence}"),
                "format": "junit",
                "sha256": digest(content),
                "bytes": len(content),
            },
            "context": {"repository": "acme/checkout-api", "commit": COMMIT, "run": "4711", "job": "unit"},
            "context_from": {"repository": "config", "commit": "git", "run": "file", "job": "file"},
            "claim": claim(),
            "disclosure": {"level": "verdict"},
        }
        | overrides
    )


def subjects_of(predicate: Collected) -> tuple[Subject, ...]:
    """The subject that a collector gives such a statement: the commit where it is known, else the file."""
    if predicate.context.commit is not None and len(predicate.context.commit) == len(COMMIT):
        return (statement.subject_commit(predicate.context.commit),)
    return (subject_sha256(predicate.source.sha256.removeprefix("sha256:")),)


def collected_envelope(
    key: Ed25519Signer | None = None,
    sequence: int = 0,
    previous: str | bytes | None = None,
    **overrides: object,
) -> Envelope:
    """A captured report, signed; overrides go to `collected`."""
    key = key or signer()
    predicate = collected(key, **{"stream": link(sequence, previous), **overrides})
    return statement.sign(predicates.COLLECTED, subjects_of(predicate), predicate, key)


def collected_run(
    count: int,
    key: Ed25519Signer | None = None,
    *,
    start: int = 0,
    previous: bytes | None = None,
    **overrides: object,
) -> list[Envelope]:
    """So many captured reports, linked one behind the other from `start` on."""
    made: list[Envelope] = []
    for sequence in range(start, start + count):
        made.append(collected_envelope(key, sequence, previous, **overrides))
        previous = made[-1].id
    return made


def heartbeat(key: Ed25519Signer | None = None, **overrides: object) -> Heartbeat:
    """A heartbeat of a collector that has nothing to deliver."""
    beat = overrides.get("beat", 1)
    return Heartbeat.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": (key or signer()).public.key_id,
            "salt": random16(0x20000 + (beat if isinstance(beat, int) else 0)),
            "collector": {"id": COLLECTOR_ID, "version": "0.1.0", "config_digest": digest("config")},
            "stream": {"id": STREAM_ID, "epoch": EPOCH},
            "beat": 1,
            "sent_at": NOW,
            "spool": {"depth": 0, "oldest_seconds": 0},
            "key_age_seconds": 86_400,
        }
        | overrides
    )


def heartbeat_envelope(key: Ed25519Signer | None = None, **overrides: object) -> Envelope:
    """A heartbeat, signed; overrides go to `heartbeat`."""
    key = key or signer()
    return _sign(predicates.HEARTBEAT, heartbeat(key, **overrides), key)


def access(key: Ed25519Signer | None = None, **overrides: object) -> Access:
    """A collector's request for a bearer token."""
    return Access.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": (key or signer()).public.key_id,
            "salt": random16(0x30000),
            "collector_id": COLLECTOR_ID,
            "nonce": random16(0x30001),
            "sent_at": NOW,
        }
        | overrides
    )


def access_envelope(key: Ed25519Signer | None = None, **overrides: object) -> Envelope:
    """A request for a bearer token, signed."""
    key = key or signer()
    return _sign(predicates.ACCESS, access(key, **overrides), key)


def enrolment_request(key: Ed25519Signer | None = None, **overrides: object) -> EnrolmentRequest:
    """Proof of possession of a new key, for an invitation whose digest is `token_digest`."""
    key = key or signer()
    return EnrolmentRequest.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": key.public.key_id,
            "salt": random16(0x40000),
            "token_digest": digest("invitation"),
            "nonce": random16(0x40001),
            "public_key": b64encode(key.public.spki),
            "sent_at": NOW,
        }
        | overrides
    )


def enrolment_request_envelope(key: Ed25519Signer | None = None, **overrides: object) -> Envelope:
    """Proof of possession of a new key, signed by that key."""
    key = key or signer()
    return _sign(predicates.ENROLMENT_REQUEST, enrolment_request(key, **overrides), key)


def enrolment(collector: Ed25519Signer | None = None, **overrides: object) -> Enrolment:
    """The receiver's record that a collector's key was taken in."""
    collector = collector or signer()
    return Enrolment.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": decision_signer().public.key_id,
            "salt": random16(0x50000),
            "register_": Register(number=2, previous=digest("register 1")),
            "collector_id": COLLECTOR_ID,
            "name": "ci-07",
            "public_key": b64encode(collector.public.spki),
            "collector_key_id": collector.public.key_id,
            "limits": Limits(),
            "by": Person(issuer="local", subject="admin@acme.example", method="password", role="admin"),
            "enrolled_at": NOW,
        }
        | overrides
    )


def enrolment_envelope(collector: Ed25519Signer | None = None, **overrides: object) -> Envelope:
    """The record of an enrolment, signed by the decision key."""
    return _sign(predicates.ENROLMENT, enrolment(collector, **overrides), decision_signer())


def receipt_for(
    envelopes: Sequence[Envelope],
    key: Ed25519Signer | None = None,
    *,
    statuses: Sequence[tuple[str, str | None]] | None = None,
    **overrides: object,
) -> Envelope:
    """A signed receipt for a batch of these envelopes, in this order.

    `statuses` holds a status and a code for each; by default all are accepted. Other overrides are fields of
    `Receipt`; `streams` defaults to none.
    """
    key = key or receipt_signer()
    told = statuses or [("accepted", None)] * len(envelopes)
    entries = tuple(
        ReceiptEntry.model_validate({"attestation_id": digest_text(envelope.id), "status": status, "code": code})
        for envelope, (status, code) in zip(envelopes, told, strict=True)
    )
    predicate = Receipt.model_validate(
        {
            "audience": AUDIENCE.model_copy(update={"collector": COLLECTOR_ID}),
            "key_id": key.public.key_id,
            "salt": random16(0x60000),
            "batch_id": "batch_1",
            "received_at": NOW + timedelta(seconds=2),
            "keyring_version": 1,
            "entries": entries,
        }
        | overrides
    )
    return _sign(predicates.RECEIPT, predicate, key)


def claim_signer() -> Ed25519Signer:
    """The receiver's key for what comes with a token."""
    return signer(0x63)


def claimed(key_id: str | None = None, **overrides: object) -> Claimed:
    """What the receiver says of an attestation that came with a token."""
    return Claimed.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": key_id or claim_signer().public.key_id,
            "salt": random16(0x70000),
            "record": "attestation",
            "token": {"id": "tok_aaaabbbbccccdddd", "label": "the pipeline of payments"},
            "received_at": NOW + timedelta(seconds=2),
            "context": {"repository": "acme/payments-api", "prNumber": 42},
            "claim": {"type": "TEST_RESULTS", "name": "Unit Tests", "passed": True, "evidence": {"totalTests": 3}},
        }
        | overrides
    )


def claimed_envelope(**overrides: object) -> Envelope:
    """The same, signed by the receiver."""
    return _sign(predicates.CLAIMED, claimed(None, **overrides), claim_signer())


def mark(contiguous_to: int | None, head: int, stream_id: str = STREAM_ID) -> StreamMark:
    """How far a stream has come, as a receipt says it."""
    return StreamMark(id=stream_id, contiguous_to=contiguous_to, head=head)


@dataclass(frozen=True)
class Row:
    """A row of a keyring to build: a key, its role, and its validity."""

    key: Ed25519Signer
    role: Role = Role.RECEIPT
    valid_from: datetime = NOW - timedelta(days=30)
    valid_until: datetime | None = None

    def to_model(self) -> RoleKey:
        """Write it as the row that stands in the statement."""
        return RoleKey(
            key_id=self.key.public.key_id,
            public_key=b64encode(self.key.public.spki),
            role=self.role,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


def keyring(
    root: Ed25519Signer | None = None,
    receipt_key: Ed25519Signer | None = None,
    *,
    version: int = 1,
    previous: bytes | None = None,
    rows: Sequence[Row] | None = None,
    **overrides: object,
) -> Envelope:
    """A signed keyring: by default version 1 with one receipt key and one decision key."""
    root = root or root_signer()
    rows = rows or (Row(receipt_key or receipt_signer()), Row(decision_signer(), Role.DECISION))
    linked = None if previous is None else digest_text(previous)
    predicate = Keyring.model_validate(
        {
            "audience": AUDIENCE,
            "key_id": root.public.key_id,
            "salt": random16(0x70000 + version),
            "register_": Register(number=version, previous=linked),
            "version": version,
            "previous": linked,
            "issued_at": NOW - timedelta(days=30),
            "keys": tuple(row.to_model() for row in rows),
        }
        | overrides
    )
    return _sign(predicates.KEYRING, predicate, root)


def signed(uri: str, predicate: Predicate, *keys: Ed25519Signer) -> Envelope:
    """Sign any predicate with any keys, also where nobody ought to."""
    return dsse.sign(statement.payload(uri, (subject_sha256(sha256(b"any").hex()),), predicate), *keys)


def _sign(uri: str, predicate: Predicate, key: Ed25519Signer) -> Envelope:
    about = sha256(predicate.audience.workspace.encode()).hex()
    return statement.sign(uri, (subject_sha256(about),), predicate, key)
