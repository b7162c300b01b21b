"""The limits of the HTTP side as plain values; `receiver.config` fills them in, tests make them small."""

from dataclasses import dataclass
from datetime import timedelta

from receiver.core.sessions import Lasts
from shared.wire import MAX_BATCH_BYTES, MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How large, how long and how many; every time is in seconds, every size in bytes after inflation."""

    max_body_bytes: int = MAX_BODY_BYTES
    max_batch_bytes: int = MAX_BATCH_BYTES
    header_seconds: float = 10.0
    body_idle_seconds: float = 30.0
    request_seconds: float = 60.0
    keep_alive_seconds: float = 75.0
    max_connections: int = 500
    max_connections_per_peer: int = 250
    max_failures_per_minute: int = 20
    max_sign_ins_per_minute: int = 10
    session_idle_minutes: int = 15
    session_hours: int = 8
    behind_tls_proxy: bool = False
    public_url: str | None = None
    worker_threads: int = 3
    max_waiting_requests: int = 64
    stop_seconds: float = 10.0

    @property
    def sessions_last(self) -> Lasts:
        """How long people stay signed in."""
        return Lasts(timedelta(minutes=self.session_idle_minutes), timedelta(hours=self.session_hours))
