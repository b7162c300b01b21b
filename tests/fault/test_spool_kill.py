"""R1, R1b, R8: whatever the spool said is stored is there after a kill or a failing disk, and nothing twice."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.spools import open_spool, pending, still_verifies

CHECKOUT = Path(__file__).resolve().parents[2]
SEED = 20_260_302

# Stores groups for ever and says each place once the commit has returned; errors of the disk are said and gone through.
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, ".")
from shared.errors import TryLaterError
from tests.helpers.spools import open_spool, put
spool = open_spool(Path(sys.argv[1]))
number, last = int(sys.argv[2]), int(sys.argv[3])
while number < last:
    try:
        done = put(spool, *range(number, number + 3))
    except TryLaterError as error:
        print("later", flush=True)
        continue
    number += 3
    for one in done:
        print("stored", one.sequence, one.attestation_id.hex(), flush=True)
"""


def _writer(folder: Path, first: int, last: int, *around: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*around, sys.executable, "-c", WRITER, str(folder), str(first), str(last)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _check(folder: Path, said: dict[int, str]) -> None:
    """What was said is stored as it was said, each entry is whole, and the stream has no hole."""
    with open_spool(folder) as spool:
        assert spool.alarms() == []
        entries = {one.sequence: one for one in spool.head_entries(1_000_000, 1 << 40)}
        assert sorted(entries) == list(range(spool.head().next_sequence))
        assert {sequence: entries[sequence].id.hex() for sequence in said} == said
        assert all(still_verifies(one.envelope, one.id) for one in entries.values())
        assert len({one.path for one in spool.list(limit=1_000_000)}) == len(entries)


def test_r1_what_was_said_to_be_stored_survives_kill_9_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 (a schedule, not a secret)
    folder, said = tmp_path / "spool", dict[int, str]()
    for _ in range(10):
        writer = _writer(folder, len(said) // 3 * 3, 1_000_000)
        assert writer.stdout is not None
        try:
            for _ in range(chance.randrange(1, 60)):
                _, sequence, entry_id = writer.stdout.readline().split()
                said[int(sequence)] = entry_id
        finally:
            writer.send_signal(signal.SIGKILL)
            # Not by `communicate`, which knows nothing of what `readline` has read ahead.
            rest = writer.stdout.read()
            writer.wait(20)
            writer.stdout.close()
            assert writer.stderr is not None
            writer.stderr.close()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                _, sequence, entry_id = line.split()
                said[int(sequence)] = entry_id
        _check(folder, said)
    assert len(said) > 100


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


@needs_strace
@pytest.mark.parametrize(
    "fault",
    [
        "fsync,fdatasync:error=EIO:when=10+10",
        "pwrite64:error=EIO:when=200+90",
        "pwrite64:error=ENOSPC:when=200+90",
        "unlink:error=EIO:when=15+10",
    ],
)
def test_r8_a_failing_disk_loses_nothing_that_was_said_to_be_stored(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "spool"
    open_spool(folder).close()
    writer = _writer(folder, 0, 180, "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={fault}")
    output, errors = writer.communicate(timeout=100)
    said = {int(line.split()[1]): line.split()[2] for line in output.splitlines() if line.startswith("stored")}

    assert writer.returncode == 0, errors
    assert "later" in output
    assert len(said) == 180
    _check(folder, said)


@needs_strace
def test_r8_a_disk_that_fails_three_times_in_a_row_ends_the_process_with_its_own_code(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    open_spool(folder).close()
    writer = _writer(
        folder, 0, 180, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:error=EIO:when=20+"
    )
    output, errors = writer.communicate(timeout=60)
    said = {int(line.split()[1]): line.split()[2] for line in output.splitlines() if line.startswith("stored")}

    assert writer.returncode != 0
    assert "SpoolBroken" in errors
    assert output.count("later") == 2
    _check(folder, said)


@needs_strace
@pytest.mark.parametrize("call", ["pwrite64", "fsync,fdatasync", "unlink"])
def test_r1b_a_kill_at_any_system_call_loses_nothing_and_leaves_no_half(tmp_path: Path, call: str) -> None:
    for number in (1, 4, 11, 23):
        folder = tmp_path / f"{number}" / "spool"
        folder.parent.mkdir()
        open_spool(folder).close()
        fault = f"inject={call}:signal=KILL:when={number}"
        writer = _writer(folder, 0, 30, "strace", "-f", "-qq", "-o", "/dev/null", "-e", fault)
        output, _ = writer.communicate(timeout=60)
        said = {int(line.split()[1]): line.split()[2] for line in output.splitlines() if line.startswith("stored")}
        _check(folder, said)
        with open_spool(folder) as spool:
            assert len(pending(spool)) % 3 == 0
