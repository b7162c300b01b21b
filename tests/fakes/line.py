"""A collector's network side on a real spool and a real socket, in simulated time."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector import enrolment
from collector.attest import Identity
from collector.client import Answer, Client, ClientSettings
from collector.enrol import ask_keyring, enrol
from collector.enrolling import enrolment_request, pin
from collector.keyfiles import KeyFiles, choose
from collector.keys import Keys
from collector.leaving import Leaving, destination
from collector.queueing import Queue
from collector.rotating import Rotator
from collector.session import Session
from collector.ship import Shipper, ShipSettings, Surroundings
from collector.spool import Candidate, FileSeen, Spool, SpoolSettings, State
from shared import predicates, statement
from shared.dsse import Envelope
from shared.encoding import digest_text, sha256
from shared.keyfile import write_key
from shared.keys import Ed25519Signer
from shared.predicates import StreamLink
from tests.fakes.time import SimulatedTime
from tests.helpers import build

_REAL_SECONDS = 60


@dataclass
class Told:
    """One event that the collector told about."""

    event: str
    facts: dict[str, object]


@dataclass
class Line:
    """The parts, joined as the daemon joins them."""

    spool: Spool
    queue: Queue
    session: Session
    client: Client
    shipper: Shipper
    time: SimulatedTime
    identity: Identity
    signer: Ed25519Signer
    told: list[Told]
    tried: list[float]
    rotator: Rotator
    _count: "itertools.count[int]" = field(init=False)

    def __post_init__(self) -> None:
        self._count = itertools.count(self.spool.head().next_sequence)

    def put(self, count: int, **overrides: object) -> list[str]:
        """Capture so many reports; gives their attestation ids."""
        made: list[str] = []
        for start in range(0, count, 100):
            group = [self._candidate(**overrides) for _ in range(min(100, count - start))]
            for one in self.spool.put(group, epoch=self.queue.epoch, now=self.time.utcnow()):
                assert one.attestation_id is not None
                made.append(digest_text(one.attestation_id))
        self.shipper.wake.set()
        return made

    def _candidate(self, **overrides: object) -> Candidate:
        number = next(self._count)
        observation = sha256(b"observation %d" % number)
        look = FileSeen("reports", f"report-{number}.xml", 10, number, number, 1, number, sha256(b"%d" % number))

        def seal(link: StreamLink) -> Envelope:
            signing = self.queue.keys.now.signing
            predicate = build.collected(
                self.signer,
                key_id=signing.public.key_id,
                stream=link,
                audience=self.identity.audience,
                collector=self.identity.wire(),
                observation_id=digest_text(observation),
                salt=build.random16(number),
                **overrides,
            )
            return statement.sign(predicates.COLLECTED, build.subjects_of(predicate), predicate, signing)

        return Candidate(observation, look, seal)

    async def run_for(self, seconds: float) -> None:
        """Ship for so long in simulated time."""
        self.shipper.stop.clear()
        self.time.after(seconds, self.shipper.stop.set)
        await asyncio.wait_for(self.shipper.run(), _REAL_SECONDS)

    async def run_until(self, condition: Callable[[], bool], seconds: float = 100_000) -> None:
        """Ship until something holds, looked at every 10 simulated seconds; fails where it never does."""
        self.shipper.stop.clear()
        end = self.time.monotonic() + seconds

        def look() -> None:
            if condition() or self.time.monotonic() >= end:
                self.shipper.stop.set()
            else:
                self.time.after(10, look)

        self.time.after(0, look)
        await asyncio.wait_for(self.shipper.run(), _REAL_SECONDS)
        assert condition(), f"it never came to that; told: {self.told[-5:]}"

    async def drain(self) -> bool:
        """One pass, as `once` makes it."""
        return await asyncio.wait_for(self.shipper.drain(), _REAL_SECONDS)

    def ids(self, state: State) -> list[str]:
        return [digest_text(one.id) for one in self.spool.list(state, limit=100_000)]

    @property
    def pending(self) -> int:
        return self.spool.stats(self.time.utcnow()).pending

    @property
    def delivered(self) -> int:
        return self.spool.stats(self.time.utcnow()).delivered

    @property
    def quarantined(self) -> int:
        return self.spool.stats(self.time.utcnow()).quarantined

    def reasons(self) -> dict[str, str | None]:
        """The reason of each quarantined entry by its id."""
        return {digest_text(one.id): one.reason for one in self.spool.list(State.QUARANTINED, limit=100_000)}

    def events(self, name: str) -> Sequence[Told]:
        return [one for one in self.told if one.event == name]


@asynccontextmanager
async def enrolled_line(
    url: str,
    invitation: str,
    fingerprint: str,
    folder: Path,
    *,
    name: str = "ci-07",
    key: int = build.COLLECTOR_SEED,
    settings: ShipSettings | None = None,
    answer_timeout_seconds: float = 5,
    seed: int = 7,
) -> AsyncIterator[Line]:
    """Enrol at a receiver and open everything that ships."""
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    time, chance, signer = SimulatedTime(), random.Random(seed), build.signer(key)  # noqa: S311 - no secrets here
    async with Client(ClientSettings(url, answer_timeout_seconds=answer_timeout_seconds)) as client:
        enrolled = enrolment.load(folder)
        if enrolled is None:
            believed = pin(await ask_keyring(client, invitation), fingerprint)
            request = enrolment_request(invitation, believed, signer, now=time.utcnow(), random=chance.randbytes)
            enrolled = await enrol(client, invitation, name, believed, signer, request)
            enrolment.save(folder, enrolled)
        identity = Identity(enrolled.audience, enrolled.collector_id, "0.1.0", sha256(b"config"))
        spool = Spool.open(
            folder / "spool.sqlite",
            SpoolSettings(ballast_bytes=4096, busy_seconds=0.1),
            collector_id=enrolled.collector_id,
            new_stream_id=chance.randbytes(16).hex(),
            now=time.utcnow(),
        )
        told: list[Told] = []
        tried: list[float] = []

        def tell(event: str, **facts: object) -> None:
            told.append(Told(event, facts))

        try:

            async def post(path: str, body: bytes, leaving: Sequence[Leaving], /) -> Answer:
                tried.append(time.monotonic())
                return await session.post(path, body, leaving)

            to = destination(url, identity.audience)
            key_path = folder / "key.pem"
            if not key_path.exists():
                write_key(key_path, build.seed(key))
            keys = Keys(choose(key_path, None, spool.rotations()))
            next_keys = random.Random(f"{seed} {spool.head().next_sequence}")  # noqa: S311 - another one at each start
            rotator = Rotator(
                spool, identity, keys, KeyFiles(key_path), build.EPOCH, time.utcnow, next_keys.randbytes, tell
            )
            rotator.tidy()
            queue = Queue(spool, identity, keys, to, build.EPOCH, chance.randbytes, tell, introduced=rotator.introduced)
            session = Session(client, queue.keys, folder, enrolled, queue, utcnow=time.utcnow, monotonic=time.monotonic)
            shipper = Shipper(
                collector_id=enrolled.collector_id,
                own_keys=lambda: queue.keys.now.own,
                settings=settings or ShipSettings(),
                store=queue,
                post=post,
                around=Surroundings(
                    utcnow=time.utcnow,
                    monotonic=time.monotonic,
                    uniform=chance.uniform,
                    new_batch_id=lambda: chance.randbytes(16).hex(),
                    keyring=session.keyring,
                    refresh_keyring=session.refresh_keyring,
                    goes_by_key=session.goes_by_key,
                    tell=tell,
                    wait=time.wait,
                ),
                stop=asyncio.Event(),
                wake=asyncio.Event(),
            )
            yield Line(spool, queue, session, client, shipper, time, identity, signer, told, tried, rotator)
        finally:
            spool.close()
