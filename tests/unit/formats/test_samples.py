"""Every real file of these formats is read with the right counts, and no other file is taken for one of them."""

from collections.abc import Sized
from pathlib import Path

import pytest

from collector.formats import HEAD_BYTES, ClaimType, recognise
from shared.errors import MalformedError
from tests.helpers.material import material
from tests.unit.formats.expected import (
    COBERTURA,
    CYCLONEDX,
    JUNIT,
    SARIF,
    SARIF_REFUSED,
    Junit,
    Sarif,
    Sbom,
)
from tests.unit.formats.reading import SAMPLES, claim_of, format_of

TABLES: dict[str, tuple[str, set[str]]] = {
    "junit": ("junit-xml", set(JUNIT)),
    "cobertura": ("cobertura-xml", set(COBERTURA)),
    "sarif": ("sarif", {*SARIF, *SARIF_REFUSED}),
    "cyclonedx": ("cyclonedx-json", set(CYCLONEDX)),
}


def length(value: object) -> int:
    assert isinstance(value, Sized)
    return len(value)


@pytest.mark.parametrize("folder", TABLES)
def test_every_sample_has_a_row_in_the_table(folder: str) -> None:
    files = {path.name for path in (SAMPLES / folder).iterdir()} - {"SOURCES.md"}
    assert files == TABLES[folder][1]


@pytest.mark.parametrize(("name", "expected"), JUNIT.items())
def test_junit_sample_is_counted(name: str, expected: Junit) -> None:
    claim = claim_of((SAMPLES / "junit" / name).read_bytes())
    seen = claim.evidence
    assert claim.type is ClaimType.TEST_RESULTS
    assert [seen[key] for key in ("passed", "failed", "errors", "skipped")] == list(expected[:4])
    assert seen["totalTests"] == sum(expected[:4])
    assert seen["flaky"] == expected.flaky
    assert seen.get("durationSeconds") == expected.seconds
    assert length(seen["suites"]) == expected.suites
    assert length(seen["failedTests"]) == expected.failed + expected.errors
    assert seen.get("tool") == expected.tool
    assert seen.get("declaredTotals") == expected.declared
    assert claim.passed == (expected.passed > 0 and expected.failed == expected.errors == 0)


@pytest.mark.parametrize(("name", "expected"), COBERTURA.items())
def test_cobertura_sample_is_counted(name: str, expected: tuple[float, int, int, int, int]) -> None:
    claim = claim_of((SAMPLES / "cobertura" / name).read_bytes())
    seen = claim.evidence
    assert claim.type is ClaimType.COVERAGE
    assert (seen["coverage"], seen["linesCovered"], seen["linesTotal"]) == expected[:3]
    assert (seen.get("branchesCovered", 0), seen.get("branchesTotal", 0)) == expected[3:]


@pytest.mark.parametrize(("name", "expected"), SARIF.items())
def test_sarif_sample_is_counted(name: str, expected: Sarif) -> None:
    claim = claim_of((SAMPLES / "sarif" / name).read_bytes())
    seen = claim.evidence
    assert claim.type is ClaimType.SECURITY_SCAN
    assert [seen[key] for key in ("critical", "high", "medium", "low", "info")] == [*expected[:4], 0]
    assert seen["total"] == sum(expected[:4])
    assert length(seen["rules"]) == expected.rules
    assert seen["suppressed"] == expected.suppressed
    assert seen.get("runsWithoutResults", 0) == expected.runs_without_results
    assert (seen.get("tool"), seen.get("toolVersion")) == (expected.tool, expected.version)
    assert claim.passed == (expected.critical == expected.high == expected.runs_without_results == 0)


@pytest.mark.parametrize(("name", "reason"), SARIF_REFUSED.items())
def test_sarif_of_another_version_is_recognised_and_refused(name: str, reason: str) -> None:
    data = (SAMPLES / "sarif" / name).read_bytes()
    assert format_of(data).key == "sarif"
    with pytest.raises(MalformedError) as refused:
        claim_of(data)
    assert refused.value.code == reason


@pytest.mark.parametrize(("name", "expected"), CYCLONEDX.items())
def test_cyclonedx_sample_is_counted(name: str, expected: Sbom) -> None:
    claim = claim_of((SAMPLES / "cyclonedx" / name).read_bytes())
    seen = claim.evidence
    assert claim.type is ClaimType.SBOM
    assert claim.passed
    assert (seen["format"], seen["specVersion"]) == ("cyclonedx", expected.version)
    assert seen["componentCount"] == expected.components
    assert length(seen["components"]) == expected.purls
    assert length(seen["licenses"]) == expected.licenses
    assert seen.get("vulnerabilities", 0) == expected.vulnerabilities
    assert seen.get("tool") == expected.tool


@pytest.mark.parametrize("path", sorted((SAMPLES / "other").iterdir()), ids=lambda path: path.name)
def test_another_tool_s_file_is_of_no_format_of_ours(path: Path) -> None:
    assert recognise(path.read_bytes()[:HEAD_BYTES]) is None


def test_of_all_material_exactly_the_files_of_the_tables_are_recognised() -> None:
    folder = material("samples")
    if folder is None:
        pytest.skip("the shared samples are not beside this checkout")
    for path in sorted(folder.glob("*/*")):
        found = recognise(path.read_bytes()[:HEAD_BYTES])
        wanted = next(
            (key for key, names in TABLES.values() if path.name in names and "xunit-net" not in str(path)), None
        )
        assert (found.key if found else None) == wanted, path.name
