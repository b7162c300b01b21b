"""R6 at CI size, and what a stop may not wait for."""

import os
import threading
from pathlib import Path

import pytest

from tests.fault.scenarios import STOP_MARGIN_SECONDS, STOP_SECONDS, stop_anywhere
from tests.helpers import reports
from tests.helpers.rig import eventually, rig


@pytest.mark.timeout(180)
def test_r6_a_stop_at_any_moment_is_0_in_time_and_settles_nothing_unreceipted(tmp_path: Path) -> None:
    stopped, verdict = stop_anywhere(tmp_path, points=10, seed=6)
    assert len(stopped) == 10
    assert [one for one in stopped if not one.good] == []
    assert verdict.clean, str(verdict)


def test_a_stop_does_not_wait_for_a_file_that_takes_longer_to_read(tmp_path: Path) -> None:
    with rig(tmp_path, root={"artifacts": ["huge.bin"]}, ship={"stop_seconds": STOP_SECONDS}) as one:
        with (one.inbox / "huge.bin").open("wb") as huge:
            os.truncate(huge.fileno(), 40 << 30)  # sparse: quick to make, slow to hash
        one.start_collector()
        one.drop("seen-before.xml", reports.junit(1))
        eventually("the huge file is being read", lambda: one.status()["intake"]["waiting"] >= 1)
        threading.Event().wait(1.0)
        assert one.collector is not None
        one.collector.terminate()
        assert one.collector.wait(STOP_SECONDS + STOP_MARGIN_SECONDS) == 0
        assert "huge.bin" not in {row.path for row in one.spooled()}
