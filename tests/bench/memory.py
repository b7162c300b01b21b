"""Memory of the daemon while 100,000 entries wait for a receiver that does not answer, their files still there."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from collector.clock import utcnow
from collector.instance import Instance
from collector.spool import Candidate, FileSeen
from shared import dsse
from shared.dsse import Envelope
from shared.encoding import canonical, sha256
from shared.keys import Signer
from shared.predicates import StreamLink
from tests.bench import host, raw
from tests.bench.figures import Figure, Sizes
from tests.helpers import programs

_GROUP = 100
_REST_SECONDS = 5.0
_MIB = 1 << 20


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figure after the first scan and the first attempts to reach the receiver."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        place = Path(folder)
        with programs.receiver(place / "receiver", place / "log") as receiver:
            here = host.enrolled(place / "host", receiver)
        with here.opened() as instance:
            fill(instance, host.known_tree(here, instance, sizes.pending_entries))
        host.add_fresh(here)
        with host.running(here) as daemon:
            host.await_first_scan(daemon)
            time.sleep(_REST_SECONDS)
            pending = daemon.status()["spool"]["pending"]
            now, peak = daemon.resident_bytes()
    return [
        Figure(
            f"memory of the collector, {pending:,} entries pending",
            f"{now / _MIB:.0f} MiB, at most {peak / _MIB:.0f} MiB",
            f"{peak / 120e6:.2f} of 120 MB",
            "<= 120 MB",
        )
    ]


def fill(instance: Instance, files: Sequence[FileSeen]) -> None:
    """Store an entry of 1.5 kB for each file, signed for its place, in groups of 100."""
    for first in range(0, len(files), _GROUP):
        group = [
            Candidate(sha256(one.path.encode()), one, _Seal(instance.keys.now.signing))
            for one in files[first : first + _GROUP]
        ]
        instance.spool.put(group, epoch=instance.epoch, now=utcnow())


class _Seal:
    """Signs a payload of 1.5 kB that holds the link: nobody reads more of it while nobody answers."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def __call__(self, link: StreamLink) -> Envelope:
        payload = canonical({"stream": link.to_wire(), "padding": ""})
        padding = "x" * (raw.STATEMENT_BYTES - len(payload))
        return dsse.sign(canonical({"stream": link.to_wire(), "padding": padding}), self._signer)
