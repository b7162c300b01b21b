"""R12: what a refusal does to an entry, a batch and its neighbours: by receipt, by status, by silence."""

import itertools
from pathlib import Path

import pytest

from collector.ship import ShipSettings
from collector.spool import State
from shared.errors import HELD_CODES, REFUSED_CODES, Code
from tests.fakes import faults
from tests.fakes.receiver import Fault
from tests.fakes.simulated import Pair, pair

QUARANTINING = sorted(REFUSED_CODES - {Code.UNKNOWN_KEY})
POSITIONS = (0, 1, 49, 98, 99)


async def connect(both: Pair) -> None:
    """Let the first heartbeat be receipted, so that what follows meets a receiver that is known to be there."""
    await both.line.run_for(1)
    assert both.line.shipper.shipped.reachable is True
    both.receiver.calls.clear()


@pytest.mark.parametrize("code", QUARANTINING)
async def test_an_entry_refused_in_a_receipt_is_quarantined_with_its_reason_and_its_99_neighbours_delivered(
    tmp_path: Path, code: Code
) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(100)
        poison = {ids[position]: code.value for position in POSITIONS}
        both.receiver.refused = poison
        await both.line.run_for(1)

        assert both.line.reasons() == poison
        assert both.line.ids(State.DELIVERED) == [one for one in ids if one not in poison]
        assert len(both.receiver.batch_calls()) == 1
        assert {str(told.facts["code"]) for told in both.line.events("entry_quarantined")} == {code.value}


@pytest.mark.parametrize("position", POSITIONS)
async def test_a_single_refused_entry_is_quarantined_at_any_position_with_words_and_bytes_kept(
    tmp_path: Path, position: int
) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(100)
        both.receiver.refused = {ids[position]: Code.OUTSIDE_LIMITS.value}
        await both.line.run_for(1)

        shown = both.line.spool.show(position)
        assert (shown.entry.state, shown.entry.reason) == (State.QUARANTINED, "outside_limits")
        assert shown.entry.detail == "outside_limits, said in words"
        assert shown.envelope is not None
        assert shown.receipt is not None
        assert both.line.delivered == 99


@pytest.mark.parametrize("code", sorted(HELD_CODES))
async def test_what_is_held_counts_as_delivered(tmp_path: Path, code: Code) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(3)
        both.receiver.held = {ids[1]: code.value}
        await both.line.run_for(1)
        assert both.line.ids(State.DELIVERED) == ids


async def test_an_entry_under_a_key_unknown_to_the_receiver_stays_pending_and_holds_nobody_up(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(100)
        both.receiver.refused = {ids[10]: Code.UNKNOWN_KEY.value}
        await both.line.run_for(30)
        assert both.line.ids(State.PENDING) == [ids[10]]
        assert both.line.delivered == 99
        assert len(both.receiver.batch_calls()) == 1
        assert both.line.events("key_unknown_to_receiver")

        both.receiver.refused = {}
        await both.line.run_for(60)
        assert both.line.delivered == 100


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("position", POSITIONS)
async def test_a_poisoned_entry_that_no_receipt_names_is_put_back_and_its_neighbours_are_delivered_at_once(
    tmp_path: Path, status: int, position: int
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(100)
        both.receiver.always = faults.refuse_with({ids[position]}, status)
        await both.line.run_for(50)

        assert both.line.ids(State.PENDING) == [ids[position]]
        assert sorted(both.line.ids(State.DELIVERED)) == sorted(one for one in ids if one != ids[position])
        assert both.line.quarantined == 0
        assert len(both.receiver.batch_calls()) <= 40
        entry = both.line.spool.show(position).entry
        assert entry.answer is not None
        assert str(status) in entry.answer


async def test_what_was_put_back_is_tried_again_after_a_minute_then_ever_more_rarely_up_to_an_hour(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        [poison] = both.line.put(1)
        both.receiver.always = faults.refuse_with({poison}, 413)
        await both.line.run_for(5 * 3_600)

        moments = [call.at for call in both.receiver.batch_calls()]
        between = [round(later - before) for before, later in itertools.pairwise(moments)]
        assert between[:8] == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
        assert both.line.ids(State.PENDING) == [poison]

        both.receiver.always = None
        await both.line.run_for(3_600)
        assert both.line.ids(State.DELIVERED) == [poison]


@pytest.mark.parametrize("largest", [1, 2, 7, 33, 64, 99])
async def test_a_limit_of_somebody_on_the_way_is_found_and_everything_arrives_in_order(
    tmp_path: Path, largest: int
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(120)
        both.receiver.always = faults.refuse_larger_than(largest)
        await both.line.run_for(60)

        assert both.receiver.accepted == ids
        assert both.line.ids(State.DELIVERED) == ids
        assert both.line.quarantined == 0


async def test_where_everything_is_refused_nothing_is_quarantined_and_nobody_is_stormed(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(300)
        both.receiver.always = faults.refuse(413)
        await both.line.run_for(3_600)

        assert both.line.ids(State.PENDING) == ids
        assert len(both.receiver.calls) < 400

        both.receiver.always = None
        await both.line.run_for(3_700)
        assert sorted(both.line.ids(State.DELIVERED)) == sorted(ids)


@pytest.mark.parametrize("status", [401, 403, 404, 409])
async def test_a_whole_request_that_is_not_let_in_stays_pending_slow_and_loud(tmp_path: Path, status: int) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(10)
        both.receiver.always = faults.refuse(status)
        await both.line.run_for(3_600)

        assert both.line.ids(State.PENDING) == ids
        assert both.line.quarantined == 0
        assert both.line.events("not_let_in")
        assert len(both.receiver.calls) <= 3_600 / 96 * 4
        assert str(status) in str(both.line.shipper.shipped.last_error)

        both.receiver.always = None
        await both.line.run_for(145)
        assert both.line.ids(State.DELIVERED) == ids


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.refuse(429), id="429"),
        pytest.param(faults.refuse(429, headers={"Retry-After": "7"}), id="429 with a wait"),
        pytest.param(faults.refuse(500), id="500"),
        pytest.param(faults.refuse(500, b"<html>oops</html>", content_type="text/html"), id="500 in html"),
        pytest.param(faults.refuse(502), id="502"),
        pytest.param(faults.refuse(503), id="503"),
        pytest.param(faults.refuse(503, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}), id="503 and a date"),
        pytest.param(faults.refuse(504), id="504"),
        pytest.param(faults.refuse(408), id="408"),
        pytest.param(faults.refuse(418), id="418"),
        pytest.param(faults.refuse(301, headers={"Location": "http://127.0.0.1:1/"}), id="301"),
        pytest.param(faults.cut(), id="reset"),
        pytest.param(faults.lose_reply(), id="lost reply"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
async def test_what_passes_leaves_everything_pending_until_it_has_passed(
    tmp_path: Path, fault: Fault, times: int
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(120)
        both.receiver.next(*[fault] * times)
        await both.line.run_for(600)

        assert both.line.ids(State.DELIVERED) == ids
        assert both.receiver.accepted == ids
        assert both.line.quarantined == 0


@pytest.mark.parametrize("status", [500, 503])
async def test_an_entry_on_which_the_receiver_stumbles_does_not_block_the_others(tmp_path: Path, status: int) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(20)
        both.receiver.always = faults.refuse_with({ids[5]}, status)
        await both.line.run_until(lambda: both.line.delivered == 19, 3 * 3_600)
        assert both.line.ids(State.PENDING) == [ids[5]]


async def test_an_entry_on_which_connections_break_does_not_block_the_others(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        ids = both.line.put(20)
        both.receiver.always = faults.cut_batches_with({ids[0]})
        await both.line.run_until(lambda: both.line.delivered == 19, 3 * 3_600)
        assert both.line.ids(State.PENDING) == [ids[0]]


async def test_a_receiver_that_was_restored_gets_again_what_it_lost(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(10)
        await both.line.run_for(1)
        assert both.line.delivered == 10
        [places] = both.receiver.collectors[both.line.identity.collector_id].places.values()
        for sequence in range(4, 10):
            both.receiver.accepted.remove(places.pop(sequence))
        await both.line.run_for(200)

        assert both.line.events("receiver_lost_entries")
        assert both.receiver.accepted == ids
        assert both.line.ids(State.DELIVERED) == ids


async def test_a_damaged_entry_is_never_sent_and_its_neighbours_are(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(5)
        flip_a_bit(both, 2)
        await both.line.run_for(1)

        assert both.line.ids(State.DELIVERED) == [ids[0], ids[1], ids[3], ids[4]]
        assert both.line.reasons() == {ids[2]: "bad_signature"}
        assert [told.facts["sequence"] for told in both.line.events("entry_damaged")] == [2]
        sent = [one for call in both.receiver.batch_calls() for one in call.ids()]
        assert ids[2] not in sent
        assert len(sent) == 4


async def test_entries_whose_bytes_changed_places_are_never_sent_though_each_verifies_by_itself(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        ids = both.line.put(4)
        exchange_bytes(both, 1, 2)
        await both.line.run_for(1)
        assert both.line.ids(State.DELIVERED) == [ids[0], ids[3]]
        assert both.line.reasons() == {ids[1]: "bad_signature", ids[2]: "bad_signature"}


async def test_a_whole_head_of_damaged_entries_is_taken_out_and_what_stands_behind_is_sent(tmp_path: Path) -> None:
    async with pair(tmp_path / "state", ShipSettings(max_entries=2)) as both:
        ids = both.line.put(7)
        for sequence in range(6):
            flip_a_bit(both, sequence)
        await both.line.run_for(1)
        assert both.line.ids(State.DELIVERED) == [ids[6]]
        assert both.line.quarantined == 6


async def test_an_entry_that_a_person_dropped_while_it_was_put_back_is_forgotten_without_a_busy_loop(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path / "state") as both:
        await connect(both)
        [poison] = both.line.put(1)
        both.receiver.always = faults.refuse_with({poison}, 413)
        await both.line.run_for(10)
        both.line.spool.drop(0, "made by mistake", "ops", both.line.time.utcnow())
        both.line.time.waits.clear()
        await both.line.run_for(3_600)
        assert len(both.line.time.waits) <= 3_600 / 96 + 3
        assert min(both.line.time.waits) > 1


def exchange_bytes(both: Pair, one: int, other: int) -> None:
    """Give each of two entries the envelope of the other one."""

    def act(connection: object) -> None:
        execute = connection.execute  # type: ignore[attr-defined]
        found = [execute("SELECT bytes FROM envelope WHERE sequence = ?", (n,)).fetchone()[0] for n in (one, other)]
        for sequence, data in zip((other, one), found, strict=True):
            execute("UPDATE envelope SET bytes = ? WHERE sequence = ?", (data, sequence))

    both.line.spool._database.write(act)  # noqa: SLF001 - no public way to damage a spool


def flip_a_bit(both: Pair, sequence: int) -> None:
    """Change one bit of a stored envelope, as a bad disk does, past all of the spool's own code."""

    def act(connection: object) -> None:
        execute = connection.execute  # type: ignore[attr-defined]
        (data,) = execute("SELECT bytes FROM envelope WHERE sequence = ?", (sequence,)).fetchone()
        at = len(data) // 3
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        execute("UPDATE envelope SET bytes = ? WHERE sequence = ?", (flipped, sequence))

    both.line.spool._database.write(act)  # noqa: SLF001 - no public way to damage a spool
