"""A receiver that holds a rotation does not go by the new key: the host keeps the old one, is heard on, and says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.keyfiles import new_path
from collector.keys import Rotation, standing_wrong
from collector.ship import ShipSettings
from collector.spool import FORKED, State
from shared.encoding import digest_text
from shared.errors import StateError
from shared.keyfile import load_key
from shared.requests import Outcome
from tests.fakes.faults import lose_reply, refuse
from tests.fakes.line import Line
from tests.fakes.simulated import Pair, pair
from tests.helpers import build

HOUR = 3_600


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Pair]:
    async with pair(tmp_path / "state", ShipSettings(heartbeat_seconds=600)) as made:
        yield made


def turn(both: Pair, code: str | None = "forked") -> Rotation:
    """Rotate; the receiver will hold the rotation for this reason."""
    done = both.line.rotator.rotate()
    if code is not None:
        both.receiver.held[digest_text(done.id)] = code
    both.line.shipper.wake.set()
    return done


def old_key_is_there(line: Line, folder: Path, done: Rotation) -> None:
    assert load_key(folder / "key.pem").public == done.old
    assert load_key(new_path(folder / "key.pem", done.new.key_id)).public == done.new
    assert line.queue.keys.now.introduced.public == done.old
    assert line.queue.keys.now.rotation_held


def beats(both: Pair) -> int:
    return len(both.receiver.collectors[build.COLLECTOR_ID].said)


async def test_a_held_rotation_introduces_nothing_and_the_host_is_let_in_and_heard_with_the_old_key(
    both: Pair, tmp_path: Path
) -> None:
    ids = both.line.put(2)
    await both.line.run_for(5)
    done = turn(both)
    ids += both.line.put(2)
    await both.line.run_for(5)
    old_key_is_there(both.line, tmp_path / "state", done)
    before = beats(both)
    await both.line.run_for(3 * HOUR)  # longer than a token lives
    old_key_is_there(both.line, tmp_path / "state", done)
    assert beats(both) - before > 12
    assert both.line.events("not_let_in") == []
    assert set(ids) <= set(both.line.ids(State.DELIVERED)), "held is delivered: the receiver has it"
    assert both.line.pending == 0
    assert [one.held for one in both.line.spool.rotations()] == [True]


async def test_a_held_rotation_is_said_and_asked_about_again_but_not_often(both: Pair) -> None:
    done = turn(both)
    await both.line.run_for(3 * HOUR)
    told = both.line.events("rotation_held")
    assert told[0].facts == {"sequences": [done.place], "codes": ["forked"]}
    assert 3 <= len(told) <= 5
    (wrong,) = standing_wrong(both.line.queue.keys.now, None, build.NOW)
    assert done.new.key_id in wrong
    assert "enrol this host anew" in wrong
    both.line.shipper.stop.clear()
    assert await both.line.drain(), "nothing waits for it"


async def test_while_the_last_rotation_is_held_no_other_key_is_made_whoever_asks(both: Pair, tmp_path: Path) -> None:
    turn(both, "key_retired")

    def rotate(_: object) -> None:
        both.line.rotator.rotate()

    both.line.queue.asked.rotate = rotate
    both.receiver.asks = [{"kind": "rotate-key", "before": build.NOW}]
    await both.line.run_for(HOUR)
    with pytest.raises(StateError, match="holds the rotation"):
        both.line.rotator.rotate()
    (asked,) = both.line.spool.asked()
    assert asked.outcome is Outcome.PUT_OFF
    assert len(both.line.spool.rotations()) == 1
    assert len(list((tmp_path / "state").glob("key*"))) == 2


async def test_while_the_stream_is_forked_no_key_is_made_until_a_person_has_seen_to_it(both: Pair) -> None:
    (entry, *_) = both.line.put(2)
    both.receiver.held[entry] = "forked"
    await both.line.run_for(5)
    (alarm,) = both.line.spool.alarms()
    assert (alarm.name, "ours at 0" in alarm.detail) == (FORKED, True)
    with pytest.raises(StateError, match="forked") as refused:
        both.line.rotator.rotate()
    assert refused.value.hint is not None
    assert f"clear-alarm {alarm.number}" in refused.value.hint
    assert both.line.spool.rotations() == []
    both.line.spool.clear_alarm(alarm.number)
    assert both.line.rotator.rotate().place == 2


async def test_other_reasons_to_hold_raise_no_alarm_about_a_fork(both: Pair) -> None:
    (entry,) = both.line.put(1)
    both.receiver.held[entry] = "not_understood"
    await both.line.run_for(5)
    assert both.line.spool.alarms() == []
    assert [one.facts["codes"] for one in both.line.events("entries_held")] == [["not_understood"]]


async def test_a_duplicate_of_a_held_rotation_does_not_end_the_old_key(both: Pair, tmp_path: Path) -> None:
    await both.line.run_for(5)
    both.receiver.next(lose_reply(), lose_reply())
    done = turn(both)
    behind = both.line.put(1)
    await both.line.run_for(HOUR)
    old_key_is_there(both.line, tmp_path / "state", done)
    assert both.line.events("rotation_held")[0].facts["codes"] == ["duplicate"]
    assert set(behind) <= set(both.line.ids(State.DELIVERED))


async def test_a_duplicate_is_taken_for_good_once_the_new_key_is_given_access(both: Pair, tmp_path: Path) -> None:
    await both.line.run_for(5)
    both.receiver.next(lose_reply(), lose_reply())
    done = turn(both, None)
    await both.line.run_for(2_000)
    assert load_key(tmp_path / "state" / "key.pem").public == done.new
    assert [one.introduced for one in both.line.spool.rotations()] == [True]


async def test_as_long_as_nobody_says_whether_the_new_key_is_good_nothing_is_settled(
    both: Pair, tmp_path: Path
) -> None:
    await both.line.run_for(5)
    both.receiver.next(lose_reply(), lose_reply())
    done = turn(both, None)
    await both.line.run_for(1)
    both.receiver.next(*[refuse(503)] * 3, on=lambda call: call.path.endswith("/access"))
    await both.line.run_for(1_000)
    assert load_key(tmp_path / "state" / "key.pem").public == done.old
    assert [one.delivered for one in both.line.spool.rotations()] == [False]
    both.receiver.faults.clear()
    await both.line.run_for(1_000)
    assert load_key(tmp_path / "state" / "key.pem").public == done.new


async def test_what_was_held_counts_after_all_once_the_receiver_goes_by_the_new_key(both: Pair, tmp_path: Path) -> None:
    done = turn(both)
    await both.line.run_for(5)
    known = both.receiver.collectors[build.COLLECTOR_ID]
    known.retired[known.key.key_id] = (known.key, both.line.queue.stream_id, done.place)
    known.key = known.revoked.pop(done.new.key_id)
    await both.line.run_until(lambda: not both.line.queue.keys.now.rotation_held, 3 * HOUR)
    assert load_key(tmp_path / "state" / "key.pem").public == done.new
    assert {one.name for one in (tmp_path / "state").glob("key*")} == {"key.pem"}
