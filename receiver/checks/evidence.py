"""Attestations, and the records of what was posted: every column against the bytes that were signed."""

from __future__ import annotations

from receiver.checks.places import check_link, check_place
from receiver.checks.walk import Walk
from receiver.core.admit import Examined, Refusal, examine
from receiver.core.authorizing import release_of
from receiver.core.deployments import DeploymentStatus, follows
from receiver.core.fsck import check_posted, differences
from receiver.core.placing import Place, Verdict
from receiver.core.posted import anew
from receiver.core.posting import Record
from receiver.store import (
    attestations,
    claims,
    deployed,
    ingested,
    intake,
    passports,
    posts,
    records,
    streams,
    whole,
)
from receiver.store.attestations import FromCollector, New
from receiver.store.parts import Parts
from receiver.store.passports import PassportRow
from receiver.store.records import RecordRow
from shared.encoding import digest_text
from shared.errors import CarnetError
from shared.predicates import Claimed

_PAGE = 500


def check_attestations(walk: Walk) -> None:
    """Compare each attestation with its envelope, and with its place."""
    seen = 0
    for page in whole.pages(walk.tx, walk.workspace_id, _PAGE):
        origins = [one.row.origin for one in page if isinstance(one.row.origin, FromCollector)]
        spots = [(one.stream_id, one.sequence) for one in origins]
        places = streams.known_places(walk.tx, walk.workspace_id, spots)
        observations = [one.observation_id for one in origins]
        firsts = attestations.first_of_observations(walk.tx, walk.workspace_id, observations)
        for one in page:
            origin = one.row.origin
            if isinstance(origin, FromCollector):
                spot = (origin.stream_id, origin.sequence)
                problems = _attestation(walk, one, origin, firsts.get(origin.observation_id), places.get(spot))
                problems += check_place(
                    walk.states, places, spot, one.row.id, origin.collector_id, one.row.code, walk.displaced
                )
            else:
                problems = _claimed(walk, one)
            walk.add(f"attestation {digest_text(one.row.id)}", problems)
        seen += len(page)
    count = attestations.count(walk.tx, walk.workspace_id)
    if seen != count:
        walk.add("attestations", [f"{count - seen} of {count} have lost their envelope"])


def check_records(walk: Walk) -> None:
    """Compare each record with what was signed when it was posted."""
    seen, after = 0, 0
    while page := records.stored(walk.tx, walk.workspace_id, after, _PAGE):
        signed = attestations.parts_of_numbers(walk.tx, walk.workspace_id, [row.n for row in page])
        before = records.of_ids(walk.tx, walk.workspace_id, [row.supersedes for row in page if row.supersedes])
        belongs = ingested.of_numbers(walk.tx, walk.workspace_id, [row.n for row in page])
        held_against = passports.numbered(walk.tx, walk.workspace_id, {row.passport for row in page if row.passport})
        for row in page:
            problems = _record(walk, row, signed.get(row.n))
            if belongs.get(row.n) != (ingested.columns(row) if row.kind is Record.INGESTED else None):
                problems.append("where it belongs is not what was signed")
            if row.passport is not None and not _its_release(row, held_against.get(row.passport)):
                problems.append("the passport that was in force of it is not of its release")
            if row.supersedes is not None and before.get(row.supersedes) != (row.natural_key, row.record_id):
                problems.append("what it corrects does not say so")
            came = deployed.later(walk.tx, walk.workspace_id, row) if _not_awaited(row) else ()
            if _not_awaited(row) and not any(follows(row.fields, one.fields) for one in came):
                problems.append("nobody waits for it, and it has not come")
            walk.add(f"record {row.record_id}", problems)
        seen, after = seen + len(page), page[-1].r
    lost = records.count_without(walk.tx, walk.workspace_id)
    walk.add("records", [f"{lost} that were signed are not here"] if lost else [])


def _attestation(walk: Walk, one: New, origin: FromCollector, first: bytes | None, place: Place | None) -> list[str]:
    sender = walk.sender(origin.collector_id)
    if sender is None:
        return ["its collector is not registered"]
    entry = examine(one.parts.envelope().to_bytes(), sender)
    if not isinstance(entry, Examined):
        return [entry.refusal.detail]
    if entry.refusal is not None:
        return [entry.refusal.detail]
    refusal = None if one.row.code is None else Refusal(one.row.code, "")
    repeat_of = None if first == one.row.id else first
    verdict = Verdict(entry, one.row.status, refusal, repeat_of)
    signed = intake.new_of(one.row.n, verdict, one.row.received_at)
    problems = differences(one.row, signed.row) + _beside(one, signed)
    return problems + check_link(place, one.row.id, entry.previous)


def _claimed(walk: Walk, one: New) -> list[str]:
    if walk.keyring is None:
        return ["no keyring to check it under"]
    envelope = one.parts.envelope()
    try:
        read = walk.keyring.verify(envelope)
        walk.keyring.check_time(envelope.key_id, one.row.received_at)
        signed = claims.new_of(one.row.n, read, envelope)
    except CarnetError as error:
        return [error.detail]
    return differences(one.row, signed.row) + _beside(one, signed)


def _record(walk: Walk, row: RecordRow, parts: Parts | None) -> list[str]:
    if parts is None or walk.keyring is None:
        return ["what was signed of it is not here"]
    try:
        read = walk.keyring.verify(parts.envelope())
        claimed = read.as_(Claimed)
        posted = anew(row.kind, row.fields, claimed)
        problems = check_posted(posted, read)
    except (CarnetError, KeyError) as error:
        return [f"it cannot be read: {str(error)[:200]}"]
    return problems + differences(row, posts.row_of(row, posted, claimed))


def _its_release(row: RecordRow, passport: PassportRow | None) -> bool:
    """Whether a passport is of what was deployed."""
    return row.kind is Record.DEPLOYMENT and passport is not None and passport.release_key == release_of(row.fields)


def _not_awaited(row: RecordRow) -> bool:
    """Whether a deployment was announced, stands, and is taken to have come."""
    return row.status == DeploymentStatus.EXPECTED and row.superseded_by is None and row.awaited_until is None


def _beside(stored: New, signed: New) -> list[str]:
    """Compare what stands in other tables with what was signed."""
    rows = {
        "subjects": (stored.digests, signed.digests),
        "components": (sorted(stored.components), sorted(signed.components)),
        "contradictions": (sorted(stored.against), sorted(signed.against)),
        "dated reports": (stored.dated, signed.dated),
    }
    return [f"its {name} are not what was signed" for name, (here, there) in rows.items() if here != there]
