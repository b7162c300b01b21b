"""Examiners say what the receiver itself would say, whatever happens to them, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.core.admit import KeyState, KnownKey, examine_all
from receiver.examining import Examiners
from receiver.examining.examiners import FEW
from shared.predicates import Limits
from tests.helpers import build
from tests.helpers.fleet import Spool
from tests.helpers.rig import eventually

MANY = FEW + 4


class Lost:
    """Counts how often an examiner was lost."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@contextlib.contextmanager
def examiners(count: int = 1) -> Iterator[tuple[Examiners, Lost]]:
    lost = Lost()
    made = Examiners(count, lost)
    try:
        yield made, lost
    finally:
        made.close()


def children() -> set[int]:
    """The examiners that this process has started, from whichever thread."""
    every = {int(one) for task in Path("/proc/self/task").iterdir() for one in (task / "children").read_text().split()}
    return {child for child in every if b"receiver.examining" in _file(child, "cmdline")}


def _file(process: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/{name}").read_bytes()
    return b""


def test_an_examiner_says_of_every_kind_of_entry_what_the_receiver_says() -> None:
    spool, stranger = Spool(), Spool(key=build.signer(2))
    entries = [
        *spool.entries(MANY),
        b"{}",
        spool.entry()[:-9] + b"A" + spool.entry()[-8:],
        stranger.entry(),
        spool.entry(collector={"id": "another", "version": "1", "config_digest": build.digest("c")}),
        spool.entry(crit=("neverHeardOf",)),
    ]
    senders = [
        spool.sender(),
        spool.sender(limits=Limits(repositories=("acme/other",))),
        spool.sender(key=KnownKey(spool.key.public, KeyState.REVOKED)),
        spool.sender(key=KnownKey(spool.key.public, KeyState.RETIRED, 3)),
    ]
    with examiners() as (made, lost):
        for sender in senders:
            assert made.examine(entries, sender) == examine_all(entries, sender)
        assert len(children()) == 1
    assert not lost.times


def test_few_entries_start_no_process() -> None:
    spool = Spool()
    entries = spool.entries(FEW)
    with examiners() as (made, _):
        assert made.examine(entries, spool.sender()) == examine_all(entries, spool.sender())
        assert not children()


def test_what_a_killed_examiner_leaves_is_examined_on_the_spot_and_by_the_next_one() -> None:
    spool = Spool()
    entries, sender = spool.entries(MANY), spool.sender()
    with examiners() as (made, lost):
        made.examine(entries, sender)
        (first,) = children()
        os.kill(first, signal.SIGKILL)
        assert made.examine(entries, sender) == examine_all(entries, sender)
        assert lost.times == 1
        made.examine(entries, sender)
        (second,) = children()
        assert second != first
        assert lost.times == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_does_not_end_an_examiner_at_work(number: signal.Signals) -> None:
    spool = Spool()
    entries, sender = spool.entries(MANY), spool.sender()
    with examiners() as (made, lost):
        made.examine(entries, sender)
        (one,) = children()
        os.kill(one, number)
        made.examine(entries, sender)
        assert children() == {one}
        assert not lost.times


def test_an_examiner_is_given_no_environment_and_no_file_of_the_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARNET_RECEIVER_SECRET", "told to nobody")
    spool = Spool()
    with Path(__file__).open("rb"), examiners() as (made, _):
        made.examine(spool.entries(MANY), spool.sender())
        (one,) = children()
        assert b"CARNET" not in _file(one, "environ")
        opened = {str(path.readlink()) for path in Path(f"/proc/{one}/fd").iterdir()}
    assert not any(path.endswith(".py") for path in opened)
    assert sum(path.startswith("socket:") for path in opened) == 1


def test_no_examiner_outlives_its_receiver() -> None:
    program = """
        import sys, time
        from receiver.examining import Examiners
        from tests.helpers.fleet import Spool
        spool, made = Spool(), Examiners(1, lambda: None)
        made.examine(spool.entries(20), spool.sender())
        print("at work", flush=True)
        time.sleep(60)
    """
    words = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"at work\n"
        found = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        (child,) = [int(one) for one in found]
        parent.kill()
    eventually("the examiner ended", lambda: b"receiver.examining" not in _file(child, "cmdline"))
