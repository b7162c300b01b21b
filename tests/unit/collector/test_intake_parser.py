"""A report that is too much for its reader is attested as not passed, and the others go on."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.parsing import Bounds, Parser
from tests.helpers.intakes import Host

MIB = 1 << 20
GOOD = b"<testsuite><testcase name='a'/></testsuite>"


@pytest.fixture
def host_with(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    made: list[Host] = []

    def make(bounds: Bounds) -> Host:
        told: list[tuple[str, dict[str, Any]]] = []
        parser = Parser(time.monotonic, lambda event, **facts: told.append((event, facts)), bounds)
        made.append(Host(tmp_path, parser=parser, told=told))
        return made[0]

    yield make
    for host in made:
        host.spool.close()
        host.parser.close()


def claims(host: Host) -> dict[str, dict[str, Any]]:
    """What was attested, by path."""
    paths = {one.sequence: str(one.path) for one in host.spool.list(limit=10)}
    found = {}
    for entry in host.spool.head_entries(10, MIB):
        payload = json.loads(base64.b64decode(json.loads(entry.envelope)["payload"]))
        found[paths[entry.sequence]] = payload["predicate"]["claim"]
    return found


def test_a_report_that_needs_too_much_memory_is_attested_and_the_next_ones_too(
    host_with: Callable[..., Host],
) -> None:
    host = host_with(Bounds(memory_bytes=56 * MIB))
    keys = b"".join(b',"%0195d":1' % number for number in range(190_000))
    host.write("a.sarif", b'{"version":"2.1.0","runs":[],"properties":{"first":1' + keys + b"}}")
    for name in ("b.xml", "c.xml"):
        host.write(name, GOOD)
    host.take()
    made = claims(host)
    assert {path: claim["passed"] for path, claim in made.items()} == {"a.sarif": False, "b.xml": True, "c.xml": True}
    assert made["a.sarif"]["evidence"] == {"unreadable": "too_large"}
    assert host.aside() == {"a.sarif": "too_large"}
    reasons = [facts["reason"] for facts in host.events("parser_replaced")]
    assert len(reasons) == 2
    assert set(reasons) <= {"out_of_memory", "died"}  # what is left may be too little to say so


def test_a_report_that_takes_too_long_is_attested_and_the_next_ones_too(host_with: Callable[..., Host]) -> None:
    host = host_with(Bounds(seconds=0.3, seconds_per_mib=0))
    host.write("a.xml", b"<testsuite>" + b"<testcase name='a'/>" * 1_000_000 + b"</testsuite>")
    host.write("b.xml", GOOD)
    host.take()
    made = claims(host)
    assert {path: claim["passed"] for path, claim in made.items()} == {"a.xml": False, "b.xml": True}
    assert made["a.xml"]["evidence"] == {"unreadable": "too_slow"}
    assert host.aside() == {"a.xml": "too_slow"}
    assert [facts["reason"] for facts in host.events("parser_replaced")] == ["too_slow"]


def test_where_no_reader_can_start_the_reports_wait_and_are_taken_when_it_can(
    host_with: Callable[..., Host],
) -> None:
    host = host_with(Bounds())
    good, host.parser.command = host.parser.command, ("/nowhere/python",)
    host.write("a.xml", GOOD)
    host.write("b.txt", b"of no known format")
    host.take()
    assert (host.stored(), host.aside()) == ([], {})
    assert len(host.events("file_held_back")) == 1
    host.parser.command = good
    host.take()
    assert host.stored() == ["a.xml"]
