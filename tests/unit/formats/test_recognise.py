"""Formats are recognised by content, also where the file is broken or hostile, and look-alikes are left alone."""

import pytest

from collector.formats import FORMATS, ClaimType, artifact, recognise, unreadable
from collector.formats.head import HEAD_BYTES, look
from shared.errors import Code

JUNIT, COBERTURA, SARIF, CYCLONEDX, ATTEST = "junit-xml", "cobertura-xml", "sarif", "cyclonedx-json", "attest"

ROWS: dict[str, tuple[str | None, bytes]] = {
    "nothing": (None, b""),
    "only a byte-order mark": (None, b"\xef\xbb\xbf"),
    "text": (None, b"testsuites"),
    "a picture": (None, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "half a tag": (None, b"<"),
    "junit": (JUNIT, b"<testsuites/>"),
    "junit with a suite as root": (JUNIT, b"<testsuite name='x'>"),
    "junit behind white space and a comment": (JUNIT, b" \n<!-- <coverage> --><testsuites>"),
    "junit behind a byte-order mark": (JUNIT, b"\xef\xbb\xbf<?xml version='1.0'?><testsuites>"),
    "junit in utf-16": (JUNIT, "<testsuites/>".encode("utf-16")),
    "junit in utf-16 without a mark": (JUNIT, "<testsuites/>".encode("utf-16-be")),
    "junit in a namespace": (JUNIT, b"<j:testsuites xmlns:j='urn:x'/>"),
    "junit with an entity bomb": (JUNIT, b"<!DOCTYPE x [<!ENTITY a '<coverage>'>]><testsuites>&a;"),
    "junit that is not utf-8": (JUNIT, b"<testsuites name='\xff\xfe'/>"),
    "junit whose root tag never ends": (JUNIT, b"<testsuites name='" + b"x" * 100_000),
    "a TestLink plan": (None, b"<testsuite name='x'><node_order><![CDATA[1]]></node_order>"),
    "cobertura": (COBERTURA, b"<coverage line-rate='1'><packages/></coverage>"),
    "cobertura without rates": (COBERTURA, b"<coverage><sources/><packages/></coverage>"),
    "cobertura with a DOCTYPE": (COBERTURA, b"<!DOCTYPE coverage SYSTEM 'x.dtd'><coverage line-rate='1'>"),
    "clover": ("clover-xml", b"<coverage generated='1' clover='4'><project timestamp='1'/></coverage>"),
    "sonarqube coverage": (None, b"<coverage version='1'><file path='x'/></coverage>"),
    "nunit 2": ("nunit-xml", b"<test-results name='x'><test-suite/></test-results>"),
    "nunit 2 by its totals": ("nunit-xml", b"<test-results name='x' total='1'>"),
    "nunit 3": ("nunit-xml", b"<test-run id='2'/>"),
    "test-results of something else": (None, b"<test-results name='x'><result/></test-results>"),
    "xunit.net": ("xunit-net-xml", b"<assemblies><assembly/></assemblies>"),
    "xunit.net of one assembly": ("xunit-net-xml", b"<assembly name='x' run-date='2024-01-26'/>"),
    "xunit.net in which nothing ran": ("xunit-net-xml", b"<assemblies/>"),
    "a manifest": (None, b"<assembly xmlns='urn:schemas-microsoft-com:asm.v1'><dependency/></assembly>"),
    "a manifest without a namespace": (None, b"<assembly manifestVersion='1.0'><dependency/></assembly>"),
    "trx": ("trx", b"<TestRun xmlns='http://microsoft.com/schemas/VisualStudio/TeamTest/2010'/>"),
    "trx without a namespace": ("trx", b"<TestRun><Results/></TestRun>"),
    "a TestRun of something else": (None, b"<TestRun><Test/></TestRun>"),
    "tap by its version": ("tap", b"> x@1.0.0 test\n> tape\n\nTAP version 13\n"),
    "tap by its plan": ("tap", b"# a comment\n\n1..2\nok\n"),
    "tap by its first test": ("tap", b"not ok 1 - reads\n"),
    "tap that begins with a subtest": ("tap", b"# Subtest: a\n    1..1\n    ok 1\n"),
    "tap without numbers": ("tap", b"ok - a\nok - b\n1..2\n"),
    "a word that is no test": (None, b"okay 1\n1..2\n"),
    "what go test says": (None, b"ok  \texample.com/a\t0.1s\n"),
    "robot": ("robot-xml", b"<robot generator='Robot 7.0 (Python 3.12 on linux)'>"),
    "robot by its suite": ("robot-xml", b"<robot><suite name='x'/></robot>"),
    "the description of a robot": (None, b"<robot name='arm'><link name='base'/></robot>"),
    "jacoco": ("jacoco-xml", b"<report name='x'><sessioninfo id='a'/></report>"),
    "jacoco without sessions": ("jacoco-xml", b"<report name='x'><package name='p'><class name='p/C'/>"),
    "jacoco of modules": ("jacoco-xml", b"<report name='x'><group name='m'><package name='p'/></group></report>"),
    "a report of something else": (None, b"<report name='x'><package name='p'/></report>"),
    "clover of phpunit": ("clover-xml", b"<coverage generated='1'><project timestamp='1'><file name='x'/>"),
    "opencover": ("opencover-xml", b"<CoverageSession><Summary/></CoverageSession>"),
    "html": (None, b"<!DOCTYPE html><html><body>testsuites</body></html>"),
    "sarif": (SARIF, b'{"version":"2.1.0","runs":[]}'),
    "sarif with long runs first": (SARIF, b'{"$schema":"https://x/sarif-2.1.0.json","runs":[' + b" " * 70_000),
    "sarif with the version last": (SARIF, b'{"runs":[{"tool":{"driver":{"version":"7"}}}],"version":"2.1.0"}'),
    "sarif with long results first": (SARIF, b'{"runs":[{"results":[' + b'{"ruleId":"x"},' * 9_000),
    "sarif of another version": (SARIF, b'{"version":"2.0.0","runs":[]}'),
    "sarif with a duplicate key": (SARIF, b'{"version":"2.1.0","runs":[],"runs":[]}'),
    "sarif in utf-16": (SARIF, '{"version":"2.1.0","runs":[]}'.encode("utf-16")),
    "runs of something else": (None, b'{"version":"7","runs":[]}'),
    "runs without a version": (None, b'{"runs":[]}'),
    "a version inside": (None, b'{"runs":[{"version":"2.1.0"}]}'),
    "cyclonedx": (CYCLONEDX, b'{"bomFormat":"CycloneDX","specVersion":"1.6"}'),
    "cyclonedx with the format last": (CYCLONEDX, b'{"components":[{"name":"x"}],"bomFormat":"CycloneDX"}'),
    "cyclonedx with long components first": (CYCLONEDX, b'{"components":[' + b'{"bom-ref":"x","name":"y"},' * 9_000),
    "components of something else": (None, b'{"components":[{"name":"x","version":"1"}]}'),
    "cyclonedx by its schema": (CYCLONEDX, b'{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json"}'),
    "cyclonedx with escapes": (CYCLONEDX, rb'{"bomF\u006frmat":"Cyclone\u0044X"}'),
    "the word in a list": (None, b'["bomFormat","CycloneDX"]'),
    "the key one level down": (None, b'{"a":{"bomFormat":"CycloneDX"}}'),
    "cyclonedx xml": ("cyclonedx-xml", b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>'),
    "a bom without a namespace": (None, b"<bom/>"),
    "attest": (ATTEST, b'{"carnet":"attest/v1"}'),
    "attest of another version": (ATTEST, b'{"name":"x","carnet":"attest/v9"}'),
    "carnet of something else": (None, b'{"carnet":true}'),
    "spdx": ("spdx-json", b'{"spdxVersion":"SPDX-2.3"}'),
    "spdx that begins with its element": ("spdx-json", b'{"SPDXID":"SPDXRef-DOCUMENT","packages":['),
    "spdx that begins with its packages": ("spdx-json", b'{"packages":[{"SPDXID":"SPDXRef-a"},' + b"{}," * 30_000),
    "spdx as tag and value": ("spdx-tag-value", b"SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n"),
    "spdx behind comments": ("spdx-tag-value", b"# made by x\n\nSPDXVersion: SPDX-2.2\n"),
    "a tag of spdx further down": (None, b"DataLicense: CC0-1.0\nSPDXVersion: SPDX-2.3\n"),
    "syft": ("syft-json", b'{"artifacts":[{"id":"a","name":"b","version":"1","foundBy":"x"},'),
    "syft without artifacts": ("syft-json", b'{"artifacts":[],"artifactRelationships":[]}'),
    "artifacts of something else": (None, b'{"artifacts":[{"id":"a","name":"b"}],"source":{}}'),
    "spdx 3": ("spdx3-json", b'{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}'),
    "spdx 3 with a version of spdx 2 beside": (
        None,
        b'{"spdxVersion":"SPDX-3.0","@context":"https://spdx.org/rdf/3.0.0/spdx-context.jsonld","@graph":[]}',
    ),
    "json-ld of something else": (None, b'{"@context":"https://schema.org","@graph":[]}'),
    "packages of something else": (None, b'{"packages":[{"name":"a"}]}'),
    "an empty object": (None, b"{}"),
    "json lines": (None, b'{"Action":"run"}\n{"Action":"pass"}\n'),
    "an open string": (None, b'{"bomFormat":"Cyc'),
    "brackets": (None, b"[" * 1_000),
}


@pytest.mark.parametrize("name", ROWS)
def test_recognises(name: str) -> None:
    key, data = ROWS[name]
    found = recognise(data)
    assert (found.format.key if found else None) == key


def test_of_two_formats_the_one_earlier_in_the_table_has_the_file_and_the_other_is_told() -> None:
    found = recognise(b'{"version":"2.1.0","runs":[],"carnet":"attest/v1","bomFormat":"CycloneDX"}')
    assert found is not None
    assert (found.format.key, [row.key for row in found.also]) == (SARIF, [CYCLONEDX, ATTEST])


def test_no_more_than_the_head_counts() -> None:
    assert recognise(b" " * HEAD_BYTES + b"<testsuites/>") is None


def test_keys_of_a_table_are_unique() -> None:
    assert len({row.key for row in FORMATS}) == len(FORMATS)


def test_a_head_shows_keys_three_levels_deep() -> None:
    head = look(b'{"a":{"b":[{"c":"x"},{"d":1}]},"e":null,"f":true}')
    assert head.keys == {
        ("a",): None,
        ("a", "b"): None,
        ("e",): None,
        ("f",): True,
    }
    assert look(b'{"runs":[{"tool":{"x":1},"v":"2"}]}').text("runs", "[]", "v") == "2"


def test_a_head_shows_the_root_and_its_first_children() -> None:
    head = look(b"<p:r xmlns:p='urn:x' p:a='1' b='>'><c><d/></c><!-- <e/> --><f/></p:r>")
    assert (head.root, head.namespace, head.attributes) == ("r", "urn:x", {"a": "1", "b": ">"})
    assert head.children == {"c", "f"}
    assert head.grandchildren == {"d"}


def test_a_head_shows_the_first_of_json_lines_and_that_there_are_more() -> None:
    head = look(b'\n{"Action":"start","Package":"p"}\r\n\n {"Action":"run","Test":"t"}\n')
    assert (head.kind, head.ndjson) == ("json", True)
    assert head.keys == {("Action",): "start", ("Package",): "p"}


@pytest.mark.parametrize("data", [b'{"a":1}', b'{"a":1}\n', b'{"a":1}{"b":2}', b'{"a":1}\n["b"]', b'{"a":1}\nx{', b"{"])
def test_one_object_is_no_json_lines(data: bytes) -> None:
    assert not look(data).ndjson


def test_a_head_shows_the_first_lines_of_a_text() -> None:
    head = look(b"\xef\xbb\xbfTN:\r\nSF:" + b"x" * 600 + b"\n" + b"DA:1,1\n" * 30)
    assert (head.kind, len(head.lines)) == ("other", 20)
    assert head.lines[:3] == ("TN:", "SF:" + "x" * 497, "DA:1,1")
    assert look(b"<a/>").lines == ()


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.key)
def test_an_unreadable_file_is_claimed_as_not_passed_with_its_reason(row: object) -> None:
    fmt = next(one for one in FORMATS if one is row)
    claim = unreadable(fmt, Code.TRUNCATED)
    assert not claim.passed
    assert claim.evidence == {"unreadable": "truncated"}
    assert claim.type is (fmt.type or ClaimType.CUSTOM)


def test_an_artifact_is_claimed_by_its_digest() -> None:
    claim = artifact("app.whl", "ab" * 32, 1234)
    assert claim.type is ClaimType.BUILD_PROVENANCE
    assert claim.passed
    assert claim.name == "Artifact"
    assert claim.evidence == {"sha256": "ab" * 32, "size": 1234, "name": "app.whl"}
    assert claim.subjects == (("app.whl", "ab" * 32),)
