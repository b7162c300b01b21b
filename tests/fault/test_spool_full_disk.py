"""R7: a full disk stops the taking and nothing else; the ballast lets what was delivered be settled."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.spool import Spool, SpoolFull, SpoolSettings
from tests.helpers.spools import NOW, TO, beat, open_spool, pending, put, settle, still_verifies

pytestmark = pytest.mark.root

SETTINGS = SpoolSettings(ballast_bytes=512 << 10, busy_seconds=5)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "carnet-test", str(point)], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def _fill(spool: Spool) -> int:
    """Store until there is no room; gives how many were stored."""
    for number in range(0, 100_000, 10):
        try:
            put(spool, *range(number, number + 10))
        except SpoolFull:
            return number
    raise AssertionError("the disk is not small enough")


def test_r7_a_full_disk_takes_nothing_more_keeps_everything_and_says_full(disk: Path) -> None:
    with open_spool(disk / "spool", SETTINGS) as spool:
        stored = _fill(spool)
        assert stored > 100
        assert spool.stats(NOW).full
        assert pending(spool) == list(range(stored))
        assert spool.seen("ci", f"out/report-{stored}.xml") is None
    with open_spool(disk / "spool", SETTINGS) as spool:
        entries = spool.head_entries(100_000, 1 << 30)
        assert [one.sequence for one in entries] == list(range(stored))
        assert all(still_verifies(one.envelope, one.id) for one in entries)


def test_r7_entries_are_settled_on_a_disk_without_a_byte_left_and_taking_goes_on_when_there_is_room(
    disk: Path,
) -> None:
    filler = disk / "filler"
    with open_spool(disk / "spool", SETTINGS) as spool:
        put(spool, *range(100))
        _fill_to_the_last_byte(filler)
        settle(spool, list(range(60)), [(60, "wrong_type")])
        spool.leave([beat(spool)], TO, NOW)
        assert [one.what.place for one in spool.departures()] == [1]
        assert pending(spool) == list(range(61, 100))
        assert not (disk / "spool" / "spool.db.ballast").exists()

        _fill_to_the_last_byte(filler)
        with pytest.raises(SpoolFull):
            put(spool, 1_000)
        assert spool.stats(NOW).full

        filler.unlink()
        assert put(spool, 1_000)[0].sequence == 100
        assert (disk / "spool" / "spool.db.ballast").stat().st_size == SETTINGS.ballast_bytes
        assert not spool.stats(NOW).full


def test_r7_nothing_new_is_taken_while_there_is_no_ballast(disk: Path) -> None:
    filler = disk / "filler"
    with open_spool(disk / "spool", SETTINGS) as spool:
        put(spool, *range(100))
        _fill_to_the_last_byte(filler)
        settle(spool, [0])
        _fill_to_the_last_byte(filler)
        with filler.open("r+b") as file:  # room for an entry, and not for the ballast
            file.truncate(filler.stat().st_size - (64 << 10))
        with pytest.raises(SpoolFull, match="ballast"):
            put(spool, 1_000)
        settle(spool, [1])


def test_r7_a_spool_opens_on_a_full_disk(disk: Path) -> None:
    with open_spool(disk / "spool", SETTINGS) as spool:
        put(spool, 1, 2)
    (disk / "spool" / "spool.db.ballast").unlink()
    _fill_to_the_last_byte(disk / "filler")
    with open_spool(disk / "spool", SETTINGS) as spool:
        assert pending(spool) == [0, 1]
        with pytest.raises(SpoolFull):
            put(spool, 3)


def _fill_to_the_last_byte(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        for piece in (64 << 10, 4096, 1):
            try:
                while file.write(bytes(piece)) == piece:
                    pass
            except OSError:
                continue
