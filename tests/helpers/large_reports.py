"""Reports of any size, written piece by piece, and what it takes to read one: memory of the collector and its child.

A program too: `python -m tests.helpers.large_reports FILE` reads a file as the collector does and prints what it took.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.formats import HEAD_BYTES, Thresholds, recognise
from collector.opening import RootSpec, reading
from collector.parsing import Bounds, Parser, Request

MIB = 1 << 20


@dataclass(frozen=True)
class Kind:
    """How a report is made: its beginning, its numbered records, its end, and the field that counts the records."""

    head: bytes
    record: Callable[[int], bytes]
    tail: bytes
    counted: str


_TRACE = b"at com.example.Checkout.pay(Checkout.java:17)\n" * 20

KINDS = {
    "junit-xml": Kind(
        b"<testsuites>",
        lambda n: (
            b"<testsuite name='s%d'><testcase classname='a.B%d' name='pays %d'><system-out>%s</system-out>"
            b"</testcase></testsuite>" % (n, n % 5_000, n, _TRACE)
        ),
        b"</testsuites>",
        "totalTests",
    ),
    "cobertura-xml": Kind(
        b"<coverage line-rate='1'><packages>",
        lambda n: (
            b"<package><classes><class filename='src/f%d.py'><lines>%s</lines></class></classes></package>"
            % (n, b"".join(b"<line number='%d' hits='1' branch='false'/>\n" % line for line in range(1, 21)))
        ),
        b"</packages></coverage>",
        "linesTotal",
    ),
    "sarif": Kind(
        b'{"version":"2.1.0","runs":[{"results":[{}',
        lambda n: (
            b',{"ruleId":"r%d","level":"note","message":{"text":"%s"},"locations":[{"a":{"b":[1,2]}}]}'
            % (n % 500, b"x" * 900)
        ),
        b'],"tool":{"driver":{"name":"t"}}}]}',
        "total",
    ),
    "cyclonedx-json": Kind(
        b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"first"}',
        lambda n: b',{"name":"n%d","purl":"pkg:npm/p%d@1","description":"%s"}' % (n, n, b"d" * 900),
        b"]}",
        "componentCount",
    ),
}
PER_RECORD = {"cobertura-xml": 20}
EXTRA_RECORDS = {"sarif": 1, "cyclonedx-json": 1}


def write(path: Path, key: str, size: int) -> int:
    """Write a report of at least so many bytes; gives the count that its claim must have."""
    kind, number = KINDS[key], 0
    with path.open("wb", buffering=MIB) as file:
        file.write(kind.head)
        while file.tell() < size:
            file.write(kind.record(number))
            number += 1
        file.write(kind.tail)
    return number * PER_RECORD.get(key, 1) + EXTRA_RECORDS.get(key, 0)


@dataclass(frozen=True)
class Took:
    """What reading a file took: bytes of memory above idle, of both processes; seconds; and what the claim counts."""

    above_idle: int
    seconds: float
    count: int


def measured(path: Path, key: str) -> Took:
    """Read a file in a process of its own, with its child, as the collector does."""
    words = [sys.executable, "-m", "tests.helpers.large_reports", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=1_800)
    said: dict[str, Any] = json.loads(done.stdout)
    return Took(said["aboveIdle"], said["seconds"], said["evidence"][KINDS[key].counted])


def _memory(pid: int | str, field: str) -> int:
    """Memory of a process (proc(5): VmRSS as it is, VmHWM the most that it ever was)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def main() -> None:
    """Read a file and print what it took; idle is with the child started, and one small file read."""
    path = Path(sys.argv[1])
    with Parser(time.monotonic, lambda *_, **__: None, Bounds(seconds=600)) as parser:
        small = b"<testsuite><testcase name='a'/></testsuite>"
        assert recognise(small.ljust(HEAD_BYTES)) is not None
        parser.end(parser.begin(Request("junit-xml", Thresholds()), lambda: [small], len(small)))
        child = parser.pid
        assert child is not None
        idle = _memory("self", "VmRSS") + _memory(child, "VmRSS")
        began = time.monotonic()
        root = RootSpec("large", path.parent)
        with reading(root, path.name, expected=None, max_bytes=1 << 40) as content:
            found = recognise(content.head)
            assert found is not None
            request = Request(found.format.key, Thresholds())
            claim = parser.end(parser.begin(request, content.chunks, content.look.size))
            content.finish()
        seconds = time.monotonic() - began
        assert parser.pid == child
        most = _memory("self", "VmHWM") + _memory(child, "VmHWM")
    said = {"aboveIdle": most - idle, "seconds": seconds, "evidence": dict(claim.evidence)}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
