"""The ledger of a real collector beside a real receiver: all that ever left, from the enrolment on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from shared.encoding import digest_text
from tests.helpers import reports
from tests.helpers.rig import eventually, rig


def test_all_that_left_is_in_the_ledger_beside_the_daemon_and_after_it(tmp_path: Path) -> None:
    with rig(tmp_path) as one:
        one.start_receiver()
        one.write_config()
        asked = one.ask("ledger")["items"]
        assert [row["kind"] for row in asked] == ["enrolment-request"]  # there is no spool yet
        assert asked[0]["receipt"] == "answered"
        one.start_collector()
        for number in range(5):
            one.drop(f"{number}.xml", reports.junit(number))
        eventually("all are delivered", lambda: one.count() == 5 and one.pending() == 0)
        beside = one.ask("ledger", "--kind", "collected")["items"]
        assert {row["attestationId"] for row in beside} == {digest_text(each) for each in one.ids()}
        assert [(row["sequence"], row["receipt"]) for row in beside] == [(number, "accepted") for number in range(5)]
        assert {row["to"]["origin"] for row in beside} == {one.url}
        assert {row["bytes"] for row in beside} == {row.size for row in one.spooled()}
        assert one.stop_collector() == 0
        found = one.ask("ledger")
        kinds = Counter(row["kind"] for row in found["items"])
        assert kinds["collected"] == 5
        assert kinds["access"] >= 1
        assert kinds["heartbeat"] >= 1
        assert kinds["enrolment-request"] == 1
        assert found["total"]["kinds"] == dict(kinds)
        assert one.ask("ledger", "--since", "0s")["items"] == []
