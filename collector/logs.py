"""Structured logs: one line of JSON an event on standard error, control characters escaped, no secrets by type."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import structlog

from shared.encoding import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from datetime import datetime


def json_teller(utcnow: Callable[[], datetime]) -> Callable[..., None]:
    """Give the function that everything of the daemon tells its events to; each line says when it was told."""

    def stamp(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["at"] = format_time(utcnow())
        return event

    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[stamp, structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=True)],
    )

    def tell(event: str, **facts: object) -> None:
        # A full disk under the log, or a reader that went away, is no reason to lose evidence.
        with contextlib.suppress(OSError, ValueError):
            log.msg(event, **facts)

    return tell
