"""What is in each sample of a coverage report."""

from tests.unit.formats.expected import Expected, covered

# Percentage, lines covered and all, branches covered and all.
_COBERTURA = {
    "Cobertura.xml": covered("cobertura-xml", 72.16, 70, 97, 4, 8, reported_at="2025-10-15T18:25:06.000000Z"),
    "Cobertura2.1.1.xml": covered("cobertura-xml", 66.67, 24, 36, 1, 4, reported_at="2016-10-25T15:31:39.473000Z"),
    "Cobertura_Swift.xml": covered("cobertura-xml", 50.0, 1, 2, reported_at="2025-11-26T08:10:59.000000Z"),
    # 225 lines in all classes; four of them stand in two classes of one file.
    "Cobertura_dotnettest.xml": covered(
        "cobertura-xml", 71.49, 158, 221, 15, 18, reported_at="2024-04-17T18:21:36.000000Z"
    ),
    "coverage.xml": covered("cobertura-xml", 0.0, 0, 30, 0, 12, reported_at="2007-08-17T12:29:07.005000Z"),
}

_LCOV = {
    "1a6c3e-lcov.info": covered("lcov", 89.47, 17, 19),
    "coverage-py-7.17.info": covered("lcov", 81.25, 13, 16, 2, 4),
    "gcc-lcov-1.16.info": covered("lcov", 60.0, 6, 10, 3, 6),
    "lcov.info": covered("lcov", 69.44, 75, 108, 4, 8),
    "llvm-cov-14.info": covered("lcov", 61.54, 8, 13, 3, 6),
}

# Its time has no zone.
_COVERAGE_PY = {
    "branches-6.5.json": covered("coverage-py-json", 81.25, 13, 16, 2, 4, tool="coverage.py", version="6.5.0"),
    "branches-7.17.json": covered("coverage-py-json", 81.25, 13, 16, 2, 4, tool="coverage.py", version="7.17.3"),
    "lines-7.17.json": covered("coverage-py-json", 81.25, 13, 16, tool="coverage.py", version="7.17.3"),
}

_GO_COVER = {
    "coverpkg-atomic.out": covered("go-cover", 61.54, 8, 13),
    "set.out": covered("go-cover", 55.56, 5, 9),
}

_LLVM_COV = {
    "llvm-cov-14-summary-only.json": covered("llvm-cov-json", 61.54, 8, 13, 3, 6),
    "llvm-cov-14.json": covered("llvm-cov-json", 61.54, 8, 13, 3, 6),
}

_JACOCO = {
    "JaCoCo0.8.3.xml": covered("jacoco-xml", 68.42, 26, 38, 1, 4, reported_at="2018-09-29T15:21:03.280000Z"),
    # The counters of the whole report were put in by whoever published it, and belong to another one.
    "aggregate-report.xml": covered("jacoco-xml", 35.71, 10, 28, reported_at="2021-09-01T05:57:24.131000Z"),
    "jacoco-codingstyle.xml": covered(
        "jacoco-xml", 91.02, 294, 323, 109, 116, reported_at="2021-07-10T15:39:13.652000Z"
    ),
    "jacoco-path-util.xml": covered("jacoco-xml", 100.0, 43, 43, 14, 14, reported_at="2021-07-10T15:39:13.652000Z"),
}

_OTHER_COVERAGE = {
    "Clover.xml": covered("clover-xml", 73.08, 57, 78, 4, 8, reported_at="2025-10-15T18:25:05.000000Z"),
    "c8-clover.xml": covered("clover-xml", 76.47, 13, 17, 4, 6, reported_at="2026-11-22T03:49:20.537000Z"),
    "opencover.xml": covered("opencover-xml", 60.0, 9, 15, 3, 6),
}

SAMPLES: dict[str, Expected] = {
    **{f"lcov/{name}": row for name, row in _LCOV.items()},
    **{f"coverage-py/{name}": row for name, row in _COVERAGE_PY.items()},
    **{f"go-cover/{name}": row for name, row in _GO_COVER.items()},
    **{f"llvm-cov/{name}": row for name, row in _LLVM_COV.items()},
    **{f"cobertura/{name}": row for name, row in _COBERTURA.items()},
    **{f"jacoco/{name}": row for name, row in _JACOCO.items()},
    **{f"other-coverage/{name}": row for name, row in _OTHER_COVERAGE.items()},
}
