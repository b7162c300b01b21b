"""Spools to test with: opened in a temporary folder, fed with signed candidates that are the same in every run."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from collector.leaving import Destination, Kind, Leaving, Reply, Told
from collector.obeying import Asked
from collector.spool import Aside, Candidate, FileSeen, Put, Said, Spool, SpoolSettings
from collector.spool import Told as SpoolTold
from shared import dsse
from shared.dsse import Envelope
from shared.encoding import canonical, sha256
from shared.keys import Ed25519Signer
from shared.predicates import StreamLink

SIGNER = Ed25519Signer(sha256(b"the spool's tests"))
COLLECTOR_ID = "col_ci07"
STREAM_ID = "5a" * 16
EPOCH = "e0" * 16
NOW = datetime(2026, 3, 2, 17, 24, 30, tzinfo=UTC)
TO = Destination("https://receiver.example.com:8443", "rcv_1", "ws_1")
SMALL = SpoolSettings(ballast_bytes=1 << 16, busy_seconds=5)


def open_spool(folder: Path, settings: SpoolSettings = SMALL, now: datetime = NOW) -> Spool:
    """Open the spool `spool.db` in a folder that is made where it is missing."""
    return Spool.open(folder / "spool.db", settings, collector_id=COLLECTOR_ID, new_stream_id=STREAM_ID, now=now)


def seal(size: int = 300) -> Callable[[StreamLink], Envelope]:
    """Sign a payload of about `size` bytes that carries the link it was given."""

    def signed(link: StreamLink) -> Envelope:
        return dsse.sign(canonical({"stream": link.to_wire(), "x": "x" * size}), SIGNER)

    return signed


def file_seen(name: str, content: str = "", **changed: int) -> FileSeen:
    """A file called `name` in the root `ci`."""
    looks = {"size": 2_000, "mtime_ns": 1, "ctime_ns": 1, "device": 7, "inode": 11} | changed
    return FileSeen(
        root="ci", path=name, sha256=sha256(f"{name} {content}".encode("utf-8", "surrogateescape")), **looks
    )


def candidate(number: int, *, file: FileSeen | None = None, size: int = 300, aside: Aside | None = None) -> Candidate:
    """Observation `number`, by default of a file of its own."""
    return Candidate(
        observation_id=sha256(f"observation {number}".encode()),
        file=file or file_seen(f"out/report-{number}.xml"),
        seal=seal(size),
        aside=aside,
    )


def put(spool: Spool, *numbers: int, now: datetime = NOW) -> list[Put]:
    """Store observations as one group."""
    return spool.put([candidate(number) for number in numbers], epoch=EPOCH, now=now)


def settle(
    spool: Spool,
    delivered: list[int],
    quarantined: list[tuple[int, str]] | None = None,
    now: datetime = NOW,
    told: tuple[Told, ...] = (),
    mark: int | None = None,
    asked: tuple[Asked, ...] = (),
    said: Said | None = None,
) -> SpoolTold:
    """Settle as a receipt would."""
    return spool.settle(
        receipt_id=sha256(f"{delivered} {quarantined}".encode()),
        receipt=b"the receipt",
        received_at=now,
        delivered=delivered,
        quarantined=[(sequence, code, "no") for sequence, code in quarantined or []],
        reply=Reply(TO, told),
        now=now,
        said=said or Said(mark, asked),
    )


def beat(spool: Spool) -> Leaving:
    """The next heartbeat, as the ledger has it."""
    number = spool.next_beat()
    return Leaving(Kind.HEARTBEAT, sha256(b"beat %d" % number), 700, number)


def pending(spool: Spool) -> list[int]:
    """The places of everything that is pending, in the order in which it would be sent."""
    return [entry.sequence for entry in spool.head_entries(1_000_000, 1 << 40)]


def still_verifies(envelope: bytes, entry_id: bytes) -> bool:
    """Look whether an envelope is as it was signed."""
    return dsse.verify(dsse.parse(envelope), SIGNER.public).id == entry_id
