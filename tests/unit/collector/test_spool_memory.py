from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.readiness import Look
from collector.spool import Aside, FileSeen, SetAside, Spool, State
from tests.helpers.spools import EPOCH, NOW, candidate, file_seen, open_spool, pending, put, settle

LATER = NOW + timedelta(days=15)
BROKEN = Aside("truncated", "line 3", "let the tool finish")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with open_spool(tmp_path / "spool") as opened:
        yield opened


def look_of(file: FileSeen) -> Look:
    return Look(file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns)


def test_a_stored_file_is_remembered_as_it_looked(spool: Spool) -> None:
    put(spool, 1)
    seen = file_seen("out/report-1.xml")
    assert spool.seen("ci", "out/report-1.xml") == seen
    assert spool.seen("other", "out/report-1.xml") is None
    sweep = spool.sweep("ci")
    assert not sweep.changed(seen.path, look_of(seen))
    assert sweep.gone() == []
    assert spool.sweep("other").changed(seen.path, look_of(seen))


@pytest.mark.parametrize(
    "file",
    [
        file_seen("caf\u00e9 \U0001f4c4.xml"),
        file_seen("not-utf8-\udcff\udc80.xml"),
        file_seen("a\nb.xml"),
        file_seen("huge.xml", device=2**64 - 1, inode=2**63, size=2**62),
        file_seen("old.xml", mtime_ns=-1, ctime_ns=-(2**62)),
    ],
    ids=["unicode", "bytes that are no text", "newline", "unsigned numbers", "before 1970"],
)
def test_any_name_and_any_stat_that_linux_can_have_is_remembered(spool: Spool, file: FileSeen) -> None:
    spool.remember([file])
    assert spool.seen("ci", file.path) == file
    assert not spool.sweep("ci").changed(file.path, look_of(file))
    assert spool.sweep("ci").changed(file.path, look_of(file)._replace(size=file.size + 1))
    assert spool.sweep("ci").gone() == [file.path]


def test_ten_thousand_files_are_remembered_and_forgotten(spool: Spool) -> None:
    files = [file_seen(f"{number}.xml") for number in range(10_000)]
    spool.remember(files)
    assert len(spool.sweep("ci").gone()) == 10_000
    spool.forget("ci", [one.path for one in files[1:]])
    assert spool.sweep("ci").gone() == ["0.xml"]


def test_a_scan_finds_what_is_new_what_changed_and_what_is_gone(spool: Spool) -> None:
    files = {name: file_seen(name) for name in ("a", "a-b", "a/x", "b", "c/1", "c/2", "\u00e9", "\U0001f4c4")}
    spool.remember(list(files.values()))
    sweep = spool.sweep("ci")
    met = ["a", "a-b", "a-c", "a/x", "c/2", "d", "\U0001f4c4"]
    found = {name: look_of(files.get(name) or file_seen(name)) for name in met}
    found["c/2"] = found["c/2"]._replace(mtime_ns=7)
    assert [name for name in met if sweep.changed(name, found[name])] == ["a-c", "c/2", "d"]
    assert sweep.gone() == ["b", "c/1", "\u00e9"]


def test_a_scan_of_more_files_than_are_read_at_once_finds_each_as_it_was(spool: Spool) -> None:
    files = [file_seen(f"{number:05}.xml") for number in range(2_500)]
    spool.remember(files)
    sweep = spool.sweep("ci")
    assert not any(sweep.changed(one.path, look_of(one)) for one in files if one.path != "01000.xml")
    assert sweep.gone() == ["01000.xml"]


def test_pruning_keeps_the_observation_while_the_file_is_there(spool: Spool) -> None:
    put(spool, 1)
    settle(spool, [0])
    assert spool.prune(now=LATER) == 1
    [again] = put(spool, 1, now=LATER)
    assert not again.new
    assert (again.sequence, again.attestation_id) == (0, None)


@pytest.mark.parametrize("forget_first", [True, False], ids=["gone, then pruned", "pruned, then gone"])
def test_the_observation_goes_once_the_entry_is_pruned_and_the_file_is_gone(
    spool: Spool, *, forget_first: bool
) -> None:
    put(spool, 1)
    settle(spool, [0])
    if forget_first:
        spool.forget("ci", ["out/report-1.xml"])
        assert not put(spool, 1)[0].new
        spool.forget("ci", ["out/report-1.xml"])
    spool.prune(now=LATER)
    if not forget_first:
        spool.forget("ci", ["out/report-1.xml"])
    assert put(spool, 1, now=LATER)[0].new


def test_a_file_that_is_gone_keeps_its_entry_and_its_name_in_the_list(spool: Spool) -> None:
    put(spool, 1)
    spool.forget("ci", ["out/report-1.xml", "never-seen.xml"])
    assert spool.seen("ci", "out/report-1.xml") is None
    assert pending(spool) == [0]
    assert spool.list()[0].path == "out/report-1.xml"


def test_pruning_takes_delivered_entries_by_age_oldest_first(spool: Spool) -> None:
    put(spool, 1, 2, 3)
    settle(spool, [0], [(2, "wrong_type")], now=NOW)
    settle(spool, [1], now=NOW + timedelta(days=10))

    assert spool.prune(now=NOW + timedelta(days=14)) == 0
    assert spool.prune(now=LATER) == 1
    assert [(one.sequence, one.state) for one in spool.list()] == [(1, State.DELIVERED), (2, State.QUARANTINED)]
    assert spool.show(2).receipt == b"the receipt"


def test_pruning_takes_delivered_entries_by_bytes_and_never_the_undelivered(spool: Spool) -> None:
    put(spool, *range(10))
    settle(spool, list(range(6)))
    size = spool.list()[5].size
    assert spool.prune(now=NOW, keep_bytes=2 * size + 50) == 4
    assert spool.prune(now=LATER + timedelta(days=9_000), keep_bytes=0) == 2
    assert pending(spool) == [6, 7, 8, 9]


def test_a_dropped_entry_loses_its_bytes_with_time_and_stays_named(spool: Spool) -> None:
    put(spool, 1)
    spool.drop(0, "a mistake", "ana", NOW)
    assert spool.show(0).envelope is not None
    spool.prune(now=LATER)
    assert spool.show(0).envelope is None
    assert spool.ended(State.DROPPED, 10)[0][0].sequence == 0
    assert spool.prune(now=LATER) == 0


def test_a_restored_receiver_gets_everything_from_a_place_on_again(spool: Spool) -> None:
    put(spool, 1, 2, 3, 4)
    settle(spool, [0, 1, 3], [(2, "wrong_type")])
    settle(spool, [], mark=3)
    settle(spool, [], mark=0)
    assert pending(spool) == [1, 3]
    assert spool.put_back() == 0


def test_a_file_set_aside_is_listed_until_it_is_cleared_read_or_gone(spool: Spool) -> None:
    for name in ("a", "b", "c", "d"):
        spool.set_aside("ci", name, BROKEN, now=NOW)
    spool.set_aside("ci", "d", Aside("bad_syntax", None, None), now=LATER, file=file_seen("d"))
    assert spool.stats(NOW).set_aside == 4

    spool.clear_aside("ci", "a")
    spool.forget("ci", ["b"])
    spool.put([candidate(3, file=file_seen("c"))], epoch=EPOCH, now=NOW)
    assert spool.asides() == [SetAside("ci", "d", Aside("bad_syntax", None, None), LATER)]
    assert spool.seen("ci", "d") == file_seen("d")


def test_a_broken_report_is_attested_and_set_aside_at_once(spool: Spool) -> None:
    spool.put([candidate(1, aside=BROKEN)], epoch=EPOCH, now=NOW)
    assert spool.asides() == [SetAside("ci", "out/report-1.xml", BROKEN, NOW)]
    assert pending(spool) == [0]


def test_words_out_of_a_hostile_file_are_kept_short_and_storable(spool: Spool) -> None:
    spool.set_aside("ci", "x", Aside("bad_syntax", "\udcff" + "y" * 5_000, None), now=NOW)
    where = spool.asides()[0].aside.where
    assert where is not None
    assert where.startswith("\\udcff")
    assert len(where) < 1_100
