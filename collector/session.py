"""The collector's standing with the receiver: an access token made with the key, and the newest keyring. Wiring.

Invariants: the token lives in memory alone; it is renewed at half its life and once after a 401; a newer keyring is
believed only if it links to the one held, and is written down before it is used. No envelope is handed to the network
before the ledger says so: what may have left is listed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from collector import enrolment
from collector.clock import monotonic, utcnow
from collector.enrol import access_request, ask_access, refresh_keyring
from collector.exchange import UnlistedError
from collector.leaving import Kind, Leaving
from shared.errors import CarnetError, Code, MalformedError, TryLaterError, UntrustedError
from shared.joining import MAX_ACCESS_ROTATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from collector.client import Answer, Client
    from collector.keys import Keys, Rotation
    from collector.queueing import Queue
    from collector.trust import Enrolled
    from shared.keyring import TrustedKeyring
    from shared.keys import Signer

_RENEW_SECONDS = 1_800


@dataclass(slots=True)
class Session:
    """Posts with a good token, and keeps the enrolment file up to date; `queue` keeps the ledger."""

    client: Client
    keys: Keys
    state_dir: Path
    enrolled: Enrolled
    queue: Queue
    utcnow: Callable[[], datetime] = utcnow
    monotonic: Callable[[], float] = monotonic
    _token: str | None = field(default=None, repr=False)
    _renew_at: float = 0.0

    def keyring(self) -> TrustedKeyring:
        """Give the newest keyring that is believed."""
        return self.enrolled.keyring

    async def post(self, path: str, body: bytes, leaving: Sequence[Leaving], /) -> Answer:
        """Send with a good token; raises what `Client` raises, and `UnlistedError`."""
        fresh = self._token is None or self.monotonic() >= self._renew_at
        token = await self._renew() if fresh else str(self._token)
        listed = partial(self._list, leaving)
        try:
            await listed()
            return await self.client.post(path, body, token, listed)
        except UntrustedError as error:
            if fresh or error.code is Code.FORBIDDEN:
                raise
        token = await self._renew()
        await listed()
        return await self.client.post(path, body, token, listed)

    async def _list(self, leaving: Sequence[Leaving]) -> None:
        try:
            await asyncio.to_thread(self.queue.leave, leaving, self.utcnow())
        except CarnetError as error:
            raise UnlistedError(error) from error

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

    async def goes_by_key(self) -> bool:
        """Ask for access with the key that signs and with nothing that introduces it: True if it is given.

        Raises what `post` raises where that is not answered.
        """
        try:
            await self._ask(self.keys.now.signing)
        except UntrustedError:
            return False
        return True

    async def _renew(self) -> str:
        self._token = None
        *older, newest = self.keys.now.asking
        for signer in older:
            try:
                return await self._ask(signer)
            except UntrustedError:
                continue  # retired there already: its receipt for the rotation was lost
        try:
            return await self._ask(newest)
        except UntrustedError:
            rotations = await asyncio.to_thread(self.queue.spool.rotations)
            if not rotations:
                raise
        # A receiver that was restored to before a rotation knows an older key alone.
        return await self._ask(newest, rotations[-MAX_ACCESS_ROTATIONS:])

    async def _ask(self, signer: Signer, rotations: Sequence[Rotation] = ()) -> str:
        about = (self.enrolled.collector_id, self.enrolled.audience, signer)
        request = access_request(*about, now=self.utcnow(), random=secrets.token_bytes)
        leaving = Leaving(Kind.ACCESS, request.id, len(request.to_bytes()))
        beside = [Leaving(Kind.KEY_ROTATION, one.id, len(one.envelope), one.place) for one in rotations]
        listed = partial(self._list, [leaving, *beside])
        await listed()
        try:
            introduced = [one.envelope for one in rotations]
            self._token = await ask_access(self.client, self.enrolled.collector_id, request, listed, introduced)
        except MalformedError as error:
            # No word on the batch that asked for a token: it must not be halved or put back for this.
            raise UntrustedError(Code.UNAUTHORIZED, f"no access was given: {error.detail}", error.hint) from None
        self._renew_at = self.monotonic() + _RENEW_SECONDS
        with contextlib.suppress(TryLaterError):  # that it was answered is of no use to whoever waits for the token
            await asyncio.to_thread(self.queue.note_answered, leaving)
        return self._token
