"""Reads one report in a process of its own, by our reader or by another, and prints what it counts and what it took.

Run by `formats`: `python -m tests.bench.reading READER KIND FILE`. Another reader is the library that one would take,
used as its documentation says, or `json.load`, with no more than the counting done behind it.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import iterparse

from collector.formats import FORMATS, Limits, Thresholds

Counts = list[int]
_FORMATS = {row.key: row for row in FORMATS}
_FIELDS = {
    "junit-xml": ("totalTests", "failed", "errors", "skipped"),
    "sarif": ("total",),
    "cyclonedx-json": ("componentCount",),
    "spdx-json": ("componentCount",),
    "trivy": ("critical", "high", "medium", "low"),
    "coverage-py-json": ("linesCovered", "linesTotal"),
    "go-test-json": ("totalTests", "failed"),
    "cobertura-xml": ("linesCovered", "linesTotal"),
    "lcov": ("linesCovered", "linesTotal"),
}


def ours(kind: str, path: str) -> Counts:
    """Make the claim."""
    with open(path, "rb") as file:  # noqa: PTH123
        claim = _FORMATS[kind].read(file, Thresholds(), Limits())
    return [int(str(claim.evidence[name])) for name in _FIELDS[kind]]


def junitparser(_kind: str, path: str) -> Counts:
    """Count the cases by junitparser's results."""
    from junitparser import Error, Failure, JUnitXml, Skipped  # noqa: PLC0415 - only this reader's process pays for it

    found: Counter[type] = Counter()
    cases = 0
    for suite in JUnitXml.fromfile(path):
        for case in suite:
            cases += 1
            found.update(type(result) for result in case.result)
    return [cases, found[Failure], found[Error], found[Skipped]]


def cyclonedx_python_lib(_kind: str, path: str) -> Counts:
    """Count the components of cyclonedx-python-lib's model."""
    from cyclonedx.model.bom import Bom  # noqa: PLC0415

    bom: Any = Bom
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return [len(bom.from_json(json.load(file)).components)]


def spdx_tools(_kind: str, path: str) -> Counts:
    """Count the packages of spdx-tools' model."""
    from spdx_tools.spdx.parser.json.json_parser import parse_from_file  # noqa: PLC0415

    return [len(parse_from_file(path).packages)]


def json_load(kind: str, path: str) -> Counts:
    """Load the whole file, or each of its lines, and count."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return _COUNTED[kind](map(json.loads, file) if kind == "go-test-json" else json.load(file))


def element_tree(_kind: str, path: str) -> Counts:
    """Count the lines of a Cobertura report."""
    hits = lines = 0
    for _, element in iterparse(path):  # noqa: S314 - the report is made here
        if element.tag == "line":
            lines += 1
            hits += element.attrib["hits"] != "0"
        element.clear()
    return [hits, lines]


def split_lines(_kind: str, path: str) -> Counts:
    """Count the lines of an LCOV tracefile, by no more than their splitting."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        hits = [line.rstrip().partition(",")[2] for line in file if line.startswith("DA:")]
    return [len(hits) - hits.count("0"), len(hits)]


def _severities(document: Any) -> Counts:  # noqa: ANN401
    found = Counter(one["Severity"] for result in document["Results"] for one in result["Vulnerabilities"])
    return [found[word] for word in ("CRITICAL", "HIGH", "MEDIUM", "LOW")]


def _lines(document: Any) -> Counts:  # noqa: ANN401
    summaries = [file["summary"] for file in document["files"].values()]
    return [sum(one[name] for one in summaries) for name in ("covered_lines", "num_statements")]


def _ended(events: Any) -> Counts:  # noqa: ANN401
    found = Counter(event["Action"] for event in events if "Test" in event)
    return [found["pass"] + found["fail"] + found["skip"], found["fail"]]


_COUNTED: dict[str, Callable[[Any], Counts]] = {
    "sarif": lambda document: [sum(len(run["results"]) for run in document["runs"])],
    "cyclonedx-json": lambda document: [len(document["components"])],
    "spdx-json": lambda document: [len(document["packages"])],
    "trivy": _severities,
    "coverage-py-json": _lines,
    "go-test-json": _ended,
}
READERS: dict[str, Callable[[str, str], Counts]] = {
    "ours": ours,
    "junitparser": junitparser,
    "cyclonedx-python-lib": cyclonedx_python_lib,
    "spdx-tools": spdx_tools,
    "json.load": json_load,
    "ElementTree.iterparse": element_tree,
    "split": split_lines,
}


def _peak_kib() -> int:
    """Most memory that was resident since `_forget_peak`."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0])
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forget_peak() -> None:
    """Begin anew where Linux allows it: a process inherits the peak of the one that started it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main() -> None:
    """Read a small report of the kind first, so that imports count neither for time nor for memory."""
    reader, kind, small, path = sys.argv[1:]
    READERS[reader](kind, small)
    _forget_peak()
    idle, start = _peak_kib(), time.process_time()
    counts = READERS[reader](kind, path)
    seconds = time.process_time() - start
    print(json.dumps({"counts": counts, "seconds": seconds, "grown_bytes": (_peak_kib() - idle) << 10}))


if __name__ == "__main__":
    main()
