"""Moving windows in a Redis or Valkey that several receivers share, asked without waiting for it.

Invariants: an answer takes at most the time-out, by default a tenth of a second; while the server does not answer, one
request a second asks it, and all others are told so at once. The receivers' clocks must agree: whoever asks says what
time it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from structlog.typing import FilteringBoundLogger

from receiver.web.metrics import Metrics
from shared.errors import ConfigError

AWAY_SECONDS = 1.0
LOG_SECONDS = 60.0
_AT_ONCE = 32
_PREFIX = "carnet"
_PORT = 6379


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands: whether it was admitted, how many are left, and when its oldest leaves (Unix seconds)."""

    admitted: bool
    remaining: int
    reset_time: float


class SharedWindows:
    """The windows of all receivers that name the same server."""

    def __init__(
        self,
        url: str,
        password: str | None,
        *,
        timeout_seconds: float,
        monotonic: Callable[[], float],
        metrics: Metrics,
        journal: FilteringBoundLogger,
    ) -> None:
        """Take a URL (redis, rediss, valkey, valkeys) without a password; nothing is connected yet.

        Raises `ConfigError` where the library is missing, or makes nothing of the URL.
        """
        given = {} if password is None else {"password": password}
        timeouts = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
        try:
            self._storage = RedisStorage(
                _as_redis(url), wrap_exceptions=True, implementation="redispy", key_prefix=_PREFIX, **given, **timeouts
            )
        except (ConfigurationError, ValueError):
            raise ConfigError(
                "the client for Redis is not installed, or rate_limit_storage_url is wrong",
                "pip install 'carnet[redis]'; a URL is for instance rediss://limits.example:6379/0",
            ) from None
        self._windows = MovingWindowRateLimiter(self._storage)
        self._monotonic = monotonic
        self._metrics = metrics
        self._journal = journal
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._timeout = timeout_seconds
        self._ask_again_at: float | None = None
        self._log_again_at: float | None = None

    async def take(self, item: RateLimitItemPerMinute, *name: str) -> Place | None:
        """Count one request; a refused one does not count. None: the server does not answer, so nothing is known."""
        now = self._monotonic()
        if self._ask_again_at is not None:
            if now < self._ask_again_at:
                self._metrics.limit_not_shared()
                return None
            self._ask_again_at = now + AWAY_SECONDS  # the others do not wait for what this one finds out
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                admitted = await self._windows.hit(item, *name)
                stats = await self._windows.get_window_stats(item, *name)
        except (StorageError, OSError, TimeoutError) as error:
            self._away(error)
            return None
        self._ask_again_at = None
        return Place(admitted, max(0, stats.remaining), stats.reset_time)

    async def close(self) -> None:
        """Close the connections."""
        # The library has no way to do so; it is the client of its storage that is closed.
        await cast("Any", self._storage.bridge).get_connection().aclose()

    def _away(self, error: Exception) -> None:
        now = self._monotonic()
        self._ask_again_at = now + AWAY_SECONDS
        self._metrics.limit_not_shared()
        if self._log_again_at is None or now >= self._log_again_at:
            self._log_again_at = now + LOG_SECONDS
            # Its words may quote the server, so only its kind is told.
            self._journal.warning("rate_limits_not_shared", reason=type(error.__cause__ or error).__name__)


def _as_redis(url: str) -> str:
    """Both servers speak the same protocol, and one client serves both; the library wants a port."""
    parts = urlsplit(url)
    place = parts.netloc if parts.port is not None else f"{parts.netloc}:{_PORT}"
    return urlunsplit(parts._replace(scheme="async+" + parts.scheme.replace("valkey", "redis"), netloc=place))
