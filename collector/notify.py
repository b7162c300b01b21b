"""Tells the service manager how the daemon is: sd_notify(3), one datagram a message; silent where nobody listens."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

READY = b"READY=1"
STOPPING = b"STOPPING=1"
ALIVE = b"WATCHDOG=1"

_ABSTRACT = "@"


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Where the service manager listens (None: nowhere), and how often it wants to hear that work is done (seconds)."""

    address: str | None
    watchdog_seconds: float | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager:
        """Read what the manager put into the environment: `NOTIFY_SOCKET` and `WATCHDOG_USEC`."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        return cls(environment.get("NOTIFY_SOCKET"), int(microseconds) / 1e6 if microseconds.isdecimal() else None)

    def tell(self, message: bytes) -> None:
        """Send a message; a manager that does not take it is no reason to fail."""
        if not self.address:
            return
        path = "\0" + self.address[1:] if self.address.startswith(_ABSTRACT) else self.address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.settimeout(1)
            way.sendto(message, path)
