"""Evidence that never came: what is independently known, what is here of it, and the signed findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, literal_column, not_, select, update

from receiver.core.deployments import DeploymentStatus
from receiver.core.expectations import After, Known, Lagging, Overdue, waits
from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.core.runs import Conclusion, RunStatus
from receiver.store import standing, suspects
from receiver.store.columns import micros, moment, moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import collectors
from receiver.store.parts import Parts, parts_of
from receiver.store.record_tables import records
from receiver.store.records import RecordRow, read
from receiver.store.schema import attestations, envelopes, subjects
from receiver.store.stream_states import StreamNow
from receiver.store.stream_tables import missing_evidence
from shared.dsse import Envelope
from shared.predicates import ClaimType

_PORTION = 500
_FULL_COMMITS = frozenset({40, 64})
_RECENT = timedelta(days=14)
_NO_EVIDENCE = frozenset({Conclusion.CANCELLED.value, Conclusion.SKIPPED.value})

# Asked for every minute: built once, since building a query takes several times as long as running it.
_ABOUT = (
    select(subjects.c.digest, attestations.c.type)
    .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
    .join(envelopes, envelopes.c.n == attestations.c.n)
    .where(
        subjects.c.workspace_id == bindparam("its_workspace"),
        subjects.c.digest.in_(bindparam("its_digests", expanding=True)),
        attestations.c.record == Record.ATTESTATION.value,
    )
)
_SOUND = _ABOUT.where(not_(suspects.suspect(envelopes.c.key_id))).distinct()
_DOUBTFUL = _ABOUT.add_columns(attestations.c.n).where(suspects.suspect(envelopes.c.key_id))


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as it is kept; `withdrawn_at` is when the evidence was here after all."""

    overdue: Overdue
    found_at: datetime
    withdrawn_at: datetime | None
    id: bytes
    parts: Parts

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names it: one expectation, one thing that is known, one type."""
        return key_of(self.overdue)


def key_of(one: Overdue) -> tuple[str, str, str, str]:
    """Name something that is overdue."""
    return one.expectation, one.known.kind.value, one.known.id, one.type.value


def known(tx: Tx, workspace_id: str, since: datetime) -> list[Known]:
    """Give what is independently known since a moment: runs that ended, commits of runs, deployments that went well."""
    rows = [
        read(row)
        for row in tx.execute(
            select(records)
            .where(
                records.c.workspace_id == workspace_id,
                # Spelled out as the index over a part has it.
                literal_column("kind <> 'attestation'"),
                records.c.updated_at >= micros(since),
            )
            .order_by(records.c.r)
        )
    ]
    found = [_anchor(After.RUN, row.record_id, row.updated_at, row) for row in rows if _ended(row)]
    found += [_anchor(After.DEPLOYMENT, row.record_id, row.created_at, row) for row in rows if _deployed(row)]
    commits: dict[str, Known] = {}
    for row in rows:
        if row.kind is Record.RUN and row.commit is not None:
            commits.setdefault(row.commit, _anchor(After.COMMIT, row.commit, row.created_at, row))
    return [one for one in (*found, *commits.values()) if one.digests]


def came(tx: Tx, workspace_id: str, digests: Collection[bytes]) -> dict[bytes, frozenset[str]]:
    """Give the types of the evidence that is here and is not held now, by what it is about."""
    found: dict[bytes, set[str]] = {}
    listed = sorted(digests)
    for at in range(0, len(listed), _PORTION):
        asked: dict[str, object] = {"its_workspace": workspace_id, "its_digests": listed[at : at + _PORTION]}
        for digest, kind in tx.execute(_SOUND, asked):
            found.setdefault(digest, set()).add(kind)
        doubtful = [row for row in tx.execute(_DOUBTFUL, asked) if row.type not in found.get(row.digest, ())]
        stood = standing.of_numbers(tx, workspace_id, {row.n for row in doubtful})
        for row in doubtful:
            if stood[row.n].status is Status.ACCEPTED:
                found.setdefault(row.digest, set()).add(row.type)
    return {digest: frozenset(kinds) for digest, kinds in found.items()}


class Bringers:
    """The collectors that may bring something, asked for as often as one likes in one transaction."""

    def __init__(self, tx: Tx, workspace_id: str, streams: Iterable[StreamNow], now: datetime) -> None:
        """Take how the streams stand."""
        self._tx = tx
        self._workspace_id = workspace_id
        self._since = micros(now - _RECENT)
        self._brought: dict[str | None, frozenset[tuple[str, str]]] = {}
        waiting = {
            one.collector_id for one in streams if waits(one.state, None if one.heard is None else one.heard.waiting)
        }
        lags = tx.execute(
            select(collectors.c.collector_id, collectors.c.lag_seconds).where(collectors.c.workspace_id == workspace_id)
        )
        self._lagging = {
            row.collector_id: Lagging(timedelta(seconds=row.lag_seconds), row.collector_id in waiting) for row in lags
        }

    def of(self, one: Overdue) -> tuple[Lagging, ...]:
        """Give who brought such evidence of late, else who brought any of that repository, else all of them."""
        brought = self._of_repository(one.known.repository)
        ids = {id_ for id_, kind in brought if kind == one.type.value} or {id_ for id_, _ in brought}
        return tuple(self._lagging[id_] for id_ in (ids or self._lagging.keys()))

    def _of_repository(self, repository: str | None) -> frozenset[tuple[str, str]]:
        if repository not in self._brought:
            rows = self._tx.execute(
                select(attestations.c.collector_id, attestations.c.type)
                .where(
                    attestations.c.workspace_id == self._workspace_id,
                    attestations.c.repository == repository,
                    attestations.c.received_at >= self._since,
                    attestations.c.collector_id.is_not(None),
                )
                .distinct()
            )
            self._brought[repository] = frozenset((row.collector_id, row.type) for row in rows)
        return self._brought[repository]


def add(tx: Tx, workspace_id: str, one: Overdue, envelope: Envelope, now: datetime) -> None:
    """Keep a finding, once."""
    parts = parts_of(envelope)
    expectation, kind, id_, type_ = key_of(one)
    tx.execute(
        insert(missing_evidence).values(
            workspace_id=workspace_id,
            expectation=expectation,
            anchor_kind=kind,
            anchor_id=id_,
            type=type_,
            anchor_at=micros(one.known.at),
            repository=one.known.repository,
            commit=one.known.commit,
            digest=one.known.artifact,
            service=one.known.service,
            environment=one.known.environment,
            due_at=micros(one.due_at),
            found_at=micros(now),
            withdrawn_at=None,
            id=envelope.id,
            key_id=parts.key_id,
            payload=parts.payload,
            signature=parts.signature,
        )
    )


def withdraw(tx: Tx, workspace_id: str, one: Finding, now: datetime) -> None:
    """Take a finding off the list: the evidence is here. What was signed stays."""
    tx.execute(update(missing_evidence).where(*_its(workspace_id, one)).values(withdrawn_at=micros(now)))


def reinstate(tx: Tx, workspace_id: str, one: Finding) -> None:
    """Put a finding back on the list: the evidence that withdrew it is held now."""
    tx.execute(update(missing_evidence).where(*_its(workspace_id, one)).values(withdrawn_at=None))


def withdrawn(tx: Tx, workspace_id: str, since: datetime | None) -> list[Finding]:
    """Give the findings that were withdrawn: of what was known since a moment, or all."""
    asked = select(missing_evidence).where(
        missing_evidence.c.workspace_id == workspace_id, missing_evidence.c.withdrawn_at.is_not(None)
    )
    if since is not None:
        asked = asked.where(missing_evidence.c.anchor_at >= micros(since))
    return [_finding(row) for row in tx.execute(asked.order_by(missing_evidence.c.found_at))]


def findings(tx: Tx, workspace_id: str, *, withdrawn: bool = False, since: datetime | None = None) -> list[Finding]:
    """Give the findings that stand, oldest first; with `withdrawn` those that were withdrawn too."""
    asked = select(missing_evidence).where(missing_evidence.c.workspace_id == workspace_id)
    if not withdrawn:
        asked = asked.where(missing_evidence.c.withdrawn_at.is_(None))
    if since is not None:
        asked = asked.where(missing_evidence.c.anchor_at >= micros(since))
    return [_finding(row) for row in tx.execute(asked.order_by(missing_evidence.c.found_at))]


def count(tx: Tx, workspace_id: str) -> int:
    """Count the findings that stand."""
    found: int = tx.execute(
        select(func.count())
        .select_from(missing_evidence)
        .where(missing_evidence.c.workspace_id == workspace_id, missing_evidence.c.withdrawn_at.is_(None))
    ).scalar_one()
    return found


def here_of(one: Known, found: dict[bytes, frozenset[str]]) -> frozenset[str]:
    """Give the types that are here of something."""
    return frozenset().union(*(found.get(digest, frozenset()) for digest in one.digests))


def _its(workspace_id: str, one: Finding) -> tuple[ColumnElement[bool], ...]:
    expectation, kind, id_, type_ = one.key
    return (
        missing_evidence.c.workspace_id == workspace_id,
        missing_evidence.c.expectation == expectation,
        missing_evidence.c.anchor_kind == kind,
        missing_evidence.c.anchor_id == id_,
        missing_evidence.c.type == type_,
    )


def _ended(row: RecordRow) -> bool:
    completed = row.kind is Record.RUN and row.status == RunStatus.COMPLETED.value
    return completed and row.fields.get("conclusion") not in _NO_EVIDENCE


def _deployed(row: RecordRow) -> bool:
    well = row.kind is Record.DEPLOYMENT and row.status == DeploymentStatus.SUCCESS.value
    return well and row.superseded_by is None


def _anchor(kind: After, id_: str, at: datetime, row: RecordRow) -> Known:
    return Known(
        kind,
        id_,
        at,
        _digests(row.commit, row.digest),
        row.repository,
        row.commit,
        row.digest,
        row.service,
        row.environment,
    )


def commit_of(one: Known) -> str | None:
    """Give the commit if it is a full one: an abbreviated one links nothing."""
    return None if one.commit is None or len(one.commit) not in _FULL_COMMITS else one.commit


def _digests(commit: str | None, artifact: bytes | None) -> frozenset[bytes]:
    full = [] if commit is None or len(commit) not in _FULL_COMMITS else [bytes.fromhex(commit)]
    return frozenset(full if artifact is None else [*full, artifact])


def _finding(row: Row[Any]) -> Finding:
    about = Known(
        After(row.anchor_kind),
        row.anchor_id,
        moment(row.anchor_at),
        _digests(row.commit, row.digest),
        row.repository,
        row.commit,
        row.digest,
        row.service,
        row.environment,
    )
    return Finding(
        Overdue(row.expectation, about, ClaimType(row.type), moment(row.due_at)),
        moment(row.found_at),
        moment_or_none(row.withdrawn_at),
        row.id,
        Parts(row.key_id, row.payload, row.signature),
    )


def all_digests(them: Sequence[Known]) -> frozenset[bytes]:
    """Give everything that evidence of these would be about."""
    return frozenset().union(*(one.digests for one in them))
