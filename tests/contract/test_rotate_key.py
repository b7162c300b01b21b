"""A collector's key is turned over, against the simulator and the real receiver: nothing lost, held or refused."""

import itertools
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.leaving import Kind, Outcome
from collector.ship import ShipSettings
from collector.spool import FORKED, State
from shared.encoding import digest_text
from shared.errors import StateError
from shared.keyfile import load_key
from tests.fakes.faults import lose_reply
from tests.fakes.line import Line, enrolled_line
from tests.fakes.receiver import ReceiverSimulator
from tests.fakes.time import SimulatedTime
from tests.helpers import programs

INVITED = 12
_STARTS = itertools.count(1)
"""No two starts draw the same batch ids."""


@dataclass(frozen=True)
class Place:
    """A receiver, an invitation to it, and the collector's folder; opened again, it is the next start."""

    url: str
    invitation: str
    name: str
    fingerprint: str
    key: int
    folder: Path

    def line(self, settings: ShipSettings | None = None) -> AbstractAsyncContextManager[Line]:
        about = (self.url, self.invitation, self.fingerprint, self.folder)
        return enrolled_line(*about, name=self.name, key=self.key, seed=next(_STARTS), settings=settings)


@pytest.fixture(scope="module")
def invitations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[tuple[str, str, str, str]]]:
    """The real receiver as a process: its url, its root, a name and an invitation, one after the other."""
    data = tmp_path_factory.mktemp("receiver") / "data"
    with programs.receiver(data, data.with_suffix(".log")) as real:
        names = [f"ci-{number}" for number in range(INVITED)]
        said = programs.call(
            "carnet-receiver", "collectors", "invite", "--approve", "--data", str(data), "--output", "json", *names
        )
        items = json.loads(said)["items"]
        yield ((real.url, real.printed["rootKey"], one["name"], one["token"]) for one in items)


@pytest.fixture
async def simulator() -> AsyncIterator[ReceiverSimulator]:
    async with ReceiverSimulator(SimulatedTime().monotonic) as found:
        yield found
        assert found.objections == []


@pytest.fixture(params=["simulator", "real"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    folder = tmp_path / "state"
    if request.param == "simulator":
        return at_simulator(request.getfixturevalue("simulator"), folder)
    url, fingerprint, name, token = next(request.getfixturevalue("invitations"))
    return Place(url, token, name, fingerprint, 7_000 + int(name.removeprefix("ci-")), folder)


def at_simulator(simulator: ReceiverSimulator, folder: Path) -> Place:
    return Place(simulator.url, simulator.invite("ci-07"), "ci-07", simulator.fingerprint, 4_711, folder)


def all_good(line: Line, ids: list[str]) -> None:
    """Everything was taken as it was signed: nothing refused, nothing held, nothing left."""
    assert set(ids) <= set(line.ids(State.DELIVERED))
    assert (line.pending, line.quarantined) == (0, 0)
    said = {one.outcome for one in line.spool.departures() if one.what.kind in {Kind.COLLECTED, Kind.KEY_ROTATION}}
    assert said <= {Outcome.ACCEPTED, Outcome.DUPLICATE}


async def test_f43_entries_on_both_sides_of_a_rotation_are_delivered_and_the_old_key_ends(place: Place) -> None:
    async with place.line() as line:
        ids = line.put(3)
        done = line.rotator.rotate()
        ids += line.put(150)
        await line.run_for(5)
        all_good(line, ids)
        assert done.place == 3
        assert line.spool.contiguous() == 153
        assert load_key(place.folder / "key.pem").public == done.new
        assert {path.name for path in place.folder.glob("key*")} == {"key.pem"}


async def test_f43_a_rotation_while_batches_go_out_loses_nothing_and_access_is_asked_with_the_new_key(
    place: Place,
) -> None:
    async with place.line(ShipSettings(heartbeat_seconds=900)) as line:
        ids = line.put(5)
        await line.run_for(5)
        for _ in range(3):
            line.rotator.rotate()
            ids += line.put(5)
            await line.run_for(5_000)  # longer than a token lives
        all_good(line, ids)
        assert line.events("not_let_in") == []


async def test_f43_rotated_offline_and_restarted_the_collector_introduces_its_keys_first(place: Place) -> None:
    async with place.line() as line:
        ids = line.put(2)
        await line.run_for(5)
    async with place.line() as line:
        ids += line.put(2)
        line.rotator.rotate()
        ids += line.put(2)
        last = line.rotator.rotate()
        ids += line.put(2)
    async with place.line() as line:
        await line.run_for(5)
        all_good(line, ids)
        assert load_key(place.folder / "key.pem").public == last.new
    async with place.line() as line:
        ids += line.put(1)
        await line.run_for(5)
        all_good(line, ids)
        rotations = [one for one in line.spool.departures() if one.what.kind is Kind.KEY_ROTATION]
        assert [one.outcome for one in rotations] == [Outcome.DUPLICATE] * 2, "told again at a start"


async def test_a_rotation_is_drained_in_one_pass(place: Place) -> None:
    async with place.line() as line:
        ids = line.put(1)
        line.rotator.rotate()
        ids += line.put(1)
        assert await line.drain()
        all_good(line, ids)


async def test_where_the_receipt_for_a_rotation_was_lost_the_new_key_gets_in_all_the_same(
    simulator: ReceiverSimulator, tmp_path: Path
) -> None:
    place = at_simulator(simulator, tmp_path / "state")
    async with place.line() as line:
        ids = line.put(1)
        await line.run_for(5)
        line.rotator.rotate()
        ids += line.put(1)
        simulator.next(lose_reply())
        await line.run_for(5)
    simulator.tokens.clear()
    async with place.line() as line:
        await line.run_for(500)
        all_good(line, ids)
        assert line.queue.keys.now.older == ()


async def test_a_refused_rotation_keeps_what_stands_behind_it_and_what_stands_before_it_goes_on(
    simulator: ReceiverSimulator, tmp_path: Path
) -> None:
    place = at_simulator(simulator, tmp_path / "state")
    async with place.line() as line:
        before = line.put(2)
        done = line.rotator.rotate()
        behind = line.put(2)
        rotation = "sha256:" + done.id.hex()
        simulator.refused[rotation] = "malformed_statement"
        await line.run_for(1_000)
        assert line.ids(State.DELIVERED) == before
        assert line.ids(State.PENDING) == behind
        assert line.ids(State.QUARANTINED) == [rotation]
        assert line.shipper.shipped.heartbeats > 0, "signed with the key that the receiver knows"
        assert 0 < len(line.events("rotation_not_taken")) < 20, "tried again, slowly"
        assert load_key(place.folder / "key.pem").public == done.old

        del simulator.refused[rotation]
        line.spool.retry(done.place)
        await line.run_for(1_000)
        all_good(line, [*before, *behind])


async def test_after_an_unknown_key_the_rotations_are_sent_once_more(
    simulator: ReceiverSimulator, tmp_path: Path
) -> None:
    place = at_simulator(simulator, tmp_path / "state")
    async with place.line() as line:
        line.rotator.rotate()
        await line.run_for(5)
        ids = line.put(1)
        simulator.refused[ids[0]] = "unknown_key"
        await line.run_for(5)
        sent = [call for call in simulator.batch_calls() if len(call.entries()[0].signatures) == 2]
        assert len(sent) == 2
        assert line.ids(State.PENDING) == ids
        simulator.refused.clear()
        await line.run_for(500)
        all_good(line, ids)


@pytest.mark.parametrize("since", [0, 2, 3], ids=["before the rotation", "from it on", "behind it"])
async def test_asked_again_over_a_rotation_on_an_idle_host_the_rotation_goes_first_and_the_rest_follows(
    simulator: ReceiverSimulator, tmp_path: Path, since: int
) -> None:
    place = at_simulator(simulator, tmp_path / "state")
    async with place.line() as line:
        before = line.put(2)
        await line.run_for(5)
        done = line.rotator.rotate()
        behind = line.put(2)
        await line.run_for(5)
        all_good(line, [*before, *behind])
        sent = len(simulator.batch_calls())
        simulator.asks = [{"kind": "resend", "since_sequence": since}]
        await line.run_for(1_000)
        again = [one for call in simulator.batch_calls()[sent:] for one in call.ids()]
        rotation = digest_text(done.id)
        left = [*before, *behind] if since == 0 else behind
        assert again == ([rotation] if since <= done.place else []) + left
        all_good(line, [*before, *behind, rotation])
        assert simulator.accepted == [*before, rotation, *behind]
        assert load_key(place.folder / "key.pem").public == done.new


async def test_a_rotation_of_a_forked_stream_does_not_lock_its_host_out_of_the_real_receiver(
    invitations: Iterator[tuple[str, str, str, str]], tmp_path: Path
) -> None:
    url, fingerprint, name, token = next(invitations)
    place = Place(url, token, name, fingerprint, 7_000 + int(name.removeprefix("ci-")), tmp_path / "state")
    async with place.line() as line:
        line.put(2)
        await line.run_for(5)
    shutil.copytree(place.folder, tmp_path / "clone")
    async with replace(place, folder=tmp_path / "clone").line() as clone:
        clone.put(1, observed_at=clone.time.utcnow() + timedelta(hours=1))
        await clone.run_for(5)
    async with place.line() as line:
        done = line.rotator.rotate()
        ids = line.put(1)
        await line.run_for(5)
        assert [one.held for one in line.spool.rotations()] == [True]
        assert [one.name for one in line.spool.alarms()] == [FORKED]
    async with place.line() as line:  # another start asks for access anew
        ids += line.put(1)
        await line.run_for(1_000)
        assert set(ids) <= set(line.ids(State.DELIVERED)), "held is delivered"
        assert line.shipper.shipped.heartbeats > 0
        assert load_key(place.folder / "key.pem").public == done.old
        with pytest.raises(StateError, match="holds the rotation"):
            line.rotator.rotate()
