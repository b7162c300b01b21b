"""Structured logs: one line of JSON an event on standard error, control characters escaped, secrets masked."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import structlog

from collector.masking import PublicId, masked
from shared.encoding import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from datetime import datetime

    from shared.redaction import Rules


def json_teller(utcnow: Callable[[], datetime], secrets: Rules) -> Callable[..., None]:
    """Give the function that everything of the daemon tells its events to; each line says when it was told."""

    def stamp(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["at"] = format_time(utcnow())
        return event

    def mask(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {name: _masked(value, secrets) for name, value in event.items()}

    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[mask, stamp, structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=True)],
    )

    def tell(event: str, **facts: object) -> None:
        # A full disk under the log, or a reader that went away, is no reason to lose evidence.
        with contextlib.suppress(OSError, ValueError):
            log.msg(event, **facts)

    return tell


def _masked(value: object, secrets: Rules) -> object:
    """Give a fact as it may be told: numbers and ids of public things as they are, everything else as searched text."""
    if value is None or isinstance(value, int | float | PublicId):
        return value
    if isinstance(value, list | tuple):
        return [_masked(one, secrets) for one in value]
    return masked(str(value), secrets)
