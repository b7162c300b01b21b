"""Heartbeats of a whole fleet at one receiver: how much of a processor they take, and how much they make it store."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from receiver import access, clock
from receiver.core.admit import KeyState, KnownKey
from receiver.core.covering import EVERYTHING
from receiver.core.tokens import Kind, Scope
from receiver.store import collectors, workspaces
from receiver.store.collectors import Collector, CollectorKey, CollectorStatus
from receiver.store.engine import Store, Tx
from shared.encoding import compact
from shared.keys import SEED_BYTES, Ed25519Signer
from shared.predicates import Audience
from shared.wire import HEARTBEAT_PATH
from tests.bench.figures import Figure, Sizes
from tests.helpers import build, programs

FLEET = 5_000
_EVERY_SECONDS = 120
_CONNECTIONS = 8
_BEATS_EACH = 5
_UNLIMITED = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Member:
    """A collector that is enrolled: its key, its token, its stream, and how often it has beaten."""

    id: str
    signer: Ed25519Signer
    token: str
    audience: Audience
    stream: str = field(default_factory=lambda: secrets.token_hex(16))
    beat: int = 0

    def body(self) -> bytes:
        """Sign the next heartbeat."""
        self.beat += 1
        envelope = build.heartbeat_envelope(
            self.signer,
            audience=self.audience,
            collector={"id": self.id, "version": "1.0.0", "config_digest": build.digest("config")},
            stream={"id": self.stream, "epoch": build.EPOCH},
            beat=self.beat,
            salt=secrets.token_hex(16),
            sent_at=datetime.now(UTC),
        )
        return compact({"collectorId": self.id})[:-1] + b',"heartbeat":' + envelope.to_bytes() + b"}"


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures of heartbeats that come alone, as they do from collectors with nothing to send."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        data = Path(folder) / "data"
        with programs.receiver(data, data.with_name("log-0")):
            pass
        members = _members(data, sizes.requests)
        with programs.receiver(data, data.with_name("log-1")) as receiver:
            asyncio.run(_beat(receiver.url, members, 1))
            stored, used = _stored(data), _cpu_seconds(receiver.process.pid)
            asyncio.run(_beat(receiver.url, members, _BEATS_EACH))
            seconds = (_cpu_seconds(receiver.process.pid) - used) / (len(members) * _BEATS_EACH)
            grown = (_stored(data) - stored) / (len(members) * _BEATS_EACH)
    share = seconds * FLEET / _EVERY_SECONDS
    return [
        Figure(
            f"heartbeats of {FLEET:,} collectors, one each {_EVERY_SECONDS} s",
            f"{seconds * 1000:.2f} ms of a processor each, {grown:,.0f} bytes stored each ({len(members)} collectors)",
            f"{share:.1%} of one core",
            "<= 5 %",
        )
    ]


def _members(data: Path, count: int) -> list[Member]:
    store = Store.open(f"sqlite:///{data / 'receiver.db'}")
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        audience = store.read(lambda tx: workspaces.get(tx, workspace_id)).audience
        return [_member(store, workspace_id, audience, number) for number in range(count)]
    finally:
        store.close()


def _member(store: Store, workspace_id: str, audience: Audience, number: int) -> Member:
    collector_id, signer, now = f"col_bench{number}", Ed25519Signer(os.urandom(SEED_BYTES)), clock.utcnow()

    def act(tx: Tx) -> None:
        row = Collector(collector_id, f"bench-{number}", CollectorStatus.ACTIVE, EVERYTHING, now, now)
        collectors.add(tx, workspace_id, row)
        collectors.add_key(tx, workspace_id, CollectorKey(collector_id, KnownKey(signer.public, KeyState.ACTIVE), now))

    store.write(act)
    issued = access.issue(
        store,
        workspace_id,
        Kind.COLLECTOR_ACCESS,
        [Scope.COLLECTOR_WRITE],
        "bench",
        now,
        os.urandom,
        limit_per_minute=_UNLIMITED,
        collector_id=collector_id,
    )
    return Member(collector_id, signer, issued.token, audience)


async def _beat(url: str, members: list[Member], times: int) -> None:
    """Have every member beat so often, over a few connections."""
    waiting = [member for _ in range(times) for member in members]

    async def send(http: aiohttp.ClientSession) -> None:
        while waiting:
            member = waiting.pop()
            headers = {"Authorization": f"Bearer {member.token}", "Content-Type": "application/json"}
            async with http.post(url + HEARTBEAT_PATH, data=member.body(), headers=headers) as answer:
                said = await answer.read()
            if answer.status != 200:
                msg = f"a heartbeat was answered {answer.status}: {said[:300]!r}"
                raise RuntimeError(msg)

    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(send(http) for _ in range(_CONNECTIONS)))


def _stored(data: Path) -> int:
    return sum(path.stat().st_size for path in data.glob("receiver.db"))


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those it waited for, from proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(one) for one in fields[11:15]) / _TICKS
