"""The spool as those see it who only look: `spool list`, `spool show`, `status`, also while the daemon runs."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.keys import Rotation
from collector.leaving import Departure, Kind
from collector.obeying import Asked
from collector.spool import fleet, ledger, looking, memory, place, queue, rotations, schema, sqlite
from collector.spool.errors import DamagedError
from collector.spool.settings import SpoolSettings
from collector.spool.sqlite import Database
from collector.spool.states import State
from collector.spool.values import Alarm, EndedEntry, Listed, SetAside, Shown, Stats, Storage
from shared.errors import Code, ConfigError, StateError
from shared.stream import Head

_PIECE = 1_000


class SpoolReader:
    """Questions to the spool; each is answered from one consistent state.

    Each may raise `TryLaterError` where the disk or another program is in the way, and `SpoolBroken` where the file
    turns out damaged. Use as a context manager, or close it.
    """

    def __init__(self, database: Database, settings: SpoolSettings) -> None:
        """Take an open database; `open_for_reading` makes one."""
        self._database = database
        self._settings = settings

    @classmethod
    def open_for_reading(cls, path: Path, settings: SpoolSettings | None = None) -> SpoolReader:
        """Open a spool to look at it; never creates or changes one; raises `StateError`, `ConfigError`."""
        settings = settings or SpoolSettings()
        return SpoolReader(open_existing(path, settings, sqlite.Access.LOOK), settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._database.close()

    def storage(self) -> Storage:
        """Give the library and the settings that the spool runs with, read back."""
        return self._database.read(sqlite.storage)

    def collector_id(self) -> str:
        """Give the id of the collector that the spool belongs to."""
        return self._database.read(lambda c: str(c.execute("SELECT collector_id FROM spool").fetchone()[0]))

    def head(self) -> Head:
        """Give the end of the stream."""
        return self._database.read(queue.head)

    def stats(self, now: datetime) -> Stats:
        """Give how the spool stands."""
        return self._database.read(
            lambda c: looking.stats(c, now, self._settings.quota_bytes, refused=self._is_refusing())
        )

    def asides(self) -> builtins.list[SetAside]:
        """Give the unreadable files by root and path."""
        return self._database.read(memory.asides)

    def alarms(self) -> builtins.list[Alarm]:
        """Give the alarms that no person has cleared, oldest first."""
        return self._database.read(looking.alarms)

    def ended(self, state: State, limit: int) -> tuple[builtins.list[EndedEntry], int]:
        """Give the newest quarantined or dropped places of this stream, and how many were left out."""
        return self._database.read(lambda c: looking.ended(c, state, limit))

    def last_receipt(self) -> tuple[bytes, datetime] | None:
        """Give the id (32 bytes) of the receipt that was believed last, and its time of receipt."""
        return self._database.read(looking.last_receipt)

    def next_beat(self) -> int:
        """Give the number of the next heartbeat: one above the last that was sent, from 1, also after a crash."""
        return self._database.read(lambda c: int(c.execute("SELECT beat + 1 FROM spool").fetchone()[0]))

    def departures(self, since: datetime | None = None, kinds: Collection[Kind] = ()) -> Iterator[Departure]:
        """Give what left, in the order in which it left first; read in pieces, so that nobody waits.

        With `since` only what was sent from then on, for the first time or again; with `kinds` only those.
        """
        after: int | None = None
        while True:
            page = partial(ledger.departures, since=since, kinds=kinds, after=after, limit=_PIECE)
            found, after = self._database.read(page)
            yield from found
            if after is None:
                return

    def rotations(self) -> builtins.list[Rotation]:
        """Give every rotation of this collector's key, in their order; they are kept for ever."""
        return self._database.read(rotations.all_of_them)

    def contiguous(self) -> int:
        """Give the mark that the receiver last receipted for this stream; -1 where it never did."""
        return self._database.read(lambda c: int(c.execute("SELECT contiguous FROM spool").fetchone()[0]))

    def asked(self) -> builtins.list[Asked]:
        """Give what the last receipt asks, oldest first."""
        return self._database.read(fleet.asked)

    def beat_seconds(self) -> float | None:
        """Give the interval of heartbeats that the receiver asked for, within its bounds; None where it never did."""
        return self._database.read(fleet.beat_seconds)

    def list(self, state: State | None = None, limit: int = 100, after: int | None = None) -> builtins.list[Listed]:
        """Give entries by rising place, of one state or of all, behind the place `after`."""
        return self._database.read(lambda c: looking.listed(c, state, limit, after))

    def show(self, sequence: int) -> Shown:
        """Give one entry with its exact bytes and its receipt; raises `StateError` where there is none."""
        return self._database.read(lambda c: looking.show(c, sequence))

    def _is_refusing(self) -> bool:
        return False


def open_existing(path: Path, settings: SpoolSettings, access: sqlite.Access) -> Database:
    """Open a spool that the daemon made; raises `StateError` where it is missing or damaged."""
    if not path.exists():
        raise StateError(Code.NOT_FOUND, f"there is no spool at {path}", "it is made when the collector first runs")
    try:
        place.check_file(path)
        database = Database(path, settings, access=access)
        try:
            database.read(schema.check_current)
        except BaseException:
            database.close()
            raise
    except OSError as error:
        raise ConfigError(f"the spool {path} cannot be opened: {error.strerror}") from error
    except DamagedError as error:
        raise StateError(
            Code.CONFLICT,
            f"the spool {path} cannot be opened: {error}",
            "start the collector: it brings it up to date, or moves it aside",
        ) from error
    return database
