"""What it costs to keep streams: the same entries of many collectors taken in order, and with one in twenty late.

Four databases, a batch here and a batch there by turns, so that whatever else the machine does meets all of them: in
order; with the late ones; the bookkeeping of the latter alone, which finds the streams and the places around, judges,
takes the places and moves the marks over them, and does nothing else of what ingest does; and transactions of one row,
whose price is taken off the bookkeeping's, since ingest pays it anyway.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from receiver import clock, ingest, watch
from receiver.app import Signers
from receiver.core.admit import Sender, examine_all
from receiver.core.judging import Desk
from receiver.core.placing import Known, spots_around
from receiver.core.rotation import examine_batch
from receiver.ingest import IngestAnswer, Looked
from receiver.named_secrets import read_master_key
from receiver.store import intake, stranded, streams, tokens, workspaces
from receiver.store.engine import Store, Tx
from shared import wire
from shared.stream import contiguous
from tests.bench import members
from tests.bench.figures import Figure, Sizes
from tests.bench.members import Member
from tests.helpers import programs

_ENTRIES = 25
_BATCHES_EACH = 2
_LATE = 0.05
_LATE_BY = 15
_LOOKS_SECONDS = 60


@dataclass(frozen=True)
class Line:
    """A collector's batches in the order of sending, as bodies."""

    member: Member
    bodies: tuple[bytes, ...]


@dataclass
class Side:
    """A database, and the seconds of a processor that were spent on it."""

    store: Store
    signers: Signers
    seconds: float = 0.0

    def take(self, member: Member, body: bytes) -> None:
        """Take a batch as the receiver does, in this one thread."""
        began = time.thread_time()
        signers = self.signers.of(self.store, member.caller.workspace_id)
        looked = ingest.look_at_batch(self.store, member.caller, body, examine_all)
        assert isinstance(looked, Looked)
        answer = ingest.take_batch(self.store, signers, member.caller, looked, clock.utcnow(), os.urandom)
        self.seconds += time.thread_time() - began
        _check(answer)

    def keep_books(self, member: Member, body: bytes) -> None:
        """Do of a batch what its streams need."""
        batch, caller = wire.parse_batch(body), member.caller
        sender = self.store.read(lambda tx: _sender(tx, member))
        entries, _ = examine_batch(batch.entries, sender, examine_all)

        def act(tx: Tx) -> None:
            places = streams.known_places(tx, caller.workspace_id, spots_around(entries))
            stream_ids = {bytes.fromhex(member.spool.stream_id)}
            known = Known(frozenset(), streams.states(tx, caller.workspace_id, stream_ids), places, {})
            outcome = Desk(sender, known).judge(entries)
            now = clock.utcnow()
            streams.add_places(tx, caller.workspace_id, outcome.new_places, now)
            stranded.lead_down(tx, caller.workspace_id, outcome.new_places, places)
            numbers = [sequence for _, sequence in outcome.new_places]
            states = {
                stream_id: replace(state, mark=_mark(tx, caller.workspace_id, stream_id, state.mark, numbers))
                for stream_id, state in outcome.streams.items()
            }
            streams.save(tx, caller.workspace_id, known.streams, states, now)

        began = time.thread_time()
        self.store.write(act)
        self.seconds += time.thread_time() - began

    def commit(self, member: Member) -> None:
        """Commit one changed row: what a transaction costs before it does anything."""
        caller = member.caller
        began = time.thread_time()
        self.store.write(lambda tx: tokens.used(tx, caller.workspace_id, (caller.token_id,), clock.utcnow()))
        self.seconds += time.thread_time() - began

    def look(self) -> float:
        """Look over all streams once, with whatever is new of them; gives the seconds of a processor."""
        (workspace_id,) = watch.all_workspaces(self.store)
        began = time.thread_time()
        watch.look(self.store, workspace_id, clock.utcnow())
        return time.thread_time() - began


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures of the three."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        made = Path(folder) / "data"
        with programs.receiver(made, made.with_name("log")):
            pass
        store = members.open_store(made)
        lines = [_line(member) for member in members.enrol(store, sizes.collectors)]
        store.close()
        sides = [_side(made, made.with_name(name)) for name in ("in-order", "late", "books", "commits")]
        in_order, late, books, commits = sides
        looks = []
        for number in range(_BATCHES_EACH):
            for straight, crooked in lines:
                in_order.take(straight.member, straight.bodies[number])
                late.take(crooked.member, crooked.bodies[number])
                books.keep_books(crooked.member, crooked.bodies[number])
                commits.commit(crooked.member)
            looks.append(late.look())
        for side in sides:
            side.store.close()
    entries = len(lines) * _BATCHES_EACH * _ENTRIES
    kept = books.seconds - commits.seconds
    looked = sum(looks)
    what = f"{sizes.collectors:,} collectors"
    return [
        Figure(
            f"taking entries of {what}, {_LATE:.0%} out of order, against the same ones in order",
            f"{late.seconds / entries * 1000:.2f} ms of a processor an entry in batches of {_ENTRIES},"
            f" {in_order.seconds / entries * 1000:.2f} ms in order",
            f"{late.seconds / in_order.seconds - 1:+.1%}",
            "<= 10 %",
        ),
        Figure(
            "keeping their streams, against the rest of taking them",
            f"{kept / entries * 1000:.3f} ms an entry",
            f"{kept / (late.seconds - kept):+.1%}",
            "<= 10 %",
        ),
        Figure(
            f"looking the {sizes.collectors:,} streams over each minute, their holes new, one batch of each a minute",
            f"{looked / len(looks) * 1000:.0f} ms of a processor a look",
            f"{looked / late.seconds:+.1%}; {looked / len(looks) / _LOOKS_SECONDS:.1%} of one core",
        ),
    ]


def _mark(tx: Tx, workspace_id: str, stream_id: bytes, mark: int, new: Sequence[int]) -> int:
    moved = contiguous(mark, new)
    return moved if moved == mark else streams.mark_from(tx, workspace_id, stream_id, moved)


def _line(member: Member) -> tuple[Line, Line]:
    """Sign a collector's entries, and cut them into batches in their order and with some of them late."""
    entries = member.spool.entries(_BATCHES_EACH * _ENTRIES)
    order = [(place + _lateness(), place) for place in range(len(entries))]
    crooked = [entries[place] for _, place in sorted(order)]
    return Line(member, _bodies(member, entries)), Line(member, _bodies(member, crooked))


def _lateness() -> float:
    chance = random.random()  # noqa: S311 - no secret
    return random.uniform(1, _LATE_BY) if chance < _LATE else 0  # noqa: S311


def _bodies(member: Member, entries: Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(
        wire.emit_batch(member.spool.collector_id, os.urandom(16).hex(), entries[first : first + _ENTRIES], None)
        for first in range(0, len(entries), _ENTRIES)
    )


def _side(made: Path, folder: Path) -> Side:
    folder.mkdir(mode=0o700)
    for name in ("receiver.db", "master.key"):
        (folder / name).write_bytes((made / name).read_bytes())
        (folder / name).chmod(0o600)
    return Side(members.open_store(folder), Signers(read_master_key(folder / "master.key")))


def _sender(tx: Tx, member: Member) -> Sender:
    workspace = workspaces.get(tx, member.caller.workspace_id)
    return intake.sender(tx, workspace, member.spool.collector_id)


def _check(answer: IngestAnswer) -> None:
    if answer.counts != {"accepted": _ENTRIES}:
        msg = f"not all entries were accepted: {dict(answer.counts)}"
        raise RuntimeError(msg)
