"""The parser that the collector asks: keeps one child, gives it one file after the other, replaces it when it fails.

Invariants: a file that kills its child is tried once more in a fresh one, and is then an error about the file, like any
other; a child that cannot even start says nothing about the file, which waits. The collector never fails with a child.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats import Claim
from collector.parsing.answers import ChildError, Why, decode
from collector.parsing.frames import Request, encode_request
from collector.parsing.process import Child, Patience
from shared.errors import CarnetError, Code, MalformedError, StateError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

COMMAND = (sys.executable, "-I", "-m", "collector.parsing.child")
"""How a child is started; the memory that it may take, in bytes, goes behind."""

_MIB = 1 << 20
_ATTEMPTS = 2
_CLOSE_SECONDS = 1.0
_SPLIT = "split the report; what its reader must remember grows with the distinct names in it"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take.

    `memory_bytes` of data in all; `seconds` of waiting for it for each file, and `seconds_per_mib` more for each MiB of
    the file; after `files` files, or when it had nothing to do for `idle_seconds`, it is let go; `start_seconds` until
    it must be ready.
    """

    memory_bytes: int = 256 << 20
    seconds: float = 30.0
    seconds_per_mib: float = 3.0
    files: int = 5_000
    idle_seconds: float = 60.0
    start_seconds: float = 60.0

    def longest(self, size: int) -> float:
        """How many seconds a file of so many bytes may take."""
        return self.seconds + self.seconds_per_mib * size / _MIB


@dataclass(slots=True)
class Pending:
    """A file that was handed to the parser; `outcome` is there once it was waited for."""

    format: str
    request: bytes
    content: Callable[[], Iterable[bytes]]
    size: int
    patience: Patience
    failure: ChildError | None = None
    outcome: Claim | CarnetError | None = None


@dataclass(slots=True)
class Parser:
    """Reads files in a child process that it keeps; a context manager: leaving it ends the child.

    `begin` hands a file over, `end` gives what it says: in between the collector has time for another one, since the
    child works meanwhile. It has one file at a time, so the next `begin` waits for the one before. `replaced` counts
    the children that failed, `last_failure` is why the last one did; `tell` hears of each as `parser_replaced`.
    """

    monotonic: Callable[[], float]
    tell: Callable[..., None]
    bounds: Bounds = field(default_factory=Bounds)
    command: tuple[str, ...] = COMMAND
    replaced: int = 0
    last_failure: str | None = None
    _child: Child | None = None
    _pending: Pending | None = None
    _files: int = 0
    _used_at: float = 0.0
    _closed: bool = False
    _in_use: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        """Give itself; a child is started when there is a file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child."""
        self.close()

    @property
    def pid(self) -> int | None:
        """The process id of the child, None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def begin(self, request: Request, content: Callable[[], Iterable[bytes]], size: int) -> Pending:
        """Hand over a file of about `size` bytes; each call of `content` gives it from its first byte on.

        It is asked for until the file has its outcome, and may be left alone before its end. Raises `TryLaterError`
        where no child can be started, and what `content` raises.
        """
        with self._in_use:
            if self._pending is not None:
                self._settle(self._pending)
            patience = Patience(self.bounds.longest(size))
            pending = Pending(request.format, encode_request(request), content, size, patience)
            self._send(pending)
            self._pending = pending
            return pending

    def wait(self, pending: Pending) -> None:
        """Wait for the outcome of a file, without looking at it; raises what `content` does."""
        with self._in_use:
            if pending.outcome is None:
                self._settle(pending)

    def end(self, pending: Pending) -> Claim:
        """Give what a file says, waiting for it where that is still to come.

        Raises `MalformedError` with what is wrong with the file, `too_slow` and `too_large` where it takes more than it
        may, or kills its reader; `StateError` (`internal`) for a bug of a reader; `TryLaterError` and what `content`
        raises where it had to be tried again and could not.
        """
        self.wait(pending)
        if isinstance(pending.outcome, Claim):
            return pending.outcome
        if pending.outcome is None:
            raise StateError(Code.INTERNAL, "a file was waited for and has no outcome")
        raise pending.outcome

    def rest(self) -> None:
        """Let a child go that had nothing to do for a while."""
        if self._pending is None and self.monotonic() - self._used_at >= self.bounds.idle_seconds:
            with self._in_use:
                self._let_go()

    def close(self) -> None:
        """End the child, also in the middle of a file, from any thread; then nothing is read any more."""
        self._closed = True
        child = self._child
        if child is not None:
            child.stop()
        # Who reads a file from a disk that does not answer is not waited for: the end of the process frees the rest.
        if self._in_use.acquire(timeout=_CLOSE_SECONDS):
            try:
                self._let_go()
            finally:
                self._in_use.release()

    def _settle(self, pending: Pending) -> None:
        """Wait for the outcome; a file that had no answer is handed over once more."""
        self._pending = None
        try:
            for again in range(_ATTEMPTS):
                if again:
                    self._send(pending)
                pending.outcome = self._outcome(pending)
                if pending.failure is None or pending.failure.why in (Why.SLOW, Why.BUG):
                    return
        except CarnetError as error:
            pending.outcome = error

    def _send(self, pending: Pending) -> None:
        child = self._ready()
        pending.failure = None
        try:
            child.send(pending.request, pending.content(), pending.patience)
        except ChildError as error:
            pending.failure = error
        except BaseException:  # the file could not be read on, and the child waits for more of it
            self._let_go()
            raise

    def _outcome(self, pending: Pending) -> Claim | CarnetError:
        try:
            claim = decode(self._answer(pending), pending.format)
        except MalformedError as error:
            self._count()
            return error
        except ChildError as error:
            pending.failure = error
            self._replace(error)
            return self._about_the_file(error, pending.size)
        self._count()
        return claim

    def _answer(self, pending: Pending) -> bytes:
        if pending.failure is not None:
            raise pending.failure
        if self._child is None:
            raise ChildError(Why.DIED, "it was ended")
        return self._child.answer(pending.patience)

    def _ready(self) -> Child:
        """Give a child that can be asked: the one at hand, or a new one."""
        if self._closed:
            raise TryLaterError(Code.UNAVAILABLE, "the collector is stopping")
        if self._child is not None and self._child.has_ended():
            self._replace(ChildError(Why.DIED, "it ended while it had nothing to do"))
        if self._child is None:
            try:
                self._child = Child((*self.command, str(self.bounds.memory_bytes)), self.monotonic)
                self._files = 0
                self._child.await_ready(Patience(self.bounds.start_seconds))
            except (OSError, ChildError) as error:
                self._let_go()
                raise TryLaterError(
                    Code.UNAVAILABLE,
                    f"the process that reads reports cannot be started: {error}",
                    "is the installation whole, and is there memory and room for one more process?",
                ) from None
        return self._child

    def _count(self) -> None:
        self._files += 1
        self._used_at = self.monotonic()
        if self._files >= self.bounds.files:
            self._let_go()

    def _replace(self, failure: ChildError) -> None:
        self._let_go()
        if self._closed:
            return
        self.replaced += 1
        self.last_failure = failure.why.value
        self.tell("parser_replaced", reason=failure.why.value, detail=failure.detail)

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _about_the_file(self, failure: ChildError, size: int) -> CarnetError:
        if self._closed:
            return TryLaterError(Code.UNAVAILABLE, "the collector is stopping")
        if failure.why is Why.SLOW:
            seconds = self.bounds.longest(size)
            return MalformedError(
                Code.TOO_SLOW, f"reading it takes longer than {seconds:.0f} s", "raise watch.parse_seconds, or split it"
            )
        if failure.why is Why.BUG:
            return StateError(
                Code.INTERNAL, f"its reader failed: {failure.detail}", "a bug of Carnet's; please report it"
            )
        if failure.why is Why.MEMORY:
            mib = self.bounds.memory_bytes // _MIB
            return MalformedError(Code.TOO_LARGE, f"reading it needs more than {mib} MiB of memory", _SPLIT)
        return MalformedError(
            Code.TOO_LARGE,
            f"the process that reads it ended twice without an answer: {failure.detail}",
            "the kernel's log says whether memory ran out; else it is a bug of Carnet's, please report it",
        )
