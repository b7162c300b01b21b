"""What a receipt says of the whole stream: a restored receiver is noticed, and gets again what it lost, once."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from collector.obeying import Asked
from collector.spool import RESTORED, Again, Said, Spool, State, fleet
from shared.requests import Outcome, Request
from tests.helpers.spools import NOW, open_spool, pending, put, settle

MINUTE = timedelta(minutes=1)
CHECKOUT = Path(__file__).resolve().parents[3]
MANY = 3_000


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with open_spool(tmp_path / "spool") as opened:
        yield opened


def resend(since: int) -> Asked:
    return Asked(Request(kind="resend", since_sequence=since), Outcome.PUT_OFF, NOW, "sha256:key")


def delivered(spool: Spool, count: int) -> None:
    """Store so many entries and have them receipted without a hole."""
    put(spool, *range(count))
    settle(spool, list(range(count)), mark=count - 1)


def test_r_a_receiver_with_less_than_it_receipted_gets_all_beyond_its_mark_again(spool: Spool) -> None:
    delivered(spool, 6)
    told = settle(spool, [], mark=2)
    assert told.restored == fleet.Restored(2, 5, Again(3, 0, ()))
    assert pending(spool) == [3, 4, 5]
    (alarm,) = spool.alarms()
    assert alarm.name == RESTORED
    assert "up to 2 and had receipted it up to 5" in alarm.detail
    assert "3 entries are sent again" in alarm.detail
    assert spool.contiguous() == 2


def test_the_alarm_ends_by_itself_once_all_is_back(spool: Spool) -> None:
    delivered(spool, 6)
    settle(spool, [], mark=-1)
    settle(spool, [0, 1, 2], mark=2)
    assert [one.name for one in spool.alarms()] == [RESTORED]
    settle(spool, [3, 4, 5], mark=5)
    assert spool.alarms() == []


def test_a_hole_that_no_sending_can_close_does_not_keep_the_alarm(spool: Spool) -> None:
    put(spool, *range(4))
    settle(spool, [0, 2, 3], [(1, "wrong_type")], mark=3)
    settle(spool, [], mark=0)
    assert pending(spool) == [2, 3]
    settle(spool, [2, 3], mark=0)
    assert spool.alarms() == []


def test_what_was_pruned_is_named_and_the_alarm_stands_until_a_person_clears_it(spool: Spool) -> None:
    delivered(spool, 3)
    spool.prune(now=NOW, keep_bytes=0)
    put(spool, *range(3, 6))
    settle(spool, [3, 4, 5], mark=5)
    told = settle(spool, [], mark=0)
    assert told.restored == fleet.Restored(0, 5, Again(3, 2, ((1, 2),)))
    (alarm,) = spool.alarms()
    assert alarm.detail.endswith("3 entries are sent again; 2 were pruned and cannot be: 1-2")
    settle(spool, [3, 4, 5], mark=0)
    assert [one.name for one in spool.alarms()] == [RESTORED]
    spool.clear_alarm(alarm.number)
    settle(spool, [], mark=0)
    assert spool.alarms() == []


def test_what_the_very_receipt_delivered_is_not_sent_again(spool: Spool) -> None:
    delivered(spool, 4)
    put(spool, 4, 5)
    settle(spool, [4, 5], mark=1)
    assert pending(spool) == [2, 3]


def test_a_receiver_that_stays_at_an_old_mark_gets_it_once(spool: Spool) -> None:
    delivered(spool, 4)
    settle(spool, [], mark=1)
    for minutes in range(1, 2_000, 100):
        settle(spool, pending(spool), mark=1, now=NOW + minutes * MINUTE)
        assert pending(spool) == []


def test_a_receiver_that_goes_forth_and_back_gets_it_after_longer_and_longer_waits(spool: Spool) -> None:
    delivered(spool, 4)
    times: list[int] = []
    for minute in range(124):
        now = NOW + minute * MINUTE
        if settle(spool, pending(spool), mark=1, now=now).restored and pending(spool):
            times.append(minute)
        settle(spool, pending(spool), mark=3, now=now)
    assert times == [0, 1, 3, 7, 15, 31, 63, 123]
    assert spool.alarms() == []
    later = NOW + timedelta(days=2)
    settle(spool, [], mark=1, now=later)
    settle(spool, pending(spool), mark=3, now=later + MINUTE)
    settle(spool, [], mark=1, now=later + 2 * MINUTE)
    assert pending(spool) == [2, 3]


def test_a_clock_that_was_set_back_does_not_keep_evidence_from_the_receiver(spool: Spool) -> None:
    delivered(spool, 2)
    settle(spool, [], mark=0)
    settle(spool, [1], mark=1)
    settle(spool, [], mark=0, now=NOW - timedelta(days=400))
    assert pending(spool) == [1]


def test_while_it_must_wait_the_alarm_says_so(spool: Spool) -> None:
    delivered(spool, 2)
    settle(spool, [], mark=0)
    settle(spool, [1], mark=1)
    told = settle(spool, [], mark=0)
    assert told.restored == fleet.Restored(0, 1, None)
    assert "as soon as enough time has passed" in spool.alarms()[0].detail
    settle(spool, [], mark=0, now=NOW + MINUTE)
    assert pending(spool) == [1]
    assert "1 entries are sent again" in spool.alarms()[0].detail


def test_a_receipt_that_says_nothing_of_the_stream_changes_nothing(spool: Spool) -> None:
    delivered(spool, 2)
    settle(spool, [], mark=None)
    assert (pending(spool), spool.contiguous(), spool.alarms()) == ([], 1, [])


def test_what_is_asked_for_again_is_pending_from_there_on_and_once_only(spool: Spool) -> None:
    delivered(spool, 5)
    (done,) = settle(spool, [], asked=(resend(3),)).asked
    assert done.outcome is Outcome.DONE
    assert pending(spool) == [3, 4]
    settle(spool, [3, 4], asked=(done,))
    assert (pending(spool), spool.asked()) == ([], [done])
    settle(spool, [])
    assert spool.asked() == []


def test_a_second_request_to_send_again_is_put_off(spool: Spool) -> None:
    delivered(spool, 5)
    settle(spool, [], asked=(resend(3),))
    settle(spool, [3, 4])
    (waits,) = settle(spool, [], asked=(resend(2),)).asked
    assert (waits.outcome, pending(spool)) == (Outcome.PUT_OFF, [])
    (done,) = settle(spool, [], asked=(waits,), now=NOW + MINUTE).asked
    assert (done.outcome, pending(spool)) == (Outcome.DONE, [2, 3, 4])


def test_a_request_for_what_was_pruned_is_answered_as_met_in_part(spool: Spool) -> None:
    delivered(spool, 3)
    spool.prune(now=NOW, keep_bytes=0)
    assert settle(spool, [], asked=(resend(0),)).asked[0].outcome is Outcome.PARTLY


def test_the_interval_that_was_asked_for_outlives_a_restart(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool:
        assert spool.beat_seconds() is None
        settle(spool, [], said=Said(beat_seconds=300))
    with open_spool(tmp_path / "spool") as spool:
        assert spool.beat_seconds() == 300


def test_a_note_that_nobody_acted_on_is_acted_on_by_the_next_start(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool:
        delivered(spool, 4)
    # What a kill right after the receipt's commit leaves.
    with closing(sqlite3.connect(tmp_path / "spool" / "spool.db", isolation_level=None)) as connection:
        connection.execute("UPDATE spool SET last_receipt = last_receipt + 1")
        fleet.note(connection, Said(0), NOW)
    with open_spool(tmp_path / "spool") as spool:
        assert pending(spool) == [1, 2, 3]


RESTORER = """
import sys
from pathlib import Path
sys.path.insert(0, ".")
from tests.helpers.spools import open_spool, settle
with open_spool(Path(sys.argv[1])) as spool:
    print("open", flush=True)
    settle(spool, [], mark=9)
    print("done", flush=True)
"""


def test_a_kill_while_entries_are_put_back_loses_none(tmp_path: Path) -> None:
    folder, chance = tmp_path / "spool", random.Random(4)  # noqa: S311 - a schedule, not a secret
    with open_spool(folder) as spool:
        for start in range(0, MANY, 100):
            put(spool, *range(start, start + 100))
        settle(spool, list(range(MANY)), mark=MANY - 1)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", RESTORER, str(folder)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "open\n"
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, 0.02))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
    with open_spool(folder) as spool:
        settle(spool, [], mark=9)
        assert pending(spool) == list(range(10, MANY))
        assert len(spool.list(State.DELIVERED)) == 10
        assert [one.name for one in spool.alarms()] == [RESTORED]
