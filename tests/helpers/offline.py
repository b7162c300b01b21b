"""A program that must open no socket: what it says counts on any machine, its calls where strace shows them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Watched:
    """How a program ended, and its calls that have to do with the network; None where nothing may trace."""

    status: int
    out: str
    err: str
    calls: list[str] | None

    def opened_no_socket(self) -> None:
        """Assert it; to be asked last, since it skips where nothing may trace."""
        if self.calls is None:
            pytest.skip("no strace here, or it may not trace")
        assert self.calls == []


def watched(words: Sequence[str], trace: Path) -> Watched:
    """Run a program to its end."""
    if shutil.which("strace") is not None:
        found = _run(["strace", "-f", "-e", "trace=network", "-o", str(trace), *words])
        if "ptrace" not in found.stderr:
            calls = [line for line in trace.read_text().splitlines() if "(" in line and "+++" not in line]
            return Watched(found.returncode, found.stdout, found.stderr, calls)
    plain = _run(words)
    return Watched(plain.returncode, plain.stdout, plain.stderr, None)


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
