"""Large reports as their tools write them, of about a wanted size, each content made up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
_LICENSES = ("MIT", "ISC", "Apache-2.0", "BSD-3-Clause")
_RULES, _PACKAGES = 300, 60

Pieces = Iterator[str]


def write(path: Path, kind: str, size: int) -> None:
    """Write a report of a kind in `KINDS`, a little larger than `size` bytes."""
    with path.open("w", encoding="utf-8") as file:
        written = 0
        pieces = KINDS[kind]()
        before, behind = next(pieces), next(pieces)
        file.write(before)
        for number, piece in enumerate(pieces):
            written += file.write(piece if number == 0 or kind in _WITHOUT_COMMAS else f",{piece}")
            if written >= size:
                break
        file.write(behind)


def _json(value: Any, *, indent: int | None, level: int = 0) -> str:  # noqa: ANN401
    """Write an item as it stands in a document that is indented, `level` deep, or in one that is not."""
    if indent is None:
        return json.dumps(value, separators=(",", ":"))
    text = json.dumps(value, indent=indent).replace("\n", "\n" + " " * indent * level)
    return "\n" + " " * indent * level + text


def _hex(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _junit() -> Pieces:
    """A suite of 250 cases a piece, as pytest and Surefire write them."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n'
    yield "</testsuites>\n"
    trace = quoteattr('  File "shop/basket.py", line 3, in add\n' * 10)[1:-1]
    number = 0
    while True:
        number += 1
        cases = []
        for case in range(250):
            start = f'<testcase classname="shop.checkout.TestBasket{number}" name="test_item_in_basket_{case}"'
            start += f' time="0.{case:03}"'
            if case % 50 == 0:
                cases.append(f'{start}><failure message="assert {case} == 0" type="AssertionError">{trace}</failure>')
                cases.append("</testcase>\n")
            elif case % 50 == 1:
                cases.append(f'{start}><skipped message="not on this platform"/></testcase>\n')
            elif case % 25 == 2:
                cases.append(f"{start}><system-out>{'2026-01-31 INFO something was said here' * 40}</system-out>")
                cases.append("</testcase>\n")
            else:
                cases.append(f"{start}/>\n")
        counts = 'tests="250" failures="5" errors="0" skipped="5"'
        yield f'<testsuite name="suite {number}" {counts} time="31.1">\n{"".join(cases)}</testsuite>\n'


def _sarif() -> Pieces:
    """A result a piece, with a code flow of three steps, indented by two, rules first."""
    rules = [
        {"id": f"R{n}", "name": f"rule {n}", "properties": {"security-severity": f"{n % 10}.5", "tags": ["security"]}}
        for n in range(_RULES)
    ]
    driver = {"name": "Scanner", "semanticVersion": "4.1.0", "rules": rules}
    yield (
        '{\n  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",\n  "version": "2.1.0",\n  "runs": [\n    {\n'
        f'      "tool": {{"driver": {json.dumps(driver)}}},\n      "results": ['
    )
    yield "]}]}\n"
    number = 0
    while True:
        number += 1
        file = f"src/main/java/com/example/shop/part{number % 50}/Service{number}.java"
        steps = [
            {"location": {"physicalLocation": _place(file, number + step), "message": {"text": f"step [{step}]"}}}
            for step in range(3)
        ]
        result = {
            "ruleId": f"R{number % _RULES}",
            "ruleIndex": number % _RULES,
            "level": ("error", "warning", "note")[number % 3],
            "message": {"text": f'Value of "parameter {number}" flows from [source](1) to the sink.'},
            "locations": [{"physicalLocation": _place(file, number)}],
            "partialFingerprints": {"primaryLocationLineHash": f"{_hex(number)}:1"},
            "codeFlows": [{"threadFlows": [{"locations": steps}]}],
        }
        yield _json(result, indent=2, level=4)


def _place(file: str, line: int) -> dict[str, Any]:
    region = {"startLine": line % 900 + 1, "startColumn": 5, "endColumn": 61}
    return {"artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"}, "region": region}


def _cyclonedx() -> Pieces:
    """A component a piece, as syft writes them."""
    yield (
        '{\n  "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",\n  "bomFormat": "CycloneDX",\n'
        '  "specVersion": "1.6",\n  "version": 1,\n'
        '  "metadata": {"timestamp": "2026-01-31T09:30:00Z"},\n  "components": ['
    )
    yield "]}\n"
    number = 0
    while True:
        number += 1
        purl = f"pkg:npm/%40shop/part{number}@{number % 20}.{number % 9}.3"
        component = {
            "bom-ref": f"{purl}?package-id={_hex(number)[:16]}",
            "type": "library",
            "author": "Some Author <author@example.org>",
            "name": f"part{number}",
            "version": f"{number % 20}.{number % 9}.3",
            "description": "A small package that does one thing",
            "licenses": [{"license": {"id": _LICENSES[number % 4]}}],
            "cpe": f"cpe:2.3:a:part{number}:part{number}:{number % 20}.{number % 9}.3:*:*:*:*:*:*:*",
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": _hex(number)}],
            "externalReferences": [{"url": f"https://example.org/part{number}.git", "type": "vcs"}],
            "properties": [{"name": "syft:location:0:path", "value": f"/app/node_modules/part{number}/package.json"}],
        }
        yield _json(component, indent=2, level=2)


def _spdx() -> Pieces:
    """A package a piece."""
    about = {"created": "2026-01-31T09:30:00Z", "creators": ["Tool: syft-1.0"]}
    yield (
        '{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"shop",'
        f'"documentNamespace":"https://example.org/shop","creationInfo":{json.dumps(about)},"packages":['
    )
    yield (
        '],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES",'
        '"relatedSpdxElement":"SPDXRef-Package-1"}]}\n'
    )
    number = 0
    while True:
        number += 1
        purl = f"pkg:npm/part{number}@1.{number}"
        package = {
            "SPDXID": f"SPDXRef-Package-{number}",
            "name": f"part{number}",
            "versionInfo": f"1.{number}",
            "supplier": "Organization: Example",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "sourceInfo": "acquired package info from installed node module manifest file: /app/package.json",
            "licenseConcluded": _LICENSES[number % 4],
            "licenseDeclared": _LICENSES[number % 4],
            "copyrightText": "NOASSERTION",
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl},
            ],
        }
        yield _json(package, indent=None)


def _trivy() -> Pieces:
    """A target with 20 vulnerabilities a piece."""
    yield '{\n  "SchemaVersion": 2,\n  "ArtifactName": "shop:1",\n  "ArtifactType": "container_image",\n  "Results": ['
    yield "]}\n"
    number = 0
    while True:
        number += 1
        found = [
            {
                "VulnerabilityID": f"CVE-2026-{number * 20 + one}",
                "PkgID": f"libpart{one}@1.{one}",
                "PkgName": f"libpart{one}",
                "InstalledVersion": f"1.{one}",
                "FixedVersion": f"1.{one + 1}" if one % 2 else "",
                "Layer": {"DiffID": f"sha256:{_hex(number)}"},
                "PrimaryURL": f"https://avd.example.org/nvd/cve-2026-{number * 20 + one}",
                "Title": "libpart: a length is not checked \u003c as it should be \u0026 more",
                "Description": "A length that comes from the network is not checked before it is used. " * 4,
                "Severity": _SEVERITIES[one % 4],
                "CVSS": {"nvd": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8}},
                "References": [f"https://example.org/{ref}" for ref in range(6)],
                "PublishedDate": "2026-01-31T09:30:00.123Z",
            }
            for one in range(20)
        ]
        yield _json(
            {"Target": f"layer {number}", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found},
            indent=2,
            level=2,
        )


def _coverage() -> Pieces:
    """A file a piece, as `coverage json` writes it."""
    yield '{"meta": {"format": 3, "version": "7.11.0", "branch_coverage": false, "show_contexts": false}, "files": {'
    yield "}}\n"
    number = 0
    while True:
        number += 1
        lines = number % 200 + 20
        summary = {
            "covered_lines": lines,
            "num_statements": lines + 4,
            "percent_covered": 100 * lines / (lines + 4),
            "percent_covered_display": "90",
            "missing_lines": 4,
            "excluded_lines": 0,
        }
        file = {
            "executed_lines": list(range(1, 2 * lines, 2)),
            "summary": summary,
            "missing_lines": [2, 4, 6, 8],
            "excluded_lines": [],
            "functions": {"add": {"executed_lines": [1, 3, 5], "summary": summary, "missing_lines": []}},
        }
        yield f'"shop/part{number % 40}/module_{number}.py": {json.dumps(file)}'


def _gotest() -> Pieces:
    """The four events of a test a piece, and the ends of the packages; in one of ten packages tests fail."""
    yield ""
    ends: list[dict[str, object]] = []
    for part in range(_PACKAGES):
        word = "ok" if part % 10 else "FAIL"
        package = f"example.org/shop/part{part}"
        ends.append({"Action": "output", "Package": package, "Output": f"{word}\n"})
        ends.append({"Action": "pass" if part % 10 else "fail", "Package": package, "Elapsed": 1.5})
    yield "".join(_json(one, indent=None) + "\n" for one in ends)
    number = 0
    while True:
        number += 1
        test = f"TestBasket/case_{number}"
        event: dict[str, object] = {
            "Time": "2026-01-31T09:30:00.123456Z",
            "Package": f"example.org/shop/part{number % _PACKAGES}",
            "Test": test,
        }
        events: list[dict[str, object]] = [
            {**event, "Action": "run"},
            {**event, "Action": "output", "Output": f"=== RUN   {test}\n"},
            {**event, "Action": "output", "Output": f"    --- PASS: {test} (0.00s)\n"},
            {**event, "Action": "fail" if number % 50 == 0 else "pass", "Elapsed": 0.01},
        ]
        yield "".join(_json(one, indent=None) + "\n" for one in events)


def _cobertura() -> Pieces:
    """A package of ten files a piece, as coverage.py writes them."""
    totals = 'lines-valid="1" lines-covered="1" line-rate="1" branch-rate="0" complexity="0" timestamp="1769851800000"'
    yield f'<?xml version="1.0" ?>\n<coverage version="7.11.0" {totals}>\n<packages>\n'
    yield "</packages>\n</coverage>\n"
    number = 0
    while True:
        number += 1
        lines = "".join(f'\t\t\t\t\t\t<line number="{line}" hits="{line % 5}"/>\n' for line in range(1, 200))
        files = "".join(
            f'\t\t\t\t<class name="m{file}.py" filename="shop/part{number}/m{file}.py" line-rate="0.8">\n'
            f"\t\t\t\t\t<methods/>\n\t\t\t\t\t<lines>\n{lines}\t\t\t\t\t</lines>\n\t\t\t\t</class>\n"
            for file in range(10)
        )
        yield f'<package name="shop.part{number}" line-rate="0.8">\n<classes>\n{files}</classes>\n</package>\n'


def _lcov() -> Pieces:
    """The record of a file a piece, as Istanbul writes them."""
    yield ""
    yield ""
    number = 0
    while True:
        number += 1
        functions = "".join(f"FN:{one * 20 + 1},function_{one}\nFNDA:{one},function_{one}\n" for one in range(10))
        lines = "".join(f"DA:{line},{line % 5 * 13}\n" for line in range(1, 201))
        branches = "".join(f"BRDA:{one * 5},{one},{one % 2},{one % 3}\n" for one in range(1, 41))
        yield (
            f"TN:\nSF:/app/part{number % 50}/module_{number}.ts\n{functions}FNF:10\nFNH:9\n{lines}LF:200\nLH:160\n"
            f"{branches}BRF:40\nBRH:27\nend_of_record\n"
        )


KINDS: dict[str, Callable[[], Pieces]] = {
    "junit-xml": _junit,
    "sarif": _sarif,
    "cyclonedx-json": _cyclonedx,
    "spdx-json": _spdx,
    "trivy": _trivy,
    "coverage-py-json": _coverage,
    "go-test-json": _gotest,
    "cobertura-xml": _cobertura,
    "lcov": _lcov,
}
_WITHOUT_COMMAS = frozenset({"junit-xml", "go-test-json", "cobertura-xml", "lcov"})
