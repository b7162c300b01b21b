"""How often a key may ask, an address may fail, and somebody may try to sign in: moving windows of one minute.

Keyed by token id; for requests without a good token by the socket's address, never by a header that a client writes;
for attempts to sign in by that first, and then by the account.
Where the windows are shared and the server that keeps them does not answer, each process counts for itself: a limit is
never lifted, and nobody is turned away for it.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from receiver.web.sharedlimits import SharedWindows
from receiver.web.windows import Windows
from shared.encoding import sha256

WINDOW_SECONDS = 60
_IPV6_NETWORK_BITS = 64
_ADDRESSES_AT_AN_ACCOUNT = 5
"""So many addresses may try as often as they may at one account; then it is to wait, from wherever it is tried."""


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
    """The windows of one process, or those that it shares."""

    def __init__(
        self,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        max_failures_per_minute: int,
        shared: SharedWindows | None = None,
        max_sign_ins_per_minute: int = 10,
    ) -> None:
        """Take the clocks, how often an address may fail, shared windows, and how often it may try to sign in."""
        self._now = now
        self._monotonic = monotonic
        self._here = MovingWindowRateLimiter(Windows(monotonic))
        self._failures = RateLimitItemPerMinute(max_failures_per_minute)
        self._sign_ins = RateLimitItemPerMinute(max_sign_ins_per_minute)
        self._of_account = RateLimitItemPerMinute(max_sign_ins_per_minute * _ADDRESSES_AT_AN_ACCOUNT)
        self._shared = shared

    async def take(self, token_id: str, per_minute: int) -> Standing:
        """Count one request of a key; a refused one does not count."""
        return await self._take(RateLimitItemPerMinute(per_minute), "key", token_id)

    async def fail(self, address: str) -> Standing:
        """Count one request without a good token; not admitted means that the address is to wait."""
        return await self._take(self._failures, "address", _network(address))

    async def sign_in_from(self, address: str) -> Standing:
        """Count one attempt to sign in from an address; not admitted means that the address is to wait.

        Asked before `sign_in_as`: what is refused here counts for no account.
        """
        return await self._take(self._sign_ins, "sign-in-from", _network(address))

    async def sign_in_as(self, workspace_id: str, email: str) -> Standing:
        """Count one attempt at an account, known or not, under the names that it is looked up by.

        An account may be tried more often than one address may try, so that no address alone shuts its owner out.
        """
        return await self._take(self._of_account, "sign-in", workspace_id, sha256(email.encode()).hex())

    async def close(self) -> None:
        """Close the connections to what is shared."""
        if self._shared is not None:
            await self._shared.close()

    async def _take(self, item: RateLimitItemPerMinute, *name: str) -> Standing:
        place = None if self._shared is None else await self._shared.take(item, *name)
        now = self._now().timestamp()
        if place is None:
            admitted = self._here.hit(item, *name)
            stats = self._here.get_window_stats(item, *name)
            return _standing(admitted, item.amount, stats.remaining, now, stats.reset_time - self._monotonic())
        if place.admitted:
            # Counted here too, so that this process goes on from what it has seen once nothing is shared any more.
            self._here.hit(item, *name)
        return _standing(place.admitted, item.amount, place.remaining, now, place.reset_time - now)


def _standing(admitted: bool, limit: int, remaining: int, now: float, wait: float) -> Standing:  # noqa: FBT001
    whole = min(max(1, math.ceil(wait)), WINDOW_SECONDS)
    return Standing(admitted, limit, max(0, remaining), math.ceil(now + wait), whole)


def _network(address: str) -> str:
    """One IPv6 host owns a whole /64, so it is counted as one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6:  # noqa: PLR2004 - the name of the protocol
        return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
    return address
