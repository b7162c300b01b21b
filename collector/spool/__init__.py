"""The collector's durable queue and its memory of files: one SQLite file, the first commit point of the evidence.

    put --> pending --receipt: accepted, duplicate, held--> delivered --prune--> (gone)
              |  ^  ^                                           |
              |  |  +---------resend: the receiver was restored-+
              |  +--retry--+
              +--receipt: refused, or damaged--> quarantined
              |                                       |
              +----------drop: a person's word--------+--> dropped

Invariants, each kept by one transaction and none by care alone:

- An entry, its place in the stream, its observation and the memory of its file are stored together or not at all, so a
  crash leaves neither a hole in the numbers nor a file that is neither seen nor stored.
- What is undelivered leaves the queue by a receipt or by a person's word, never by age, by count of attempts or by
  lack of room. When there is no room nothing more is taken (`SpoolFull`); the files wait where they are.
- Signed bytes are written once and never rewritten; a change of state does not touch them.
- After an I/O error nothing is called stored; a file that SQLite calls damaged is moved aside, never deleted.
"""

from collector.spool.errors import SignsNoMore, SpoolBroken, SpoolFull
from collector.spool.fleet import RESTORED, Again, Restored, Said, Told
from collector.spool.forks import FORKED
from collector.spool.reader import SpoolReader
from collector.spool.salvaging import Salvaged
from collector.spool.settings import SpoolSettings
from collector.spool.spool import Spool
from collector.spool.states import MOVES, State
from collector.spool.values import (
    Alarm,
    Aside,
    Candidate,
    EndedEntry,
    Entry,
    FileSeen,
    Listed,
    Put,
    SetAside,
    Shown,
    Stats,
    Storage,
)

__all__ = [
    "FORKED",
    "MOVES",
    "RESTORED",
    "Again",
    "Alarm",
    "Aside",
    "Candidate",
    "EndedEntry",
    "Entry",
    "FileSeen",
    "Listed",
    "Put",
    "Restored",
    "Said",
    "Salvaged",
    "SetAside",
    "Shown",
    "SignsNoMore",
    "Spool",
    "SpoolBroken",
    "SpoolFull",
    "SpoolReader",
    "SpoolSettings",
    "State",
    "Stats",
    "Storage",
    "Told",
]
