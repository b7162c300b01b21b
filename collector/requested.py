"""The enrolment requests that left this host: lines of a file in the state directory, since there is no spool yet.

Invariants: a request is on the disk before it is sent, and no line is ever taken out. Half a line at the end is of a
write that was cut short: its request was not sent, and it gives way to the next line.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from collector.durable import sync_folder
from collector.leaving import Departure, Destination, Kind, Leaving, Outcome
from shared.encoding import canonical, digest_text, format_time, parse_digest, parse_object, parse_time
from shared.errors import ConfigError, MalformedError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from shared.encoding import JsonObject

FILE_NAME = "enrolment-requests.jsonl"


def note(state_dir: Path, what: Leaving, to: Destination, now: datetime) -> None:
    """Write down that a request is sent now; when it returns, it may be. Raises `ConfigError`."""
    _add(
        state_dir,
        {
            "attestationId": digest_text(what.id),
            "bytes": what.size,
            "origin": to.origin,
            "receiver": to.receiver,
            "workspace": to.workspace,
            "at": format_time(now),
        },
    )


def note_answered(state_dir: Path, what: Leaving) -> None:
    """Write down that a request was answered; raises `ConfigError`."""
    _add(state_dir, {"answered": digest_text(what.id)})


def _add(state_dir: Path, line: JsonObject) -> None:
    path = state_dir / FILE_NAME
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with closing(os.fdopen(os.open(path, flags, 0o600), "rb+")) as file:
            whole = file.read().rpartition(b"\n")
            file.truncate(len(whole[0]) + len(whole[1]))
            file.seek(0, os.SEEK_END)
            file.write(canonical(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(state_dir)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", "make the state directory writable; nothing was sent"
        ) from None


def departures(state_dir: Path) -> list[Departure]:
    """Give the requests that left, as they left; raises `ConfigError` where the list cannot be read."""
    path = state_dir / FILE_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        found = [parse_object(line) for line in lines]
        answered = {one["answered"] for one in found if "answered" in one}
        rows: dict[tuple[bytes, Destination], Departure] = {}
        for one in found:
            if "answered" not in one:
                row = _departure(one, Outcome.ANSWERED if one["attestationId"] in answered else None)
                before = rows.setdefault((row.what.id, row.to), row)
                if before is not row:
                    rows[row.what.id, row.to] = replace(before, last_at=row.last_at, times=before.times + 1)
        return list(rows.values())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "run as the collector's user") from None
    except (MalformedError, KeyError, TypeError, ValueError):
        raise ConfigError(f"{path} is damaged", "keep it, and see which line is no JSON object") from None


def _departure(line: JsonObject, outcome: Outcome | None) -> Departure:
    at = parse_time(str(line["at"]))
    return Departure(
        what=Leaving(Kind.ENROLMENT_REQUEST, parse_digest(str(line["attestationId"])), int(str(line["bytes"]))),
        to=Destination(str(line["origin"]), str(line["receiver"]), str(line["workspace"])),
        first_at=at,
        last_at=at,
        times=1,
        outcome=outcome,
    )
