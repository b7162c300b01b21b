"""The log: one JSON object a line, one event for each thing that went wrong, never a secret.

Invariants: text from outside is a value inside of JSON, so that it cannot forge a line; an exception that is not ours
is written as its type and its frames, without its message, since that may quote what was sent.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from shared.encoding import format_time

MAX_VALUE_CHARS = 2000


def make_journal(stream: TextIO, now: Callable[[], datetime]) -> FilteringBoundLogger:
    """Make a logger that writes to one stream; nothing global is configured."""

    def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"time": format_time(now())} | dict(event)

    journal: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            stamp,
            _bounded,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    return journal


def _bounded(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {name: value[:MAX_VALUE_CHARS] if isinstance(value, str) else value for name, value in event.items()}


def frames(error: BaseException) -> str:
    """Say where an exception came from: its type and its frames, not its message."""
    found = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(found))
    return f"{type(error).__name__} at {where}"


class LibraryLog(logging.Handler):
    """Turns what libraries log into events of the journal, as their logger's name and the place of an exception."""

    def __init__(self, journal: FilteringBoundLogger) -> None:
        """Take the journal to write to."""
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; its arguments may quote a request, so only its template is kept."""
        error = record.exc_info[1] if record.exc_info else None
        self._journal.warning(
            "library",
            logger=record.name,
            message=str(record.msg),
            trace=None if error is None else frames(error),
        )
