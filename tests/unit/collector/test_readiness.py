"""When a file may be taken: the rule, and writers of all kinds against it (R11), on a clock that tests turn."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.readiness import Candidates, Key, Look, Readiness

SETTLE = 2.0
BROKEN_AFTER = 300.0
KEY: Key = ("root", "a.xml")

READY, SETTLED, STALE, WAIT = (
    Readiness.READY_IF_COMPLETE,
    Readiness.SETTLED,
    Readiness.STALE,
    Readiness.WAIT,
)


def look(**changed: int) -> Look:
    return Look(**({"device": 1, "inode": 2, "size": 3, "mtime_ns": 4, "ctime_ns": 5} | changed))


@pytest.fixture
def candidates() -> Candidates:
    return Candidates(settle_seconds=SETTLE, broken_after_seconds=BROKEN_AFTER)


def test_a_closed_file_is_ready_at_once_if_it_is_complete(candidates: Candidates) -> None:
    candidates.hint(KEY, closed=True, at=0.0)
    assert candidates.due(0.0).keys == (KEY,)
    assert candidates.look(KEY, look(), 0.0) is READY


def test_a_file_of_which_nobody_says_anything_settles_between_two_equal_looks(candidates: Candidates) -> None:
    assert candidates.look(KEY, look(), 10.0) is WAIT
    assert candidates.look(KEY, look(), 11.9) is WAIT
    assert candidates.look(KEY, look(), 12.0) is SETTLED


@pytest.mark.parametrize("changed", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_any_difference_between_two_looks_begins_the_wait_anew(candidates: Candidates, changed: str) -> None:
    candidates.look(KEY, look(), 0.0)
    assert candidates.look(KEY, look(**{changed: 9}), 2.0) is WAIT
    assert candidates.look(KEY, look(**{changed: 9}), 3.9) is WAIT
    assert candidates.look(KEY, look(**{changed: 9}), 4.0) is SETTLED


def test_a_closed_file_that_was_not_complete_still_settles_and_then_grows_stale(candidates: Candidates) -> None:
    candidates.hint(KEY, closed=True, at=0.0)
    answers = []
    at = 0.0
    while True:
        keys, next_at = candidates.due(at)
        answers += [candidates.look(key, look(), at) for key in keys]
        if not keys:
            if next_at is None:
                break
            at = next_at
    assert [answer for answer in answers if answer is not WAIT] == [READY, SETTLED, STALE]
    assert at == BROKEN_AFTER


def test_a_broken_file_that_is_mended_without_any_event_is_found_long_before_it_would_be_stale(
    candidates: Candidates,
) -> None:
    candidates.look(KEY, look(), 0.0)
    candidates.look(KEY, look(), 2.0)
    at, answers = 2.0, []
    while SETTLED not in answers:
        at = candidates.due(at).next_at or at
        answers += [candidates.look(key, look(size=9), at) for key in candidates.due(at).keys]
    assert at < 10.0


def test_a_file_that_stands_broken_is_looked_at_every_half_minute_at_most(candidates: Candidates) -> None:
    candidates.look(KEY, look(), 0.0)
    times = [0.0]
    while (next_at := candidates.due(times[-1]).next_at) is not None:
        times.append(next_at)
        for key in candidates.due(next_at).keys:
            candidates.look(key, look(), next_at)
    assert times[-1] == BROKEN_AFTER
    assert max(later - earlier for earlier, later in pairwise(times)) <= 30.0
    assert len(times) < 20


def test_an_unchanged_broken_file_is_answered_once_for_each_stage(candidates: Candidates) -> None:
    candidates.look(KEY, look(), 0.0)
    assert candidates.look(KEY, look(), 2.0) is SETTLED
    assert [candidates.look(KEY, look(), at) for at in (60.0, 120.0, 299.9)] == [WAIT] * 3
    assert candidates.look(KEY, look(), 300.0) is STALE
    assert candidates.look(KEY, look(), 600.0) is WAIT


def test_a_hint_asks_anew_even_where_nothing_changed(candidates: Candidates) -> None:
    candidates.look(KEY, look(), 0.0)
    candidates.look(KEY, look(), 2.0)
    candidates.hint(KEY, closed=False, at=7.0)
    assert candidates.due(6.9).keys == ()
    assert candidates.due(7.0).keys == (KEY,)
    assert candidates.look(KEY, look(), 7.0) is SETTLED


def test_the_done_marker_replaces_the_wait(candidates: Candidates) -> None:
    assert candidates.look(KEY, look(), 0.0) is WAIT
    assert candidates.look(KEY, look(), 0.1, done=True) is SETTLED


def test_a_look_at_exactly_the_planned_time_finds_that_it_has_come() -> None:
    for start in (0.1, 1e9 + 0.3, 123456.789):
        candidates = Candidates(settle_seconds=0.2, broken_after_seconds=0.7)
        candidates.look(KEY, look(), start)
        due = candidates.due(start)
        assert due.keys == ()
        assert due.next_at is not None
        assert candidates.due(due.next_at).keys == (KEY,)
        assert candidates.look(KEY, look(), due.next_at) is SETTLED


def test_what_is_forgotten_waits_for_nothing(candidates: Candidates) -> None:
    candidates.look(KEY, look(), 0.0)
    assert candidates.forget(KEY)
    assert not candidates.forget(KEY)
    assert candidates.due(1000.0) == ((), None)
    assert len(candidates) == 0


def test_a_due_file_is_given_once_until_it_was_looked_at(candidates: Candidates) -> None:
    candidates.hint(KEY, closed=False, at=0.0)
    assert candidates.due(0.0).keys == (KEY,)
    assert candidates.due(0.0).keys == ()


# --- R11: a small honest world: one file, a writer with a plan, a daemon that follows the rule ------------------------

Step: TypeAlias = tuple[str, float, str]
"""What the writer does, how many seconds after the step before, and what it writes."""

END = ">"


@dataclass
class World:
    """One path on a simulated disk, and the daemon in front of it. Content that ends in `>` is complete."""

    candidates: Candidates = field(
        default_factory=lambda: Candidates(settle_seconds=SETTLE, broken_after_seconds=BROKEN_AFTER)
    )
    now: float = 0.0
    content: str | None = None
    changed_at: float = 0.0
    inode: int = 1
    tick: int = 0
    events_lost: bool = False
    taken: list[tuple[str, bool, float]] = field(default_factory=list)
    known: Look | None = None
    skipped: int = 0

    def stat(self) -> Look | None:
        if self.content is None:
            return None
        return look(inode=self.inode, size=len(self.content), mtime_ns=self.tick, ctime_ns=self.tick)

    def write(self, content: str | None) -> None:
        self.content = content
        self.changed_at = self.now
        self.tick += 1

    def event(self, *, closed: bool) -> None:
        if not self.events_lost:
            self.candidates.hint(KEY, closed, self.now)

    def scan(self) -> None:
        found = self.stat()
        if found is not None and found != self.known and KEY not in self.candidates:
            self.candidates.hint(KEY, closed=False, at=self.now)

    def run_until(self, end: float, scans: list[float]) -> None:
        """Let the daemon do what is due, in the order of time."""
        while True:
            keys, next_at = self.candidates.due(self.now)
            for _ in keys:
                self.look()
            if keys:
                continue
            times = [at for at in (next_at, scans[0] if scans else None) if at is not None and at <= end]
            if not times:
                self.now = end
                return
            self.now = max(self.now, min(times))
            if scans and self.now >= scans[0]:
                heapq.heappop(scans)
                self.scan()

    def look(self) -> None:
        found = self.stat()
        if found is None:
            if self.candidates.forget(KEY):
                self.skipped += 1
            return
        answer = self.candidates.look(KEY, found, self.now)
        assert self.content is not None
        complete = self.content.endswith(END)
        if answer is STALE or (answer is not WAIT and complete):
            self.taken.append((self.content, complete, self.now - self.changed_at))
            self.known = found
            self.candidates.forget(KEY)


steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "append-close", "rewrite", "rename-in", "truncate", "delete", "touch-old"]),
        st.sampled_from([0.0, 0.1, 1.0, 1.9, 2.0, 2.1, 5.0, 61.0, 301.0]),
        st.sampled_from(["<a", "<b>", "c>", "dd", END]),
    ),
    min_size=1,
    max_size=12,
)


def perform(world: World, act: str, text: str) -> None:
    """One step of a writer, with the events that the kernel would send."""
    before = world.content or ""
    if act == "append":
        world.write(before + text)
        world.event(closed=False)
    elif act == "append-close":
        world.write(before + text)
        world.event(closed=True)
    elif act == "rewrite":
        world.write("")
        world.event(closed=False)
        world.write(text)
        world.event(closed=True)
    elif act == "rename-in":
        world.inode += 1
        world.write(text)
        world.event(closed=True)
    elif act == "truncate":
        world.write("")
        world.event(closed=False)
    elif act == "delete":
        world.write(None)
    else:  # a copy that keeps an old mtime: the ctime tells
        world.write(text)
        world.event(closed=True)


@settings(max_examples=500)
@given(plan=steps, lost=st.booleans())
def test_r11_every_content_that_stood_still_is_taken_once_and_nothing_unfinished_is(
    plan: list[Step],
    lost: bool,  # noqa: FBT001
) -> None:
    world = World(events_lost=lost)
    scans = [60.0 * n for n in range(100)]
    stood_still: list[str] = []
    for act, pause, text in plan:
        if pause >= 62.0 + SETTLE and world.content is not None and world.content.endswith(END):
            stood_still.append(world.content)  # a scan and the settle time fit in
        world.run_until(world.now + pause, scans)
        perform(world, act, text)
    world.run_until(world.now + BROKEN_AFTER + 61.0, scans)

    for content, complete, stood in world.taken:
        assert complete or stood >= BROKEN_AFTER - 1e-6, f"{content!r} was taken unfinished after {stood} s"
    if world.content is not None:
        assert world.taken, "the final content was not taken"
        assert world.taken[-1][0] == world.content
    contents = [content for content, _, _ in world.taken]
    assert [one for one in stood_still if one not in contents] == []
    final = world.known
    world.run_until(world.now + 1000.0, scans)
    assert [content for content, _, _ in world.taken] == contents, "a content that did not change was taken twice"
    assert world.known == final
    assert len(world.candidates) == 0


def test_a_file_deleted_before_it_settled_is_skipped() -> None:
    world = World()
    perform(world, "append", "<a")
    world.run_until(1.0, [])
    perform(world, "delete", "")
    world.run_until(10.0, [])
    assert (world.taken, world.skipped) == ([], 1)
