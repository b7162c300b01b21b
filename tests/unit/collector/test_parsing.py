"""Reading files in a child process: the same claims, and what becomes of files that are too much for it."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.formats import FORMATS, HEAD_BYTES, Claim, Limits, Thresholds, recognise
from collector.parsing import Bounds, Parser, Request
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError
from tests.helpers import parsers

SAMPLES = {
    path.relative_to(path.parents[1]).as_posix(): (path, found.format)
    for path in sorted((Path(__file__).parents[2] / "samples").rglob("*"))
    if path.is_file() and (found := recognise(path.read_bytes()[:HEAD_BYTES])) is not None
}
ROWS = {row.key: row for row in FORMATS}
SMALL = b"<testsuite><testcase name='a'/></testsuite>"
BROKEN = b"<testsuite><testcase name='a'/><"
MIB = 1 << 20


class Told(list[dict[str, Any]]):
    """What was told, as `tell` hears it."""

    def __call__(self, event: str, **facts: object) -> None:
        self.append({"event": event, **facts})

    def reasons(self) -> list[object]:
        assert {one["event"] for one in self} <= {"parser_replaced"}
        return [one["reason"] for one in self]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def make(told: Told) -> Iterator[Callable[..., Parser]]:
    made: list[Parser] = []

    def make(bounds: Bounds | None = None, child: str | None = None) -> Parser:
        """Make a parser, with the real child or with a script that stands in for it."""
        parser = Parser(time.monotonic, told, bounds or Bounds())
        if child is not None:
            parser.command = (sys.executable, "-I", "-c", child)
        made.append(parser)
        return parser

    yield make
    for parser in made:
        parser.close()


def read(parser: Parser, content: bytes | Callable[[], Iterable[bytes]], key: str = "junit-xml") -> Claim:
    chunks = content if callable(content) else lambda: (content,)
    return parser.end(parser.begin(Request(key, Thresholds()), chunks, 0))


def outcome(act: Callable[[], Claim]) -> Claim | tuple[Code, str, str | None]:
    try:
        return act()
    except CarnetError as error:
        return error.code, error.detail, error.hint


# --- the same as without a child ---


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_read_as_without_a_child_whole_and_spoiled(name: str) -> None:
    path, row = SAMPLES[name]
    data, parser = path.read_bytes(), parsers.shared()
    replaced = parser.replaced
    for part in (data, data[: len(data) // 2], data + b"\0", data.replace(b"\n", b"\xff", 3)):
        expected = outcome(lambda part=part: row.read(io.BytesIO(part), Thresholds(), Limits()))  # type: ignore[misc]
        pieces = [part[at : at + 1000] for at in range(0, len(part), 1000)]
        assert outcome(lambda pieces=pieces: read(parser, lambda: pieces, row.key)) == expected  # type: ignore[misc]
    assert parser.replaced == replaced


@pytest.mark.parametrize("encoding", ["windows-1252", "iso-8859-15", "koi8-r", "cp437", "gb2312", "no-such-encoding"])
def test_encodings_are_known_although_no_file_can_be_opened(encoding: str) -> None:
    data = b"<?xml version='1.0' encoding='%s'?>%s" % (encoding.encode(), SMALL)
    expected = outcome(lambda: ROWS["junit-xml"].read(io.BytesIO(data), Thresholds(), Limits()))
    assert outcome(lambda: read(parsers.shared(), data)) == expected


def test_one_child_reads_many_files_and_is_let_go_after_so_many(make: Callable[..., Parser], told: Told) -> None:
    parser = make(Bounds(files=3))
    pids: list[int | None] = []
    for number in range(6):
        read(parser, SMALL if number % 2 else b"<testsuite><testcase name='%d'/></testsuite>" % number)
        pids.append(parser.pid)
    assert [pid is None for pid in pids] == [False, False, True, False, False, True]
    assert pids[0] == pids[1]
    assert pids[3] == pids[4]
    assert pids[0] != pids[3]
    assert told == []


def test_a_child_with_nothing_to_do_is_let_go_and_the_next_file_gets_another(make: Callable[..., Parser]) -> None:
    parser = make(Bounds(idle_seconds=0))
    read(parser, SMALL)
    pids = [parser.pid]
    parser.rest()
    pids.append(parser.pid)
    assert [pid is None for pid in pids] == [False, True]
    assert read(parser, SMALL).passed


def test_the_next_file_can_be_begun_before_the_one_before_is_ended(make: Callable[..., Parser]) -> None:
    parser = make()
    request = Request("junit-xml", Thresholds())
    first = parser.begin(request, lambda: (SMALL,), len(SMALL))
    second = parser.begin(request, lambda: (BROKEN,), len(BROKEN))
    third = parser.begin(request, lambda: (SMALL * 2,), len(SMALL))
    assert parser.end(first).passed
    with pytest.raises(MalformedError) as caught:
        parser.end(second)
    assert caught.value.code is Code.TRUNCATED
    with pytest.raises(MalformedError) as caught:
        parser.end(third)
    assert caught.value.code is Code.BAD_SYNTAX


def test_an_early_error_ends_the_reading_of_a_large_file_and_the_child_goes_on(make: Callable[..., Parser]) -> None:
    parser = make()
    given = 0

    def content() -> Iterator[bytes]:
        nonlocal given
        yield b"<testsuite><<"
        for _ in range(300):
            given += 1
            yield bytes(MIB)

    with pytest.raises(MalformedError) as caught:
        read(parser, content)
    assert caught.value.code is Code.BAD_SYNTAX
    assert given < 300
    pid = parser.pid
    assert read(parser, SMALL).passed
    assert parser.pid == pid


# --- what goes wrong ---


def test_a_child_that_is_killed_in_the_middle_is_replaced_and_the_file_is_read(
    make: Callable[..., Parser], told: Told
) -> None:
    parser = make()
    begun = 0

    def content() -> Iterator[bytes]:
        nonlocal begun
        begun += 1
        yield SMALL[:20]
        if begun == 1 and parser.pid is not None:
            os.kill(parser.pid, signal.SIGKILL)
        yield b" " * (4 * MIB)
        yield SMALL[20:]

    assert read(parser, content) == read(parsers.shared(), SMALL)
    assert (begun, told.reasons(), parser.last_failure) == (2, ["died"], "died")
    assert told[0]["detail"] == "signal SIGKILL"


def test_a_child_that_died_while_it_had_nothing_to_do_costs_no_attempt(make: Callable[..., Parser], told: Told) -> None:
    parser = make()
    read(parser, SMALL)
    child = parser.pid
    assert child is not None
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    begun = []

    def content() -> Iterator[bytes]:
        begun.append(1)
        yield SMALL

    read(parser, content)
    assert (begun, told.reasons()) == ([1], ["died"])


def test_a_file_that_kills_two_children_is_too_large_and_the_next_one_is_read(
    make: Callable[..., Parser], told: Told
) -> None:
    parser = make()

    def content() -> Iterator[bytes]:
        yield SMALL[:20]
        assert parser.pid is not None
        os.kill(parser.pid, signal.SIGSEGV)
        yield b" " * (4 * MIB)

    with pytest.raises(MalformedError) as caught:
        read(parser, content)
    assert caught.value.code is Code.TOO_LARGE
    assert "SIGSEGV" in caught.value.detail
    assert told.reasons() == ["died", "died"]
    assert read(parser, SMALL).passed


def test_a_file_that_takes_more_memory_than_allowed_is_too_large(make: Callable[..., Parser], told: Told) -> None:
    # Enough to start in, also where its modules have to be compiled first.
    parser = make(Bounds(memory_bytes=80 * MIB))

    def content() -> Iterator[bytes]:
        yield b'{"version":"2.1.0","runs":[],"properties":{"first":1'
        for number in range(320_000):
            yield b',"%0195d":1' % number

    with pytest.raises(MalformedError) as caught:
        read(parser, content, "sarif")
    assert caught.value.code is Code.TOO_LARGE
    assert "80 MiB" in caught.value.detail
    assert caught.value.hint
    assert told.reasons() == ["out_of_memory", "out_of_memory"]
    assert read(parser, SMALL).passed


def test_a_file_that_takes_longer_than_allowed_is_too_slow_and_not_tried_again(
    make: Callable[..., Parser], told: Told
) -> None:
    parser = make(Bounds(seconds=0.05))
    cases = b"<testcase name='a'/>" * 50_000
    begun = []

    def content() -> Iterator[bytes]:
        begun.append(1)
        yield b"<testsuite>"
        for _ in range(20):
            yield cases
        yield b"</testsuite>"

    with pytest.raises(MalformedError) as caught:
        read(parser, content)
    assert caught.value.code is Code.TOO_SLOW
    assert "parse_seconds" in str(caught.value)
    assert (begun, told.reasons(), parser.pid) == ([1], ["too_slow"], None)


def test_waiting_for_the_file_itself_counts_for_nothing(make: Callable[..., Parser]) -> None:
    now = 0.0

    def monotonic() -> float:
        return now + time.monotonic()

    def content() -> Iterator[bytes]:
        nonlocal now
        for piece in (SMALL[:5], b"", SMALL[5:]):
            now += 1_000  # a share that does not answer for a while
            yield piece

    parser = make()
    parser.monotonic = monotonic
    assert read(parser, content).passed


READY = "import os,sys,time; os.write(1,b'\\0\\0\\0\\5ready'); "


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (READY + "os.read(0,1); os.write(1,b'\\0\\0\\0\\2{}'); time.sleep(60)", "nonsense"),
        (READY + "os.read(0,1); os.write(1,b'\\xff\\xff\\xff\\xff'); time.sleep(60)", "nonsense"),
        (READY + "os.read(0,1); os.write(1,b'\\0\\0\\0\\2{}x'); time.sleep(60)", "nonsense"),
        (READY + "os.read(0,1); os._exit(3)", "died"),
        (READY + "os.read(0,1); os.close(1); time.sleep(60)", "died"),
        (READY + "os.close(0); time.sleep(60)", "died"),
    ],
)
def test_a_child_that_does_not_answer_as_agreed_is_replaced(
    make: Callable[..., Parser], told: Told, child: str, reason: str
) -> None:
    parser = make(child=child)
    with pytest.raises(MalformedError) as caught:
        read(parser, lambda: [SMALL] if reason == "nonsense" else [SMALL, bytes(2 * MIB)])
    assert caught.value.code is Code.TOO_LARGE
    assert told.reasons() == [reason, reason]
    assert parser.pid is None


@pytest.mark.parametrize("child", [READY + "time.sleep(60)", READY + "[0 for _ in iter(lambda: os.read(0,99), b'')]"])
def test_a_child_that_never_answers_is_killed_when_patience_ends(
    make: Callable[..., Parser], told: Told, child: str
) -> None:
    parser = make(Bounds(seconds=0.2), child)
    with pytest.raises(MalformedError) as caught:
        read(parser, lambda: [bytes(4 * MIB)])
    assert caught.value.code is Code.TOO_SLOW
    assert told.reasons() == ["too_slow"]


@pytest.mark.parametrize(
    "child",
    [
        "raise SystemExit(1)",
        "import os,time; os.write(1,b'\\0\\0\\0\\4oops'); time.sleep(60)",
        "import time; time.sleep(60)",
    ],
)
def test_where_no_child_can_start_the_file_waits_and_is_accused_of_nothing(
    make: Callable[..., Parser], told: Told, child: str
) -> None:
    parser = make(Bounds(start_seconds=0.5), child)
    with pytest.raises(TryLaterError) as caught:
        read(parser, SMALL)
    assert caught.value.hint
    assert (told, parser.pid) == ([], None)


def test_where_there_is_no_python_the_file_waits(make: Callable[..., Parser], tmp_path: Path) -> None:
    parser = make()
    parser.command = (str(tmp_path / "python"),)
    with pytest.raises(TryLaterError):
        read(parser, SMALL)


def test_a_format_that_the_child_does_not_know_is_a_bug_of_ours_and_no_fault_of_the_file(
    make: Callable[..., Parser], told: Told
) -> None:
    with pytest.raises(StateError) as caught:
        read(make(), SMALL, "no-such-format")
    assert caught.value.code is Code.INTERNAL
    assert "StopIteration in child.py" in caught.value.detail
    assert told.reasons() == ["bug"]


def test_what_the_file_itself_raises_goes_through_and_the_next_file_is_read(
    make: Callable[..., Parser], told: Told
) -> None:
    parser = make()

    def content() -> Iterator[bytes]:
        yield SMALL
        raise MalformedError(Code.CHANGED_WHILE_READ, "it changed")

    with pytest.raises(MalformedError) as caught:
        read(parser, content)
    assert caught.value.code is Code.CHANGED_WHILE_READ
    assert read(parser, SMALL).passed
    assert told == []


def test_a_parser_that_was_closed_reads_nothing_more_and_accuses_no_file(
    make: Callable[..., Parser], told: Told
) -> None:
    parser = make()
    pending = parser.begin(Request("junit-xml", Thresholds()), lambda: [BROKEN[:5], bytes(MIB)], MIB)
    parser.close()
    assert parser.pid is None
    with pytest.raises((TryLaterError, MalformedError)) as caught:
        parser.end(pending)
    assert caught.value.code in (Code.UNAVAILABLE, Code.BAD_SYNTAX)
    with pytest.raises(TryLaterError):
        read(parser, SMALL)
    assert told == []
