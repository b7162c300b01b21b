"""From a report that its writer closed to its settled receipt: both programs with their default settings."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from collector.instance import SPOOL_NAME
from collector.spool import SpoolReader
from tests.bench import host, reports
from tests.bench.figures import Figure, Sizes, spread
from tests.helpers import programs

_EVERY_SECONDS = 0.2
_WARM_UP = 5


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figure over files that come one by one, as they do where a CI host is not overloaded."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        with programs.receiver(place / "receiver", place / "log") as receiver:
            here = host.enrolled(place / "host", receiver)
            with host.running(here) as daemon:
                daemon.wait(lambda status: status["receiver"]["answers"] is True)
                closed = _write(here, sizes.latency_files + _WARM_UP)
                daemon.wait(lambda status: status["shipped"]["delivered"] >= len(closed))
        settled = _settled(here)
    seconds = [settled[path] - at for path, at in closed.items()][_WARM_UP:]
    return [Figure("file closed to receipt settled", spread(seconds), f"{len(seconds)} files, one by one")]


def _write(here: host.Host, files: int) -> dict[str, float]:
    """Write reports one by one; gives when each was closed, in Unix seconds."""
    closed: dict[str, float] = {}
    for number in range(files):
        path = here.inbox / f"unit-{number}.xml"
        path.write_bytes(reports.junit(number))
        closed[path.name] = time.time()
        time.sleep(_EVERY_SECONDS)
    return closed


def _settled(here: host.Host) -> dict[str, float]:
    """Say when each file's entry was settled, by the time that the settling transaction wrote down."""
    with SpoolReader.open_for_reading(here.state_dir / SPOOL_NAME) as spool:
        found = spool.list(limit=100_000)
    return {one.path: one.ended_at.timestamp() for one in found if one.path is not None and one.ended_at is not None}
