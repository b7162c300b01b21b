"""Reports of test coverage: COVERAGE."""

from __future__ import annotations

from collector.formats.claim import ClaimType
from collector.formats.coverage import clover, cobertura, coverage_py, go_cover, jacoco, lcov, llvm_cov, opencover
from collector.formats.format import Format

ROWS: tuple[Format, ...] = (
    Format(
        "cobertura-xml",
        cobertura.TITLE,
        ClaimType.COVERAGE,
        cobertura.recognise,
        cobertura.read,
        ends=True,
        looks_for="XML with the root element coverage, with a line-rate or packages",
    ),
    Format(
        "lcov",
        lcov.TITLE,
        ClaimType.COVERAGE,
        lcov.recognise,
        lcov.read,
        ends=False,
        looks_for="text whose first line begins with TN: or SF:",
    ),
    Format(
        "coverage-py-json",
        coverage_py.TITLE,
        ClaimType.COVERAGE,
        coverage_py.recognise,
        coverage_py.read,
        ends=True,
        looks_for="JSON with meta that says branch_coverage or show_contexts",
    ),
    Format(
        "go-cover",
        go_cover.TITLE,
        ClaimType.COVERAGE,
        go_cover.recognise,
        go_cover.read,
        ends=False,
        looks_for="text whose first line is mode: set, mode: count or mode: atomic",
    ),
    Format(
        "llvm-cov-json",
        llvm_cov.TITLE,
        ClaimType.COVERAGE,
        llvm_cov.recognise,
        llvm_cov.read,
        ends=True,
        looks_for="JSON with the type llvm.coverage.json.export, or data with files and nothing else",
    ),
    Format(
        "jacoco-xml",
        jacoco.TITLE,
        ClaimType.COVERAGE,
        jacoco.recognise,
        jacoco.read,
        ends=True,
        looks_for="XML with the root element report, with sessioninfo, counters or packages",
    ),
    Format(
        "clover-xml",
        clover.TITLE,
        ClaimType.COVERAGE,
        clover.recognise,
        clover.read,
        ends=True,
        looks_for="XML with the root element coverage, with a project or a clover version",
    ),
    Format(
        "opencover-xml",
        opencover.TITLE,
        ClaimType.COVERAGE,
        opencover.recognise,
        opencover.read,
        ends=True,
        looks_for="XML with the root element CoverageSession",
    ),
)
"""The rows of this group, the more specific one first."""
