"""Take what a collector sends: a batch with or without a heartbeat.

Order: split, examine every entry, then one write transaction that judges the places, stores what is new and signs the
receipt (commit point 2). Examining is apart from taking, so that it need not wait for its turn to write. Invariants:
the same batch id with the same entries is answered byte for byte the same; refused entries never hurt their neighbours;
a bad heartbeat never hurts the entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.caller import Caller
from receiver.core.admit import Examine, Judged, Sender, examine_all, registered_key
from receiver.core.beats import Beat, check_active, check_beat, check_room, read_beat
from receiver.core.judging import Desk
from receiver.core.placing import Status, StreamState, Verdict
from receiver.core.receipts import (
    SALT_BYTES,
    Heading,
    notes_of,
    read_receipt,
    refused_count,
    results_of,
    sign_receipt,
)
from receiver.core.rotation import Rotation, examine_batch
from receiver.core.tokens import Scope
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, collectors, disputes, heartbeats, intake, receipts, requests, streams, workspaces
from receiver.store.engine import Store, Tx
from receiver.store.parts import parts_of
from receiver.store.receipts import ReceiptRow
from receiver.store.stream_events import refused_beat
from receiver.store.workspaces import Workspace
from shared import wire
from shared.encoding import JsonObject, digest_text
from shared.errors import CarnetError, Code, MalformedError, StateError
from shared.predicates import Receipt
from shared.wire import Batch


@dataclass(frozen=True, slots=True)
class IngestAnswer:
    """The answer to a batch: how many entries were refused, the body to send, and a count for each status."""

    refused: int
    body: bytes
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """A batch whose entries were examined against what was registered when it came: `sender`."""

    batch: Batch
    sender: Sender
    entries: Judged
    beat: Beat | CarnetError | None


def look_at_batch(store: Store, caller: Caller, body: bytes, examine: Examine) -> Looked | IngestAnswer:
    """Examine a batch of 1 to 100 entries (`shared.wire`), or find what the very same one was answered with.

    Raises `MalformedError` for a batch that cannot be split, or for a batch id that came with other entries
    (`idempotency_mismatch`); `UntrustedError` for a token without the scope or of another collector; `StateError` for
    an unknown collector; `TryLaterError` where the database cannot be read now, and what `examine` raises.
    """
    caller.require(Scope.COLLECTOR_WRITE)
    batch = wire.parse_batch(body)
    caller.require_collector(batch.collector_id)
    workspace_id = caller.workspace_id

    def before(tx: Tx) -> tuple[ReceiptRow | None, Sender]:
        answered = _answered(tx, workspace_id, batch)
        workspace = workspaces.get(tx, workspace_id)
        return answered, intake.sender(tx, workspace, batch.collector_id)

    answered, sender = store.read(before)
    if answered is not None:
        return _answer(answered, read_receipt(answered.parts.payload))
    return _look(batch, sender, examine)


def take_batch(
    store: Store,
    signers: RoleSigners,
    caller: Caller,
    looked: Looked,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> IngestAnswer:
    """Take a batch that was looked at for this caller, and answer for each of its entries in a signed receipt.

    `now` is the time of receipt, `origin` the address for the audit trail. Raises what `look_at_batch` raises, and
    `TryLaterError` where the database cannot store it now: then nothing was stored.
    """
    batch, workspace_id = looked.batch, caller.workspace_id
    caller.require(Scope.COLLECTOR_WRITE)
    caller.require_collector(batch.collector_id)

    def act(tx: Tx) -> tuple[ReceiptRow, Receipt]:
        again = _answered(tx, workspace_id, batch)
        if again is not None:
            return again, read_receipt(again.parts.payload)
        workspace = workspaces.get(tx, workspace_id)
        sender_now = intake.sender(tx, workspace, batch.collector_id)
        # A key may have been revoked, or limits narrowed, since the entries were examined.
        current = looked if sender_now == looked.sender else _look(batch, sender_now, examine_all)
        at = receipts.time_of(tx, workspace_id, batch.collector_id, now)
        row, receipt, detail = _settle(tx, signers, workspace, current, at, random)
        audit.add(tx, workspace_id, Act(now, caller.token_id, "batch.take", detail, origin))
        return row, receipt

    return _answer(*store.write(act))


def _look(batch: Batch, sender: Sender, examine: Examine) -> Looked:
    judged, introduced = examine_batch(batch.entries, sender, examine)
    beat: Beat | CarnetError | None = None
    if batch.heartbeat is not None:
        try:
            beat = read_beat(batch.heartbeat, introduced)
        except CarnetError as error:
            beat = error
    return Looked(batch, sender, judged, beat)


def _settle(
    tx: Tx,
    signers: RoleSigners,
    workspace: Workspace,
    looked: Looked,
    now: datetime,
    random: Callable[[int], bytes],
) -> tuple[ReceiptRow, Receipt, JsonObject]:
    """Judge, store and sign; gives the receipt, and what the audit trail is told."""
    workspace_id, batch = workspace.workspace_id, looked.batch
    beat = looked.beat if isinstance(looked.beat, Beat) else None
    beats = () if beat is None else (beat.stream_id,)
    known = intake.known(tx, workspace_id, batch.collector_id, looked.entries, beats)
    outcome = Desk(looked.sender, known).judge(looked.entries)
    touched = intake.store(tx, workspace_id, known, outcome, now)
    heading = _heading(workspace, batch.collector_id, batch.batch_id, batch.digest, now, random)
    asked = requests.carry(tx, workspace_id, batch.collector_id, {**known.streams, **touched}, now)
    receipt, signed = sign_receipt(heading, outcome.verdicts, touched, signers.receipt, asked)
    row = ReceiptRow(
        batch.collector_id,
        batch.batch_id,
        batch.digest,
        signed.id,
        parts_of(signed),
        notes_of(outcome.verdicts),
        now,
    )
    receipts.add(tx, workspace_id, row)
    for turned in (_turned(verdict) for verdict in outcome.verdicts):
        if turned is not None:
            audit.add(tx, workspace_id, Act(now, batch.collector_id, "collector.rotate", turned))
    ignored = looked.beat if isinstance(looked.beat, CarnetError) else None
    if beat is not None:
        opened = {**known.streams, **touched}
        ignored = _try_beat(tx, workspace_id, beat, replace(looked.sender, keys=outcome.keys), opened, signed.id, now)
    return row, receipt, _told(batch, outcome.verdicts, signed.id, ignored)


def _try_beat(
    tx: Tx,
    workspace_id: str,
    beat: Beat,
    sender: Sender,
    known: Mapping[bytes, StreamState],
    receipt_id: bytes,
    now: datetime,
) -> CarnetError | None:
    """Keep the heartbeat of a batch, by the keys as the batch left them.

    One that cannot be kept is told about in the audit trail, and hurts nothing.
    """
    collector_id = sender.collector_id
    state = known.get(beat.stream_id)
    last = heartbeats.heard_of(tx, workspace_id, (beat.stream_id,))
    before = last.get(beat.stream_id)
    try:
        key = registered_key(beat.envelope, sender)
        disputes.note_beat(tx, workspace_id, beat, key, now)
        check_active(key)
        check_beat(beat, collector_id, None if state is None else state.collector_id, before)
        if state is None:
            check_room(streams.count_open(tx, workspace_id, collector_id))
    except CarnetError as error:
        if isinstance(error, StateError):
            refused_beat(tx, workspace_id, beat.stream_id, collector_id, beat.number, now)
        return error
    if state is None:
        streams.save(tx, workspace_id, {}, {beat.stream_id: StreamState(collector_id)}, now)
    lag = collectors.lag(tx, workspace_id, collector_id)
    heartbeats.save(tx, workspace_id, (heartbeats.next_row(beat, before, receipt_id, now, lag),), last)
    requests.note_answers(tx, workspace_id, collector_id, beat.content, now)
    return None


def _heading(
    workspace: Workspace,
    collector_id: str,
    batch_id: str,
    digest: bytes,
    now: datetime,
    random: Callable[[int], bytes],
) -> Heading:
    audience = workspace.audience.model_copy(update={"collector": collector_id})
    return Heading(audience, batch_id, digest, now, workspace.keyring_version, random(SALT_BYTES))


def _answered(tx: Tx, workspace_id: str, batch: Batch) -> ReceiptRow | None:
    """Find what this batch was answered with; raises `MalformedError` where its id came with other entries."""
    row = receipts.find(tx, workspace_id, batch.collector_id, batch.batch_id)
    if row is not None and row.batch_digest != batch.digest:
        raise MalformedError(
            Code.IDEMPOTENCY_MISMATCH,
            f"the batch id {batch.batch_id} came before with other entries",
            "give each batch an id of its own",
        )
    return row


def _answer(row: ReceiptRow, receipt: Receipt) -> IngestAnswer:
    results = results_of(receipt, row.notes)
    body = wire.emit_answer(row.batch_id, results, row.parts.envelope().to_bytes())
    return IngestAnswer(refused_count(results), body, Counter(one.status for one in results))


def _turned(verdict: Verdict) -> JsonObject | None:
    """Give what the audit trail is told of a rotation that was stored."""
    entry = verdict.entry
    if not isinstance(entry, Rotation) or verdict.status not in (Status.ACCEPTED, Status.HELD):
        return None
    detail: JsonObject = {
        "rotation": digest_text(entry.id),
        "oldKeyId": entry.envelope.key_id,
        "newKeyId": entry.new_key.key_id,
        "stream": entry.stream_id.hex(),
        "sequence": entry.sequence,
        "status": verdict.status.value,
    }
    return detail if verdict.code is None else {**detail, "code": verdict.code.value}


def _told(batch: Batch, verdicts: tuple[Verdict, ...], receipt_id: bytes, ignored: CarnetError | None) -> JsonObject:
    counts = Counter(verdict.status.value for verdict in verdicts)
    codes = Counter(verdict.code.value for verdict in verdicts if verdict.code is not None)
    detail: JsonObject = {
        "collector": batch.collector_id,
        "batch": batch.batch_id,
        "receipt": digest_text(receipt_id),
        "counts": dict(counts),
        "codes": dict(codes),
    }
    if ignored is not None:
        detail["heartbeatIgnored"] = ignored.code.value
    return detail
