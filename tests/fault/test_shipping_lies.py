"""R13: whatever answers in the receiver's place, only a true receipt for the batch in flight settles anything."""

from pathlib import Path

import pytest

from collector.spool import State
from tests.fakes import faults
from tests.fakes.faults import LIES, Lie
from tests.fakes.simulated import pair
from tests.helpers import build


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name.replace(" ", "_"))
async def test_an_answer_that_is_no_receipt_settles_nothing_and_is_told(tmp_path: Path, lie: Lie) -> None:
    async with pair(tmp_path / "state") as both:
        first = both.line.put(2)
        await both.line.run_for(1)
        assert both.line.ids(State.DELIVERED) == first

        ids = both.line.put(3)
        both.receiver.next(lie.fault(both.receiver))
        await both.line.run_for(1)

        assert both.line.ids(State.PENDING) == ids
        assert both.line.quarantined == 0
        assert both.line.events("not_a_receipt")
        assert both.line.shipper.shipped.reachable is False
        assert "not a valid receipt" in str(both.line.shipper.shipped.last_error)

        await both.line.run_for(1_000)
        assert both.line.ids(State.DELIVERED) == first + ids
        assert both.line.shipper.shipped.last_error is None


LASTING = ("html", "truncated", "receipt of other ids", "unknown key", "another batch", "an old receipt")


@pytest.mark.parametrize("lie", [lie for lie in LIES if lie.name in LASTING], ids=lambda lie: lie.name)
async def test_a_peer_that_always_lies_to_batches_never_gets_anything_settled(tmp_path: Path, lie: Lie) -> None:
    async with pair(tmp_path / "state") as both:
        both.line.put(2)
        await both.line.run_for(1)
        ids = both.line.put(5)
        both.receiver.next(*[lie.fault(both.receiver)] * 10_000)
        await both.line.run_for(2 * 3_600)

        assert both.line.ids(State.PENDING) == ids
        assert both.line.quarantined == 0
        assert len(both.receiver.batch_calls()) < 2 * 30 * 2


async def test_an_answer_to_a_heartbeat_that_is_no_receipt_for_it_is_no_sign_of_life(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await both.line.run_for(1)
        old = both.receiver.receipt(build.COLLECTOR_ID, "beat-1", ())
        both.receiver.always = faults.answer(b'{"receipt":' + old.to_bytes() + b"}")
        ids = both.line.put(2)
        await both.line.run_for(3_600)

        assert both.line.ids(State.PENDING) == ids
        assert both.line.shipper.shipped.reachable is False
        assert both.line.events("not_a_receipt")


async def test_an_old_heartbeat_receipt_played_again_makes_nothing_be_sent_twice(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.receiver.collectors[build.COLLECTOR_ID].places = {}
        await both.line.run_for(1)
        old = both.receiver.receipt(
            build.COLLECTOR_ID, "beat-1", (), streams=(build.mark(None, 0, both.line.queue.stream_id),)
        )
        both.line.put(3)
        await both.line.run_for(1)
        assert both.line.delivered == 3
        both.receiver.next(faults.answer(b'{"receipt":' + old.to_bytes() + b"}"), on=lambda call: call.is_beat)
        await both.line.run_for(200)

        assert both.line.delivered == 3
        assert not both.line.events("receiver_lost_entries")


async def test_a_receipt_under_a_key_that_the_next_keyring_brings_is_believed_once_it_was_fetched(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path / "state") as both:
        both.line.put(1)
        await both.line.run_for(1)
        both.receiver.rotate_receipt_key()
        ids = both.line.put(2)
        await both.line.run_for(1)

        assert both.line.ids(State.DELIVERED)[-2:] == ids
        assert both.line.session.keyring().content.version == 2
        assert not both.line.events("not_a_receipt")


async def test_a_keyring_that_the_root_did_not_sign_makes_no_receipt_true(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.line.put(1)
        await both.line.run_for(1)
        thief = build.signer(666)
        both.receiver.receipt_key = thief
        both.receiver.keyrings.append(
            build.keyring(
                root=build.signer(667),
                version=2,
                previous=both.receiver.keyrings[0].id,
                rows=(build.Row(thief),),
            )
        )
        ids = both.line.put(2)
        await both.line.run_for(1_000)

        assert both.line.ids(State.PENDING) == ids
        assert both.line.session.keyring().content.version == 1


async def test_a_receipt_that_names_a_newer_keyring_has_it_fetched_once_in_a_while(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.receiver.keyrings.append(build.keyring(version=2, previous=both.receiver.keyrings[0].id))
        both.line.put(250)
        await both.line.run_for(1)

        assert both.line.session.keyring().content.version == 2
        both.receiver.keyring_version = 9
        both.receiver.calls.clear()
        both.line.put(1_000)
        await both.line.run_for(60)
        assert both.line.pending == 0
        assert sum(call.path.endswith("/keyring") for call in both.receiver.calls) <= 1
