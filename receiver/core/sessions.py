"""Sessions of signed-in people: what a cookie holds, how long it is good, and what a write must show besides.

Invariants: of a cookie only a SHA-256 is kept; a session ends when it was idle, when it is old, or when somebody ends
it, whichever comes first; a session begins with a sign-in alone, so nobody can lay one under somebody else.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.core.tokens import SECRET_BYTES
from shared.encoding import base32_id, sha256
from shared.errors import Code, UntrustedError
from shared.wire import GATE_API

COOKIE = "releasepassport_session"
CSRF_HEADER = "X-CSRF-Token"
USE_STEP = timedelta(minutes=1)
"""How exactly the last use is kept."""
LIMIT_PER_MINUTE = 600
LOGIN_PATH = f"{GATE_API}/auth/login"

_ID_BYTES = 10
_ID_DOMAIN = b"carnet session id\0"


@dataclass(frozen=True, slots=True)
class Lasts:
    """How long a session lasts without a request, and in all."""

    idle: timedelta = timedelta(minutes=15)
    in_all: timedelta = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is kept: `digest` is of its cookie, `csrf` is what a write must say besides."""

    digest: bytes
    workspace_id: str
    email: str
    csrf: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime
    revoked_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, email={self.email!r})"

    @property
    def id(self) -> str:
        """Names the session and tells nothing about its cookie."""
        return base32_id("ses_", sha256(_ID_DOMAIN + self.digest)[:_ID_BYTES])

    def good(self, now: datetime, idle: timedelta) -> bool:
        """Say whether it may be used, where it ends when it was not for so long."""
        return self.revoked_at is None and now < min(self.expires_at, self.last_used_at + idle)

    def use_is_due(self, now: datetime) -> bool:
        """Say whether this use is to be noted."""
        return now - self.last_used_at >= USE_STEP


def make_csrf(random: bytes) -> str:
    """Write what a page shows and a write must say, from 32 random bytes."""
    if len(random) != SECRET_BYTES:
        msg = f"it is made of {SECRET_BYTES} random bytes"
        raise ValueError(msg)
    return random.hex()


def check_csrf(session: Session, shown: str | None) -> None:
    """Refuse a write that does not say what the session's own pages know; raises `UntrustedError` (`forbidden`)."""
    if shown is None or not hmac.compare_digest(session.csrf.encode(), shown.encode(errors="replace")):
        raise UntrustedError(
            Code.FORBIDDEN,
            "this write does not come from a page of the session",
            f"send the csrfToken that signing in answered as {CSRF_HEADER}",
        )


def nobody() -> UntrustedError:
    """Give the one answer to every cookie that is not good; it never says why."""
    return UntrustedError(
        Code.UNAUTHORIZED, "nobody is signed in, or the session has ended", f"sign in: POST {LOGIN_PATH}"
    )
