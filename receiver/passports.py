"""Read passports: lists, one with all that belongs to it, its bundle, and what judging says of it once more.

Invariants: a passport is shown as it was signed, and what came later stands beside it; whether it has ended is worked
out when it is read; of what `inside` leaves out nothing is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from receiver.bundling import bundle_of
from receiver.caller import require_inside
from receiver.core.covering import EVERYTHING, outside, plain_names
from receiver.core.cursors import read_number, write_cursor
from receiver.core.dossier import (
    ActLine,
    CommentLine,
    DeploymentLine,
    Dossier,
    EvidenceLine,
    Integrity,
    named_evidence,
)
from receiver.core.posting import Record
from receiver.store import approvals, attestations, authorized, comments, passports, records, register, waivers
from receiver.store.attestations import AttestationRow, FromCollector
from receiver.store.engine import Store, Tx
from receiver.store.passports import PassportRow as Row
from shared import dsse
from shared.bundle import Bundle, emit_bundle
from shared.encoding import digest_text, parse_digest, parse_payload
from shared.errors import CarnetError
from shared.judging.replay import differences, replay
from shared.passports import Input, Passport, Verdict
from shared.predicates import Limits
from shared.verify import authenticate

MAX_LIMIT = 200
_MOST_DEPLOYMENTS = 50
_MOST_LOOKED_AT = 2_000
"""How many passports are read for one page, to find those that a pattern of names covers."""

# Named here because whoever calls a use case does not look into the store.
PassportRow: TypeAlias = passports.PassportRow
Filters: TypeAlias = passports.Filters


@dataclass(frozen=True, slots=True)
class Listed:
    """A piece of the list of passports, newest first, each with whether it is in force; and the next piece's cursor."""

    items: tuple[tuple[PassportRow, bool], ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was decided, what judging says now, and the fields in which the two differ."""

    passport: Passport
    verdict: Verdict
    differences: tuple[str, ...]


def page(
    store: Store,
    workspace_id: str,
    filters: Filters,
    limit: int,
    cursor: str | None = None,
    inside: Limits = EVERYTHING,
) -> Listed:
    """Give a page of passports, at most 200; with limits it may be a short one that is not the last.

    Raises `MalformedError` for a cursor that is not ours, and `UntrustedError` where the filters name what `inside`
    leaves out.
    """
    before = None if cursor is None else read_number(cursor)
    limit = min(max(limit, 1), MAX_LIMIT)
    require_inside(inside, None, filters.service, filters.environment)
    filters = replace(filters, services=plain_names(inside.services), environments=plain_names(inside.environments))

    def act(tx: Tx) -> Listed:
        rows, following = _covered(tx, workspace_id, filters, limit, before, inside)
        items = tuple((row, _successor(tx, workspace_id, row) is None) for row in rows)
        return Listed(items, None if following is None else write_cursor(following))

    return store.read(act)


def look(store: Store, workspace_id: str, passport_id: str, inside: Limits = EVERYTHING) -> Dossier:
    """Give one passport and all that belongs to it.

    Raises `StateError` (`not_found`), and `UntrustedError` (`forbidden`) for one that `inside` leaves out.
    """

    def act(tx: Tx) -> Dossier:
        return _look(tx, workspace_id, _row(tx, workspace_id, passport_id, inside))

    return store.read(act)


def bundle(store: Store, workspace_id: str, passport_id: str, inside: Limits = EVERYTHING) -> bytes:
    """Give the bundle of a passport, the same bytes whenever it is asked for.

    Raises `StateError`: `not_found`, and `conflict` where something that it rests on is gone; `UntrustedError`
    (`forbidden`) for one that `inside` leaves out.
    """

    def act(tx: Tx) -> Bundle:
        _row(tx, workspace_id, passport_id, inside)
        return bundle_of(tx, workspace_id, passport_id)[0]

    return emit_bundle(store.read(act))


def judge_again(store: Store, workspace_id: str, passport_id: str) -> Replayed:
    """Check a passport under its root and judge once more what it judged, from the signed bytes alone.

    Raises what `bundle` raises, `UntrustedError` or `MalformedError` where something was altered, and `TryLaterError`
    where this version cannot judge it again.
    """
    found, passport = store.read(lambda tx: bundle_of(tx, workspace_id, passport_id))
    verdict = replay(found, authenticate(found, found.root.key_id))
    return Replayed(passport, verdict, differences(passport.verdict, verdict))


def _row(tx: Tx, workspace_id: str, passport_id: str, inside: Limits) -> Row:
    row = passports.get(tx, workspace_id, passport_id)
    require_inside(inside, None, row.service, row.environment)
    return row


def _covered(
    tx: Tx, workspace_id: str, filters: Filters, limit: int, before: int | None, inside: Limits
) -> tuple[list[Row], int | None]:
    """Give so many passports that limits cover, and below which number the next ones stand; None where none can."""
    chunk, left = limit + 1, max(limit + 1, _MOST_LOOKED_AT)
    found: list[Row] = []
    while left > 0:
        rows = passports.page(tx, workspace_id, filters, chunk, before)
        found += [row for row in rows if outside(inside, None, row.service, row.environment) is None]
        if len(found) > limit:
            return found[:limit], found[limit - 1].number
        if len(rows) < chunk:
            return found, None
        before = rows[-1].number
        left -= chunk
        chunk = min(2 * chunk, left)
    return found, before


def _look(tx: Tx, workspace_id: str, row: Row) -> Dossier:
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, row.number))
    passport = Passport.from_wire(parse_payload(envelope.payload).get("predicate"))
    successor = _successor(tx, workspace_id, row)
    counted = {looked.id for one in passport.findings for looked in one.considered if looked.refused is None}
    return Dossier(
        passport=passport,
        page=passports.papers(tx, workspace_id, row.number).page,
        integrity=_integrity(tx, workspace_id, row, passport, envelope.key_id, digest_text(envelope.id)),
        successor=None if successor is None else successor.passport_id,
        evidence=_evidence(tx, workspace_id, passport.inputs),
        approvals=tuple(
            ActLine(
                digest_text(one.id), (one.email,), one.rules, None, one.approved_at, one.expires_at,
                digest_text(one.id) in counted,
            )
            for one in approvals.of_release(tx, workspace_id, row.service, row.environment, row.digest)
        ),
        waivers=tuple(
            ActLine(
                digest_text(one.id), tuple(who.subject for who in one.by), (one.rule,), one.reason, one.waived_at,
                one.expires_at, digest_text(one.id) in counted,
            )
            for one in waivers.of_release(tx, workspace_id, row.service, row.environment, row.digest)
        ),
        comments=tuple(
            CommentLine(one.email, one.at, one.text)
            for one in comments.of_passport(tx, workspace_id, row.passport_id)
        ),
        deployments=_deployments(tx, workspace_id, row),
    )  # fmt: skip


def _successor(tx: Tx, workspace_id: str, row: Row) -> Row | None:
    return passports.at_place(tx, workspace_id, row.release_key, row.place + 1)


def _integrity(tx: Tx, workspace_id: str, row: Row, passport: Passport, key_id: str, attestation_id: str) -> Integrity:
    problem = None
    try:
        found, _ = bundle_of(tx, workspace_id, passport.passport_id)
        authenticate(found, found.root.key_id)
    except CarnetError as error:
        problem = error.detail
    return Integrity(attestation_id, row.number, key_id, passport.keyring_version, problem is None, problem)


def _evidence(tx: Tx, workspace_id: str, inputs: Sequence[Input]) -> tuple[EvidenceLine, ...]:
    """Give the evidence that was looked at, in the order in which it came."""
    wanted = named_evidence(inputs)
    rows = attestations.of_ids(tx, workspace_id, [parse_digest(one) for one in wanted])
    ordered = sorted(rows, key=lambda row: row.n)
    return tuple(_line(row, wanted[digest_text(row.id)].held) for row in ordered)


def _line(row: AttestationRow, held: str | None) -> EvidenceLine:
    origin = row.origin
    by = origin.collector_id if isinstance(origin, FromCollector) else origin.token_id
    return EvidenceLine(
        digest_text(row.id),
        row.type,
        row.name,
        row.basis,
        row.passed,
        row.received_at,
        row.observed_at,
        by,
        held,
    )


def _deployments(tx: Tx, workspace_id: str, row: Row) -> tuple[DeploymentLine, ...]:
    """Give what was deployed of this release, newest first, and whether the passport in force then allowed it."""
    filters = records.RecordFilters(digest=row.digest, service=row.service, environment=row.environment, current=True)
    found = records.page(tx, workspace_id, Record.DEPLOYMENT, filters, _MOST_DEPLOYMENTS, None)
    allowed = authorized.of(tx, workspace_id, found)
    return tuple(
        DeploymentLine(one.record_id, one.status or "", one.created_at, allowed[one.record_id].authorized)
        for one in found
        if one.record_id in allowed and one.fields.get("namespace") == row.namespace
    )
