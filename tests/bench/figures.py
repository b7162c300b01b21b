"""What a figure is, how large the things are that it is taken of, and how figures are shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Sizes:
    """How much is measured: files, batches, entries, megabytes of a report, stored attestations, requests of a kind,
    collectors, past decisions of the gate, builds that it knows a hundred pieces of, and questions on them.

    Waits are in seconds.
    """

    intake_files: int
    batches: int
    latency_files: int
    pending_entries: int
    tree_files: int
    scan_seconds: int
    scans: int
    report_megabytes: int
    stored_attestations: int
    requests: int
    collectors: int
    stored_passports: int
    builds: int
    evaluations: int


FULL = Sizes(
    intake_files=3_000,
    batches=120,
    latency_files=200,
    pending_entries=100_000,
    tree_files=100_000,
    scan_seconds=60,
    scans=2,
    report_megabytes=60,
    stored_attestations=100_000,
    requests=400,
    collectors=1_000,
    stored_passports=10_000,
    builds=100,
    evaluations=2_000,
)
QUICK = Sizes(
    intake_files=1_000,
    batches=45,
    latency_files=60,
    pending_entries=20_000,
    tree_files=20_000,
    scan_seconds=10,
    scans=2,
    report_megabytes=30,
    stored_attestations=10_000,
    requests=100,
    collectors=200,
    stored_passports=500,
    builds=10,
    evaluations=200,
)


@dataclass(frozen=True)
class Figure:
    """One line of the table; `ratio` is what another machine may compare, `goal` what it is held against."""

    name: str
    value: str
    ratio: str = ""
    goal: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that this share of them does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(seconds: Sequence[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    return f"p50 {percentile(seconds, 0.5) * 1000:.0f} ms, p99 {percentile(seconds, 0.99) * 1000:.0f} ms"


def show(figures: Iterable[Figure]) -> None:
    """Print the table."""
    table = Table(title_justify="left")
    for name in ("figure", "value", "ratio", "goal"):
        table.add_column(name)
    for one in figures:
        table.add_row(one.name, one.value, one.ratio, one.goal)
    Console(highlight=False).print(table)
