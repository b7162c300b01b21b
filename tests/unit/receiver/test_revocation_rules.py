"""What a revocation ends and what it holds, as tables: a row a case."""

from datetime import datetime, timedelta

import pytest

from receiver.core.holding import End, Standing, standing
from receiver.core.placing import Status
from receiver.core.revocation import (
    Introduced,
    StreamSeen,
    ended_keys,
    never_delivered,
    reaches_further,
)
from shared.errors import Code
from tests.helpers.build import NOW

HELD = Standing(Status.HELD, Code.KEY_REVOKED)
GOOD = Standing(Status.ACCEPTED)
RELEASED = Standing(Status.ACCEPTED, None, 6)


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


@pytest.mark.parametrize(
    ("received_at", "ends", "hold", "released", "expected"),
    [
        pytest.param(hours(0), (), None, None, GOOD, id="nothing stands against it"),
        pytest.param(hours(0), (End(5, hours(1)),), None, None, GOOD, id="received before"),
        pytest.param(hours(1), (End(5, hours(1)),), None, None, HELD, id="received at that very moment"),
        pytest.param(hours(2), (End(5, hours(1)),), None, None, HELD, id="received since"),
        pytest.param(hours(-9), (End(5, None),), None, None, HELD, id="always"),
        pytest.param(hours(0), (End(5, hours(1)), End(6, None)), None, None, HELD, id="one of two is enough"),
        pytest.param(hours(2), (End(5, hours(1)),), None, 6, RELEASED, id="released"),
        pytest.param(hours(2), (End(7, hours(1)),), None, 6, HELD, id="revoked after the release"),
        pytest.param(
            hours(2),
            (End(5, None), End(7, hours(9))),
            None,
            6,
            RELEASED,
            id="a later one beside it",
        ),
        pytest.param(hours(0), (), Code.FORKED, None, Standing(Status.HELD, Code.FORKED), id="held for more"),
        pytest.param(hours(2), (End(5, None),), Code.FORKED, None, HELD, id="the key first"),
        pytest.param(hours(0), (), Code.FORKED, 6, RELEASED, id="a fork released"),
        pytest.param(hours(0), (End(5, hours(1)),), None, 6, GOOD, id="a release that was not needed"),
    ],
)
def test_how_something_stands(
    received_at: datetime, ends: tuple[End, ...], hold: Code | None, released: int | None, expected: Standing
) -> None:
    assert standing(hold, received_at, ends, released) == expected


KEYS = (
    Introduced("a", hours(0), None),
    Introduced("b", hours(2), "a"),
    Introduced("d", hours(4), "c"),
    Introduced("c", hours(3), "b"),
    Introduced("x", hours(5), None),
)


@pytest.mark.parametrize(
    ("named", "since", "expected"),
    [
        pytest.param(("a",), hours(1), "abcd", id="all that came in since, and theirs"),
        pytest.param(("a",), hours(2), "abcd", id="at that very moment too"),
        pytest.param(("a",), None, "abcd", id="always"),
        pytest.param(("a",), hours(2.5), "a", id="what came in before goes on, and what that introduced"),
        pytest.param(("b",), hours(1), "bcd", id="never the one before"),
        pytest.param(("d",), hours(1), "d", id="the last one alone"),
        pytest.param(("a", "b", "c", "d", "x"), hours(9), "abcdx", id="a collector's, all of them"),
    ],
)
def test_which_keys_end(named: tuple[str, ...], since: datetime | None, expected: str) -> None:
    assert "".join(sorted(ended_keys(KEYS, named, since))) == expected


@pytest.mark.parametrize(
    ("since", "than", "expected"),
    [
        (hours(1), (), True),
        (None, (), True),
        (hours(1), (hours(1),), False),
        (hours(2), (hours(1), hours(3)), False),
        (hours(0), (hours(1), hours(3)), True),
        (None, (hours(1),), True),
        (hours(1), (None,), False),
        (None, (None,), False),
    ],
)
def test_what_holds_more(since: datetime | None, than: tuple[datetime | None, ...], expected: bool) -> None:  # noqa: FBT001
    assert reaches_further(since, than) is expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(StreamSeen(9, 3, 6, 7), 3, id="three wait"),
        pytest.param(StreamSeen(9, 3, 9, 10), 0, id="all came since"),
        pytest.param(StreamSeen(9, 0, 9, 8), 2, id="two are missing"),
        pytest.param(StreamSeen(5, 0, 9, 10), 0, id="an older heartbeat"),
        pytest.param(StreamSeen(None, None, 9, 8), 2, id="no heartbeat: the holes"),
        pytest.param(StreamSeen(None, 0, -1, 0), 0, id="nothing made yet"),
        pytest.param(StreamSeen(None, 4, -1, 0), 4, id="a heartbeat without a number"),
    ],
)
def test_what_never_came(seen: StreamSeen, expected: int) -> None:
    assert never_delivered([seen]) == expected
    assert never_delivered([seen, seen]) == 2 * expected
