"""Put reports into a collector's folder so that none is ever seen half-written: dot-name, sync, rename, sync.

Invariants: the context file is there before the first report; when the last call returns, everything survives a power
cut; a name that a collector would never read (it begins with a dot) is given one that it reads.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.durable import sync_folder
from shared.encoding import canonical
from shared.errors import Code, ConfigError, StateError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from collector.pipeline.detected import Run

CONTEXT_NAME = "carnet-context.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_MAX_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class Dropped:
    """Where the reports are now, and their paths below that folder."""

    folder: Path
    files: tuple[str, ...]


def drop(inbox: Path, run: Run, base: Path, reports: Sequence[Path]) -> Dropped:
    """Copy reports (paths below `base`) into `inbox/<run>/<job>/`, with a context file made from the run.

    Raises `ConfigError` where the inbox is missing or the system does not say which run this is, `StateError` where a
    report is gone or lies elsewhere, `TryLaterError` where the disk does not take it.
    """
    if not inbox.is_dir():
        raise ConfigError(f"the inbox {inbox} is no directory", "set CARNET_INBOX to a folder that a collector watches")
    if run.run is None or run.job is None:
        raise ConfigError(f"{run.provider} does not say which run and job this is", "give --run and --job")
    folder = inbox / _folder_name(run.run) / _folder_name(run.job)
    names = tuple(_report_name(base, report) for report in reports)
    try:
        _make_folders(inbox, folder)
        _put(folder / CONTEXT_NAME, _context(run, len(names)))
        for name, report in zip(names, reports, strict=True):
            target = folder / name
            _make_folders(folder, target.parent)
            _put(target, report)
    except FileNotFoundError as error:
        raise StateError(Code.NOT_FOUND, f"{error.filename} is gone", "drop reports once they are finished") from None
    except OSError as error:
        raise TryLaterError(
            Code.UNAVAILABLE, f"{folder} does not take the reports: {error.strerror}", "nothing was taken half"
        ) from None
    return Dropped(folder, names)


def _context(run: Run, reports: int) -> bytes:
    values = {
        "carnet": "context/v1",
        "repository": run.repository,
        "commit": run.commit,
        "branch": run.branch,
        "prNumber": run.pr_number,
        "run": run.run,
        "job": run.job,
        "reports": reports,
    }
    return canonical({name: value for name, value in values.items() if value is not None})


def _folder_name(text: str) -> str:
    return _UNSAFE.sub("-", text).lstrip(".-")[:_MAX_NAME_CHARS] or "run"


def _report_name(base: Path, report: Path) -> str:
    try:
        parts = report.resolve().relative_to(base.resolve()).parts
    except ValueError:
        raise StateError(
            Code.NOT_FOUND, f"{report} does not lie below {base}", "run this in the job's folder"
        ) from None
    return "/".join(f"_{part.lstrip('.')}" if part.startswith(".") else part for part in parts)


def _make_folders(top: Path, folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if one != top and one.is_relative_to(top) and not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_folder(one.parent)


def _put(target: Path, content: bytes | Path) -> None:
    beside = target.with_name(f".{target.name}.part")
    with beside.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as report:
                shutil.copyfileobj(report, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    sync_folder(target.parent)
