"""What the parsing child gives up before it sees the first byte of a file: for good, and for all of its process.

Linux: prctl(2), setrlimit(2). Invariant: afterwards no file, socket or process can be made, no privilege gained, no
module loaded, and no more memory taken than allowed; signals that a terminal or a service manager sends to all leave it
alone, since it ends with the collector.
"""

from __future__ import annotations

import contextlib
import ctypes
import encodings
import importlib
import os
import pkgutil
import resource
import signal
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_STANDARD_STREAMS = 3
_LATE_MODULES = ("_strptime", "gc", "heapq", "traceback", "unicodedata")
"""What the standard library loads within functions that readers call."""

_MAPPED_TIMES = 2
"""How much more address space than data: libraries are mapped, too."""


def confine(memory_bytes: int) -> None:
    """Give it all up; raises `OSError` where the kernel will not."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    _load_late_modules()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter]
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, int(signal.SIGKILL)), (_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1)):
        arguments = (ctypes.c_ulong(one) for one in (value, 0, 0, 0))
        if libc.prctl(ctypes.c_int(option), *arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    for limit, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_AS, memory_bytes * _MAPPED_TIMES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _STANDARD_STREAMS),
    ):
        _, hard = resource.getrlimit(limit)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bound, bound))


def _load_late_modules() -> None:
    """Load what would be loaded at its first use: the encodings that an XML declaration may ask for, and the rest."""
    late = [f"encodings.{module.name}" for module in pkgutil.iter_modules(encodings.__path__)]
    for name in (*late, *_LATE_MODULES):
        with contextlib.suppress(ImportError):  # encodings of another system
            importlib.import_module(name)
