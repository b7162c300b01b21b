"""S4: a rotation of which the spool could not say whether it is there is settled before anything else is done."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from collector import housekeeping
from collector.assembly import Daemon
from collector.config import KeysSection
from collector.keys import Keys
from shared.errors import Code, TryLaterError
from tests.helpers import build, reports
from tests.helpers.intakes import Host as Watching
from tests.helpers.turning import Collector


@dataclass
class Disk:
    """A disk that says no: to a commit that is there all the same, and then to so many looks."""

    host: Collector
    commits: int = 1
    looks: int = 1
    _transact: Callable[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        database = self.host.spool._database  # noqa: SLF001 - where the disk fails
        self._transact = database._transact  # noqa: SLF001
        setattr(database, "_transact", self._fails)  # noqa: B010 - a method of one object alone

    def _fails(self, begin: str, act: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401 - handed on
        if begin != "BEGIN" and self.commits:
            self.commits -= 1
            self._transact(begin, act)
            raise TryLaterError(Code.UNAVAILABLE, "disk I/O error")
        if begin == "BEGIN" and not self.commits and self.looks:
            self.looks -= 1
            raise TryLaterError(Code.UNAVAILABLE, "disk I/O error")
        return self._transact(begin, act)


@pytest.fixture
def host(tmp_path: Path) -> Collector:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return Collector(folder)


def test_a_second_request_settles_the_first_one_and_capture_goes_on(host: Collector) -> None:
    host.put(1)
    Disk(host)
    with pytest.raises(TryLaterError):
        host.rotator.rotate()
    done = host.rotator.rotate()
    assert [one.new for one in host.spool.rotations()][-1] == done.new
    assert len(host.spool.rotations()) == 2
    assert host.put(2) == done.new
    host.restart()
    assert host.put(3) == done.new


def test_while_nobody_knows_which_key_signs_no_other_one_is_made(host: Collector) -> None:
    Disk(host, looks=2)
    for _ in range(2):
        with pytest.raises(TryLaterError):
            host.rotator.rotate()
    (first,) = host.spool.rotations()
    assert len(host.files()) == 2, "the old key's file and that of the one that may sign"
    assert host.rotator.rotate().old == first.new


def test_a_capture_that_is_refused_asks_at_once_which_key_signs(host: Collector, tmp_path: Path) -> None:
    watching = Watching(tmp_path)
    watching.intake.spool = host.spool
    watching.intake.sealing = replace(watching.intake.sealing, keys=host.keys, look_again=host.rotator.look_again)
    Disk(host)
    with pytest.raises(TryLaterError):
        host.rotator.rotate()
    (rotation,) = host.spool.rotations()
    watching.write("a.xml", reports.junit(1))
    watching.take()
    assert watching.no_room() is not None
    assert host.keys.now.signing.public == rotation.new, "not after ten minutes"
    watching.clock.now += 5
    watching.take()
    assert watching.no_room() is None
    assert host.spool.head().next_sequence == 2
    watching.spool.close()


async def test_a_spool_that_is_locked_when_a_key_is_due_ends_nothing(host: Collector) -> None:
    """The task that keeps the key young tells what was in the way, and goes on."""
    told: list[str] = []
    held = host.keys.now.rotated(build.signer(), datetime(2000, 1, 1, tzinfo=UTC))
    instance = SimpleNamespace(
        config=SimpleNamespace(keys=KeysSection(rotate_after_days=1)), keys=Keys(held), spool=host.spool
    )
    daemon = object.__new__(Daemon)
    daemon.instance, daemon.rotator, daemon.rotate = cast("Any", instance), host.rotator, host.rotator.rotate
    daemon.tell = lambda event, **_: told.append(event)
    Disk(host, commits=0)
    task = asyncio.create_task(housekeeping.keep_key_young(daemon))
    for _ in range(1_000):
        if told or task.done():
            break
        await asyncio.sleep(0.005)
    assert (told, task.done()) == (["key_not_rotated"], False)
    task.cancel()
