"""The receiver is away for the whole intake: all of it waits, only heartbeats are tried, and then it goes in order."""

from pathlib import Path

from collector.spool import State
from tests.fakes.proxy import Proxy
from tests.helpers import reports
from tests.helpers.rig import eventually, rig

FILES = 250


def test_everything_taken_while_the_receiver_was_down_is_delivered_in_order(tmp_path: Path) -> None:
    with rig(tmp_path, ship={"max_entries": 20, "heartbeat_seconds": 0.5}) as one, Proxy(one.free_port()) as proxy:
        one.write_config(proxy.url)  # nobody listens behind it yet
        one.start_collector()
        for number in range(FILES):
            one.drop(f"{number:03}.xml", reports.junit(number))
        eventually("all are in the spool", lambda: one.pending() == FILES)
        beats = len(one.events("not_delivered"))
        eventually("it goes on trying", lambda: len(one.events("not_delivered")) >= beats + 3)
        status = one.status()
        assert (status["receiver"]["answers"], status["shipped"]["batches"], status["healthy"]) == (False, 0, False)
        assert any("not delivered for" in one for one in status["wrong"])
        assert all("entries" not in event for event in one.events("not_delivered"))
        assert [row.answer for row in one.spooled(State.PENDING) if row.answer] == []
        one.start_receiver()
        eventually("all are delivered", lambda: one.count() == FILES)
        eventually("all are settled", lambda: one.pending() == 0)
        assert one.stop_collector() == 0
        rows = one.attestations()
        assert [row["stream"]["sequence"] for row in rows] == list(range(FILES))
        times = [row["receivedAt"] for row in rows]
        assert times == sorted(times)
        assert b"/collector/attestations" in proxy.sent
        # The first thing that got through was a heartbeat; only its receipt woke the shipper.
        assert proxy.sent.index(b"/collector/heartbeats") < proxy.sent.index(b"/collector/attestations")
        assert one.stop_receiver() == 0
        assert one.fsck() == []
