"""Idempotency keys: read from a request, and one of a kind at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from receiver.record import Once
from shared.encoding import sha256
from shared.errors import Code, MalformedError, StateError

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class OneOfAKey:
    """The requests with a key that this process works on; a second one of the same key is told so at once."""

    def __init__(self) -> None:
        """Start with none."""
        self._keys: set[tuple[str, str, str]] = set()

    @contextmanager
    def alone(self, once: Once | None) -> Iterator[None]:
        """Work on a request; raises `StateError` (`conflict`) where the same key is being worked on."""
        key = None if once is None else (once.token_id, once.route, once.key)
        if key in self._keys:
            raise StateError(
                Code.CONFLICT, "a request with this Idempotency-Key is still running", "send it again a little later"
            )
        if key is not None:
            self._keys.add(key)
        try:
            yield
        finally:
            if key is not None:
                self._keys.discard(key)


def read_once(request: web.Request, token_id: str, body: bytes) -> Once | None:
    """Read the key of a request; None without one; raises `MalformedError` for one that cannot be."""
    keys = request.headers.getall(HEADER, [])
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise MalformedError(
            Code.INVALID_FIELD, f"{HEADER}: one key of 1 to 200 visible ASCII characters is needed", "a UUID will do"
        )
    return Once(token_id, f"{request.method} {request.path}", keys[0], sha256(body))
