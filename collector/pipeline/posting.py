"""Posts one thing to the receiver, again while it asks to wait or does not answer, and reads what came of it.

An edge: the network. Invariants: every POST has an `Idempotency-Key`, the same over its attempts, so that what arrived
twice is recorded once; a refusal is never tried again, and nothing is beyond the time that was given; an answer without
an id came from somebody else.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import tenacity

from collector.client import Client, ClientSettings, UnreachableError
from shared.encoding import compact, parse_object
from shared.errors import CarnetError, Code, ConfigError, MalformedError, StateError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from collector.client import Answer
    from collector.pipeline.access import Access
    from shared.encoding import JsonObject

_T = TypeVar("_T")
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
"""A gate may hold an answer for 30 s; who says nothing for longer is not there any more."""
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 10.0


class LostError(TryLaterError):
    """No answer, or one from somebody else: what was asked may have been done all the same."""

    def __init__(self, detail: str) -> None:
        """Take what happened."""
        super().__init__(Code.UNAVAILABLE, detail, "run the same command again, or give it a longer --timeout")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiver answered: status, id, and all of the body."""

    status: int
    id: str
    body: JsonObject


class Receiver:
    """Posts with one key until the time that was given is over; an asynchronous context manager.

    `tell` gets a sentence before each wait.
    """

    def __init__(self, access: Access, tell: Callable[[str], None]) -> None:
        """Check the address; raises `ConfigError`. Nothing is sent yet."""
        self._access = access
        self._tell = tell
        self._deadline = 0.0
        settings = ClientSettings(
            access.url,
            access.ca_file,
            access.proxy,
            connect_timeout_seconds=min(_CONNECT_SECONDS, access.timeout_seconds),
            answer_timeout_seconds=min(access.timeout_seconds, _ANSWER_SECONDS),
        )
        try:
            self._client = Client(settings)
        except ConfigError as error:
            raise _in_own_words(error, access.variables.url) from None

    async def __aenter__(self) -> Self:
        """Begin; the time runs from here."""
        self._deadline = asyncio.get_running_loop().time() + self._access.timeout_seconds
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._client.__aexit__(kind, error, trace)

    async def post(self, path: str, body: JsonObject, idempotency_key: str) -> Reply:
        """Post an object; raises the family that the answer's status belongs to, `TryLaterError` once time is up."""
        raw, headers = compact(body), {"Idempotency-Key": idempotency_key}
        ask = functools.partial(self._client.post, path, raw, self._access.key, headers=headers)
        return await self._patiently(ask, functools.partial(_reply, "id"))

    async def put(self, path: str, body: JsonObject) -> Reply:
        """Put an object in the place of what is there; raises as `post` does."""
        raw = compact(body)
        ask = functools.partial(self._client.put, path, raw, self._access.key)
        return await self._patiently(ask, functools.partial(_reply, "id"))

    async def evaluate(self, path: str, body: JsonObject, hold_seconds: int) -> Reply:
        """Ask a gate, whose answer may be held for so long until the pipeline may go on; raises as `post` does."""
        raw, headers = compact(body), {"Prefer": f"wait={hold_seconds}"} if hold_seconds else {}
        ask = functools.partial(self._client.post, path, raw, self._access.key, headers=headers)
        return await self._patiently(ask, functools.partial(_reply, "passportId"))

    async def get(self, path: str) -> bytes:
        """Ask for something, as it comes; raises as `post` does."""
        return await self._patiently(lambda: self._client.get(path, self._access.key), lambda answer: answer.body)

    def stopwatch(self) -> Callable[[], float]:
        """Give what tells how many seconds went by since now."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        return lambda: loop.time() - began

    async def pause(self, seconds: float) -> None:
        """Wait between two questions."""
        await asyncio.sleep(seconds)

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]], read: Callable[[Answer], _T]) -> _T:
        loop = asyncio.get_running_loop()
        lost = False

        def may_do_better(error: BaseException) -> bool:
            nonlocal lost
            lost = lost or isinstance(error, LostError)
            # The receiver may still be at work on an attempt whose answer was lost: the next one is told so.
            running = lost and isinstance(error, StateError) and error.code is Code.CONFLICT
            return running or isinstance(error, TryLaterError)

        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(may_do_better),
            wait=_wait,
            stop=lambda state: loop.time() + state.upcoming_sleep >= self._deadline,
            before_sleep=self._tell_later,
            reraise=True,
        ):
            with attempt:
                return await self._once(ask, read)
        msg = "tenacity ended without an outcome"
        raise RuntimeError(msg)

    async def _once(self, ask: Callable[[], Awaitable[Answer]], read: Callable[[Answer], _T]) -> _T:
        try:
            async with asyncio.timeout_at(self._deadline):
                return read(await ask())
        except TimeoutError:
            waited = f"{self._access.timeout_seconds:g} s"
            raise LostError(f"{self._access.url} did not answer within {waited}") from None
        except UnreachableError as error:
            raise LostError(error.detail) from None

    def _tell_later(self, state: tenacity.RetryCallState) -> None:
        error = _error(state)
        detail = error.detail if isinstance(error, CarnetError) else ""
        self._tell(f"{detail}; again in {state.upcoming_sleep:.1f} s")


_jittered = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)


def _wait(state: tenacity.RetryCallState) -> float:
    """Give how long to wait (seconds): with jitter, and never less than the receiver asked for."""
    error = _error(state)
    asked = error.delay_seconds if isinstance(error, TryLaterError) else None
    return max(_jittered(state), asked or 0.0)


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _reply(named: str, answer: Answer) -> Reply:
    try:
        body = parse_object(answer.body)
    except MalformedError as error:
        raise UnreachableError(f"something else answered in the receiver's place: {error.detail}") from None
    found = body.get(named)
    if not isinstance(found, str) or not found:
        raise UnreachableError(f"something else answered in the receiver's place: there is no {named} in it")
    return Reply(answer.status, found, body)


def _in_own_words(error: ConfigError, url: str) -> ConfigError:
    """Name what a pipeline sets instead of what a collector's file does."""
    names = {"receiver.url": url, "receiver.ca_file": "--ca-file", "receiver.proxy": "--proxy"}
    detail, hint = error.detail, error.hint or ""
    for name, instead in names.items():
        detail, hint = detail.replace(f"{name}:", f"{instead}:", 1).replace(name, instead), hint.replace(name, instead)
    return ConfigError(detail, hint or None)
