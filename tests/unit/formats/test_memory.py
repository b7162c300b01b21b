"""Memory does not grow with the file: thirty megabytes are read in a few."""

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from collector.formats import FORMATS, Claim, Limits, Thresholds
from tests.unit.formats.generated import Generated

MIB = 1024 * 1024
ROWS = {row.key: row for row in FORMATS}


def junit_with_much_output() -> Iterator[bytes]:
    yield b"<testsuites><testsuite name='s'>"
    for number in range(30):
        yield b"<testcase name='t%d'><failure message='m'><![CDATA[" % number
        for _ in range(64):
            yield b"at some.Class.method(File.java:1)\n" * 500
        yield b"]]></failure><system-out>"
        for _ in range(16):
            yield b"log &lt;line&gt;\n" * 500
        yield b"</system-out></testcase>"
    yield b"</testsuite></testsuites>"


def junit_with_many_suites() -> Iterator[bytes]:
    yield b"<testsuites>"
    for number in range(600):
        cases = b"".join(b"<testcase classname='a.b.C%d' name='test %d'/>" % (number, n) for n in range(40))
        yield b"<testsuite name='suite %d'>%s</testsuite>" % (number, cases)
    yield b"</testsuites>"


def cobertura_with_many_classes() -> Iterator[bytes]:
    yield b"<coverage line-rate='1'><packages>"
    for number in range(300):
        lines = b"".join(b"<line number='%d' hits='1'/>" % n for n in range(100))
        yield b"<package><classes><class filename='f%d'><lines>%s</lines></class></classes></package>" % (number, lines)
    yield b"</packages></coverage>"


def sarif_with_many_results() -> Iterator[bytes]:
    yield b'{"version":"2.1.0","runs":[{"results":['
    result = b'{"ruleId":"r%d","message":{"text":"' + b"x" * 900 + b'"},"locations":[{"a":{"b":[1,2]}}]}'
    for number in range(8_000):
        yield (b"," if number else b"") + result % (number % 500)
    yield b'],"tool":{"driver":{"name":"t"}}}]}'


def cyclonedx_with_many_components() -> Iterator[bytes]:
    yield b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":['
    for number in range(10_000):
        comma = b"," if number else b""
        yield comma + b'{"name":"n","purl":"pkg:npm/p%d@1","description":"%s"}' % (number, b"d" * 900)
    yield b"]}"


FILES = {
    "much output": ("junit-xml", junit_with_much_output, 30, "totalTests", 30),
    "many suites": ("junit-xml", junit_with_many_suites, 1, "totalTests", 24_000),
    "many classes": ("cobertura-xml", cobertura_with_many_classes, 0, "linesTotal", 30_000),
    "many results": ("sarif", sarif_with_many_results, 7, "total", 8_000),
    "many components": ("cyclonedx-json", cyclonedx_with_many_components, 9, "componentCount", 10_000),
}


@pytest.mark.parametrize("name", FILES)
def test_a_large_file_is_read_in_a_few_megabytes(name: str) -> None:
    key, pieces, least_mib, field, expected = FILES[name]
    raw = Generated(pieces())
    tracemalloc.start()
    try:
        claim: Claim = ROWS[key].read(io.BufferedReader(raw, MIB), Thresholds(), Limits())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert raw.size >= least_mib * MIB
    assert claim.evidence[field] == expected
    assert peak < 12 * MIB
