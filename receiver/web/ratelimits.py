"""How often a key may ask, and how often an address may fail: moving windows of one minute.

Keyed by token id; for requests without a good token by the socket's address, never by a header that a client writes.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

WINDOW_SECONDS = 60
_IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands in its window: the limit, what is left of it, and when it is whole again (Unix seconds)."""

    admitted: bool
    limit: int
    remaining: int
    reset_at: int
    wait_seconds: int

    def headers(self) -> dict[str, str]:
        """The headers of every answer to a keyed request: the seed's three, and the IETF pair."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={self.remaining};t={self.wait_seconds}',
        }


class RateLimits:
    """The windows of one process."""

    def __init__(self, now: Callable[[], datetime], max_failures_per_minute: int) -> None:
        """Take the clock that reset times are compared with, and how many failures an address has."""
        self._now = now
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._failures = RateLimitItemPerMinute(max_failures_per_minute)

    def take(self, token_id: str, per_minute: int) -> Standing:
        """Count one request of a key; a refused one does not count."""
        return self._take(RateLimitItemPerMinute(per_minute), "key", token_id)

    def fail(self, address: str) -> Standing:
        """Count one request without a good token; not admitted means that the address is to wait."""
        return self._take(self._failures, "address", _network(address))

    def _take(self, item: RateLimitItemPerMinute, *name: str) -> Standing:
        admitted = self._windows.hit(item, *name)
        stats = self._windows.get_window_stats(item, *name)
        wait = max(1, math.ceil(stats.reset_time - self._now().timestamp()))
        return Standing(
            admitted,
            item.amount,
            max(0, stats.remaining),
            math.ceil(stats.reset_time),
            min(wait, WINDOW_SECONDS),
        )


def _network(address: str) -> str:
    """One IPv6 host owns a whole /64, so it is counted as one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6:  # noqa: PLR2004 - the name of the protocol
        return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
    return address
