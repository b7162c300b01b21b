"""Large reports read to a claim, beside the library that one would take for them: speed, memory, the same counts.

Each reading is a process of its own, in turns, and the best of some counts: what else runs on the machine can only make
one slower.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench import documents
from tests.bench.figures import Figure, Sizes

_MEGABYTE, _SMALL_BYTES = 1_000_000, 20_000
_ROUNDS = 3
_LIBRARY_FASTER, _JSON_FASTER = 1.5, 1 / 1.5


@dataclass(frozen=True)
class Row:
    """A kind of report, what else reads it, and the most megabytes that this takes in a bearable time."""

    kind: str
    others: tuple[str, ...]
    most: int = 1_000
    has_goal: bool = True


ROWS = (
    Row("junit-xml", ("junitparser",)),
    Row("sarif", ("json.load",)),
    Row("cyclonedx-json", ("json.load",)),
    Row("cyclonedx-json", ("cyclonedx-python-lib",), most=4),
    Row("spdx-json", ("json.load",)),
    Row("spdx-json", ("spdx-tools",), most=4),
    Row("trivy", ("json.load",)),
    Row("coverage-py-json", ("json.load",)),
    Row("go-test-json", ("json.load",)),
    Row("cobertura-xml", ("ElementTree.iterparse",), has_goal=False),
    Row("lcov", ("split",), has_goal=False),
)


@dataclass(frozen=True)
class Reading:
    """What a reader counted, the processor time that it took, and how much memory it grew by."""

    counts: list[int]
    seconds: float
    grown_bytes: int


def measure(sizes: Sizes) -> list[Figure]:
    """Take the figures; raises `RuntimeError` where readers count differently."""
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        return [figure for row in ROWS for figure in _measure(row, Path(folder), sizes.report_megabytes)]


def _measure(row: Row, folder: Path, megabytes: int) -> list[Figure]:
    small, large = folder / "small", folder / "large"
    documents.write(small, row.kind, _SMALL_BYTES)
    documents.write(large, row.kind, min(megabytes, row.most) * _MEGABYTE)
    size = large.stat().st_size / _MEGABYTE
    readers = ("ours", *row.others)
    rounds = [{reader: _read(reader, row.kind, small, large) for reader in readers} for _ in range(_ROUNDS)]
    best = {reader: min((one[reader] for one in rounds), key=lambda reading: reading.seconds) for reader in readers}
    figures = []
    for other in row.others:
        if best[other].counts != best["ours"].counts:
            msg = f"{row.kind}: we count {best['ours'].counts}, {other} counts {best[other].counts}"
            raise RuntimeError(msg)
        goal = _JSON_FASTER if other == "json.load" else _LIBRARY_FASTER
        speed, theirs = size / best["ours"].seconds, size / best[other].seconds
        figures.append(
            Figure(
                f"a claim of {size:.0f} MB of {row.kind}, beside {other}",
                f"{speed:.0f} MB/s, {other} {theirs:.0f} MB/s; {_grown(best['ours'])}, {other} {_grown(best[other])}",
                f"{speed / theirs:.2f} times as fast",
                f">= {goal:.2f}, <= 60 MB" if row.has_goal else "<= 60 MB",
            )
        )
    return figures


def _grown(reading: Reading) -> str:
    return f"{reading.grown_bytes / _MEGABYTE:.0f} MB above idle"


def _read(reader: str, kind: str, small: Path, large: Path) -> Reading:
    words = [sys.executable, "-m", "tests.bench.reading", reader, kind, str(small), str(large)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return Reading(**json.loads(done.stdout))
