"""One parsing child: started, asked about one file at a time, and killed when it does not do as it should.

Invariants: nobody waits for it longer than the patience handed in; it is asked and listened to at once, so that neither
side can wait for the other; whatever is wrong with it comes out as `ChildError`, and then it is dead.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from collector.parsing.answers import ChildError, Why
from collector.parsing.frames import END, LENGTH, MAX_ANSWER_BYTES, READY, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_SEND_BYTES = 64 << 10
_RECEIVE_BYTES = 64 << 10


@dataclass(slots=True)
class Patience:
    """How many seconds more may be spent on waiting for a child."""

    left: float


class Child:
    """A running child, used by one thread; only `stop` may come from another."""

    def __init__(self, command: Sequence[str], monotonic: Callable[[], float]) -> None:
        """Start it; raises `OSError`."""
        self._monotonic = monotonic
        self._answer = bytearray()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
        )
        self._in, self._out = _made(self._process.stdin).fileno(), _made(self._process.stdout).fileno()
        for fd in (self._in, self._out):
            os.set_blocking(fd, False)
        self._listening, self._both = select.poll(), select.poll()
        self._listening.register(self._out, select.POLLIN)
        self._both.register(self._out, select.POLLIN)
        self._both.register(self._in, select.POLLOUT)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Say whether it is gone, or speaks without being asked: then it is of no more use, kill it."""
        return bool(self._listening.poll(0))

    def await_ready(self, patience: Patience) -> None:
        """Wait until it can be asked; raises `ChildError`."""
        if self.answer(patience) != READY:
            raise self._failed(Why.NONSENSE, "it did not say that it is ready")

    def send(self, request: bytes, content: Iterable[bytes], patience: Patience) -> None:
        """Send a request and its file; takes no more of the file once there is an answer.

        Raises `ChildError`, and what `content` raises: then the child is of no more use, kill it.
        """
        unsent = bytearray(frame(request))
        for chunk in content:
            if chunk:
                unsent += frame(chunk)
            if len(unsent) >= _SEND_BYTES:
                self._write(unsent, patience)
                unsent = bytearray()
            if self._has_answered():
                break
        unsent += END
        self._write(unsent, patience)

    def answer(self, patience: Patience) -> bytes:
        """Wait for the answer to what was sent; raises `ChildError`."""
        while not self._has_answered():
            self._wait(patience, sending=False)
        answer = bytes(self._answer[LENGTH.size :])
        self._answer.clear()
        return answer

    def stop(self) -> None:
        """End it, whatever it does: who is waiting for it learns at once that it died."""
        self._process.kill()

    def kill(self) -> None:
        """End it and free what it holds."""
        self.stop()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            _made(pipe).close()

    def _write(self, data: bytearray, patience: Patience) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._in, left) :]
            except BlockingIOError:
                self._wait(patience, sending=True)
            except BrokenPipeError:
                raise self._gone() from None

    def _has_answered(self) -> bool:
        if len(self._answer) < LENGTH.size:
            return False
        (length,) = LENGTH.unpack_from(self._answer)
        said = len(self._answer) - LENGTH.size
        if length > MAX_ANSWER_BYTES or said > length:
            raise self._failed(Why.NONSENSE, "it said more than it may")
        return bool(said == length)

    def _wait(self, patience: Patience, *, sending: bool) -> None:
        """Wait until something can be sent or has come, and take in what has."""
        began = self._monotonic()
        poll = self._both if sending else self._listening
        found = dict(poll.poll(max(0.0, patience.left) * 1_000))
        patience.left -= self._monotonic() - began
        if not found:
            raise self._failed(Why.SLOW, "it took too long")
        if self._out in found:
            try:
                more = os.read(self._out, _RECEIVE_BYTES)
            except BlockingIOError:
                return
            if not more:
                raise self._gone()
            self._answer += more

    def _gone(self) -> ChildError:
        self.kill()
        status = self._process.returncode
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return ChildError(Why.DIED, ended)

    def _failed(self, why: Why, detail: str) -> ChildError:
        self.kill()
        return ChildError(why, detail)


def _made(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        msg = "a pipe that was asked for"
        raise TypeError(msg)
    return pipe
