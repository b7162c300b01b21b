"""An intake on a real folder and a real spool, in time that passes only when somebody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.attest import Identity
from collector.capture import RootPlan
from collector.context import ContextConfig, SpeaksFor
from collector.disclose import Level
from collector.formats import Thresholds
from collector.intake import Intake
from collector.keys import Keys
from collector.leaving import Destination, Reply
from collector.opening import RootSpec
from collector.parsing import Parser
from collector.readiness import Candidates
from collector.spool import Aside, Candidate, FileSeen, Put, Spool, SpoolSettings
from collector.storing import Sealing
from shared.encoding import sha256
from shared.errors import Code, TryLaterError
from shared.keys import Signer
from tests.helpers import build, parsers
from tests.helpers.secrets import rules

FAR = build.NOW.replace(year=2100)
"""A time at which every file has stood still for long."""
SETTLE, BROKEN_AFTER, SCAN = 2.0, 300.0, 60.0


@dataclass
class Clock:
    """Monotonic seconds, which a wait lets pass (`tick` passes with every question), and a wall clock that stands."""

    now: float = 1_000.0
    tick: float = 0.0
    wall: datetime = FAR

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now

    def utcnow(self) -> datetime:
        return self.wall


class Halt(threading.Event):
    """A stop that nobody asks for; whoever waits for it lets the time pass, and `meanwhile` happens."""

    def __init__(self, clock: Clock, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._clock = clock
        self._meanwhile = meanwhile

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now += timeout or 0.0
        self._meanwhile()
        return self.is_set()


class WatchedSpool(Spool):
    """A spool that counts its groups, and is in nobody's way unless told to be."""

    groups: list[int]
    in_the_way: bool = False

    def _try(self) -> None:
        if self.in_the_way:
            raise TryLaterError(Code.UNAVAILABLE, "another program keeps the spool locked")

    def put(self, candidates: Sequence[Candidate], *, epoch: str, now: datetime) -> list[Put]:
        self._try()
        self.groups.append(len(candidates))
        return super().put(candidates, epoch=epoch, now=now)

    def remember(self, files: Sequence[FileSeen], *, unknown_to: str | None = None) -> None:
        self._try()
        super().remember(files, unknown_to=unknown_to)

    def set_aside(self, root: str, path: str, aside: Aside, *, now: datetime, file: FileSeen | None = None) -> None:
        self._try()
        super().set_aside(root, path, aside, now=now, file=file)


@dataclass
class Host:
    """A folder, a spool, and the intake between them; `restarted` is the next start on the same spool."""

    folder: Path
    quota_bytes: int = 1 << 30
    version: str = "1.0.0"
    signer: Signer = field(default_factory=build.signer)
    speaks_for: SpeaksFor = field(default_factory=SpeaksFor)
    clock: Clock = field(default_factory=Clock)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    parser: Parser = field(default_factory=parsers.shared)
    wakes: int = 0
    meanwhile: Callable[[], object] = lambda: None
    spool: WatchedSpool = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.inbox = self.folder / "inbox"
        self.inbox.mkdir(exist_ok=True)
        (self.folder / "state").mkdir(mode=0o700, exist_ok=True)
        opened = WatchedSpool.open(
            self.folder / "state" / "spool.db",
            SpoolSettings(quota_bytes=self.quota_bytes, ballast_bytes=4096, busy_seconds=1),
            collector_id=build.COLLECTOR_ID,
            new_stream_id=build.STREAM_ID,
            now=build.NOW,
        )
        assert isinstance(opened, WatchedSpool)
        self.spool = opened
        self.spool.groups = []
        self.spool.forget_unknown(self.version)
        self.intake = self._intake()

    def _intake(self) -> Intake:
        plan = RootPlan(
            spec=RootSpec(name="ci", path=self.inbox),
            names=(),
            level=Level.VERDICT,
            thresholds=Thresholds(),
            context=ContextConfig(speaks_for=self.speaks_for),
            max_artifact_bytes=1 << 30,
            secrets=rules(),
        )
        identity = Identity(build.AUDIENCE, build.COLLECTOR_ID, self.version, sha256(b"config"))
        return Intake(
            plans={"ci": plan},
            spool=self.spool,
            sealing=Sealing(
                identity,
                Keys.of(self.signer, build.NOW),
                build.EPOCH,
                self.clock.utcnow,
                self.clock.monotonic,
                lambda n: b"s" * n,
            ),
            parser=self.parser,
            candidates=Candidates(settle_seconds=SETTLE, broken_after_seconds=BROKEN_AFTER),
            scan_seconds=SCAN,
            broken_after_seconds=BROKEN_AFTER,
            tell=lambda event, **facts: self.told.append((event, facts)),
            captured=self._wake,
        )

    def _wake(self) -> None:
        self.wakes += 1

    def restarted(self, **changed: Any) -> Host:  # noqa: ANN401 - fields of a host
        """The same host after a stop and a start; fields may have changed in between."""
        self.spool.close()
        kept = {
            "folder": self.folder,
            "quota_bytes": self.quota_bytes,
            "version": self.version,
            "clock": self.clock,
            "parser": self.parser,
        }
        return Host(**{**kept, **changed})

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def take(self) -> None:
        """One pass: scan, and take what settles."""
        self.intake.run_once(Halt(self.clock, self.meanwhile))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [facts for event, facts in self.told if event == name]

    def stored(self) -> list[str]:
        """The paths of all entries, in the order of the stream."""
        return [str(one.path) for one in self.spool.list(limit=100_000)]

    def no_room(self) -> str | None:
        """Why nothing is taken at the moment."""
        return self.intake.taken.no_room

    def aside(self) -> dict[str, str]:
        return {one.path: one.aside.reason for one in self.spool.asides()}

    def remembered(self) -> set[str]:
        return set(self.spool.sweep("ci").gone())

    def deliver_all(self) -> None:
        """Make room: the receiver took everything."""
        pending = [entry.sequence for entry in self.spool.head_entries(100_000, 1 << 40)]
        self.spool.settle(
            receipt_id=sha256(b"receipt"), receipt=b"r", received_at=build.NOW, delivered=pending, quarantined=[],
            reply=Reply(Destination("https://receiver.example.com", "rcv_1", "ws_1"), ()), now=build.NOW,
        )  # fmt: skip
