"""Full batches through a running receiver: sent as collectors do, every receipt checked, load from this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from collector import enrolment
from collector.client import Client, ClientSettings
from collector.clock import utcnow
from collector.enrol import access_request, ask_access
from collector.receipts import Sent, check_receipt
from collector.trust import Enrolled
from shared import dsse
from shared.keyfile import load_key
from shared.keys import Ed25519Signer
from shared.wire import BATCH_PATH, MAX_BATCH_ENTRIES, emit_batch, parse_answer
from tests.bench import raw
from tests.bench.figures import Figure, Sizes, spread
from tests.helpers import build, programs

SENDERS = 3
_WARM_UP = 2


@dataclass
class Sender:
    """One collector: what it holds, and the batches that it made before the clock runs."""

    signer: Ed25519Signer
    enrolled: Enrolled
    batches: list[tuple[str, list[Sent], bytes]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def prepare(self, count: int) -> None:
        """Sign so many full batches, each entry a statement of about 1.5 kB."""
        entries = self._entries(count * MAX_BATCH_ENTRIES)
        for first in range(0, len(entries), MAX_BATCH_ENTRIES):
            sent = entries[first : first + MAX_BATCH_ENTRIES]
            batch_id = secrets.token_hex(16)
            body = emit_batch(self.enrolled.collector_id, batch_id, [one.envelope for one in sent], None)
            self.batches.append((batch_id, sent, body))

    def _entries(self, count: int) -> list[Sent]:
        about = {"id": self.enrolled.collector_id, "version": "0.1.0", "config_digest": build.digest("config")}
        stream_id, made = secrets.token_hex(16), list[Sent]()
        for sequence in range(count):
            envelope = build.collected_envelope(
                self.signer,
                audience=self.enrolled.audience,
                collector=about,
                stream=build.link(sequence, made[-1].id if made else None, id=stream_id),
                observation_id=build.digest(f"observation {stream_id} {sequence}"),
                salt=secrets.token_hex(16),
            )
            made.append(Sent(sequence, envelope.id, envelope.to_bytes()))
        return made

    async def send(self, client: Client, token: str, count: int) -> None:
        """Send the next batches one after the other, and believe nothing but their receipts."""
        for _ in range(count):
            batch_id, sent, body = self.batches.pop(0)
            began = time.perf_counter()
            answer = await client.post(BATCH_PATH, body, token)
            self.seconds.append(time.perf_counter() - began)
            receipt, _ = parse_answer(answer.body)
            settled = check_receipt(self.enrolled.keyring, self.enrolled.collector_id, batch_id, sent, receipt)
            if len(settled.delivered) != len(sent):
                msg = f"only {len(settled.delivered)} of {len(sent)} entries were taken"
                raise RuntimeError(msg)


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figure against the verify rate before and after it."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        with programs.receiver(place / "receiver", place / "log") as receiver:
            senders = [_enrol(place, receiver, number) for number in range(SENDERS)]
            batches = sizes.batches // SENDERS
            for one in senders:
                one.prepare(_WARM_UP + batches)
            size = len(dsse.parse(senders[0].batches[0][1][0].envelope).payload)
            before = raw.verify_rate()
            seconds = asyncio.run(_load(receiver.url, senders, batches))
            verifies = (before + raw.verify_rate()) / 2
    rate = SENDERS * batches * MAX_BATCH_ENTRIES / seconds
    return [
        Figure(
            "ingest of full batches, receipts checked",
            f"{rate:,.0f} entries a second (statements of {size:,} bytes)",
            f"{rate / verifies:.2f} of one core's verify rate ({verifies:,.0f}/s)",
            ">= 0.20",
        ),
        Figure(
            "answer to a full batch",
            spread([took for one in senders for took in one.seconds]),
            f"{SENDERS} senders at once",
        ),
    ]


def _enrol(place: Path, receiver: programs.Receiver, number: int) -> Sender:
    state, name = place / f"collector-{number}", f"bench-{number}"
    told = programs.call(
        "carnet-receiver", "collectors", "invite", "--data", str(place / "receiver"), "--approve", name,
        "--output", "json",
    )  # fmt: skip
    token = json.loads(told)["items"][0]["token"]
    programs.enrol(replace(receiver, printed=receiver.printed | {"enrolToken": token}), state, name)
    enrolled = enrolment.load(state)
    assert enrolled is not None
    return Sender(load_key(state / "key.pem"), enrolled)


async def _load(url: str, senders: list[Sender], batches: int) -> float:
    """Have all of them send at once, each over a connection of its own; gives the seconds that it took."""
    async with contextlib.AsyncExitStack() as stack:
        lines = []
        for one in senders:
            client = await stack.enter_async_context(Client(ClientSettings(url)))
            about = (one.enrolled.collector_id, one.enrolled.audience, one.signer)
            request = access_request(*about, now=utcnow(), random=secrets.token_bytes)
            token = await ask_access(client, one.enrolled.collector_id, request)
            await one.send(client, token, _WARM_UP)
            one.seconds.clear()
            lines.append((one, client, token))
        began = time.perf_counter()
        await asyncio.gather(*(one.send(client, token, batches) for one, client, token in lines))
        return time.perf_counter() - began
