"""Moving windows: a key is admitted so often in any minute, exactly, and what is past is forgotten."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from receiver.web.windows import Windows


@dataclass
class Clock:
    """A clock that goes where it is set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 6), st.lists(st.floats(0, 40, allow_nan=False), max_size=60))
def test_no_window_of_a_minute_ever_holds_more_than_the_limit_and_none_is_refused_for_less(
    limit: int, steps: list[float]
) -> None:
    clock = Clock()
    windows, item = MovingWindowRateLimiter(Windows(clock)), RateLimitItemPerMinute(limit)
    admitted: list[float] = []
    for step in steps:
        clock.now += step
        inside = [one for one in admitted if one >= clock.now - 60]
        assert windows.hit(item, "key") == (len(inside) < limit)
        if len(inside) < limit:
            admitted.append(clock.now)
            inside.append(clock.now)
        stats = windows.get_window_stats(item, "key")
        assert stats.remaining == limit - len(inside)
        assert stats.reset_time == min(inside) + 60


def test_a_key_that_was_never_seen_has_its_whole_limit() -> None:
    clock = Clock()
    stats = MovingWindowRateLimiter(Windows(clock)).get_window_stats(RateLimitItemPerMinute(5), "key")
    assert (stats.remaining, stats.reset_time) == (5, clock.now + 60)


def test_keys_that_have_been_silent_for_a_window_are_forgotten() -> None:
    clock = Clock()
    windows = Windows(clock)
    for n in range(100):
        assert windows.acquire_entry(f"key{n}", 1, 60)
    clock.now += 61
    assert windows.acquire_entry("another", 1, 60)
    assert len(windows) == 1


@pytest.mark.parametrize("amount", [3, 9])
def test_more_at_once_than_fit_are_refused_together(amount: int) -> None:
    windows = Windows(Clock())
    assert not windows.acquire_entry("key", 2, 60, amount)
    assert windows.acquire_entry("key", 2, 60, 2)
