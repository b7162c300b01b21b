"""One pass that nobody heard is not done, also where nothing but a heartbeat was due; and it says what kept it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.wire import ACCESS_PATH, HEARTBEAT_PATH
from tests.fakes import faults
from tests.fakes.line import enrolled_line
from tests.fakes.receiver import Fault, ReceiverSimulator
from tests.fakes.time import SimulatedTime
from tests.helpers import build

ACCESS = ACCESS_PATH.format(collector_id=build.COLLECTOR_ID)


def unknown(code: str) -> Fault:
    body = json.dumps({"type": "about:blank", "status": 401, "code": code, "detail": "no"}).encode()
    return faults.refuse(401, body)


@pytest.mark.parametrize(
    ("path", "fault", "let_in"),
    [
        (HEARTBEAT_PATH, faults.cut(), True),
        (HEARTBEAT_PATH, faults.refuse(503), True),
        (HEARTBEAT_PATH, faults.refuse(409), True),
        (ACCESS, unknown("unauthorized"), False),
        (ACCESS, unknown("unknown_key"), False),
    ],
    ids=["cut", "busy", "conflict", "no access", "no such key"],
)
async def test_a_pass_without_entries_that_nobody_heard_is_not_done(
    tmp_path: Path,
    path: str,
    fault: Fault,
    let_in: bool,  # noqa: FBT001
) -> None:
    async with ReceiverSimulator(SimulatedTime().monotonic) as simulator:
        about = (simulator.url, simulator.invite("ci-07"), simulator.fingerprint, tmp_path / "state")
        async with enrolled_line(*about) as line:
            simulator.next(*[fault] * 30, on=lambda call: call.path == path)
            assert not await line.drain()
            assert line.shipper.shipped.let_in is let_in
            simulator.faults.clear()
            assert await line.drain()
            assert line.shipper.shipped.let_in
