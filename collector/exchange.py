"""One exchange with the receiver: send, send again while it asks to wait, and believe nothing but a true receipt.

Invariants: one request is in flight; a wait that somebody asked for is ended by a stop alone; whatever is no receipt
came from somebody else, and settles nothing; a stop leaves the request in flight a set time, then abandons it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import tenacity

from collector.client import UnreachableError
from collector.receipts import check_receipt
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError, UntrustedError
from shared.wire import parse_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from collector.client import Answer
    from collector.leaving import Leaving
    from collector.receipts import Sent, Settlement
    from shared.keyring import TrustedKeyring
    from shared.wire import Result

T = TypeVar("T")

_SPREAD = 1.1
"""A fleet that was told to come back in a minute does not come back as one: up to so much later."""


class StoppedError(Exception):
    """Told to stop: nothing failed, nothing was settled; never leaves the shipper."""


class UnlistedError(Exception):
    """The ledger could not be written, so nothing was sent; never leaves the shipper, which raises its cause."""

    def __init__(self, cause: CarnetError) -> None:
        """Take what the spool said."""
        super().__init__(cause)
        self.cause = cause


class Post(Protocol):
    """Sends a body to a path with a good token, renewing the token by itself.

    Each time before it hands the body over, it writes into the ledger what leaves with it. Raises what `Client`
    raises, and `UnlistedError`.
    """

    def __call__(self, path: str, body: bytes, leaving: Sequence[Leaving], /) -> Awaitable[Answer]:
        """Send."""
        ...


class Wait(Protocol):
    """Waits until one of the events is set, at most so many seconds."""

    def __call__(self, events: Sequence[asyncio.Event], seconds: float, /) -> Awaitable[None]:
        """Wait."""
        ...


async def wait_for_any(events: Sequence[asyncio.Event], seconds: float) -> None:
    """Wait until one of the events is set, at most so many seconds; leaves no task behind."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(*waits)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything outside of the shipper that it asks: clocks, chance, trust, and whom it tells.

    `goes_by_key` says whether the receiver gives access for the key that signs; it raises what asking for access does
    where that was not answered.
    """

    utcnow: Callable[[], datetime]
    monotonic: Callable[[], float]
    uniform: Callable[[float, float], float]
    new_batch_id: Callable[[], str]
    keyring: Callable[[], TrustedKeyring]
    refresh_keyring: Callable[[], Awaitable[bool]]
    goes_by_key: Callable[[], Awaitable[bool]]
    tell: Callable[..., None]
    wait: Wait = wait_for_any


@dataclass(frozen=True, slots=True)
class Patience:
    """How one exchange is retried: full jitter below `first_seconds`, doubling up to `cap_seconds`, so many times."""

    first_seconds: float
    cap_seconds: float
    attempts: int
    stop_seconds: float

    def ceiling(self, attempt: int) -> float:
        """The longest that full jitter waits after this attempt, counted from 1 (seconds)."""
        return min(self.cap_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 60))


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends, waits and believes for one collector."""

    collector_id: str
    post: Post
    around: Surroundings
    patience: Patience
    stop: asyncio.Event

    async def send(self, path: str, body: bytes, leaving: Sequence[Leaving], *, patient: bool) -> Answer:
        """Send once, and if `patient` again as long as a reachable receiver says later: the one retry policy.

        Raises what `post` raises; where somebody asks for a longer wait than the cap, that wait is the caller's.
        Raises `StoppedError` where a stop came first.
        """
        attempts = self.patience.attempts if patient else 1
        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_says_later),
            wait=self._next_wait,
            stop=lambda state: state.attempt_number >= attempts or self._asked_for_more(state),
            sleep=self._sleep,
            before_sleep=self._tell_later,
            reraise=True,
        ):
            with attempt:
                return await self.in_time(self.post(path, body, leaving))
        msg = "tenacity ended without an outcome"
        raise RuntimeError(msg)

    async def believe(
        self, batch_id: str, entries: Sequence[Sent], body: bytes
    ) -> tuple[Settlement, tuple[Result, ...]]:
        """Read an answer as the receipt for what was sent; raises `UnreachableError` for whatever is none.

        A receipt under a key that is not known is read again once the keyring was fetched anew.
        """
        try:
            raw, results = parse_answer(body)
            try:
                return self._check(batch_id, entries, raw), results
            except UntrustedError as error:
                if error.code is not Code.UNKNOWN_KEY or not await self.in_time(self.around.refresh_keyring()):
                    raise
            return self._check(batch_id, entries, raw), results
        except (MalformedError, UntrustedError) as error:
            self.around.tell("not_a_receipt", code=error.code.value, detail=error.detail)
            raise UnreachableError(f"the answer is not a valid receipt: {error.detail}") from None

    def spread(self, seconds: float) -> float:
        """Give a wait that somebody asked for, a little longer: never shorter."""
        return seconds * self.around.uniform(1.0, _SPREAD)

    def _check(self, batch_id: str, entries: Sequence[Sent], raw: bytes) -> Settlement:
        return check_receipt(self.around.keyring(), self.collector_id, batch_id, entries, raw)

    def _next_wait(self, state: tenacity.RetryCallState) -> float:
        jitter = self.around.uniform(0.0, self.patience.ceiling(state.attempt_number))
        asked = asked_seconds(_error(state))
        return jitter if asked is None else max(jitter, self.spread(asked))

    def _asked_for_more(self, state: tenacity.RetryCallState) -> bool:
        return (asked_seconds(_error(state)) or 0.0) > self.patience.cap_seconds

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0 and not self.stop.is_set():
            await self.around.wait([self.stop], seconds)
        if self.stop.is_set():
            raise StoppedError

    def _tell_later(self, state: tenacity.RetryCallState) -> None:
        self.around.tell("try_later", attempt=state.attempt_number, detail=str(_error(state)))

    async def in_time(self, doing: Awaitable[T]) -> T:
        """Await something, but not for long once told to stop."""
        task, stopping = asyncio.ensure_future(doing), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=self.patience.stop_seconds)
            if not task.done():
                raise StoppedError
            return task.result()
        finally:
            await _end(task, stopping)


async def plainly(doing: Awaitable[T]) -> T:
    """Do something; where the ledger could not be written, raise what the spool said."""
    try:
        return await doing
    except UnlistedError as error:
        raise error.cause from None


def asked_seconds(error: BaseException | None) -> float | None:
    """Give how long the receiver asked to wait, where it did (seconds)."""
    return error.delay_seconds if isinstance(error, TryLaterError) else None


def _says_later(error: BaseException) -> bool:
    """Say whether somebody is there and may do better in a moment: 429 and 5xx, not silence and not a refusal."""
    final = UnreachableError | MalformedError | UntrustedError | StateError
    return isinstance(error, CarnetError) and not isinstance(error, final)


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
