"""R4: a damaged spool is moved aside, never deleted, never a crash loop; what is readable is salvaged."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from collector.spool import Spool, SpoolBroken, State
from collector.spool.pages import PAGE_BYTES
from shared.errors import CarnetError, StateError
from tests.helpers.spools import EPOCH, NOW, candidate, open_spool, pending, put, settle, still_verifies

SEED = 20_260_302
LATER = NOW + timedelta(hours=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed spool of 400 entries: 100 delivered, 2 quarantined, 2 dropped, some larger than a page."""
    folder = tmp_path_factory.mktemp("filled") / "spool"
    with open_spool(folder) as spool:
        for start in range(0, 400, 100):
            spool.put(
                [candidate(number, size=9_000 if number % 40 == 7 else 700) for number in range(start, start + 100)],
                epoch=EPOCH,
                now=NOW,
            )
        settle(spool, list(range(100)), [(100, "wrong_type"), (101, "bad_link")])
        spool.drop(102, "a mistake", "ana", NOW)
        spool.drop(103, "a mistake", "ana", NOW)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "spool"
    shutil.copytree(filled, copy)
    return copy


def test_a_flipped_bit_in_an_envelope_is_found_by_whoever_sends_it(folder: Path) -> None:
    data = bytearray((folder / "spool.db").read_bytes())
    with open_spool(folder) as spool:
        [victim] = spool.head_entries(1, 1)
    at = data.index(victim.envelope) + 100
    data[at] ^= 0x04
    (folder / "spool.db").write_bytes(data)

    with open_spool(folder) as spool:
        found = spool.head_entries(1_000, 1 << 30)
        bad = [one.sequence for one in found if not _is_good(one.envelope, one.id)]
        assert bad == [victim.sequence]
        spool.quarantine_damaged(victim.sequence, NOW)
        assert victim.sequence not in pending(spool)
        assert len(pending(spool)) == len(found) - 1


def _is_good(envelope: bytes, entry_id: bytes) -> bool:
    try:
        return still_verifies(envelope, entry_id)
    except CarnetError:
        return False


def _zero_header(path: Path) -> None:
    _write(path, 0, bytes(100))


def _zero_first_page(path: Path) -> None:
    _write(path, 0, bytes(PAGE_BYTES))


def _write(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3 // PAGE_BYTES * PAGE_BYTES + 17)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_bytes(b"[spool]\nquota_bytes = 3\n" * 500)


def _another_programs(path: Path) -> None:
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE invoices (number INTEGER)")
    other.commit()
    other.close()
    path.chmod(0o600)


def _another_stream(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"5a5a5a5a5a5a5a5a", b"5a5a5a5a5a5a5a5b"))


def _entry_out_of_the_index(path: Path) -> None:
    index_leaf = 0x0A
    data = path.read_bytes()
    for start in range(0, len(data), PAGE_BYTES):
        if data[start] == index_leaf:
            _write(path, start, data[start : start + PAGE_BYTES].replace(b"pending", b"pendinf"))


@pytest.mark.parametrize(
    "harm",
    [
        _zero_header,
        _zero_first_page,
        _truncate,
        _empty,
        _text,
        _another_programs,
        _another_stream,
        _entry_out_of_the_index,
        Path.unlink,
    ],
)
def test_r4_a_damaged_spool_is_moved_aside_and_a_fresh_one_started_with_an_alarm(
    folder: Path, harm: Callable[[Path], None]
) -> None:
    path = folder / "spool.db"
    if harm is Path.unlink:
        (folder / "spool.db-journal").write_bytes(b"an orphan")
    harm(path)
    left = None if harm is Path.unlink else path.read_bytes()

    with open_spool(folder, now=LATER) as spool:
        assert spool.list() == []
        [alarm] = spool.alarms()
        aside = Path(alarm.detail) if left is not None else next(folder.glob("*.damaged-*"))
        assert alarm.name == "salvage_needed"
        put(spool, 1)
    if left is not None:
        assert aside.read_bytes() == left
        assert aside.name == "spool.db.damaged-20260302T182430.000000Z"
    with open_spool(folder, now=LATER) as spool:
        assert pending(spool) == [0]
        assert spool.alarms() == [alarm]
    assert len(list(folder.glob("*.damaged-*"))) == 1


@pytest.mark.parametrize("harm", [_zero_header, _zero_first_page])
def test_r4_all_that_is_undelivered_is_salvaged_without_the_first_page(
    folder: Path, harm: Callable[[Path], None]
) -> None:
    with open_spool(folder) as spool:
        before = {one.sequence: one for one in spool.list(limit=1_000)}
        envelopes = {one.id: one.envelope for one in spool.head_entries(1_000, 1 << 30)}
    harm(folder / "spool.db")
    wanted = {one.id for one in before.values() if one.state in {State.PENDING, State.QUARANTINED}}

    with open_spool(folder, now=LATER) as spool:
        damaged = Path(spool.alarms()[0].detail)
        put(spool, 1_000)
        salvaged = Spool.salvage(damaged, spool, LATER)
        assert {one.id for one in salvaged} == wanted
        assert Spool.salvage(damaged, spool, LATER) == []
        queue = spool.head_entries(1_000, 1 << 30)
        assert [one.sequence for one in queue] == [*range(-len(wanted), 0), 0]
        assert {one.id: one.envelope for one in queue if one.id in envelopes} == envelopes
        assert [one.id for one in queue[:-1]] == [before[one.sequence].id for one in salvaged]
        assert spool.head().next_sequence == 1
        settle(spool, [one.sequence for one in queue])
        assert pending(spool) == []
    assert damaged.exists()
    assert not list(folder.glob(".salvage-*"))


def test_r4_random_damage_never_makes_a_crash_loop_and_costs_only_what_it_touched(filled: Path, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 (a schedule, not a secret)
    with open_spool(filled) as spool:
        undelivered = {one.id for one in spool.list(limit=1_000) if one.state in {State.PENDING, State.QUARANTINED}}
    whole = (filled / "spool.db").read_bytes()
    for number in range(40):
        folder = tmp_path / str(number) / "spool"
        folder.parent.mkdir()
        shutil.copytree(filled, folder)
        data = bytearray(whole)
        if number % 2:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            page = chance.randrange(len(data) // PAGE_BYTES) * PAGE_BYTES
            data[page : page + PAGE_BYTES] = bytes(PAGE_BYTES)
        (folder / "spool.db").write_bytes(data)
        good = _deliverable(folder)
        touched = len(undelivered - good)
        assert touched <= 30, f"seed {SEED}, case {number}: {touched} entries lost to one page"


def _deliverable(folder: Path) -> set[bytes]:
    """Open as the daemon does, run everything once, restart where it says so; the entries that would be delivered."""
    for _ in range(3):
        try:
            with open_spool(folder, now=LATER) as spool:
                for alarm in spool.alarms():
                    Spool.salvage(Path(alarm.detail), spool, LATER)
                spool.stats(NOW)
                put(spool, 2_000)
                found = spool.head_entries(10_000, 1 << 30)
                good = {one.id for one in found if _is_good(one.envelope, one.id)}
                settle(spool, [one.sequence for one in found])
                good |= {one.id for one in spool.list(State.QUARANTINED, limit=1_000)}
                spool.prune(now=LATER, keep_bytes=0)
                return good
        except SpoolBroken:
            continue
    raise AssertionError("a crash loop")


def test_damage_found_while_open_ends_the_process_once_and_the_next_start_moves_the_file_aside(folder: Path) -> None:
    with open_spool(folder) as spool:
        (root,) = _root_of(folder / "spool.db", "entry")
        _write(folder / "spool.db", (root - 1) * PAGE_BYTES, bytes(PAGE_BYTES))
        spool.close()
    # SQLite's cache hides what happens on the disk beneath an open file, so the harm is done between two commands.
    with pytest.raises((SpoolBroken, StateError)):
        Spool.open_for_change(folder / "spool.db", spool._settings).list()  # noqa: SLF001 (the same settings)
    with open_spool(folder, now=LATER) as spool:
        assert len(spool.alarms()) == 1
        assert spool.list() == []


def _root_of(path: Path, table: str) -> tuple[int]:
    other = sqlite3.connect(path)
    try:
        found: tuple[int] = other.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        return found
    finally:
        other.close()


def test_salvage_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with open_spool(tmp_path / "spool") as spool, pytest.raises(StateError, match="cannot be read"):
        Spool.salvage(tmp_path / "spool" / "nothing", spool, NOW)
