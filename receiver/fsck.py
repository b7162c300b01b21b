"""Check a whole database: every envelope, column, link, place, registered act, receipt and row of the audit trail.

It changes nothing, and goes on after what it finds; an empty list means that all is as it was signed. Each workspace is
one snapshot. What a collector's key may be comes from the signed enrolments, not from the table of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from receiver.core.admit import Examined, KeyState, KnownKey, Refusal, Sender, examine
from receiver.core.beats import examine_beat
from receiver.core.deployments import DeploymentStatus, follows
from receiver.core.fsck import (
    Finding,
    Receipted,
    RegisterWalk,
    check_audit,
    check_identity,
    check_posted,
    check_receipt,
    check_stream,
    differences,
)
from receiver.core.fsck_keys import Turned, check_keys, follow
from receiver.core.fsck_revocations import Acts, Ended, check_acts, signed_acts, standing
from receiver.core.placing import Place, Spot, Status, StreamState, Verdict
from receiver.core.posted import BUILDERS
from receiver.core.revocation import What
from receiver.store import (
    attestations,
    audit,
    claims,
    collectors,
    deployed,
    intake,
    posts,
    receipts,
    records,
    register,
    revocations,
    rotations,
    streams,
    tokens,
    workspaces,
)
from receiver.store.attestations import FromCollector, New
from receiver.store.collectors import Collector, CollectorStatus
from receiver.store.engine import Store, Tx
from receiver.store.parts import Parts
from receiver.store.records import RecordRow
from receiver.store.rotations import RotationRow
from shared.encoding import b64decode, digest_text, parse_digest
from shared.errors import CarnetError
from shared.keyring import TrustedKeyring, first_root
from shared.keys import PublicKey, key_from_spki
from shared.predicates import KEYRING, Claimed, Enrolment, Limits, Registered

PAGE = 500


def check(store: Store, workspace_id: str | None = None) -> list[Finding]:
    """Check one workspace, or all of them; raises `StateError` without such a workspace, `TryLaterError`."""
    names = [workspace_id] if workspace_id is not None else store.read(workspaces.all_ids)
    return [finding for name in names for finding in store.read(partial(_check_one, workspace_id=name))]


def _check_one(tx: Tx, workspace_id: str) -> list[Finding]:
    return _Walk(tx, workspace_id).run()


class _Walk:
    """One workspace, looked at from its root key outwards."""

    def __init__(self, tx: Tx, workspace_id: str) -> None:
        self._tx = tx
        self._id = workspace_id
        self._findings: list[Finding] = []
        self._enrolments: dict[str, Enrolment] = {}
        self._acts: list[Registered] = []
        self._senders: dict[str, Sender] = {}
        self._states: dict[bytes, StreamState] = {}
        self._keyring: TrustedKeyring | None = None

    def run(self) -> list[Finding]:
        for name, step in (
            ("register", self._register),
            ("collectors", self._collectors),
            ("revocations", self._revocations),
            ("streams", self._streams),
            ("attestations", self._attestations),
            ("records", self._records),
            ("heartbeats", self._heartbeats),
            ("role keys", self._role_keys),
            ("receipts", self._receipts),
            ("audit", self._audit),
        ):
            self._guarded(name, step)
        return self._findings

    def _guarded(self, name: str, step: Callable[[], None]) -> None:
        # A row that was altered may not even be a row of ours any more: that is a finding too.
        try:
            step()
        except (CarnetError, ValueError, OverflowError) as error:
            self._add(name, [f"a row cannot be read: {str(error)[:200]}"])

    def _add(self, where: str, problems: list[str]) -> None:
        self._findings += [Finding(self._id, where, problem) for problem in problems]

    def _register(self) -> None:
        workspace = workspaces.get(self._tx, self._id)
        root = PublicKey(workspace.root_key)
        keyrings = (row.parts.envelope() for row in register.rows(self._tx, self._id, KEYRING))
        walk = RegisterWalk(first_root(keyrings, root), workspace.audience)
        for row in register.rows(self._tx, self._id):
            read, problems = walk.check(row.number, row.type, row.id, row.parts.envelope())
            self._add(f"register {row.number}", problems)
            if read is not None and isinstance(read.predicate, Enrolment):
                self._enrolments[read.predicate.collector_id] = read.predicate
            elif read is not None and isinstance(read.predicate, Registered):
                self._acts.append(read.predicate)
        if walk.keyring is None:
            self._add("register", ["no keyring opens under the root key"])
        elif walk.keyring.root != root:
            self._add("workspace", ["its keyrings come out at another root key"])
        elif walk.keyring.content.version != workspace.keyring_version:
            self._add("workspace", [f"its keyring is said to be version {workspace.keyring_version}"])
        self._keyring = walk.keyring

    def _role_keys(self) -> None:
        listed = () if self._keyring is None else self._keyring.content.keys
        for row in workspaces.role_key_rows(self._tx, self._id):
            key = PublicKey(row.public_key)
            known = [one for one in listed if one.key_id == key.key_id and one.role is row.role]
            if not known or parse_digest(key.key_id) != row.key_id:
                self._add(f"role key {row.role}", ["it is not in the signed keyring"])

    def _collectors(self) -> None:
        workspace = workspaces.get(self._tx, self._id)
        audiences = workspaces.accepted_audiences(self._tx, workspace)
        keys = collectors.keys(self._tx, self._id)
        turned = rotations.rows(self._tx, self._id)
        for row in collectors.every(self._tx, self._id):
            signed = self._enrolments.get(row.collector_id)
            known: dict[str, KnownKey] = {}
            if signed is not None:
                key = key_from_spki(b64decode(signed.public_key))
                known[key.key_id] = KnownKey(key, KeyState.ACTIVE)
            sender = Sender(row.collector_id, known, audiences, Limits())
            followed = follow(sender, [_turned(one) for one in turned if one.collector_id == row.collector_id])
            self._senders[row.collector_id] = followed.sender
            problems = _collector_problems(row, signed)
            if signed is not None:
                own = [(one.key, one.introduced_by) for one in keys if one.collector_id == row.collector_id]
                problems += check_keys(followed, own)
            self._add(f"collector {row.collector_id}", problems)
            for rotation_id, found in followed.problems.items():
                self._add(f"rotation {digest_text(rotation_id)}", found)

    def _revocations(self) -> None:
        signed = signed_acts(self._acts)
        for number, problem in check_acts(signed, self._stored_acts()):
            self._add(f"register {number}", [problem])
        states = {one.key.public.key_id: one.key.state for one in collectors.keys(self._tx, self._id)}
        for number, ended in standing(signed).items():
            lively = [key_id for key_id in sorted(ended.keys) if states.get(key_id) is not KeyState.REVOKED]
            self._add(f"register {number}", [f"the key {key_id} that it ends is not revoked" for key_id in lively])
            if not self._has_ended(ended):
                self._add(f"register {number}", [f"the {ended.what} {ended.id} that it ends is not revoked"])

    def _has_ended(self, ended: Ended) -> bool:
        if ended.what == What.COLLECTOR:
            return collectors.get(self._tx, self._id, ended.id).status is CollectorStatus.REVOKED
        return ended.what != What.TOKEN or tokens.get(self._tx, self._id, ended.id).revoked_at is not None

    def _stored_acts(self) -> Acts:
        ended = {
            row.number: Ended(
                row.what,
                row.subject,
                row.kind,
                row.since,
                row.revoked_at,
                frozenset(one.key_id for one in revocations.keys_of(self._tx, self._id, row.number)),
            )
            for row in revocations.every(self._tx, self._id)
        }
        released: dict[int, tuple[frozenset[bytes], datetime]] = {}
        for named, number, at in revocations.every_release(self._tx, self._id):
            released[number] = (released.get(number, (frozenset[bytes](), at))[0] | {named}, at)
        back = {number: (row, at) for row, number, at in revocations.every_taking_back(self._tx, self._id)}
        return Acts(ended, released, back)

    def _streams(self) -> None:
        self._states = streams.all_states(self._tx, self._id)
        for stream_id, state in self._states.items():
            problems = check_stream(state, streams.all_places(self._tx, self._id, stream_id))
            self._add(f"stream {stream_id.hex()}", problems)
        self._rotations()

    def _rotations(self) -> None:
        turned = rotations.rows(self._tx, self._id)
        places = streams.known_places(self._tx, self._id, [(row.stream_id, row.sequence) for row in turned])
        for row in turned:
            spot = (row.stream_id, row.sequence)
            problems = _place_problems(row.id, row.collector_id, spot, self._states, places)
            if row.collector_id not in self._senders:
                problems.append("its collector is not registered")
            self._add(f"rotation {digest_text(row.id)}", problems)

    def _attestations(self) -> None:
        seen, after = 0, 0
        while page := attestations.stored(self._tx, self._id, after, PAGE):
            signed = [one for one in page if isinstance(one.row.origin, FromCollector)]
            origins = [one.row.origin for one in signed if isinstance(one.row.origin, FromCollector)]
            places = streams.known_places(self._tx, self._id, [(one.stream_id, one.sequence) for one in origins])
            firsts = attestations.first_of_observations(self._tx, self._id, [one.observation_id for one in origins])
            for one in page:
                origin = one.row.origin
                if isinstance(origin, FromCollector):
                    problems = self._attestation(one, origin, firsts.get(origin.observation_id))
                    spot = (origin.stream_id, origin.sequence)
                    problems += _place_problems(one.row.id, origin.collector_id, spot, self._states, places)
                else:
                    problems = self._claimed(one)
                self._add(f"attestation {digest_text(one.row.id)}", problems)
            seen, after = seen + len(page), page[-1].row.n
        count = attestations.count(self._tx, self._id)
        if seen != count:
            self._add("attestations", [f"{count - seen} of {count} have lost their envelope"])

    def _attestation(self, one: New, origin: FromCollector, first: bytes | None) -> list[str]:
        sender = self._senders.get(origin.collector_id)
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
        return differences(one.row, signed.row) + _beside(one, signed)

    def _claimed(self, one: New) -> list[str]:
        if self._keyring is None:
            return ["no keyring to check it under"]
        envelope = one.parts.envelope()
        try:
            read = self._keyring.verify(envelope)
            self._keyring.check_time(envelope.key_id, one.row.received_at)
            signed = claims.new_of(one.row.n, read, envelope)
        except CarnetError as error:
            return [error.detail]
        return differences(one.row, signed.row) + _beside(one, signed)

    def _records(self) -> None:
        seen, after = 0, 0
        while page := records.stored(self._tx, self._id, after, PAGE):
            signed = attestations.parts_of_numbers(self._tx, self._id, [row.n for row in page])
            before = records.of_ids(self._tx, self._id, [row.supersedes for row in page if row.supersedes])
            for row in page:
                problems = self._record(row, signed.get(row.n))
                if row.supersedes is not None and before.get(row.supersedes) != (row.natural_key, row.record_id):
                    problems.append("what it corrects does not say so")
                came = deployed.later(self._tx, self._id, row) if _not_awaited(row) else ()
                if _not_awaited(row) and not any(follows(row.fields, one.fields) for one in came):
                    problems.append("nobody waits for it, and it has not come")
                self._add(f"record {row.record_id}", problems)
            seen, after = seen + len(page), page[-1].r
        lost = records.count_without(self._tx, self._id)
        self._add("records", [f"{lost} that were signed are not here"] if lost else [])

    def _record(self, row: RecordRow, parts: Parts | None) -> list[str]:
        if parts is None or self._keyring is None:
            return ["what was signed of it is not here"]
        try:
            read = self._keyring.verify(parts.envelope())
            claimed = read.as_(Claimed)
            posted = BUILDERS[row.kind](row.fields, claimed.cut)
            problems = check_posted(posted, read)
        except (CarnetError, KeyError) as error:
            return [f"it cannot be read: {str(error)[:200]}"]
        return problems + differences(row, posts.row_of(row, posted, claimed))

    def _heartbeats(self) -> None:
        for row in streams.all_heartbeats(self._tx, self._id):
            where = f"heartbeat of {row.stream_id.hex()}"
            sender = self._senders.get(row.collector_id)
            if sender is None:
                self._add(where, ["its collector is not registered"])
                continue
            try:
                beat = examine_beat(row.parts.envelope().to_bytes(), sender)
            except CarnetError as error:
                self._add(where, [error.detail])
                continue
            said = (beat.stream_id, beat.number, beat.content.closed, beat.envelope.id)
            if said != (row.stream_id, row.beat, row.closed, row.id):
                self._add(where, ["its row is not what was signed"])

    def _receipts(self) -> None:
        if self._keyring is None:
            return
        stored = {
            id_: Receipted(status, code, received_at)
            for id_, status, code, received_at in attestations.receipted(self._tx, self._id)
        }
        for one in rotations.rows(self._tx, self._id):
            stored[one.id] = Receipted(one.status, one.code, one.received_at)
        uncovered = set(stored)
        for row in receipts.rows(self._tx, self._id):
            where = f"receipt {row.batch_id} of {row.collector_id}"
            envelope = row.parts.envelope()
            try:
                read = self._keyring.verify(envelope)
                self._keyring.check_time(envelope.key_id, row.received_at)
                columns = {"batch_id": row.batch_id, "received_at": row.received_at}
                covered, problems = check_receipt(read, row.collector_id, row.batch_digest, columns, stored)
            except CarnetError as error:
                covered, problems = set(), [error.detail]
            self._add(where, problems + check_identity(row.id, envelope))
            uncovered -= covered
        self._add("receipts", [f"none covers {digest_text(one)}" for one in sorted(uncovered)])

    def _audit(self) -> None:
        rows = ((row.number, row.act, row.hash) for row in audit.rows(self._tx, self._id))
        self._add("audit", check_audit(self._id, rows))


def _collector_problems(row: Collector, signed: Enrolment | None) -> list[str]:
    if signed is None:
        return [] if row.status is CollectorStatus.PENDING else ["no signed enrolment takes it in"]
    problems = []
    if (row.name, row.limits, row.enrolled_at) != (signed.name, signed.limits, signed.enrolled_at):
        problems.append("its name, limits or time of enrolment are not what was signed")
    if row.enrolment != signed.register_.number:
        problems.append("it names another number of the register than its enrolment has")
    return problems


def _turned(row: RotationRow) -> Turned:
    return Turned(row.id, row.stream_id, row.sequence, row.status is Status.ACCEPTED, row.envelope)


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


def _place_problems(
    stored_id: bytes,
    collector_id: str,
    spot: Spot,
    states: Mapping[bytes, StreamState],
    places: Mapping[Spot, Place],
) -> list[str]:
    """Compare the place that something stored names with what stands there."""
    state, place = states.get(spot[0]), places.get(spot)
    if state is None or state.collector_id != collector_id:
        return ["its stream is not its collector's"]
    if place is None:
        return ["its place in the stream is empty"]
    if place.id == stored_id:
        return [] if place.stored else ["its place says that it was refused"]
    if state.forked_from is None or state.forked_from > spot[1]:
        return ["another one stands at its place, and no fork is marked"]
    return []
