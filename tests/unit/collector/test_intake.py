"""The intake on a real folder and spool: what is grouped, what waits, what is set aside, and what never ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.context import SpeaksFor
from collector.intake import GROUP_ENTRIES, GROUP_SECONDS
from shared.encoding import sha256
from shared.keys import PublicKey
from tests.helpers import build, reports
from tests.helpers.intakes import BROKEN_AFTER, Clock, Host
from tests.helpers.rig import eventually


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.spool.close()


def fill(host: Host, count: int) -> None:
    for number in range(count):
        host.write(f"{number:04}.xml", reports.junit(number))


# --- groups ---


def test_files_that_settle_together_share_a_commit_of_at_most_100(host: Host) -> None:
    fill(host, 2 * GROUP_ENTRIES + 50)
    host.take()
    assert host.spool.groups == [100, 100, 50]
    assert len(host.stored()) == host.intake.taken.captured == 250
    assert host.wakes == 3


def test_nobody_waits_longer_than_20_ms_for_the_others_of_a_group(tmp_path: Path) -> None:
    host = Host(tmp_path, clock=Clock(tick=0.002))
    fill(host, 60)
    host.take()
    assert len(host.stored()) == 60
    assert max(host.spool.groups) * 0.002 <= GROUP_SECONDS
    host.spool.close()


def test_one_that_cannot_be_sealed_is_set_aside_and_its_group_is_stored(tmp_path: Path) -> None:
    bad = sha256(reports.junit(13)).hex().encode()
    host = Host(tmp_path, signer=_RefusesToSign(bad))
    fill(host, 30)
    host.take()
    assert len(host.stored()) == 29
    assert "0013.xml" not in host.stored()
    assert host.aside() == {"0013.xml": "internal"}
    assert [one.sequence for one in host.spool.list(limit=100)] == list(range(29))
    host.take()
    assert len(host.events("file_set_aside")) == 1  # it is not tried again until it changes
    host.spool.close()


class _RefusesToSign:
    """A signer that fails on every payload with these bytes in it."""

    def __init__(self, bad: bytes) -> None:
        self._bad = bad
        self._good = build.signer()

    @property
    def public(self) -> PublicKey:
        return self._good.public

    def sign(self, message: bytes) -> bytes:
        if self._bad in message:
            msg = "not this one"
            raise ValueError(msg)
        return self._good.sign(message)


# --- no room ---


def test_a_full_spool_takes_what_fits_then_nothing_says_so_once_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    host = Host(tmp_path, quota_bytes=20_000)
    fill(host, 120)
    host.take()
    fitted = len(host.stored())
    assert 2 < fitted < 20
    assert "quota of 20000 bytes" in (host.no_room() or "")
    tried = len(host.spool.groups)
    assert tried < 12  # the first group and its halves; nothing else was read for it
    host.clock.now += 10
    host.take()
    assert len(host.events("spool_full")) == 1
    assert len(host.stored()) == fitted
    while len(host.stored()) < 120:
        before = len(host.stored())
        host.deliver_all()
        host.clock.now += 10
        host.take()
        assert len(host.stored()) > before
    assert host.no_room() is None
    assert sorted(host.stored()) == [f"{number:04}.xml" for number in range(120)]
    host.spool.close()


def test_a_spool_that_is_full_of_nothing_but_wishes_is_not_full(tmp_path: Path) -> None:
    host = Host(tmp_path, quota_bytes=100)
    path = host.write("a.xml", reports.junit(1))
    host.take()
    assert host.no_room() is not None
    path.unlink()
    host.clock.now += 10
    host.take()
    assert host.no_room() is None
    assert host.intake.taken.skipped == 1
    host.spool.close()


def test_a_spool_that_is_locked_ends_nothing_and_loses_nothing(host: Host) -> None:
    host.write("good.xml", reports.junit(1))
    host.write("notes.txt", "of no format")
    host.inbox.joinpath("link.xml").symlink_to("good.xml")
    host.spool.in_the_way = True
    host.take()
    assert (host.stored(), host.aside(), host.remembered()) == ([], {}, set())
    assert "locked" in (host.no_room() or "")
    host.spool.in_the_way = False
    host.clock.now += 10
    host.take()
    assert (host.stored(), host.aside()) == (["good.xml"], {"link.xml": "outside_root"})
    assert host.remembered() == {"good.xml", "notes.txt"}
    assert host.no_room() is None
    assert host.intake.taken.held_back == {}


# --- one pass ---


def test_one_pass_ends_though_a_file_never_stops_changing(host: Host) -> None:
    growing = host.write("growing.log", "x")
    host.write("a.xml", reports.junit(1))

    def grow() -> None:
        with growing.open("ab") as file:
            file.write(b"x")

    host.meanwhile = grow
    host.take()
    assert host.stored() == ["a.xml"]
    assert len(host.intake.candidates) == 1


def test_one_pass_ends_though_a_context_file_cannot_be_read(tmp_path: Path) -> None:
    host = Host(tmp_path, speaks_for=SpeaksFor(repositories=("*",)))
    host.write("carnet-context.json", "{not json")
    host.write("a.xml", reports.junit(1))
    host.take()
    assert host.stored() == []
    assert ("ci", "a.xml") in host.intake.taken.held_back
    assert len(host.events("file_held_back")) == 1
    host.spool.close()


def test_what_is_held_back_goes_once_the_context_file_is_mended(tmp_path: Path) -> None:
    host = Host(tmp_path, speaks_for=SpeaksFor(repositories=("*",)))
    context = host.write("carnet-context.json", "{not json")
    gone = host.write("gone.xml", reports.junit(2))
    host.write("a.xml", reports.junit(1))

    def mend() -> None:
        if host.intake.taken.held_back:
            context.write_text(reports.context(repository="acme/checkout"))
            gone.unlink(missing_ok=True)

    host.meanwhile = mend
    host.take()
    assert host.stored() == ["a.xml"]
    assert host.intake.taken.held_back == {}
    host.spool.close()


def test_a_broken_report_is_left_in_one_pass_until_it_has_stood_still(host: Host) -> None:
    path = host.write("broken.xml", reports.junit(1)[:-20])
    stands_since = datetime.fromtimestamp(path.stat().st_ctime_ns / 1e9, UTC)
    host.clock.wall = stands_since + timedelta(seconds=BROKEN_AFTER - 1)
    host.take()
    assert host.stored() == []
    host = host.restarted()
    host.clock.wall = stands_since + timedelta(seconds=BROKEN_AFTER + 1)
    host.take()
    assert (host.stored(), host.aside()) == (["broken.xml"], {"broken.xml": "truncated"})
    host.spool.close()


# --- what a scan may say ---


def test_a_scan_that_could_not_see_everything_says_of_nothing_that_it_is_gone(host: Host) -> None:
    path = host.write("a.xml", reports.junit(1))
    host.take()
    path.unlink()
    deep = host.inbox.joinpath(*["d"] * 66)
    deep.mkdir(parents=True)
    host.take()
    assert host.remembered() == {"a.xml"}
    assert "deeper" in host.intake.taken.scan_errors["ci"]
    for folder in [deep, *list(deep.parents)[:65]]:
        folder.rmdir()
    host.take()
    assert host.remembered() == set()
    assert host.intake.taken.scan_errors == {}


def test_a_root_that_is_gone_is_told_once_and_forgets_nothing(host: Host) -> None:
    host.write("a.xml", reports.junit(1))
    host.take()
    host.inbox.rename(host.folder / "away")
    host.take()
    host.take()
    assert host.remembered() == {"a.xml"}
    assert len(host.events("root_not_scanned")) == 1
    (host.folder / "away").rename(host.inbox)
    host.take()
    assert host.intake.taken.scan_errors == {}
    assert host.stored() == ["a.xml"]


# --- of no known format ---


def test_a_file_of_no_known_format_is_counted_and_not_read_again_until_it_changes(host: Host) -> None:
    host.write("notes.txt", "of no format")
    host.take()
    host.take()
    assert host.intake.taken.unknown_format == 1
    host = host.restarted()
    host.take()
    assert host.intake.taken.unknown_format == 0
    host.write("notes.txt", reports.junit(1))
    host.take()
    assert host.stored() == ["notes.txt"]
    host.spool.close()


def test_another_version_looks_again_at_what_the_one_before_did_not_know(host: Host) -> None:
    host.write("notes.txt", "of no format")
    host.write("a.xml", reports.junit(1))
    host.take()
    host = host.restarted(version="1.1.0")
    host.take()
    assert (host.intake.taken.unknown_format, host.intake.taken.known, host.stored()) == (1, 0, ["a.xml"])
    host = host.restarted(version="1.1.0")
    host.take()
    assert host.intake.taken.unknown_format == 0
    host.spool.close()


# --- what is set aside ---


def test_what_is_no_file_of_ours_is_on_the_list_once_with_what_to_do_and_off_it_when_it_is_gone(host: Host) -> None:
    host.write("a.xml", reports.junit(1))
    (host.inbox / "link.xml").symlink_to("a.xml")
    (host.inbox / "hard.xml").hardlink_to(host.write("other.xml", reports.junit(2)))
    host.take()
    host.take()
    assert host.aside() == {"link.xml": "outside_root", "hard.xml": "not_regular", "other.xml": "not_regular"}
    assert all(one.aside.hint for one in host.spool.asides())
    assert len(host.events("file_set_aside")) == 3
    host = host.restarted()
    host.take()
    assert host.events("file_set_aside") == []
    for name in ("link.xml", "hard.xml"):
        (host.inbox / name).unlink()
    host.take()
    assert host.aside() == {}
    assert host.stored() == ["a.xml", "other.xml"]
    host.spool.close()


@pytest.mark.parametrize("content", [reports.junit(2), b"of no format any more"])
def test_a_broken_report_is_off_the_list_as_soon_as_its_content_changed(host: Host, content: bytes) -> None:
    host.write("a.xml", reports.junit(1)[:-20])
    host.take()
    assert host.aside() == {"a.xml": "truncated"}
    host.write("a.xml", content)
    host.take()
    assert host.aside() == {}


# --- the thread ---


def test_a_hint_is_enough_and_a_stop_commits_what_is_in_hand(tmp_path: Path) -> None:
    host = Host(tmp_path)
    stop = threading.Event()
    thread = threading.Thread(target=host.intake.run, args=(stop,))
    thread.start()
    try:
        eventually("it has scanned", lambda: host.intake.taken.scans)
        host.write("a.xml", reports.junit(1))
        host.intake.hint("ci", "a.xml", True)  # noqa: FBT003 - as the watcher calls it
        host.intake.hint("no-such-root", "a.xml", True)  # noqa: FBT003
        host.intake.hint("ci", ".hidden.xml", True)  # noqa: FBT003
        eventually("it is taken without a scan", lambda: host.stored() == ["a.xml"])
        host.write("b.xml", reports.junit(2))
        host.clock.now += 1
        host.intake.rescan()
        eventually("a scan was asked for", lambda: host.intake.taken.scans == 2)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    host.spool.close()
