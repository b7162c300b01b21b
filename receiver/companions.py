"""Processes of our own beside this one: each answers one question at a time, and is replaced when it dies.

One interpreter does one thing at a time, so pure work on bytes goes to others. What travels are plain values of our own
program, as pickles: a companion has no rights that we have not, and is no wall against hostile bytes. It has no key, no
database, no network and no environment, and it ends when we do, since the other end of its socket is then closed.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from shared.errors import Code, TryLaterError

_STOP_SECONDS = 2.0


class _Companion:
    """One process, and the line to it."""

    def __init__(self, module: str, opening: object) -> None:
        """Start it, with nothing of ours but its end of the line, and tell it what all questions rest on."""
        ours, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and a module of ours
                [sys.executable, "-I", "-m", module, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                env={},
            )
        self._line = Connection(ours.detach())
        self._opening = [opening]

    def ask(self, question: object, seconds: float) -> object:
        """Have a question answered; raises `EOFError` or `OSError` where no answer comes."""
        while self._opening:
            self._line.send(self._opening.pop())
        self._line.send(question)
        if not self._line.poll(seconds):
            raise TimeoutError
        answer: object = self._line.recv()
        return answer

    def end(self) -> None:
        """Hang up, upon which it ends; one that is still at work is killed."""
        self._line.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Companions:
    """Companions of one kind; asked from several threads, each of which waits for its answer."""

    def __init__(self, module: str, count: int, seconds: float, opening: object = None) -> None:
        """Have at most so many at work at once, each started when it is first needed.

        `module` is their program. One that does not answer within so many `seconds` is lost; `opening` is what each is
        told first.
        """
        self._module, self._opening = module, opening
        self._count = count
        self._seconds = seconds
        # The one that worked last comes first: no more are started than are ever at work at once.
        self._idle: queue.LifoQueue[_Companion | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def ask(self, question: object) -> object:
        """Have a question answered; raises `TryLaterError` where the companion ended by itself or does not answer."""
        companion = self._idle.get()
        try:
            companion = companion or _Companion(self._module, self._opening)
            return companion.ask(question, self._seconds)
        except (EOFError, OSError):
            if companion is not None:
                companion.end()
                companion = None
            raise TryLaterError(Code.UNAVAILABLE, "a process that worked beside this one was lost") from None
        finally:
            self._idle.put(companion)

    def close(self) -> None:
        """End them all; only when nobody calls any more."""
        for _ in range(self._count):
            companion = self._idle.get()
            if companion is not None:
                companion.end()


def serve(descriptor: int, start: Callable[[object], Callable[[object], object]]) -> None:
    """Be a companion: answer questions until the other end is closed, by what `start` makes of the opening.

    Signals that a terminal or a service manager sends to the whole group are the business of whom it stands beside.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with Connection(descriptor) as line, contextlib.suppress(EOFError, ConnectionError):
        answer = start(line.recv())
        while True:
            line.send(answer(line.recv()))
