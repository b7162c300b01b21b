"""What people did, and what never came: revocations, releases, closed gaps and findings against their statements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from receiver.checks.walk import Walk
from receiver.core.admit import KeyState
from receiver.core.fsck import check_identity
from receiver.core.fsck_acts import Acts, Closed, Ended, KeyThen, check_acts, check_key, standing
from receiver.core.revocation import What
from receiver.store import (
    attestations,
    audit,
    collectors,
    missing,
    releases,
    revocations,
    rotations,
    stream_changes,
    streams,
    tokens,
    touched,
)
from receiver.store import standing as standings
from receiver.store.collectors import CollectorStatus
from receiver.store.revocations import RevocationRow
from shared.encoding import digest_text
from shared.errors import CarnetError, Code
from shared.predicates import GapClosed, Missing

_CAME = "evidence.came"
_OF_FINDINGS = ("evidence.missing", _CAME, "evidence.held")
_FOR_ITS_KEY = frozenset({Code.KEY_REVOKED, Code.KEY_RETIRED})


def check_acts_of_people(walk: Walk) -> None:
    """Compare what is kept of revocations, releases and closed gaps with the statements in the register."""
    signed = walk.signed
    rows = {row.number: row for row in revocations.every(walk.tx, walk.workspace_id)}
    for number, problem in check_acts(signed, _stored(walk, rows)):
        walk.add(f"register {number}", [problem])
    states = {one.key.public.key_id: one.key.state for one in collectors.keys(walk.tx, walk.workspace_id)}
    for number, ended in standing(signed).items():
        lively = [key_id for key_id in sorted(ended.keys) if states.get(key_id) is not KeyState.REVOKED]
        walk.add(f"register {number}", [f"the key {key_id} that it ends is not revoked" for key_id in lively])
        if not _has_ended(walk, ended):
            walk.add(f"register {number}", [f"the {ended.what} {ended.id} that it ends is not revoked"])
    for number, row in rows.items():
        if number in signed.ended:
            problems = _keys(walk, signed, row) + _status(walk, signed, row) + _reach(walk, row) + _order(walk, row)
            walk.add(f"register {number}", problems + _tokens(walk, row))
    for act in walk.acts:
        if isinstance(act, GapClosed):
            state = walk.states.get(bytes.fromhex(act.stream))
            if state is None or state.collector_id != act.collector_id:
                walk.add(f"register {act.register_.number}", ["the stream of its gap is not its collector's"])


def check_missing(walk: Walk) -> None:
    """Compare each finding that evidence never came with what was signed, and with what the audit trail tells of it."""
    told = _told(walk)
    for row in missing.findings(walk.tx, walk.workspace_id, withdrawn=True):
        where = f"finding {' '.join(row.key)}"
        named = digest_text(row.id)
        if named not in told or told.pop(named) != row.withdrawn_at:
            walk.add(where, ["the audit trail tells otherwise of when it was found or withdrawn"])
        if walk.keyring is None:
            walk.add(where, ["no keyring to check it under"])
            continue
        envelope = row.parts.envelope()
        try:
            read = walk.keyring.verify(envelope)
            walk.keyring.check_time(envelope.key_id, row.found_at)
            said = read.as_(Missing)
        except CarnetError as error:
            walk.add(where, [error.detail])
            continue
        known, anchor = row.overdue.known, said.anchor
        columns = {
            "expectation": (row.overdue.expectation, said.expectation),
            "anchor": ((known.kind.value, known.id, known.at), (anchor.kind, anchor.id, anchor.at)),
            "type": (row.overdue.type, said.type),
            "repository": (known.repository, said.repository),
            "service": (known.service, said.service),
            "environment": (known.environment, said.environment),
            "due_at": (row.overdue.due_at, said.due_at),
            "found_at": (row.found_at, said.found_at),
            "commit and digest": (
                known.digests,
                {bytes.fromhex(digits) for subject in read.subjects for _, digits in subject.digest},
            ),
        }
        problems = [f"its {name} is not what was signed" for name, (here, there) in columns.items() if here != there]
        walk.add(where, problems + check_identity(row.id, envelope))
    walk.add("findings", [f"{named} is in the audit trail, and not here" for named in told])


def _told(walk: Walk) -> dict[str, datetime | None]:
    """Give the findings that the audit trail tells of, by the ids of their statements, and when each was withdrawn."""
    told: dict[str, datetime | None] = {}
    for row in audit.rows(walk.tx, walk.workspace_id, _OF_FINDINGS):
        withdrawn = row.act.at if row.act.action == _CAME else None
        told[str(row.act.detail.get("finding"))] = withdrawn
    return told


def _stored(walk: Walk, rows: Mapping[int, RevocationRow]) -> Acts:
    tx, workspace_id = walk.tx, walk.workspace_id
    ended = {
        number: Ended(
            row.what,
            row.subject,
            row.kind,
            row.since,
            row.revoked_at,
            frozenset(one.key_id for one in revocations.keys_of(tx, workspace_id, number)),
        )
        for number, row in rows.items()
    }
    released: dict[int, tuple[frozenset[bytes], datetime]] = {}
    for named, number, at in releases.every(tx, workspace_id):
        released[number] = (released.get(number, (frozenset[bytes](), at))[0] | {named}, at)
    back = {number: (row, at) for row, number, at in releases.every_taking_back(tx, workspace_id)}
    closed = {
        one.number: Closed(one.stream_id, one.first, one.last, one.closed_at)
        for one in stream_changes.every_closed(tx, workspace_id)
    }
    return Acts(ended, released, back, closed)


def _has_ended(walk: Walk, ended: Ended) -> bool:
    if ended.what == What.COLLECTOR:
        return collectors.get(walk.tx, walk.workspace_id, ended.id).status is CollectorStatus.REVOKED
    return ended.what != What.TOKEN or tokens.get(walk.tx, walk.workspace_id, ended.id).revoked_at is not None


def _keys(walk: Walk, signed: Acts, row: RevocationRow) -> list[str]:
    """Check what the rows of a revocation say of the keys that it ended."""
    before = {key_id for one in signed.stood(row.number).values() for key_id in one.keys}
    problems: list[str] = []
    for one in revocations.keys_of(walk.tx, walk.workspace_id, row.number):
        then = _key_then(walk, one.key_id, row.number)
        was_revoked = one.key_id in before
        problems += check_key(row.number, (one.collector_id, one.state_before), then, was_revoked=was_revoked)
    return problems


def _order(walk: Walk, row: RevocationRow) -> list[str]:
    """Compare how many attestations were stored before a revocation with what the audit trail says."""
    if row.received_to == walk.order.stored_before.get(row.number):
        return []
    return [f"its row says that {row.received_to} attestations were stored before it, the audit trail says otherwise"]


def _tokens(walk: Walk, row: RevocationRow) -> list[str]:
    """Look for tokens of a collector that a revocation ended, since they were issued before it, and are not revoked."""
    collector_id, order = _collector_of(walk, row), walk.order
    if collector_id is None:
        return []
    found = touched.not_ended(walk.tx, walk.workspace_id, collector_id, row.revoked_at)
    problems = [
        f"the token {one}, which it ended, is not revoked"
        for one in found.access
        if order.tokens.get(one, 0) < order.revoked.get(row.number, 0)
    ]
    if row.what is What.COLLECTOR:
        problems += [f"the invitation {one}, which it ended, is not revoked" for one in found.invitations]
    return problems


def _key_then(walk: Walk, key_id: str, number: int) -> KeyThen:
    for collector_id, followed in walk.followed.items():
        key = followed.keys.get(key_id)
        if key is not None:
            ended = walk.order.revoked.get(number, 0)
            turned = any(
                walk.order.turned.get(digest_text(one.id), 0) < ended if one.released is None else one.released < number
                for one in rotations.rows(walk.tx, walk.workspace_id, collector_id)
                if one.old_key_id == key_id and one.counts
            )
            enrolment = walk.enrolments.get(collector_id)
            enrolled = None if enrolment is None else enrolment.register_.number
            state = KeyState.REVOKED if _came_later(walk, collector_id, key_id, number) else key.state
            return KeyThen(collector_id, state, enrolled, turned)
    # Nobody has confirmed its collector: the table of keys alone knows of it.
    owner = collectors.key_owner(walk.tx, key_id)
    return KeyThen(None if owner is None else owner[1], None, None, turned=False)


def _came_later(walk: Walk, collector_id: str, key_id: str, number: int) -> bool:
    """Say whether a key was good for nothing yet: a rotation that leads to it was let count by a later statement."""
    released = {
        one.new_key_id: one.released
        for one in rotations.rows(walk.tx, walk.workspace_id, collector_id)
        if one.released is not None
    }
    older: str | None = key_id
    while older is not None:
        if released.get(older, 0) > number:
            return True
        older = walk.followed[collector_id].introduced_by.get(older)
    return False


def _status(walk: Walk, signed: Acts, row: RevocationRow) -> list[str]:
    """Check what the row of a revocation says that its collector was."""
    if row.what is not What.COLLECTOR:
        return [] if row.status_before is None else ["its row says what a collector was, and it ends none"]
    stood = any(one.what == What.COLLECTOR and one.id == row.subject for one in signed.stood(row.number).values())
    enrolment = walk.enrolments.get(row.subject)
    enrolled = enrolment is not None and enrolment.register_.number < row.number
    if stood:
        good = row.status_before is CollectorStatus.REVOKED
    elif enrolled:
        good = row.status_before not in {None, CollectorStatus.REVOKED, CollectorStatus.PENDING}
    else:
        good = row.status_before not in {None, CollectorStatus.REVOKED, CollectorStatus.ACTIVE}
    return [] if good else [f"its row says that the collector was {row.status_before} before"]


def _reach(walk: Walk, row: RevocationRow) -> list[str]:
    """Work out anew how far each stream had come before the time of a revocation."""
    tx, workspace_id = walk.tx, walk.workspace_id
    kept = revocations.reach_of(tx, workspace_id, row.number)
    collector_id = _collector_of(walk, row)
    now = {} if collector_id is None else standings.reach_before(tx, workspace_id, collector_id, row.since)
    problems: list[str] = []
    for stream_id in sorted(kept.keys() | now.keys()):
        here, there = kept.get(stream_id, -1), now.get(stream_id, -1)
        if here == there or (here < there and _has_come_to_stand(walk, row, stream_id, there)):
            continue
        problems.append(f"it says that the stream {stream_id.hex()} had come to {here}, its places say {there}")
    return problems


def _collector_of(walk: Walk, row: RevocationRow) -> str | None:
    if row.what is What.COLLECTOR:
        return row.subject
    owner = collectors.key_owner(walk.tx, row.subject) if row.what is What.KEY else None
    return None if owner is None else owner[1]


def _has_come_to_stand(walk: Walk, row: RevocationRow, stream_id: bytes, sequence: int) -> bool:
    """Say whether what stands at a place may have got it after a revocation, whatever its time says.

    It was held for its key when it came, or it came later by the order, or was refused, which tells no order.
    """
    spot = (stream_id, sequence)
    place = streams.known_places(walk.tx, walk.workspace_id, [spot]).get(spot)
    if place is None or not place.stored:
        return place is not None
    turned = rotations.find(walk.tx, walk.workspace_id, place.id)
    if turned is not None:
        order = walk.order
        late = order.turned.get(digest_text(turned.id), 0) > order.revoked.get(row.number, 0)
        return late or turned.code in _FOR_ITS_KEY
    number = attestations.number_of(walk.tx, walk.workspace_id, place.id)
    rows = [] if number is None else attestations.numbered(walk.tx, walk.workspace_id, [number])
    return any(one.code in _FOR_ITS_KEY or one.n > (row.received_to or 0) for one in rows)
