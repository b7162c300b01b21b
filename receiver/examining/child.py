"""The program of an examiner: reads batches from the socket that it was started with, and answers what became of them.

It has no key, no database and no network; it ends when the receiver does, since the other end of its socket is then
closed. Signals that a terminal or a service manager sends to the whole group are the receiver's business.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from multiprocessing.connection import Connection

from receiver.core.admit import examine_all


def main(descriptor: int) -> None:
    """Answer until the other end is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with Connection(descriptor) as line, contextlib.suppress(EOFError, ConnectionError):
        while True:
            entries, sender = line.recv()
            line.send(examine_all(entries, sender))


if __name__ == "__main__":
    main(int(sys.argv[1]))
