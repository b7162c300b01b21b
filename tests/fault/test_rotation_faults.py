"""S4: a rotation that fails at any step, with captures going on: whatever is stored, the spool's own keys verify it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.keyfiles import new_path
from collector.keys import Rotation
from collector.spool import Spool, SpoolBroken
from collector.spool.sqlite import dbapi  # another library in this process would not see its locks
from shared import dsse
from shared.errors import CarnetError, ConfigError, TryLaterError
from shared.keys import Ed25519Signer, PublicKey
from tests.helpers.turning import Collector


class Watched(Spool):
    """A spool on which a test does something right after a rotation ended or failed, before anybody hears of it."""

    then: Callable[[], None] | None = None

    def rotate(self, *args: Any, **named: Any) -> Rotation:  # noqa: ANN401 - handed on as they are
        try:
            return super().rotate(*args, **named)
        finally:
            then, self.then = self.then, None
            if then is not None:
                then()


@pytest.fixture
def host(tmp_path: Path) -> Collector:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return Collector(folder, spool=Watched)


def watched(host: Collector) -> Watched:
    assert isinstance(host.spool, Watched)
    return host.spool


def all_verify(host: Collector, first: PublicKey) -> None:
    """Each entry verifies under the key that its place asks for, and that key has a file of its own."""
    rotations = {one.place: one for one in host.spool.rotations()}
    signing = first
    for entry in host.spool.list(limit=1_000):
        raw = host.spool.show(entry.sequence).envelope
        assert raw is not None
        turn = rotations.get(entry.sequence)
        dsse.verify(dsse.parse(raw), *((turn.old, turn.new) if turn else (signing,)))
        signing = turn.new if turn else signing
    assert host.keys.now.signing.public == signing
    host.restart()
    assert host.keys.now.signing.public == signing, "the next start finds its file"


class Reader:
    """A look from outside that lasts: a commit waits for it, and fails (SQLITE_BUSY) once that takes too long."""

    def __init__(self, host: Collector) -> None:
        self._connection = dbapi.connect(host.folder / "spool.db", isolation_level=None)

    def begin(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT * FROM spool").fetchone()

    def end(self) -> None:
        self._connection.close()


@pytest.mark.parametrize("rotated_before", [False, True], ids=["the first one", "a later one"])
def test_s4_nothing_is_signed_by_a_key_whose_commit_failed(host: Collector, rotated_before: bool) -> None:  # noqa: FBT001
    first = host.keys.now.signing.public
    if rotated_before:
        host.rotator.rotate()
    before = host.keys.now.signing.public
    reader, signed = Reader(host), []
    capturing = threading.Thread(target=lambda: signed.append(host.put(1)))
    random = host.rotator.random

    def within_the_transaction(count: int) -> bytes:
        if count == 16:  # the salt: the statement is being signed, and a capture waits for the spool
            reader.begin()
            capturing.start()
        return random(count)

    def once_it_failed() -> None:
        reader.end()
        capturing.join(10)

    host.rotator.random, watched(host).then = within_the_transaction, once_it_failed
    with pytest.raises(TryLaterError):
        host.rotator.rotate()
    assert signed == [before]
    assert host.keys.now.signing.public == before
    all_verify(host, first)
    host.put(2)
    host.rotator.rotate()
    host.put(3)
    all_verify(host, first)


def test_s4_a_capture_that_waits_for_a_rotation_signs_with_the_new_key(host: Collector) -> None:
    first, signed = host.keys.now.signing.public, []
    capturing = threading.Thread(target=lambda: signed.append(host.put(1)))
    random = host.rotator.random

    def within_the_transaction(count: int) -> bytes:
        if count == 16:
            capturing.start()
        return random(count)

    host.rotator.random, watched(host).then = within_the_transaction, lambda: capturing.join(10)
    done = host.rotator.rotate()
    assert signed == [done.new]
    all_verify(host, first)


def test_s4_a_new_key_that_cannot_be_written_changes_nothing(host: Collector) -> None:
    first = host.keys.now.signing.public
    seed = host.rotator.random
    host.rotator.random = lambda count: b"\x07" * count
    in_the_way = new_path(host.key, Ed25519Signer(b"\x07" * 32).public.key_id)
    in_the_way.mkdir()
    with pytest.raises(ConfigError):
        host.rotator.rotate()
    in_the_way.rmdir()
    host.rotator.random = seed
    assert host.put(1) == first
    all_verify(host, first)


def test_s4_a_statement_that_cannot_be_signed_changes_nothing(host: Collector) -> None:
    first = host.keys.now.signing.public
    random = host.rotator.random

    def no_salt(count: int) -> bytes:
        if count == 16:
            msg = "no randomness"
            raise OSError(msg)
        return random(count)

    host.rotator.random = no_salt
    with pytest.raises(OSError, match="no randomness"):
        host.rotator.rotate()
    assert host.files() == {"key.pem"}
    assert host.put(1) == first
    all_verify(host, first)


def test_s4_while_the_spool_cannot_say_whether_the_commit_is_there_the_old_key_signs_and_no_file_is_lost(
    host: Collector, tmp_path: Path
) -> None:
    first, away = host.keys.now.signing.public, tmp_path / "away"
    random = host.rotator.random

    def disk_goes(count: int) -> bytes:
        if count == 16:
            host.folder.rename(away)
        return random(count)

    host.rotator.random = disk_goes
    with pytest.raises(CarnetError) as failed:
        host.rotator.rotate()
    assert not isinstance(failed.value, SpoolBroken)
    assert host.keys.now.signing.public == first
    away.rename(host.folder)
    host.rotator.random = random
    assert len(host.files()) == 2, "the new key's file is there as long as nobody knows"
    host.rotator.look_again()
    assert host.files() == {"key.pem"}
    assert host.put(1) == first
    host.rotator.look_again()
    all_verify(host, first)
