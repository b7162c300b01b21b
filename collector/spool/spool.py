"""The spool as the daemon uses it: opened once, safe between threads, each call one transaction unless it says other.

Sealing happens within the transaction that stores the entry: the place in the stream and the signature over it are
either both durable, or neither is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from collector.keys import Rotation
from collector.leaving import Destination, Leaving, Reply
from collector.spool import fleet, forks, keeping, ledger, memory, opening, place, queue, salvaging
from collector.spool.errors import SpoolFull
from collector.spool.fleet import NOTHING, Said, Told
from collector.spool.place import Ballast, Lock
from collector.spool.reader import SpoolReader, open_existing
from collector.spool.salvaging import Salvaged
from collector.spool.settings import SpoolSettings
from collector.spool.sqlite import Access, Database
from collector.spool.sweeping import Sweep
from collector.spool.values import Aside, Candidate, Entry, FileSeen, Put
from shared.dsse import Envelope
from shared.errors import Code, StateError
from shared.keys import PublicKey
from shared.predicates import StreamLink

_MAX_GROUP = 100
_PIECE = 1_000


class Spool(SpoolReader):
    """The durable queue of one collector.

    Every method may raise what `SpoolReader` says. What settles, moves or counts may use up the ballast on a full
    disk; nothing new is taken until there is room for a new one.
    """

    def __init__(
        self, database: Database, settings: SpoolSettings, ballast: Ballast | None = None, lock: Lock | None = None
    ) -> None:
        """Take the open parts; `open` and `open_for_change` make them."""
        super().__init__(database, settings)
        self._ballast = ballast
        self._lock = lock
        self._refusing = False

    @classmethod
    def open(
        cls, path: Path, settings: SpoolSettings, *, collector_id: str, new_stream_id: str, now: datetime
    ) -> Spool:
        """Open the spool of this collector, or make it with a new stream (32 hex digits) on the first use.

        A damaged file is moved aside under the time `now`, a fresh one is started, and an alarm stands until a person
        clears it. Raises `ConfigError` (folder, modes, kind of disk, library, settings, another collector's spool, a
        newer version's), `StateError` where another collector has it open, and `TryLaterError`.
        """
        place.prepare_folder(path.parent)
        lock = Lock(path)
        try:
            ballast = Ballast(path, settings.ballast_bytes)
            database = opening.open_sound(path, settings, ballast, opening.Owner(collector_id, new_stream_id), now)
        except BaseException:
            lock.release()
            raise
        spool = cls(database, settings, ballast, lock)
        try:
            spool.put_back()
        except BaseException:
            spool.close()
            raise
        return spool

    @classmethod
    def open_for_change(cls, path: Path, settings: SpoolSettings) -> Spool:
        """Open an existing spool for one operator's command, beside the daemon or not: it is only opened, not mended.

        Raises `StateError` where there is none or it is damaged, and `ConfigError`.
        """
        return cls(open_existing(path, settings, Access.CHANGE), settings)

    def close(self) -> None:
        """Close the file and let the next one in; a second time does nothing."""
        super().close()
        if self._lock is not None:
            self._lock.release()

    # --- taking in ---

    def put(self, candidates: Sequence[Candidate], *, epoch: str, now: datetime) -> list[Put]:
        """Store a group of at most 100 in one transaction: commit point 1. When it returns, all of it survives.

        Raises `SpoolFull` before anything is stored, whatever a `seal` raises, and `TryLaterError` where the disk
        fails; nothing of the group is captured then.
        """
        if len(candidates) > _MAX_GROUP:
            msg = f"a group has at most {_MAX_GROUP} candidates"
            raise ValueError(msg)
        try:
            self._keep_ballast()
            done = self._database.write(lambda c: queue.put(c, candidates, epoch, now, self._settings.quota_bytes))
        except SpoolFull:
            self._refusing = True
            raise
        if any(one.new for one in done):
            self._refusing = False
        return done

    def rotate(
        self,
        old: PublicKey,
        new: PublicKey,
        seal: Callable[[StreamLink], Envelope],
        *,
        epoch: str,
        now: datetime,
        undone: Callable[[], None] | None = None,
    ) -> Rotation:
        """Store a rotation at the next place: when it returns the new key signs, and what `old` signs is refused.

        `seal` is called within the transaction, as for `put`; `undone` where it failed, before anybody else may store
        anything. Raises `TryLaterError` where another key signs by now.
        """
        return self._database.write(lambda c: queue.rotate(c, (old, new), seal, epoch, now), urgent=True, undone=undone)

    def _keep_ballast(self) -> None:
        if self._ballast is not None and not self._ballast.ensure():
            raise SpoolFull(
                "the disk of the spool is full: there is no room for the ballast", "make room; the files wait"
            )

    def seen(self, root: str, path: str) -> FileSeen | None:
        """Give how a file looked when it was last hashed; None where it is not known."""
        return self._database.read(lambda c: memory.seen(c, root, path))

    def sweep(self, root: str) -> Sweep:
        """Begin to compare a scan of a root with what is remembered of it; read in pieces, so that nobody waits."""
        return Sweep(lambda path: self._database.read(lambda c: memory.looks_after(c, root, path, _PIECE)))

    def remember(self, files: Sequence[FileSeen], *, unknown_to: str | None = None) -> None:
        """Keep how files look whose content is known, or of no format for a version; in transactions of 1,000."""
        for start in range(0, len(files), _PIECE):
            piece = files[start : start + _PIECE]
            self._database.write(partial(memory.remember, files=piece, unknown_to=unknown_to))

    def forget_unknown(self, version: str) -> int:
        """Forget the files that another version knew no format for; gives how many."""
        return self._database.write(lambda c: memory.forget_unknown(c, version))

    def forget(self, root: str, gone: Sequence[str]) -> None:
        """Forget files that are gone, and what was observed in them once its entry is pruned; 1,000 a transaction."""
        for start in range(0, len(gone), _PIECE):
            piece = gone[start : start + _PIECE]
            self._database.write(partial(memory.forget, root=root, gone=piece), urgent=True)

    def set_aside(self, root: str, path: str, aside: Aside, *, now: datetime, file: FileSeen | None = None) -> None:
        """Put a file on the list of unreadable ones; with `file`, its look is remembered in the same transaction."""

        def act(connection: Connection) -> None:
            memory.set_aside(connection, root, path, aside, now)
            memory.remember(connection, [] if file is None else [file], None)

        self._database.write(act)

    def clear_aside(self, root: str, path: str) -> None:
        """Take a file off the list."""
        self._database.write(lambda c: memory.clear_aside(c, root, path), urgent=True)

    # --- sending and settling ---

    def head_entries(self, limit: int, max_bytes: int, *, skip: Collection[int] = ()) -> list[Entry]:
        """Give the oldest pending entries in order, passing over `skip`; at least one, even if it is larger."""
        return self._database.read(lambda c: queue.head_entries(c, limit, max_bytes, skip))

    def leave(self, leaving: Sequence[Leaving], to: Destination, now: datetime) -> None:
        """Write into the ledger that these envelopes are sent now; when it returns, they may be."""
        self._database.write(lambda c: ledger.leave(c, leaving, to, now), urgent=True)

    def note_answered(self, one: Leaving) -> None:
        """Write into the ledger that something which no receipt names was answered."""
        self._database.write(lambda c: ledger.note_answered(c, one), urgent=True)

    def settle(
        self,
        *,
        receipt_id: bytes,
        receipt: bytes,
        received_at: datetime,
        delivered: Sequence[int],
        quarantined: Sequence[tuple[int, str, str]],
        reply: Reply,
        now: datetime,
        said: Said = NOTHING,
    ) -> Told:
        """End pending entries as a believed receipt says, refused ones with code and words; keep the receipt.

        Entries that are no longer pending stay as they are. What is in `reply` goes into the ledger. What a
        restored receiver lacks, or asks for again, is pending when this returns.
        """

        def act(connection: Connection) -> Told:
            held = [place for place, _ in said.held]
            queue.settle(connection, (receipt_id, receipt, received_at), delivered, quarantined, now, held)
            forks.note(connection, said.held, now)
            ledger.note_told(connection, reply)
            return fleet.note(connection, said, now)

        told = self._database.write(act, urgent=True)
        self._refusing = False
        self.put_back()
        return told

    def put_back(self) -> int:
        """Make pending again what is noted to be sent again, also by a process that was killed since; how many."""
        return self._pieces(fleet.put_back) if self._database.read(fleet.is_noted) else 0

    def quarantine_damaged(self, sequence: int, now: datetime) -> None:
        """Take out an entry whose stored bytes no longer verify, and forget its file; raises `StateError`."""
        self._database.write(lambda c: queue.quarantine_damaged(c, sequence, now), urgent=True)

    def note_answer(self, sequences: Sequence[int], answer: str, now: datetime) -> None:
        """Keep what a request with these entries was answered, for whoever lists them."""
        self._database.write(lambda c: queue.note_answer(c, sequences, answer, now), urgent=True)

    # --- keeping house ---

    def prune(self, *, now: datetime, keep_seconds: float = 14 * 86_400, keep_bytes: int = 1 << 30) -> int:
        """Delete delivered entries that are older than this or beyond so many bytes, oldest first.

        Dropped entries lose their bytes after the same time and stay listed. Gives how many gave up their bytes.
        """
        return self._pieces(lambda c: keeping.prune(c, now, keep_seconds, keep_bytes))

    def retry(self, sequence: int | None = None) -> int:
        """Make a quarantined entry pending again, or all of them; how many; raises `StateError`."""
        return self._database.write(lambda c: keeping.retry(c, sequence), urgent=True)

    def drop(self, sequence: int, reason: str, by: str, now: datetime) -> None:
        """Record a person's decision that a pending or quarantined entry shall never be sent; raises `StateError`."""
        self._free(lambda c: keeping.drop(c, sequence, reason, by, now))

    def clear_alarm(self, number: int) -> None:
        """Record that a person has seen to an alarm; raises `StateError` where there is none of this number."""
        if not self._database.write(
            lambda c: c.execute("DELETE FROM alarm WHERE number = ?", (number,)).rowcount, urgent=True
        ):
            raise StateError(Code.NOT_FOUND, f"there is no alarm {number}", "see: status")

    @classmethod
    def salvage(cls, damaged: Path, into: Spool, now: datetime) -> list[Salvaged]:
        """Queue again what is readable and undelivered in a spool that was moved aside; gives what was new.

        May be called again: nothing is queued twice. The quota does not count here. Raises `StateError`.
        """
        found = salvaging.read(damaged)
        return into._database.write(lambda c: salvaging.requeue(c, found, now))

    # --- inside ---

    def _is_refusing(self) -> bool:
        return self._refusing

    def _free(self, act: Callable[[Connection], None]) -> None:
        """Do what may make room; whether there is enough of it, the next put finds out."""
        self._database.write(act, urgent=True)
        self._refusing = False

    def _pieces(self, act: Callable[[Connection], int]) -> int:
        """Do bounded pieces of work, each a transaction of its own, until one finds nothing left to do."""
        total = 0
        while done := self._database.write(act, urgent=True):
            total += done
        return total
