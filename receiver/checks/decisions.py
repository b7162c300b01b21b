"""Passports against their statements: every row, its papers, its summary, and that those of a release are one chain."""

from __future__ import annotations

from receiver.checks.walk import Walk
from receiver.core.fsck_passports import Kept, check_passport
from receiver.core.passport import unpack
from receiver.store import passports, register
from receiver.store.passports import PassportRow
from shared import dsse
from shared.encoding import parse_payload
from shared.errors import CarnetError
from shared.passports import PASSPORT, Passport, Summary


def check_passports(walk: Walk) -> None:
    """Compare each passport with what was signed; one that was signed and has no row, is gone."""
    newest: dict[bytes, PassportRow] = {}
    rows = passports.numbers(walk.tx, walk.workspace_id)
    for row in rows:
        before = newest.get(row.release_key)
        place, supersedes = (0, None) if before is None else (before.place + 1, before.passport_id)
        problems = [] if (row.place, row.supersedes) == (place, supersedes) else ["it is not the next of its release"]
        newest[row.release_key] = row
        walk.add(f"passport {row.passport_id}", problems + _check(walk, row))
    known = {row.number for row in rows}
    lost = [number for number in register.numbers(walk.tx, walk.workspace_id, PASSPORT) if number not in known]
    for number in lost:
        walk.add(f"register {number}", ["this passport was signed, and its row is gone"])


def _check(walk: Walk, row: PassportRow) -> list[str]:
    try:
        envelope = dsse.parse(register.envelope_at(walk.tx, walk.workspace_id, row.number))
        passport = Passport.from_wire(parse_payload(envelope.payload).get("predicate"))
        papers = passports.papers(walk.tx, walk.workspace_id, row.number)
        facts = unpack(papers.docket)
        problems = [] if walk.keyring is None else _summary(walk, papers.summary.envelope(), passport)
    except (CarnetError, ValueError) as error:
        return [f"it cannot be read: {str(error)[:200]}"]
    return problems + check_passport(
        Kept(
            row.passport_id,
            row.release_key,
            row.supersedes,
            (row.service, row.namespace, row.environment),
            row.digest,
            row.mode,
            row.decision,
            row.proceed,
            row.headline,
            row.evaluated_at,
            row.valid_until,
            row.release_id,
            row.source_sha,
            row.policies,
            papers.page,
            papers.request,
            facts,
        ),
        passport,
    )


def _summary(walk: Walk, envelope: dsse.Envelope, passport: Passport) -> list[str]:
    if walk.keyring is None:
        return []
    said = walk.keyring.verify(envelope).as_(Summary)
    right = f"urn:carnet:passport:{passport.passport_id}"
    same = (said.verification_result == "PASSED") == (passport.decision == "ALLOW")
    named = [one.uri for one in said.input_attestations]
    return [] if same and named == [right] else ["its summary says something else"]
