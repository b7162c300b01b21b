"""A session with a token (PKCS#11), in which the user is logged in; the library's errors are translated here alone.

Invariant: a PIN that was refused is not tried again, not by the next start either, and none is tried where the token
says that one was refused lately: tokens lock themselves.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pkcs11
from pkcs11 import TokenFlag
from pkcs11.exceptions import PinIncorrect, PinLocked, PKCS11Error

from shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from collector.pins import RefusedPin

_WRONG_BEFORE = TokenFlag.USER_PIN_COUNT_LOW | TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_LOCKED


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """The token's library, the token's label, the label of the keys in it, and the PIN of its user."""

    module: Path
    token: str
    label: str
    pin: str = field(repr=False)


class TokenSession:
    """One session at a time, from any thread; opened where it is needed, and again after it was closed."""

    def __init__(self, place: TokenPlace, refused: RefusedPin | None, closed: Callable[[], None]) -> None:
        """Take which token, where a refused PIN is remembered, and who is told that handles are of no use any more."""
        self._place = place
        self._refused = refused
        self._closed = closed
        self._session: pkcs11.Session | None = None
        self._locked_out = False
        self.lock = threading.RLock()

    @contextmanager
    def opened(self) -> Iterator[pkcs11.Session]:
        """Have the session for the length of the block; raises `ConfigError` for whatever the library says."""
        with self.lock:
            try:
                if self._session is None:
                    self._session = self._login()
                yield self._session
            except PKCS11Error as error:
                raise self._translated(error) from None

    def close(self) -> None:
        """Log out."""
        with self.lock, suppress(PKCS11Error):
            session, self._session = self._session, None
            self._closed()
            if session is not None:
                session.close()

    def _login(self) -> pkcs11.Session:
        if self._locked_out:
            raise PinIncorrect
        if self._refused is not None:
            self._refused.check()
        token = pkcs11.lib(str(self._place.module)).get_token(token_label=self._place.token)
        if token.flags & _WRONG_BEFORE:
            raise ConfigError(
                f"the token {self._place.token!r} says that a wrong PIN was tried: no login is risked",
                "correct the PIN that is configured, then log in with it once by the token's own tool, which clears"
                " this (pkcs11-tool --login --list-objects); a token that locked itself needs its security officer",
            )
        try:
            session = token.open(rw=True, user_pin=self._place.pin)
        except (PinIncorrect, PinLocked):
            self._locked_out = True
            if self._refused is not None:
                self._refused.note()
            raise
        if self._refused is not None:
            self._refused.forget()
        return session

    def _translated(self, error: PKCS11Error) -> ConfigError:
        if isinstance(error, PinIncorrect | PinLocked):
            return ConfigError(
                f"the token {self._place.token!r} refused the PIN; it is not tried again",
                "correct the file with the PIN, and look whether the token has locked itself",
            )
        said = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
        return ConfigError(
            f"the token {self._place.token!r} cannot be used: {said}",
            f"look at keys.pkcs11: is {self._place.module} its library, and may this user use it?",
        )
