"""The receiver's examiners: a few processes, each at work on one batch at a time, replaced when one of them dies.

Signatures and statements are pure work on bytes, half of what a batch costs, and one interpreter does one thing at a
time. What comes back are plain values of our own program, so they travel as pickles: an examiner has no rights that
the receiver has not, and is no wall against hostile bytes (`core.admit` is).
"""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from receiver.core.admit import Judged, Sender, examine_all

FEW = 8
"""So many entries are examined on the spot: the way to another process costs about as much."""
ANSWER_SECONDS = 30.0
_STOP_SECONDS = 2.0


class _Examiner:
    """One process, and the line to it."""

    def __init__(self) -> None:
        """Start it, with nothing of ours but its end of the line."""
        ours, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and a module of ours
                [sys.executable, "-I", "-m", "receiver.examining.child", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                env={},
            )
        self._line = Connection(ours.detach())

    def ask(self, entries: Sequence[bytes], sender: Sender) -> Judged:
        """Have a batch examined; raises `EOFError` or `OSError` where no answer comes."""
        self._line.send((tuple(entries), sender))
        if not self._line.poll(ANSWER_SECONDS):
            raise TimeoutError
        found: Judged = self._line.recv()
        return found

    def end(self) -> None:
        """Hang up, upon which it ends; one that is still at work is killed."""
        self._line.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Examiners:
    """Examines batches in other processes; called from several threads, each of which waits for its answer."""

    def __init__(self, count: int, lost: Callable[[], None]) -> None:
        """Have at most so many at work at once, each started when it is first needed; 0: all is done on the spot.

        `lost` is told when one of them ended by itself or did not answer.
        """
        self._count = count
        self._lost = lost
        # The one that worked last comes first: no more are started than are ever at work at once.
        self._idle: queue.LifoQueue[_Examiner | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def examine(self, entries: Sequence[bytes], sender: Sender) -> Judged:
        """Examine the entries of a batch (`core.admit.Examine`): here, where they are few or nobody else can."""
        if not self._count or len(entries) <= FEW:
            return examine_all(entries, sender)
        examiner = self._idle.get()
        try:
            examiner = examiner or _Examiner()
            return examiner.ask(entries, sender)
        except (EOFError, OSError):
            if examiner is not None:
                examiner.end()
                examiner = None
            self._lost()
        finally:
            self._idle.put(examiner)
        return examine_all(entries, sender)

    def close(self) -> None:
        """End them all; only when nobody calls any more."""
        for _ in range(self._count):
            examiner = self._idle.get()
            if examiner is not None:
                examiner.end()
