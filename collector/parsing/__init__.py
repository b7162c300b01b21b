"""Reading reports in a child process that has a memory limit, a time limit, and nothing to take or to reach.

An edge: processes and pipes. Invariants: the child gets the bytes of one file and nothing else: no path, no open file,
no environment, no key; whatever becomes of it, the collector goes on; what it answers is checked as hostile.
"""

from __future__ import annotations

from collector.parsing.frames import Request
from collector.parsing.parser import Bounds, Parser, Pending

__all__ = ["Bounds", "Parser", "Pending", "Request"]
