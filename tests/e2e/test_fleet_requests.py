"""R18 and the fleet's requests with both real programs: a restored receiver gets all back, one command turns a key."""

import shutil
from pathlib import Path

from collector.spool import State
from tests.helpers import reports
from tests.helpers.rig import Rig, eventually, rig

PAGE = 6
USAGE = 2


def _drop(one: Rig, first: int, count: int) -> None:
    for number in range(first, first + count):
        one.drop(f"report-{number}.xml", reports.junit(number))


def _delivered(one: Rig, count: int) -> set[bytes]:
    # Asked of the spool, which costs little: the receiver is looked at once, at the end.
    eventually(f"{count} attestations were delivered", lambda: len(one.spooled(State.DELIVERED)) == count)
    found = one.ids()
    assert len(found) == count
    return found


def test_r18_a_receiver_restored_from_an_older_copy_gets_back_all_that_its_collector_had_receipts_for(
    tmp_path: Path,
) -> None:
    with rig(tmp_path) as one:
        one.start_receiver()
        one.start_collector()
        _drop(one, 0, PAGE)
        early = _delivered(one, PAGE)
        one.stop_receiver()
        shutil.copytree(tmp_path / "r", tmp_path / "backup")
        one.start_receiver()
        _drop(one, PAGE, 2 * PAGE)
        everything = _delivered(one, 3 * PAGE)
        one.stop_receiver()
        shutil.rmtree(tmp_path / "r")
        shutil.copytree(tmp_path / "backup", tmp_path / "r")
        assert one.ids() == early
        one.start_receiver()
        eventually("the collector noticed", lambda: one.events("receiver_lost_entries"))
        eventually("the alarm ended", lambda: not one.status()["alarms"])
        assert _delivered(one, 3 * PAGE) == everything
        assert len(one.envelopes()) == len(everything)
        lost = one.events("receiver_lost_entries")
        assert [(found["contiguous_to"], found["entries_sent_again"]) for found in lost] == [(PAGE - 1, 2 * PAGE)]
        _drop(one, 3 * PAGE, 1)
        assert _delivered(one, 3 * PAGE + 1) > everything
        assert one.fsck() == []


def test_r18_a_receiver_restored_to_before_a_rotation_lets_its_collector_in_and_learns_the_key(tmp_path: Path) -> None:
    with rig(tmp_path) as one:
        one.start_receiver()
        one.start_collector()
        _drop(one, 0, 2)
        _delivered(one, 2)
        one.stop_receiver()
        shutil.copytree(tmp_path / "r", tmp_path / "backup")
        one.start_receiver()
        turned = one.ask("rotate-key")
        _drop(one, 2, 2)
        eventually("all is delivered under the new key", lambda: len(one.spooled(State.DELIVERED)) == 5)
        everything = one.ids()
        eventually("the old key is gone", lambda: not list(one.config.parent.glob("**/key-*.pem")))
        one.stop_receiver()
        shutil.rmtree(tmp_path / "r")
        shutil.copytree(tmp_path / "backup", tmp_path / "r")
        one.start_receiver()
        eventually("the collector noticed", lambda: one.events("receiver_lost_entries"))
        eventually("all is back", lambda: one.ids() == everything)
        eventually("the alarm ended", lambda: not one.status()["alarms"])
        assert turned["sequence"] == 2
        assert one.fsck() == []


def test_one_command_turns_a_key_over_and_the_campaign_tells_when_it_happened(tmp_path: Path) -> None:
    with rig(tmp_path) as one:
        one.start_receiver()
        one.start_collector()
        _drop(one, 0, PAGE)
        _delivered(one, PAGE)
        asked = one.order("keys", "rotate", "--all", "--before", "2999-01-01")
        assert (asked["kind"], asked["asked"], asked["before"]) == ("rotate-key", 1, "2999-01-01T00:00:00.000000Z")

        def done() -> bool:
            told = one.order("keys", "campaign", asked["campaign"])
            return bool(told["done"] == 1 and told["items"][0]["state"] == "done")

        eventually("the campaign is done", done)
        _drop(one, PAGE, PAGE)
        eventually("what the new key signed is there", lambda: len(one.spooled(State.DELIVERED)) == 2 * PAGE + 1)
        assert one.count() == 2 * PAGE + 1
        assert len(one.events("key_rotated")) == 1
        eventually("nothing is asked any more", lambda: not one.status()["asked"]["now"])


def test_a_full_scan_and_another_rhythm_are_asked_for_by_name(tmp_path: Path) -> None:
    with rig(tmp_path, obey={"heartbeat": False}) as one:
        one.start_receiver()
        one.start_collector()
        one.order("collectors", "ask", "rescan", "ri*")
        eventually("the scan is done", lambda: one.events("receiver_asks"))
        one.order("collectors", "ask", "heartbeat", "--all", "--seconds", "60")
        eventually("the other is refused", lambda: len(one.events("receiver_asks")) > 1)
        found = [(event["kind"], event["outcome"]) for event in one.events("receiver_asks")]
        assert found == [("rescan", "done"), ("heartbeat", "not-allowed")]
        for words in (["rescan"], ["resend", "--all"], ["heartbeat", "--all", "--from", "3"], ["rescan", "--all", "x"]):
            one.order("collectors", "ask", *words, exits=(USAGE,))
