"""What a collector and a receiver promise each other, run against the simulator and against the real receiver alike."""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.client import Client, ClientSettings
from collector.enrol import access_request, ask_access, ask_keyring, enrol
from collector.enrolling import enrolment_request, pin
from collector.spool import State
from collector.trust import Enrolled
from shared import dsse, wire
from shared.errors import MalformedError, StateError, UntrustedError
from shared.keys import Ed25519Signer
from tests.fakes.line import Line, enrolled_line
from tests.fakes.receiver import ReceiverSimulator
from tests.fakes.time import SimulatedTime
from tests.helpers import build

START_SECONDS = 60
INVITED = 40


@dataclass(frozen=True)
class Handle:
    """A receiver that serves: where, an invitation for a name, the root's fingerprint, a key that nobody knows."""

    url: str
    invitation: str
    name: str
    fingerprint: str
    key: int


@pytest.fixture(scope="module")
def real_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Handle]]:
    """The real receiver as a process of its own, and invitations to it for one collector after the other."""
    program = Path(sys.executable).with_name("carnet-receiver")
    data = tmp_path_factory.mktemp("receiver") / "data"
    process = subprocess.Popen(
        [program, "quickstart", "--data", data, "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        said = json.loads(first_line(process))
        names = [f"ci-{number}" for number in range(INVITED)]
        invite = [str(program), "collectors", "invite", "--approve", "--data", str(data), "--output", "json", *names]
        invited = json.loads(subprocess.run(invite, stdout=subprocess.PIPE, check=True, timeout=START_SECONDS).stdout)
        yield (
            Handle(said["url"], one["token"], one["name"], said["rootKey"], 5_000 + number)
            for number, one in enumerate(invited["items"])
        )
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(START_SECONDS), "the receiver says nothing"
    return process.stdout.readline()


@pytest.fixture(params=["simulator", "real"])
async def handle(request: pytest.FixtureRequest) -> AsyncIterator[Handle]:
    if request.param == "simulator":
        async with ReceiverSimulator(SimulatedTime().monotonic) as simulator:
            yield Handle(simulator.url, simulator.invite("ci-07"), "ci-07", simulator.fingerprint, 4_711)
    else:
        yield next(request.getfixturevalue("real_receiver"))


@asynccontextmanager
async def opened(handle: Handle, folder: Path) -> AsyncIterator[Line]:
    async with enrolled_line(
        handle.url,
        handle.invitation,
        handle.fingerprint,
        folder,
        name=handle.name,
        key=handle.key,
        seed=handle.key,
    ) as line:
        yield line


async def test_everything_captured_is_delivered_in_order_under_believed_receipts(
    handle: Handle, tmp_path: Path
) -> None:
    async with opened(handle, tmp_path / "state") as line:
        ids = line.put(230)
        await line.run_for(5)
        assert line.told == []
        assert line.ids(State.DELIVERED) == ids
        assert (line.pending, line.quarantined) == (0, 0)
        assert line.shipper.shipped.batches == 3
        assert line.spool.contiguous() == 229


async def test_heartbeats_alone_are_receipted_for_as_long_as_nothing_happens(handle: Handle, tmp_path: Path) -> None:
    async with opened(handle, tmp_path / "state") as line:
        await line.run_for(1_000)
        assert line.shipper.shipped.heartbeats >= 7
        assert line.shipper.shipped.failures == 0
        line.put(1)
        await line.run_for(500)
        assert line.shipper.shipped.heartbeats >= 10
        assert line.delivered == 1
        assert line.told == []


async def test_what_is_sent_twice_is_a_duplicate_and_delivered(handle: Handle, tmp_path: Path) -> None:
    async with opened(handle, tmp_path / "state") as line:
        ids = line.put(5)
        entries = [one.envelope for one in line.spool.head_entries(10, 1 << 20)]
        body = wire.emit_batch(line.identity.collector_id, "by-hand", entries, None)
        answer = await line.session.post(wire.BATCH_PATH, body, [])
        _, results = wire.parse_answer(answer.body)
        assert [one.status for one in results] == ["accepted"] * 5

        await line.run_for(1)
        assert line.ids(State.DELIVERED) == ids


async def test_the_same_batch_id_with_the_same_entries_gets_the_same_answer_byte_for_byte(
    handle: Handle, tmp_path: Path
) -> None:
    async with opened(handle, tmp_path / "state") as line:
        line.put(3)
        entries = [one.envelope for one in line.spool.head_entries(10, 1 << 20)]
        body = wire.emit_batch(line.identity.collector_id, "again", entries, None)
        first = await line.session.post(wire.BATCH_PATH, body, [])
        second = await line.session.post(wire.BATCH_PATH, body, [])
        assert first.body == second.body

        other = wire.emit_batch(line.identity.collector_id, "again", entries[:2], None)
        with pytest.raises(MalformedError):
            await line.session.post(wire.BATCH_PATH, other, [])


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_of_none_or_too_many_is_refused_as_malformed(handle: Handle, tmp_path: Path, count: int) -> None:
    async with opened(handle, tmp_path / "state") as line:
        line.put(1)
        [entry] = line.spool.head_entries(1, 1 << 20)
        body = wire.emit_batch(line.identity.collector_id, "size", [entry.envelope] * count, None)
        with pytest.raises(MalformedError):
            await line.session.post(wire.BATCH_PATH, body, [])


async def test_a_batch_for_another_collector_is_not_let_in(handle: Handle, tmp_path: Path) -> None:
    async with opened(handle, tmp_path / "state") as line:
        line.put(1)
        [entry] = line.spool.head_entries(1, 1 << 20)
        body = wire.emit_batch("col_somebody_else", "theirs", [entry.envelope], None)
        with pytest.raises((UntrustedError, StateError)):
            await line.session.post(wire.BATCH_PATH, body, [])


async def test_an_entry_signed_by_a_stranger_is_quarantined_and_its_neighbour_delivered(
    handle: Handle, tmp_path: Path
) -> None:
    async with opened(handle, tmp_path / "state") as line:
        line.put(1)
        [entry] = line.spool.head_entries(1, 1 << 20)
        forged = bytearray(dsse.parse(entry.envelope).payload)
        forged[-3:-2] = b" "
        bad = dsse.Envelope(bytes(forged), dsse.parse(entry.envelope).signatures)
        body = wire.emit_batch(line.identity.collector_id, "mixed", [bad.to_bytes(), entry.envelope], None)
        answer = await line.session.post(wire.BATCH_PATH, body, [])
        _, results = wire.parse_answer(answer.body)
        assert [(one.status, one.code) for one in results] == [("refused", "bad_signature"), ("accepted", None)]
        assert answer.status == 207


async def test_a_heartbeat_that_does_not_count_up_is_a_conflict(handle: Handle, tmp_path: Path) -> None:
    async with opened(handle, tmp_path / "state") as line:
        beat = line.queue.heartbeat(line.time.utcnow()).envelope
        body = b'{"collectorId":"%b","heartbeat":%b}' % (line.identity.collector_id.encode(), beat)
        await line.session.post(wire.HEARTBEAT_PATH, body, [])
        with pytest.raises(StateError):
            await line.session.post(wire.HEARTBEAT_PATH, body, [])


async def test_access_is_given_to_the_key_alone(handle: Handle, tmp_path: Path) -> None:
    async with opened(handle, tmp_path / "state") as line:
        who, now = (line.identity.collector_id, line.identity.audience), line.time.utcnow()
        request = access_request(*who, line.signer, now=now, random=os.urandom)
        token = await ask_access(line.client, line.identity.collector_id, request)
        assert token.startswith("ca_hour_")
        strange = access_request(*who, build.signer(handle.key + 200_000), now=now, random=os.urandom)
        with pytest.raises(UntrustedError):
            await ask_access(line.client, line.identity.collector_id, strange)
        with pytest.raises(UntrustedError):
            await line.client.post(wire.BATCH_PATH, b"{}", "ca_hour_made_up")


async def test_the_same_key_may_ask_again_with_its_invitation_and_another_may_not(
    handle: Handle, tmp_path: Path
) -> None:
    async with opened(handle, tmp_path / "state") as line, Client(ClientSettings(handle.url)) as client:
        believed = pin(await ask_keyring(client, handle.invitation), handle.fingerprint)

        async def ask(signer: Ed25519Signer) -> Enrolled:
            request = enrolment_request(handle.invitation, believed, signer, now=build.NOW, random=os.urandom)
            return await enrol(client, handle.invitation, handle.name, believed, signer, request)

        assert (await ask(line.signer)).collector_id == line.identity.collector_id
        with pytest.raises((StateError, UntrustedError)):
            await ask(build.signer(handle.key + 100_000))
