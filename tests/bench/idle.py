"""What the daemon costs while nothing happens: scans of 100,000 old files that it knows, events, heartbeats."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.bench import host
from tests.bench.figures import Figure, Sizes
from tests.helpers import programs


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figure over whole intervals between scans, after the first scan."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        with programs.receiver(place / "receiver", place / "log") as receiver:
            here = host.enrolled(place / "host", receiver, scan_seconds=sizes.scan_seconds)
            with here.opened() as instance:
                instance.spool.remember(host.known_tree(here, instance, sizes.tree_files))
            host.add_fresh(here)
            with host.running(here) as daemon:
                host.await_first_scan(daemon)
                daemon.wait(lambda status: status["shipped"]["delivered"] >= 1)
                before, began = daemon.cpu_seconds(), time.monotonic()
                time.sleep(sizes.scans * sizes.scan_seconds)
                share = (daemon.cpu_seconds() - before) / (time.monotonic() - began)
    return [
        Figure(
            f"idle CPU, {sizes.tree_files:,} known files",
            f"{share * sizes.scan_seconds:.2f} s a scan, one each {sizes.scan_seconds} s",
            f"{share:.2%} of one core",
            "< 2 %",
        )
    ]
