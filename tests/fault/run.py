"""`make fault T=R1`: one row of the reliability tests at its long size, in the background if you like.

Each run appends a line to docs/reliability-runs.csv: row, seed, size, command, date, result.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.wire import API, GATE_API
from tests.fault.cancelling import tried
from tests.fault.scenarios import kill_and_restart, stop_anywhere
from tests.fault.turning import turn_over
from tests.helpers import asked_by_document, large_reports
from tests.helpers.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.helpers.postgres import PostgresServer

REPOSITORY = Path(__file__).resolve().parents[2]
RUNS = REPOSITORY / "docs" / "reliability-runs.csv"
COLUMNS = ("row", "seed", "size", "command", "date", "result")
MOST_MIB = 60
"""Of memory above idle that reading a report may take (S12), whatever its size."""

PER_KILL = 250
"""Attestations for each kill of R1 at its long size: 100,000 for 400."""
PER_RECEIVER = 1_000
"""Cancellations of R17 that one receiver bears, before another one starts on a new database."""


@dataclass(frozen=True)
class Row:
    """A row: its long size, what the size counts, and how it is run; gives whether it held, and a sentence."""

    size: int
    unit: str
    run: Callable[[int, int], tuple[bool, str]]


def _r1(size: int, seed: int) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory(prefix="carnet-r1-") as folder:
        survived = kill_and_restart(Path(folder), attestations=size, kills=max(1, size // PER_KILL), seed=seed)
    return survived.good, str(survived)


def _r6(size: int, seed: int) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory(prefix="carnet-r6-") as folder:
        stopped, verdict = stop_anywhere(Path(folder), points=size, seed=seed)
    bad = [one for one in stopped if not one.good]
    longest = max(one.seconds for one in stopped)
    return not bad and verdict.clean, f"{len(bad)} bad stops of {len(stopped)}, longest {longest:.1f} s; {verdict}"


def _s4(size: int, seed: int) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory(prefix="carnet-s4-") as folder:
        turned = turn_over(Path(folder), collectors=size, kills=size, seed=seed)
    return turned.good, str(turned)


def _s12(size: int, _seed: int) -> tuple[bool, str]:
    took: dict[str, large_reports.Took] = {}
    miscounted = []
    with tempfile.TemporaryDirectory(prefix="carnet-s12-") as folder:
        for key in large_reports.KINDS:
            report = Path(folder) / "report"
            count = large_reports.write(report, key, size << 20)
            took[key] = large_reports.measured(report, key)
            miscounted += [key] if took[key].count != count else []
    most = max(one.above_idle for one in took.values()) >> 20
    seconds = ", ".join(f"{key} {one.seconds:.0f} s" for key, one in took.items())
    return not miscounted and most <= MOST_MIB, f"at most {most} MiB above idle; {seconds}; miscounted: {miscounted}"


def _r17(size: int, seed: int) -> tuple[bool, str]:
    server = PostgresServer()
    said: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="carnet-r17-") as folder:
            kinds: tuple[Databases, ...] = (SqliteDatabases(Path(folder)), PostgresDatabases(server))
            for databases in kinds:
                for begin in range(0, size // 2, PER_RECEIVER):
                    place = Path(folder) / f"{databases.kind}-{begin}"
                    asyncio.run(_cancelled(place, databases, min(PER_RECEIVER, size // 2 - begin), seed + begin))
                said.append(f"{size // 2} cancellations and {size // 2} clients on {databases.kind}")
    except (AssertionError, TimeoutError) as error:
        traceback.print_exc()
        return False, f"after {said}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        server.stop()
    return True, ", ".join(said)


async def _cancelled(folder: Path, databases: Databases, count: int, seed: int) -> None:
    async with tried(folder, databases, seed) as one:
        await one.cancel(count)
        await one.hang_up(count)


def _s16(size: int, seed: int) -> tuple[bool, str]:
    said = []
    for root in (API, GATE_API):
        ran = asyncio.run(asked_by_document.ask(size, seed, root))
        if not ran.good:
            print(ran.said, flush=True)
            return False, ran.said.strip().splitlines()[-1].strip("= ")
        said.append(f"{root}: " + ran.said.strip().splitlines()[-1].strip("= "))
    return True, "; ".join(said)


def _tests(*files: str) -> Callable[[int, int], tuple[bool, str]]:
    """Run test modules again and again, each round with a seed of its own; stops at the first that fails."""

    def run(size: int, seed: int) -> tuple[bool, str]:
        for done in range(size):
            words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed + done}"]
            ended = subprocess.run([*words, *files], cwd=REPOSITORY, capture_output=True, text=True, check=False)
            if ended.returncode:
                return False, f"round {done} failed: " + " ".join(ended.stdout.strip().splitlines()[-1:])
        return True, f"{size} rounds passed"

    return run


ROWS = {
    "R1": Row(100_000, "attestations", _r1),
    "R4": Row(20, "rounds", _tests("tests/fault/test_spool_damage.py")),
    "R6": Row(500, "stops", _r6),
    "R10": Row(12, "rounds", _tests("tests/fault/test_watch_many_r10.py")),
    "R11": Row(40, "rounds", _tests("tests/unit/collector/test_readiness.py", "tests/fault/test_watch_writers_r11.py")),
    "R17": Row(20_000, "cancellations", _r17),
    "S4": Row(50, "collectors", _s4),
    "S12": Row(300, "MiB a report", _s12),
    "S16": Row(5_000, "questions an operation", _s16),
    "R13": Row(20, "rounds", _tests("tests/fault/test_shipping_lies.py", "tests/fault/test_shipping_answers.py")),
}


def main() -> int:
    """Run one row; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", required=True, choices=sorted(ROWS, key=lambda name: int(name[1:])))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, help="instead of the long size")
    said = parser.parse_args()
    row = ROWS[said.row]
    size = row.size if said.size is None else said.size
    print(f"{said.row}: {size} {row.unit}, seed {said.seed}", flush=True)
    began = datetime.now(UTC)
    good, told = row.run(size, said.seed)
    result = f"{'passed' if good else 'FAILED'}: {told}"
    command = f"python -m tests.fault.run --row {said.row} --seed {said.seed} --size {size}"
    _note([said.row, said.seed, size, command, began.strftime("%Y-%m-%dT%H:%MZ"), result])
    print(result)
    return 0 if good else 1


def _note(line: list[object]) -> None:
    fresh = not RUNS.exists()
    with RUNS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        writer.writerow(line)


if __name__ == "__main__":
    sys.exit(main())
