"""R11 with real writers: 27 ways to put a file into a folder, all at once, on the real clock."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from collector.opening import RootSpec
from tests.helpers.taking import Taker

SETTLE = 0.8
BROKEN_AFTER = 3.0
SHORT = 0.15
LONG = 1.3
STALE = 4.0

Wait: TypeAlias = Callable[[float], object]
Writer: TypeAlias = Callable[[Path, Wait], None]


@dataclass(frozen=True)
class Case:
    """A writer, and the contents that have to be taken, in this order (None: only the last one is certain)."""

    write: Writer
    taken: list[bytes]
    exactly: bool = True
    skipped: bool = False
    name: str = "report.xml"


ONE = b"<r>1</r>"
TWO = b"<r>2</r>"


def at_once(path: Path, _: Wait) -> None:
    path.write_bytes(ONE)


def chunks(pause: float) -> Writer:
    def write(path: Path, wait: Wait) -> None:
        with path.open("wb", buffering=0) as file:
            for byte in (b"<r>", b"1", b"</r", b">"):
                file.write(byte)
                wait(pause)

    return write


def paused_until_stale(path: Path, wait: Wait) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(b"<r>1")
        wait(STALE)
        file.write(b"</r>")


def append_later(path: Path, wait: Wait) -> None:
    path.write_bytes(ONE)
    wait(LONG)
    with path.open("ab") as file:
        file.write(b"\n")


def append_at_each_close(path: Path, wait: Wait) -> None:
    for byte in (b"<r>", b"1", b"</r>"):
        with path.open("ab") as file:
            file.write(byte)
        wait(SHORT)


def rewrite_same_size(path: Path, wait: Wait) -> None:
    path.write_bytes(ONE)
    wait(LONG)
    with path.open("r+b") as file:
        file.write(TWO)


def rewrite_quickly(path: Path, _: Wait) -> None:
    path.write_bytes(ONE)
    path.write_bytes(TWO)


def rewrite_slowly_in_place(path: Path, wait: Wait) -> None:
    path.write_bytes(ONE)
    wait(LONG)
    chunks(LONG)(path, wait)


def rename_in(path: Path, wait: Wait) -> None:
    hidden = path.with_name(".report.xml.tmp")
    chunks(SHORT)(hidden, wait)
    hidden.rename(path)


def rename_over(path: Path, wait: Wait) -> None:
    path.write_bytes(ONE)
    wait(LONG)
    hidden = path.with_name(".report.xml.tmp")
    hidden.write_bytes(TWO)
    hidden.rename(path)


def rename_from_outside(path: Path, _: Wait) -> None:
    outside = path.parents[2] / f"{path.parent.name}.tmp"
    outside.write_bytes(ONE)
    outside.rename(path)


def old_mtime(path: Path, _: Wait) -> None:
    path.write_bytes(ONE)
    os.utime(path, (1_000_000, 1_000_000))


def replaced_with_same_mtime_and_size(path: Path, wait: Wait) -> None:
    path.write_bytes(ONE)
    moment = path.stat().st_mtime_ns
    wait(LONG)
    path.write_bytes(TWO)
    os.utime(path, ns=(moment, moment))


def truncate(path: Path, wait: Wait) -> None:
    path.write_bytes(ONE)
    wait(LONG)
    os.truncate(path, 4)
    wait(STALE)


def delete_early(path: Path, wait: Wait) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(b"<r>1")
        wait(SHORT)
        path.unlink()


def delete_and_write_again(path: Path, wait: Wait) -> None:
    path.write_bytes(b"<r>")
    wait(SHORT)
    path.unlink()
    wait(SHORT)
    path.write_bytes(TWO)


def stays_hidden(path: Path, _: Wait) -> None:
    path.with_name(".report.xml").write_bytes(ONE)


def through_memory(path: Path, _: Wait) -> None:
    with path.open("w+b") as file:
        file.truncate(len(ONE))
        with mmap.mmap(file.fileno(), len(ONE)) as memory:
            memory[:] = ONE
            memory.flush()


def allocated_first(path: Path, wait: Wait) -> None:
    with path.open("w+b", buffering=0) as file:
        file.truncate(len(ONE))
        wait(LONG)
        file.write(ONE)


def written_backwards(path: Path, wait: Wait) -> None:
    with path.open("w+b", buffering=0) as file:
        file.seek(3)
        file.write(ONE[3:])
        wait(LONG)
        file.seek(0)
        file.write(ONE[:3])


def kept_open(path: Path, wait: Wait) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(ONE)
        wait(STALE)


def in_new_folders(path: Path, _: Wait) -> None:
    deep = path.parent / "a/b/c"
    deep.mkdir(parents=True)
    (deep / path.name).write_bytes(ONE)


def with_its_folder(path: Path, _: Wait) -> None:
    hidden = path.parent / ".tmp"
    hidden.mkdir()
    (hidden / path.name).write_bytes(ONE)
    hidden.rename(path.parent / "job")


def endless(pause: float) -> Writer:
    def write(path: Path, wait: Wait) -> None:
        for record in (b"a\n", b"b\n", b"c\n"):
            with path.open("ab") as file:
                file.write(record)
            wait(pause)

    return write


def endless_with_marker(path: Path, _: Wait) -> None:
    path.write_bytes(b"a\n")
    path.with_name(path.name + ".done").touch()


def linked(path: Path, _: Wait) -> None:
    path.with_name(".real").write_bytes(ONE)
    path.symlink_to(".real")


CASES = {
    "written at once": Case(at_once, [ONE]),
    "slow chunks": Case(chunks(SHORT), [ONE]),
    "pauses longer than the settle time": Case(chunks(LONG), [ONE]),
    "a pause longer than the broken-file time": Case(paused_until_stale, [b"<r>1", ONE]),
    "reopened and appended to": Case(append_later, [ONE, ONE + b"\n"]),
    "closed after each chunk": Case(append_at_each_close, [ONE]),
    "rewritten in place with the same size": Case(rewrite_same_size, [ONE, TWO]),
    "rewritten at once": Case(rewrite_quickly, [TWO], exactly=False),
    "rewritten slowly": Case(rewrite_slowly_in_place, [ONE, ONE]),
    "renamed into place": Case(rename_in, [ONE]),
    "renamed over another": Case(rename_over, [ONE, TWO]),
    "renamed in from outside of the root": Case(rename_from_outside, [ONE]),
    "copied with an old mtime": Case(old_mtime, [ONE], exactly=False),
    "replaced with the same size and mtime": Case(replaced_with_same_mtime_and_size, [ONE, TWO], exactly=False),
    "truncated": Case(truncate, [ONE, b"<r>1"]),
    "deleted early": Case(delete_early, [], skipped=True),
    "deleted and written again": Case(delete_and_write_again, [TWO]),
    "never renamed from its dot-name": Case(stays_hidden, []),
    "written through a memory map": Case(through_memory, [ONE]),
    "allocated first": Case(allocated_first, [ONE]),
    "written backwards": Case(written_backwards, [ONE]),
    "complete but kept open": Case(kept_open, [ONE]),
    "in folders made for it": Case(in_new_folders, [ONE]),
    "moved in with its folder": Case(with_its_folder, [ONE]),
    "a format without an end, appended to": Case(endless(SHORT), [b"a\nb\nc\n"], name="report.lcov"),
    "a format without an end, with its marker": Case(endless_with_marker, [b"a\n"], name="report.lcov"),
    "a link": Case(linked, []),
}


def complete(path: str, data: bytes) -> bool:
    return path.endswith(".lcov") or (data.startswith(b"<r>") and data.rstrip().endswith(b"</r>"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taker]:
    root = tmp_path_factory.mktemp("r11") / "root"
    root.mkdir()
    stopping = threading.Event()
    writers = []
    for number, case in enumerate(CASES.values()):
        folder = root / str(number)
        folder.mkdir()
        writers.append(threading.Thread(target=case.write, args=(folder / case.name, stopping.wait)))
    spec = RootSpec(name="root", path=root, include=("**/report.*",))
    with Taker([spec], complete, settle_seconds=SETTLE, broken_after_seconds=BROKEN_AFTER, scan_seconds=1.0) as taker:
        for writer in writers:
            writer.start()
        taker.run(lambda: not any(writer.is_alive() for writer in writers), seconds=30)
        stopping.set()
        for writer in writers:
            writer.join()
        taker.run(lambda: False, seconds=SETTLE + BROKEN_AFTER + 1.5)
        yield taker


@pytest.mark.parametrize("title", CASES)
def test_r11_what_stood_still_is_taken_once_and_nothing_unfinished_before_its_time(title: str, results: Taker) -> None:
    number, case = list(CASES).index(title), CASES[title]
    taken = [data for path, contents in results.taken.items() if path.split("/")[0] == str(number) for data in contents]
    if case.exactly:
        assert taken == case.taken
    else:
        assert taken[-1] == case.taken[-1]
        assert all(complete(case.name, data) for data in taken)
    skipped = [path for path in results.skipped if path.split("/")[0] == str(number)]
    assert bool(skipped) is case.skipped or title == "deleted and written again"
