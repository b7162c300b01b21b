"""A release on a real database: reports, builds and ingested evidence of one digest, and the facts of the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from receiver import attach
from receiver.facts import Gathered, facts_of
from receiver.gather import Memory
from shared import statement
from shared.encoding import JsonObject, JsonValue, digest_text
from shared.judging.values import Mode, Piece, Request, Target
from shared.predicates import COLLECTED, Limits
from shared.statement import Subject, subject_commit, subject_sha256
from tests.helpers import build
from tests.helpers.fleet import Receiver, Spool
from tests.helpers.posts import COMMIT, DIGEST, Pipeline

if TYPE_CHECKING:
    from receiver.caller import Caller
    from shared.dsse import Envelope

REPOSITORY = "acme/checkout-api"
TARGET = Target("checkout-api", "apps-checkout", "production")
REQUEST = Request(TARGET, DIGEST, Mode.ENFORCE, source_sha=COMMIT)
SERVICE: JsonObject = {"service": "checkout-api", "namespace": "apps-checkout", "environment": "production"}


@dataclass
class Sends:
    """A collector that delivers what it captures, about a commit or about artifacts."""

    receiver: Receiver
    seed: int = 1
    limits: Limits | None = None
    spool: Spool = field(init=False)
    caller: Caller = field(init=False)
    batches: int = 0

    def __post_init__(self) -> None:
        """Enrol it."""
        self.spool, self.caller = self.receiver.enrol(self.seed, self.limits)

    def captured(self, *subjects: Subject, **changes: object) -> Envelope:
        """Sign the next entry of the stream; about the commit where nothing else is said."""
        spool = self.spool
        predicate = build.collected(
            spool.key,
            **{
                "audience": spool.audience,
                "collector": build.collected().collector.model_copy(update={"id": spool.collector_id}),
                "salt": spool.random(16).hex(),
                "stream": spool.link(spool.next_sequence, spool.last_id),
                "observation_id": digest_text(spool.random(32)),
                **changes,
            },
        )
        signed = statement.sign(COLLECTED, subjects or (subject_commit(COMMIT),), predicate, spool.key)
        spool.next_sequence += 1
        spool.last_id = signed.id
        return signed

    def built(self, digest: str = DIGEST, **changes: object) -> Envelope:
        """Sign that a digest was built from the commit."""
        claim = build.claim(type="BUILD_PROVENANCE", name="image", evidence={"sha256": digest})
        return self.captured(subject_sha256(digest), **{"claim": claim, **changes})

    def deliver(self, *entries: Envelope) -> list[str]:
        """Send a batch; gives the ids."""
        self.batches += 1
        self.receiver.take(self.caller, f"batch-{self.seed}-{self.batches}", [one.to_bytes() for one in entries])
        return [digest_text(one.id) for one in entries]


def ingest(pipeline: Pipeline, *pieces: JsonObject, **whole: JsonValue) -> list[str]:
    """Post evidence as the web hands it on; gives the ids."""
    receiver = pipeline.receiver
    fields: JsonObject = {"source": "ci", "externalId": "run-1", **SERVICE, **whole}
    cut = attach.Cut(tuple({**fields, **one} for one in pieces), ((),) * len(pieces))
    posting = attach.Posting(pipeline.caller, None, receiver.now, receiver.random)

    def render(attached: attach.Attached) -> tuple[int, bytes]:
        return 201, " ".join(digest_text(one.attestation_id) for one in attached.pieces).encode()

    return attach.attach(receiver.store, receiver.signers, posting, cut, render).body.decode().split()


def gathered(
    receiver: Receiver,
    request: Request = REQUEST,
    memory: Memory | None = None,
    **more: Any,  # noqa: ANN401
) -> Gathered:
    """What the gate knows of the release now."""
    return receiver.store.read(
        lambda tx: facts_of(tx, receiver.workspace_id, request, receiver.now, memory=memory, **more)
    )


def pieces(found: Gathered) -> dict[str, Piece]:
    """The evidence by id."""
    return {one.id: one for one in found.facts.evidence}


def later(receiver: Receiver, **span: float) -> datetime:
    """Let time go on."""
    receiver.now += timedelta(**span)
    return receiver.now
