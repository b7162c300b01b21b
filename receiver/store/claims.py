"""What came with a token, as it is stored: columns out of the signed statement, and nothing else."""

from __future__ import annotations

from datetime import datetime

from receiver.core.placing import Status
from receiver.core.posting import Record, components
from receiver.store.attestations import AttestationRow, FromToken, New
from receiver.store.parts import parts_of
from shared.dsse import Envelope
from shared.encoding import parse_digest, parse_time
from shared.judging.contradictions import contradictions
from shared.judging.pieces import nameless
from shared.predicates import Claimed, Context
from shared.statement import Statement


def new_of(n: int, read: Statement, envelope: Envelope) -> New:
    """Give what is stored of a claim that the receiver signed; raises `MalformedError` for another type."""
    claimed = read.as_(Claimed)
    claim, context = claimed.claim, claimed.context
    row = AttestationRow(
        n=n,
        id=envelope.id,
        record=Record(claimed.record),
        origin=FromToken(claimed.token.id, None if claimed.supersedes is None else parse_digest(claimed.supersedes)),
        status=Status.ACCEPTED,
        code=None,
        received_at=claimed.received_at,
        observed_at=_observed(claimed),
        type=claim.type.value,
        name=claim.name,
        basis=claim.basis,
        passed=claim.passed,
        repository=context.repository,
        commit=context.commit,
        branch=context.branch,
        pr_number=context.pr_number,
        run=context.run,
        service=context.service,
        environment=context.environment,
    )
    return New(
        row,
        parts_of(envelope),
        _digests(read, context),
        contradictions(claim.type, claim.evidence, passed=claim.passed),
        components(claim.type, claim.evidence),
    )


def _observed(claimed: Claimed) -> datetime:
    """When it was seen: only of what was ingested anybody says that."""
    said = claimed.details.get("observedAt") if Record(claimed.record) is Record.INGESTED else None
    return parse_time(said) if isinstance(said, str) else claimed.received_at


def _digests(read: Statement, context: Context) -> tuple[bytes, ...]:
    named = {bytes.fromhex(digits) for subject in read.subjects for _, digits in subject.digest}
    return tuple(sorted(named - {nameless(context)}))
