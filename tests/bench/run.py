"""`make bench`: the figures that docs/operations.md quotes, each taken of the real programs; never asserts.

Ratios compare with what the same machine did in the same run, so they can be held against those of another one.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from rich.console import Console

from tests.bench import api, campaign, fleet, formats, gate, idle, ingest, intake, judging, latency, memory, streams
from tests.bench.figures import FULL, QUICK, Figure, show

MEASURES = {
    "intake": intake.measure,
    "ingest": ingest.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "formats": formats.measure,
    "api": api.measure,
    "fleet": fleet.measure,
    "streams": streams.measure,
    "campaign": campaign.measure,
    "judging": judging.measure,
    "gate": gate.measure,
}


def main() -> int:
    """Take the figures that were asked for, and print them as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=MEASURES, action="append", help="this one alone; may be given again")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and shorter waits, for a first look")
    said = parser.parse_args()
    sizes = QUICK if said.quick else FULL
    if os.environ.get("SIZE") == "1m":
        sizes = replace(sizes, stored_attestations=1_000_000, stored_passports=100_000)
    console = Console(highlight=False, stderr=True)
    taken: list[Figure] = []
    for name in said.only or MEASURES:
        with console.status(f"measuring {name}"):
            taken += MEASURES[name](sizes)
    show(taken)
    return 0


if __name__ == "__main__":
    sys.exit(main())
