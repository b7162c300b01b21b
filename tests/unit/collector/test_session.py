"""The collector's standing with the receiver: its token and its keyring."""

from pathlib import Path

import pytest

from collector import enrolment
from shared.errors import ConfigError, UntrustedError
from shared.wire import HEARTBEAT_PATH
from tests.fakes import faults
from tests.fakes.simulated import Pair, pair


def accesses(both: Pair) -> int:
    return sum(call.path.endswith("/access") for call in both.receiver.calls)


async def test_one_token_serves_for_half_an_hour_and_is_then_renewed(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await both.line.run_for(1_790)
        assert accesses(both) == 1
        await both.line.run_for(200)
        assert accesses(both) == 2


@pytest.mark.parametrize("body", [b"", b'{"code":"unauthorized"}'])
async def test_a_token_that_is_refused_is_renewed_once_and_the_request_goes_through(
    tmp_path: Path, body: bytes
) -> None:
    async with pair(tmp_path / "state") as both:
        await both.line.run_for(1)
        both.receiver.next(faults.refuse(401, body))
        both.line.put(2)
        await both.line.run_for(1)
        assert both.line.delivered == 2
        assert accesses(both) == 2
        assert both.line.told == []


async def test_a_fresh_token_that_is_refused_is_not_renewed_again_and_again(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.receiver.next(*[faults.refuse(401)] * 50, on=lambda call: call.path == HEARTBEAT_PATH)
        await both.line.run_for(90)
        assert accesses(both) == 1
        assert both.line.events("not_let_in")


async def test_a_token_is_in_no_representation_and_in_nothing_that_is_told(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.receiver.next(faults.refuse(403), faults.cut(), faults.refuse(500))
        both.line.put(1)
        await both.line.run_for(500)
        assert both.line.told
        assert "ca_hour_" not in repr(both.line.session) + repr(both.line.told) + repr(both.line.shipper)
        kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
        assert b"ca_hour_" not in kept
        assert b"ce_once_" not in kept


async def test_a_newer_keyring_is_written_down_before_it_is_used(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await both.line.run_for(1)
        both.receiver.rotate_receipt_key()
        assert await both.line.session.refresh_keyring() is True
        kept = enrolment.load(tmp_path / "state")
        assert kept is not None
        assert kept.keyring.content.version == both.line.session.keyring().content.version == 2
        assert await both.line.session.refresh_keyring() is False


async def test_a_keyring_that_cannot_be_written_down_is_not_used(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        await both.line.run_for(1)
        both.receiver.rotate_receipt_key()
        (tmp_path / "state" / f".{enrolment.FILE_NAME}.new").mkdir()
        with pytest.raises(ConfigError, match="cannot be written"):
            await both.line.session.refresh_keyring()
        assert both.line.session.keyring().content.version == 1


async def test_a_revoked_collector_is_not_let_in_and_keeps_everything(tmp_path: Path) -> None:
    async with pair(tmp_path / "state") as both:
        both.line.put(3)
        both.receiver.next(*[faults.refuse(403)] * 500, on=lambda call: call.path.endswith("/access"))
        await both.line.run_for(3_600)
        assert both.line.pending == 3
        assert len(both.receiver.calls) <= 3_600 / 96 * 2 + 2
        with pytest.raises(UntrustedError):
            await both.line.session.post(HEARTBEAT_PATH, b"{}", [])
