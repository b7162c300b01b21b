"""S4 for a fleet: every collector's key is turned over by one command, while files arrive and programs are killed."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from collector.spool import State
from receiver import lookup
from receiver.core.admit import KeyState
from receiver.store import receipts
from shared import dsse
from shared.keys import PublicKey
from tests.fault.oracle import Oracle, Verdict
from tests.helpers.fleetrig import fleet, start
from tests.helpers.rig import Rig, eventually

CAMPAIGN_SECONDS = 90.0
DRAIN_SECONDS = 60.0
_RECEIVERS_SHARE = 0.15


@dataclass(frozen=True)
class TurnedOver:
    """What became of the fleet: what each collector promised, its keys, and what the receiver ever refused."""

    verdicts: tuple[Verdict, ...]
    statuses: Counter[str]
    turned: int
    fsck: int
    kills: int

    @property
    def good(self) -> bool:
        return (
            all(one.clean for one in self.verdicts)
            and self.turned == len(self.verdicts)
            and not (self.statuses["refused"] or self.statuses["held"] or self.fsck)
        )

    def __str__(self) -> str:
        bad = [str(one) for one in self.verdicts if not one.clean]
        said = ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        return (
            f"{self.turned} of {len(self.verdicts)} collectors with a new key and no third one, entries: {said}, "
            f"fsck {self.fsck}, {self.kills} kills, bad: {bad}"
        )


def turn_over(folder: Path, *, collectors: int, kills: int, seed: int) -> TurnedOver:
    """Ask a fleet under load for new keys by one command, and kill -9 some of it, at random, until all have turned."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    with fleet(folder, collectors, ship={"max_entries": 10, "heartbeat_seconds": 1.0}) as members:
        hub, oracles = members[0], [Oracle() for _ in members]
        first = [one.key for one in members]
        start(members)
        with _load(members, oracles, chance):
            hub.order("keys", "rotate", "--all", "--before", "2999-01-01")
            for _ in range(kills):
                threading.Event().wait(chance.uniform(0.0, 1.5))
                _kill_one(members, chance)
            _all_up(members)
            eventually("every key has turned", partial(_campaign_is_done, hub), CAMPAIGN_SECONDS)
        waits = DRAIN_SECONDS + 2 * collectors
        for one, oracle in zip(members, oracles, strict=True):
            eventually("all is delivered", partial(_is_delivered, one, oracle), waits)
        ended = [one.stop_collector() for one in members]
        assert ended == [0] * len(members)
        assert hub.stop_receiver() == 0
        arrived = hub.envelopes()
        return TurnedOver(
            tuple(_judged(*each, arrived) for each in zip(members, oracles, first, strict=True)),
            _statuses(hub),
            sum(map(_has_turned, members, first)),
            len(hub.fsck(ok=(0, 65))),
            kills,
        )


@contextmanager
def _load(members: Sequence[Rig], oracles: Sequence[Oracle], chance: random.Random) -> Iterator[None]:
    """Drop reports at all collectors beside whatever happens in the block."""
    over, order = threading.Event(), random.Random(chance.random())  # noqa: S311 - the same in every run

    def write() -> None:
        while not over.wait(0.5 / len(members)):
            one, oracle = order.choice(list(zip(members, oracles, strict=True)))
            name, content = oracle.report()
            one.drop(name, content)
            oracle.promise(name, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def _kill_one(members: Sequence[Rig], chance: random.Random) -> None:
    hub = members[0]
    if chance.random() < _RECEIVERS_SHARE:
        hub.kill(hub.receiver)
        hub.start_receiver(wait=False)
        return
    one = chance.choice(members)
    if not _is_down(one):
        one.kill(one.collector)
    one.start_collector(wait=False)


def _is_down(one: Rig) -> bool:
    assert one.collector is not None
    return one.collector.poll() is not None


def _all_up(members: Sequence[Rig]) -> None:
    """No host is touched: whoever was killed came back with the same command line, and that is all."""
    eventually("the receiver serves", members[0].serves)
    for one in members:
        one.wait_for_collector()


def _campaign_is_done(hub: Rig) -> bool:
    found = hub.order("keys", "campaign")
    return bool(found["done"] == found["asked"])


def _is_delivered(one: Rig, oracle: Oracle) -> bool:
    """Whether all that was promised left, and the rotation with it; what is not captured yet is not pending either."""
    return one.pending() == 0 and len(one.spooled(State.DELIVERED)) >= len(oracle.promised) + 1


def _judged(one: Rig, oracle: Oracle, first: PublicKey, arrived: Sequence[bytes]) -> Verdict:
    with one.reader() as reader:
        assert reader.list(State.QUARANTINED) == []
        rows = reader.list(State.DELIVERED, limit=1_000_000)
        spooled = {row.id: reader.show(row.sequence).envelope or b"" for row in rows}
    keys = {key.key_id: key for key in (first, one.key)}
    mine = [raw for raw in arrived if _signers(raw) in {(key_id,) for key_id in keys}]
    return oracle.judge(mine, spooled, *keys.values())


def _signers(raw: bytes) -> tuple[str, ...]:
    """The keys that signed an envelope, by its own word; a rotation has two."""
    return tuple(one.key_id for one in dsse.parse(raw).signatures)


def _has_turned(one: Rig, first: PublicKey) -> bool:
    with one.store() as store:
        for member in lookup.collectors(store, one.workspace, 200).items:
            keys = {key.key.public.key_id: key.key.state for key in member.keys}
            if first.key_id in keys:
                return keys == {first.key_id: KeyState.RETIRED, one.key.key_id: KeyState.ACTIVE}
    return False


def _statuses(hub: Rig) -> Counter[str]:
    """What the receiver ever answered about an entry, by its receipts."""
    with hub.store() as store:
        rows = store.read(lambda tx: list(receipts.rows(tx, hub.workspace)))
    return Counter(entry["status"] for row in rows for entry in json.loads(row.parts.payload)["predicate"]["entries"])
