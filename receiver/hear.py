"""Take heartbeats that come alone: those of about the same time in one transaction, each judged and answered by itself.

Invariants: what is wrong with one hurts no other; one is kept only if it is above the last of its stream, also above
the last of those that came with it; no answer leaves before all of them are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.caller import Caller
from receiver.core.admit import registered_key
from receiver.core.beats import Beat, answer_body, check_active, check_beat, check_room, read_beat, split_body
from receiver.core.placing import StreamState
from receiver.core.receipts import SALT_BYTES, Heading, sign_receipt
from receiver.core.tokens import Scope
from receiver.keys_at_hand import RoleSigners
from receiver.store import collectors, disputes, heartbeats, intake, requests, streams, tokens, workspaces
from receiver.store.engine import Store, Tx
from receiver.store.heartbeats import HeartbeatRow
from receiver.store.stream_events import refused_beat
from receiver.store.workspaces import Workspace
from shared.dsse import Envelope
from shared.encoding import sha256
from shared.errors import CarnetError, StateError
from shared.keys import Signer
from shared.requests import Request

Confirm: TypeAlias = Callable[[tokens.Standing | None], None]
"""Takes how a token stands, None where there is no such token; raises where that is not as it was."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A heartbeat as it came: who sent it, and the body, `{"collectorId", "heartbeat"}`.

    `confirm` is handed how the token stands in the transaction that keeps the heartbeat, and raises where it is not as
    it was when the sender was let in; None where that was looked up for this very request.
    """

    caller: Caller
    body: bytes
    confirm: Confirm | None = None
    use_is_due: bool = False
    """Whether the use of the token is to be noted with it."""


Answer: TypeAlias = bytes | CarnetError
"""`{"receipt"}` over no entries, or why the heartbeat was not taken."""


def take(
    store: Store, signers: RoleSigners, posted: Sequence[Posted], now: datetime, random: Callable[[int], bytes]
) -> list[Answer]:
    """Take heartbeats of one workspace, that of the signers; gives an answer for each, in their order.

    An answer is `MalformedError` or `UntrustedError` for one that is not believed, `StateError` for an unknown
    collector (`not_found`) or a beat that is not above the last (`conflict`), or what `confirm` raises. Raises
    `TryLaterError` where the database cannot store them now: then none is stored.
    """
    opened = [_open(one, signers.workspace_id) for one in posted]

    def act(tx: Tx) -> list[Answer]:
        workspace = workspaces.get(tx, signers.workspace_id)
        confirmed = _confirm(tx, workspace, opened, now)
        beats = _believe(tx, workspace, confirmed, now)
        group = _Group(
            tx, workspace, signers.receipt, [one for one in beats if isinstance(one, _Believed)], now, random
        )
        answers = [group.take(one) if isinstance(one, _Believed) else one for one in beats]
        group.keep()
        return answers

    return store.write(act)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A posted heartbeat whose parts were told apart, and nothing believed of it."""

    posted: Posted
    collector_id: str
    envelope: bytes


@dataclass(frozen=True, slots=True)
class _Believed:
    """A heartbeat that its collector signed; `digest` is its envelope's, `asked` says whether requests wait."""

    beat: Beat
    digest: bytes
    lag: timedelta
    asked: bool


def _open(posted: Posted, workspace_id: str) -> _Opened | CarnetError:
    if posted.caller.workspace_id != workspace_id:
        msg = "the heartbeats of one transaction are of one workspace"
        raise ValueError(msg)
    try:
        posted.caller.require(Scope.COLLECTOR_WRITE)
        collector_id, envelope = split_body(posted.body)
        posted.caller.require_collector(collector_id)
    except CarnetError as error:
        return error
    return _Opened(posted, collector_id, envelope)


def _confirm(
    tx: Tx, workspace: Workspace, opened: Sequence[_Opened | CarnetError], now: datetime
) -> list[_Opened | CarnetError]:
    """Hold the tokens against the database, all of them at once, and note the use of those that are as they were."""
    asked = {one.posted.caller.token_id for one in opened if isinstance(one, _Opened) and one.posted.confirm}
    standings = tokens.standings(tx, asked)

    def check(one: _Opened) -> _Opened | CarnetError:
        if one.posted.confirm is not None:
            try:
                one.posted.confirm(standings.get(one.posted.caller.token_id))
            except CarnetError as error:
                return error
        return one

    checked = [check(one) if isinstance(one, _Opened) else one for one in opened]
    used = {one.posted.caller.token_id for one in checked if isinstance(one, _Opened) and one.posted.use_is_due}
    tokens.used(tx, workspace.workspace_id, used, now)
    return checked


def _believe(
    tx: Tx, workspace: Workspace, opened: Sequence[_Opened | CarnetError], now: datetime
) -> list[_Believed | CarnetError]:
    """Examine heartbeats against what is registered of their senders now."""
    good = [one for one in opened if isinstance(one, _Opened)]
    ids = {one.collector_id for one in good}
    senders = intake.senders(tx, workspace, ids)
    asked = requests.asked_of(tx, workspace.workspace_id, ids, now)

    def examine(one: _Opened) -> _Believed | CarnetError:
        try:
            if one.collector_id not in senders:
                return collectors.unknown()
            sender, lag = senders[one.collector_id]
            beat = read_beat(one.envelope, sender)
            key = registered_key(beat.envelope, sender)
            disputes.note_beat(tx, workspace.workspace_id, beat, key, now)
            check_active(key)
        except CarnetError as error:
            return error
        return _Believed(beat, sha256(one.envelope), lag, one.collector_id in asked)

    return [examine(one) if isinstance(one, _Opened) else one for one in opened]


class _Group:
    """Heartbeats that are judged in one transaction, each one seeing those before it."""

    def __init__(
        self,
        tx: Tx,
        workspace: Workspace,
        signer: Signer,
        beats: Sequence[_Believed],
        now: datetime,
        random: Callable[[int], bytes],
    ) -> None:
        stream_ids = {one.beat.stream_id for one in beats}
        self._tx, self._workspace, self._signer, self._now, self._random = tx, workspace, signer, now, random
        self._id = workspace.workspace_id
        self._streams = streams.states(tx, self._id, stream_ids)
        self._heard = heartbeats.heard_of(tx, self._id, stream_ids)
        self._known = frozenset(self._heard)
        self._opened = dict[bytes, StreamState]()
        self._rows = dict[bytes, HeartbeatRow]()

    def take(self, one: _Believed) -> Answer:
        """Judge a heartbeat, and sign a receipt where it is the latest of its stream."""
        beat, now, workspace_id = one.beat, self._now, self._id
        collector_id, stream_id = beat.content.collector.id, beat.stream_id
        state, before = self._streams.get(stream_id), self._heard.get(stream_id)
        try:
            check_beat(beat, collector_id, None if state is None else state.collector_id, before)
            if state is None:
                opened = sum(one.collector_id == collector_id for one in self._opened.values())
                check_room(streams.count_open(self._tx, workspace_id, collector_id) + opened)
        except CarnetError as error:
            if isinstance(error, StateError):
                refused_beat(self._tx, workspace_id, stream_id, collector_id, beat.number, now)
            return error
        if state is None:
            state = self._opened[stream_id] = self._streams[stream_id] = StreamState(collector_id)
        shown = {stream_id: state}
        asked = requests.carry(self._tx, workspace_id, collector_id, shown, now) if one.asked else ()
        receipt = self._receipt(one, shown, asked)
        row = heartbeats.next_row(beat, before, receipt.id, now, one.lag)
        self._rows[stream_id], self._heard[stream_id] = row, row.heard
        requests.note_answers(self._tx, workspace_id, collector_id, beat.content, now)
        return answer_body(receipt.to_bytes())

    def keep(self) -> None:
        """Write what was taken."""
        streams.save(self._tx, self._id, {}, self._opened, self._now)
        heartbeats.save(self._tx, self._id, self._rows.values(), self._known)

    def _receipt(self, one: _Believed, shown: Mapping[bytes, StreamState], asked: tuple[Request, ...]) -> Envelope:
        audience = self._workspace.audience.model_copy(update={"collector": one.beat.content.collector.id})
        batch_id, version = f"beat-{one.beat.number}", self._workspace.keyring_version
        heading = Heading(audience, batch_id, one.digest, self._now, version, self._random(SALT_BYTES))
        return sign_receipt(heading, (), shown, self._signer, asked)[1]
