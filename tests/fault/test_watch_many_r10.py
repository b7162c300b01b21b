"""R10 at CI size: many files at full speed, by events and by polling, in folders that are made and filled at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from collector.opening import RootSpec
from shared.errors import Code
from tests.helpers.taking import Taker

FILES = 5_000
SETTLE = 0.3
REPORT = b"<testsuite/>"


def whole(_: str, data: bytes) -> bool:
    return data == REPORT


def root_at(folder: Path, mode: Literal["events", "poll"] = "events") -> RootSpec:
    return RootSpec(name="root", path=folder, include=("**/*.xml",), mode=mode)


def fill(folder: Path, first: int, count: int) -> None:
    for number in range(first, first + count):
        (folder / f"TEST-{number}.xml").write_bytes(REPORT)


@pytest.mark.parametrize("mode", ["events", "poll"])
def test_r10_every_one_of_many_files_written_at_full_speed_is_taken_once(
    tmp_path: Path, mode: Literal["events", "poll"]
) -> None:
    fill(tmp_path, 0, 500)
    writer = threading.Thread(target=fill, args=(tmp_path, 500, FILES - 500))
    with Taker([root_at(tmp_path, mode)], whole, settle_seconds=SETTLE, scan_seconds=5.0) as taker:
        writer.start()
        assert taker.run(lambda: len(taker.taken) == FILES, seconds=60)
    writer.join()
    assert all(contents == [REPORT] for contents in taker.taken.values())


def test_r10_folders_that_are_made_and_filled_at_once_are_found_without_waiting_for_a_scan(tmp_path: Path) -> None:
    def make() -> None:
        for number in range(100):
            folder = tmp_path / f"run-{number}" / "job" / "reports"
            folder.mkdir(parents=True)
            fill(folder, 0, 10)

    writer = threading.Thread(target=make)
    with Taker([root_at(tmp_path)], whole, settle_seconds=SETTLE) as taker:
        taker.run(lambda: True, seconds=1)
        writer.start()
        assert taker.run(lambda: len(taker.taken) == 1_000, seconds=30)
    writer.join()


@pytest.mark.parametrize("outside", [True, False])
def test_a_folder_that_is_moved_in_is_looked_through(tmp_path: Path, *, outside: bool) -> None:
    root, source = tmp_path / "root", tmp_path / "outside" if outside else tmp_path / "root/.tmp"
    root.mkdir()
    (source / "a/b").mkdir(parents=True)
    fill(source / "a/b", 0, 20)
    with Taker([root_at(root)], whole, settle_seconds=SETTLE) as taker:
        assert not taker.run(lambda: bool(taker.taken), seconds=3 * SETTLE)
        source.rename(root / "in")
        assert taker.run(lambda: len(taker.taken) == 20, seconds=20)
    assert all(path.startswith("in/a/b/") for path in taker.taken)


@pytest.mark.parametrize("mode", ["events", "poll"])
def test_a_root_that_is_missing_at_first_and_then_replaced_is_watched_each_time(
    tmp_path: Path, mode: Literal["events", "poll"]
) -> None:
    root = tmp_path / "root"
    with Taker([root_at(root, mode)], whole, settle_seconds=SETTLE, poll_seconds=0.1) as taker:
        taker.run(lambda: "root" in taker.refused, seconds=10)
        assert taker.refused == {"root": Code.NOT_FOUND}
        assert "root" in taker.watcher.unwatched
        root.mkdir()
        fill(root, 0, 1)
        assert taker.run(lambda: len(taker.taken) == 1, seconds=20)
        assert not taker.watcher.unwatched
        root.rename(tmp_path / "old")
        root.mkdir()
        fill(root, 1, 1)
        assert taker.run(lambda: len(taker.taken) == 2, seconds=20)


def test_names_that_cannot_be_written_down_and_links_are_told_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.xml")).write_bytes(REPORT)
    (tmp_path / "link.xml").symlink_to("TEST-0.xml")
    (tmp_path / "folder.xml").mkdir()
    os.mkfifo(tmp_path / "pipe.xml")
    fill(tmp_path, 0, 1)
    with Taker([root_at(tmp_path)], whole, settle_seconds=SETTLE) as taker:
        assert taker.run(lambda: bool(taker.taken), seconds=10)
    assert set(taker.taken) == {"TEST-0.xml"}
    assert taker.refused == {
        r"caf\udce9.xml": Code.BAD_ENCODING,
        "link.xml": Code.OUTSIDE_ROOT,
        "pipe.xml": Code.NOT_REGULAR,
    }


def test_links_that_may_be_followed_are_taken_and_linked_folders_are_not_gone_into(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "loop").symlink_to(".")
    (tmp_path / "secret.xml").write_bytes(REPORT)
    (root / "out.xml").symlink_to("../secret.xml")
    (root / "in.xml").symlink_to("real/TEST-0.xml")
    fill(root / "real", 0, 1)
    spec = RootSpec(name="root", path=root, include=("**/*.xml",), follow_symlinks_inside=True)
    with Taker([spec], whole, settle_seconds=SETTLE) as taker:
        assert taker.run(lambda: len(taker.taken) == 2, seconds=10)
        assert not taker.run(lambda: len(taker.taken) > 2, seconds=3 * SETTLE)
    assert set(taker.taken) == {"in.xml", "real/TEST-0.xml"}
    assert taker.refused == {"out.xml": Code.OUTSIDE_ROOT}


@pytest.fixture
def inotify_setting() -> Iterator[Callable[[str, int], None]]:
    """Set one of the kernel's inotify limits; what it was before comes back."""
    before: dict[Path, str] = {}

    def change(name: str, value: int) -> None:
        setting = Path("/proc/sys/fs/inotify", name)
        try:
            before.setdefault(setting, setting.read_text())
            setting.write_text(str(value))
        except OSError:
            pytest.skip("the kernel's settings may not be changed here")

    yield change
    for setting, value in before.items():
        setting.write_text(value)


@pytest.mark.root
@pytest.mark.alone
def test_r10_an_overflowing_event_queue_is_answered_by_a_scan_at_once(
    tmp_path: Path, inotify_setting: Callable[[str, int], None]
) -> None:
    inotify_setting("max_queued_events", 16)
    with Taker([root_at(tmp_path)], whole, settle_seconds=SETTLE) as taker:
        taker.run(lambda: True, seconds=1)
        writer = threading.Thread(target=fill, args=(tmp_path, 0, 3_000))
        writer.start()
        assert taker.run(lambda: len(taker.taken) == 3_000, seconds=50)
    writer.join()
    assert taker.rescans > 0


@pytest.mark.root
@pytest.mark.alone
@pytest.mark.parametrize("limit", ["max_user_watches", "max_user_instances"])
def test_without_watches_left_the_scan_does_it_and_watching_begins_once_there_are_some(
    tmp_path: Path, inotify_setting: Callable[[str, int], None], limit: str
) -> None:
    threads = threading.active_count()
    fill(tmp_path, 0, 3)
    inotify_setting(limit, 0)
    with Taker([root_at(tmp_path)], whole, settle_seconds=SETTLE) as taker:
        assert taker.watcher.unwatched == ("root",)
        assert taker.run(lambda: len(taker.taken) == 3, seconds=10)
        inotify_setting(limit, 1000)
        assert taker.run(lambda: not taker.watcher.unwatched, seconds=10)
        fill(tmp_path, 3, 1)
        assert taker.run(lambda: len(taker.taken) == 4, seconds=10)
    assert threading.active_count() == threads


def test_reading_a_folder_causes_no_hints(tmp_path: Path) -> None:
    fill(tmp_path, 0, 5)
    with Taker([root_at(tmp_path)], whole, settle_seconds=SETTLE) as taker:
        assert taker.run(lambda: len(taker.taken) == 5, seconds=10)
        assert not taker.run(lambda: len(taker.candidates) > 0, seconds=1.0)
