"""The collector's standing with the receiver: an access token made with the key, and the newest keyring. Wiring.

Invariants: the token lives in memory alone; it is renewed at half its life and once after a 401; a newer keyring is
believed only if it links to the one held, and is written down before it is used.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from collector import enrolment
from collector.clock import monotonic, utcnow
from collector.enrol import ask_access, refresh_keyring
from shared.errors import Code, MalformedError, UntrustedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from collector.client import Answer, Client
    from collector.trust import Enrolled
    from shared.keyring import TrustedKeyring
    from shared.keys import Signer

_RENEW_SECONDS = 1_800


@dataclass(slots=True)
class Session:
    """Posts with a good token, and keeps the enrolment file up to date."""

    client: Client
    signer: Signer
    state_dir: Path
    enrolled: Enrolled
    utcnow: Callable[[], datetime] = utcnow
    monotonic: Callable[[], float] = monotonic
    _token: str | None = field(default=None, repr=False)
    _renew_at: float = 0.0

    def keyring(self) -> TrustedKeyring:
        """Give the newest keyring that is believed."""
        return self.enrolled.keyring

    async def post(self, path: str, body: bytes, /) -> Answer:
        """Send with a good token; raises what `Client` raises."""
        fresh = self._token is None or self.monotonic() >= self._renew_at
        token = await self._renew() if fresh else str(self._token)
        try:
            return await self.client.post(path, body, token)
        except UntrustedError as error:
            if fresh or error.code is Code.FORBIDDEN:
                raise
        return await self.client.post(path, body, await self._renew())

    async def refresh_keyring(self) -> bool:
        """Fetch the keyrings again; True if a newer one is believed now."""
        token = self._token if self._token is not None else await self._renew()
        newest, raw = await refresh_keyring(self.client, token, self.enrolled.keyring)
        if raw is None:
            return False
        enrolled = replace(self.enrolled, keyring=newest, envelope=raw)
        await asyncio.to_thread(enrolment.save, self.state_dir, enrolled)
        self.enrolled = enrolled
        return True

    async def _renew(self) -> str:
        self._token = None
        try:
            self._token = await ask_access(
                self.client,
                self.enrolled.collector_id,
                self.enrolled.audience,
                self.signer,
                now=self.utcnow(),
                random=secrets.token_bytes,
            )
        except MalformedError as error:
            # No word on the batch that asked for a token: it must not be halved or put back for this.
            raise UntrustedError(Code.UNAUTHORIZED, f"no access was given: {error.detail}", error.hint) from None
        self._renew_at = self.monotonic() + _RENEW_SECONDS
        return self._token
