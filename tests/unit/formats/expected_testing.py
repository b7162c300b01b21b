"""What is in each sample of a test report."""

from tests.unit.formats.expected import Expected, ran


def _junit(
    passed: int,
    failed: int,
    errors: int,
    skipped: int,
    suites: int,
    seconds: float | None,
    *,
    flaky: int = 0,
    tool: str | None = None,
    declared: dict[str, int] | None = None,
) -> Expected:
    return ran(
        "junit-xml",
        passed,
        failed,
        errors,
        skipped,
        flaky=flaky,
        suites=suites,
        seconds=seconds,
        tool=tool,
        declared=None if declared is None else {**declared},
    )


_JUNIT = {
    "TEST-action.surefire.report.calc.AllOkTest.xml": _junit(1, 0, 0, 0, 1, 0.027, tool="Surefire"),
    "TEST-uk.co.gresearch.spark.diff.DiffOptionsSuite.xml": _junit(5, 0, 0, 0, 1, 2.238),
    # A pass with failures behind it is no retry: three cases, as the suite itself declares.
    "flaky_success_first.xml": _junit(1, 1, 1, 0, 1, 3.0),
    "junit-report-1463.xml": _junit(6, 0, 0, 0, 1, 1426.0),
    "junit-report-20090516.xml": _junit(5, 0, 3, 0, 1, 14.398),
    "junit-report-2874.xml": _junit(1, 0, 0, 0, 1, 4.158),
    "junit-report-494.xml": _junit(1, 1, 0, 0, 1, 2.0),
    "junit-report-with-properties.xml": _junit(1, 1, 0, 0, 1, 2.0),
    # The root declares one test, its only suite six, and there is one.
    "junit-with-message.xml": _junit(
        0, 1, 0, 0, 1, 0.001, declared={"tests": 6, "failures": 1, "errors": 0, "skipped": 0}
    ),
    "junit.gloo.static.xml": _junit(12, 0, 0, 12, 1, 69.153, tool="pytest"),
    "marathon_junit_report.xml": _junit(1, 0, 0, 0, 1, 9.56, flaky=1),
    "mixed_flaky_and_passed.xml": _junit(3, 0, 0, 0, 1, 5.5, flaky=1),
    "phpcheckstyle-phpunit.xml": _junit(28, 2, 0, 0, 12, 0.041478),
    "phpunit-paths.xml": _junit(0, 6, 0, 0, 1, 0.006),
    "phpunit.xml": _junit(10, 2, 0, 0, 4, 0.140397),
    # Tests that share a name, none of them failed: each counts, as the root declares.
    "pulsar-test-report.xml": _junit(793, 1, 0, 14, 176, 2126.531),
    "result.xml": _junit(1, 0, 0, 0, 1, 0.001),
    "swift-xunit.xml": _junit(2, 1, 0, 0, 1, 0.220477),
    # The tool says eight and nanoseconds; the file was cut down to three cases by whoever published it.
    "test.xml": _junit(3, 0, 0, 0, 1, 1967986371.0, declared={"tests": 8, "failures": 0}),
    "testDisabled.xml": _junit(6, 4, 2, 10, 1, None),
    "test_11.xml": _junit(2, 1, 0, 0, 1, 1967986371.0, declared={"tests": 8, "failures": 0}),
    # One case with two errors, one with a failure and an error: two cases with errors.
    "test_multiple_errors.xml": _junit(1, 0, 2, 0, 1, 0.04),
    # One case with three failures, one with one: two failed cases.
    "test_multiple_failures.xml": _junit(1, 2, 0, 1, 1, 0.05),
    "testsuite-in-testsuite.xml": _junit(5, 0, 0, 0, 4, 4.807419),
    "testsuite-root.xml": _junit(5, 0, 0, 0, 4, 4.807419),
    "xunit.xml": _junit(2, 0, 0, 0, 1, 4.26, declared={"tests": 173, "failures": 0}),
}

# Parents of subtests count too, as in gotestsum.
_GO_TEST = {
    "100-pass.gojson.txt": ran("go-test-json", 1, suites=1, seconds=0.001, reported_at="2019-10-09T00:00:00.708039Z"),
    # A package whose TestMain exits before any test.
    "106-testmain.gojson.txt": ran(
        "go-test-json", 2, errors=1, suites=3, seconds=0.001, reported_at="2019-10-09T00:00:00.439383Z"
    ),
    # Go of that time sends no event of a benchmark.
    "109-bench.gojson.txt": ran("go-test-json", 2, suites=1, seconds=0.762, reported_at="2019-10-09T00:00:00.143083Z"),
    # TestBoom failed and its package panicked, TestQuit never ended and its package left, a third was not built.
    "go1.19-panic-exit-build.out": ran(
        "go-test-json", 7, 1, 4, 1, suites=5, seconds=0.086, reported_at="2026-11-22T03:20:20.600732Z"
    ),
    # Three tests that failed once, twice and three times.
    "go-test-json-flaky-rerun.out": ran(
        "go-test-json", 6, flaky=3, suites=1, seconds=0.003, reported_at="2020-06-22T01:12:10.815884Z"
    ),
    # badmain leaves before any test; empty has none.
    "go-test-json-with-cover-go1.20.out": ran(
        "go-test-json", 42, 12, 1, 5, suites=5, seconds=0.062, reported_at="2023-04-13T19:56:10.779258Z"
    ),
}

_NUNIT = {
    # Three that could not be run are errors beside the one that says so; four ignored and one inconclusive.
    "NUnit-correct.xml": ran("nunit-xml", 18, 1, 4, 5, suites=10, seconds=0.824, tool="NUnit", version="2.5.8.0"),
    "NUnit-correct3.xml": ran("nunit-xml", 22, suites=12, seconds=294.05, tool="NUnit", version="2.5.10.11092"),
    # Six cases were added by whoever published it, and the totals left as they were.
    "NUnit-healthReport.xml": ran(
        "nunit-xml",
        9,
        1,
        suites=1,
        seconds=0.404,
        tool="NUnit",
        version="2.2.8.0",
        declared={"tests": 4, "failures": 1},
    ),
    "NUnit-issue33493.xml": ran(
        "nunit-xml",
        1,
        skipped=1,
        suites=2,
        seconds=8.113627,
        tool="NUnit",
        version="3.6.1.0",
        reported_at="2017-04-29T20:49:41.000000Z",
    ),
    "NUnit-issue44527.xml": ran(
        "nunit-xml",
        6,
        1,
        143,
        suites=42,
        seconds=974.066102,
        tool="NUnit",
        version="3.6.0.0",
        reported_at="2017-05-25T12:57:41.000000Z",
    ),
    "NUnit-issue48478.xml": ran("nunit-xml", 3, suites=2, seconds=17.849036, reported_at="2017-12-15T18:14:36.000000Z"),
    "timewarpinc.xml": ran(
        "nunit-xml",
        0,
        0,
        1,
        suites=1,
        seconds=2.117365,
        tool="NUnit",
        version="3.5.0.0",
        reported_at="2022-09-20T21:16:48.000000Z",
    ),
}

_XUNIT_NET = {
    # One of three tests was left in by whoever published it.
    "testcase2.xml": ran(
        "xunit-net-xml",
        1,
        suites=1,
        seconds=0.288,
        tool="xUnit.net",
        version="2.0.0.2785",
        declared={"tests": 3, "failures": 1, "errors": 0, "skipped": 1},
    ),
    "testcase6.xml": ran("xunit-net-xml", 0, 1, suites=1, seconds=36.782054),
    "xunit.xml": ran("xunit-net-xml", 1, 1, skipped=1, suites=1, seconds=1.1),
}

_TRX = {
    "NUnit-netcoreapp3.1-sample.trx": ran(
        "trx", 2, 3, skipped=1, suites=1, seconds=0.077766, reported_at="2021-04-01T22:50:32.548295Z"
    ),
    # Written by its documentation: two data rows in place of the test that holds them.
    "data-rows.trx": ran("trx", 3, skipped=1, suites=1, seconds=60.801, reported_at="2024-03-05T08:59:58.250000Z"),
    "dotnet-trx.trx": ran("trx", 5, 5, skipped=1, suites=1, seconds=0.11801, reported_at="2021-04-20T06:31:31.986697Z"),
    "dotnet-xunitv3.trx": ran("trx", 1, 3, suites=1, seconds=0.017933, reported_at="2025-06-22T14:17:11.756535Z"),
}

_JEST = {
    # A test that passed on a retry, and a file that did not load.
    "jest-30.json": ran(
        "jest-json", 3, 1, 1, 2, flaky=1, suites=3, seconds=0.035, reported_at="2026-11-22T03:25:50.965000Z"
    ),
    "jest-30-passed.json": ran(
        "jest-json", 3, skipped=1, suites=2, seconds=0.008, reported_at="2026-11-22T03:25:56.229000Z"
    ),
    # The same, and a test that was not run because the set-up of its describe broke.
    "vitest-4.json": ran(
        "jest-json", 4, 1, 1, 3, flaky=1, suites=3, seconds=0.076931, reported_at="2026-11-22T03:26:08.746000Z"
    ),
}

_PYTEST = {
    "collection-error.json": ran(
        "pytest-json", 0, errors=1, suites=1, seconds=0.347334, reported_at="2026-11-22T03:26:23.750623Z"
    ),
    "no-tests.json": ran("pytest-json", 0, suites=0, seconds=0.044849, reported_at="2026-11-22T03:26:24.802336Z"),
    # xfailed and a skipped module are among the skipped, xpassed and a rerun among the passed.
    "outcomes.json": ran(
        "pytest-json", 5, 2, 3, 3, flaky=1, suites=2, seconds=0.373424, reported_at="2026-11-22T03:26:21.553137Z"
    ),
    "passed.json": ran("pytest-json", 1, suites=1, seconds=0.063978, reported_at="2026-11-22T03:26:26.025624Z"),
}

_CTRF = {
    # A todo is `other` there.
    "jest.json": ran(
        "ctrf", 3, 1, 0, 2, flaky=1, suites=3, seconds=0.008, tool="jest", reported_at="2026-11-22T03:35:20.321000Z"
    ),
    "pytest.json": ran(
        "ctrf",
        5,
        5,
        0,
        2,
        flaky=1,
        suites=1,
        seconds=0.162,
        tool="pytest",
        version="9.2.0",
        reported_at="2026-11-22T03:26:21.552620Z",
    ),
    "pytest-collection-error.json": ran(
        "ctrf", 0, suites=0, tool="pytest", version="9.2.0", reported_at="2026-11-22T03:26:23.750373Z"
    ),
}

_CUCUMBER = {
    "behave.json": ran("cucumber-json", 4, 6, 1, 1, suites=3, seconds=0.00163),
    # The empty scenario is skipped here; in the report of the next one there is only its background, which is none.
    "cucumber-js.json": ran("cucumber-json", 3, 6, 1, 2, suites=3, seconds=0.012036),
    "cucumber-ruby.json": ran("cucumber-json", 3, 6, 1, 1, suites=3, seconds=0.00134),
}

_TAP = {
    # Leaves only: node counts `powers` too, which stands for the two tests in it.
    "node-failures.tap": ran("tap", 5, 1, skipped=2, suites=4, seconds=0.004082),
    "node-passed.tap": ran("tap", 3, suites=2, seconds=0.001454),
    "perl-all.tap": ran("tap", 5, skipped=3, suites=3),
    "perl-bail.tap": ran("tap", 1, errors=1, suites=1),
    "perl-died.tap": ran("tap", 2, suites=1, declared={"tests": 4})._replace(passed=False),
    "perl-failed.tap": ran("tap", 2, 3, suites=3),
    "perl-noplan.tap": ran("tap", 2, errors=1, suites=1),
    "perl-skipall.tap": ran("tap", 0, suites=0),
    "tape.tap": ran("tap", 2, 1, skipped=1, suites=1),
}

_ROBOT = {
    "failures-3.2.2.xml": ran("robot-xml", 3, 1, suites=1, seconds=0.17, tool="Robot Framework", version="3.2.2"),
    "failures-4.1.3.xml": ran("robot-xml", 3, 1, suites=1, seconds=0.141, tool="Robot Framework", version="4.1.3"),
    "failures-5.0.1.xml": ran("robot-xml", 3, 1, suites=1, seconds=0.208, tool="Robot Framework", version="5.0.1"),
    "failures-6.1.1.xml": ran("robot-xml", 3, 1, suites=1, seconds=0.171, tool="Robot Framework", version="6.1.1"),
    "failures-7.3.2.xml": ran("robot-xml", 3, 1, suites=1, seconds=0.209073, tool="Robot Framework", version="7.3.2"),
    "passed-3.2.2.xml": ran("robot-xml", 2, suites=1, seconds=0.107, tool="Robot Framework", version="3.2.2"),
    "passed-7.3.2.xml": ran("robot-xml", 2, suites=1, seconds=0.106356, tool="Robot Framework", version="7.3.2"),
    "setup-6.1.1.xml": ran("robot-xml", 0, 1, suites=1, seconds=0.085, tool="Robot Framework", version="6.1.1"),
    "skipped-7.3.2.xml": ran(
        "robot-xml", 1, skipped=2, suites=1, seconds=0.169986, tool="Robot Framework", version="7.3.2"
    ),
    # The tests say PASS, their suite that its tear-down failed.
    "teardown-3.2.2.xml": ran(
        "robot-xml", 4, errors=1, suites=2, seconds=0.192, tool="Robot Framework", version="3.2.2"
    ),
    "teardown-7.3.2.xml": ran(
        "robot-xml", 4, errors=1, suites=2, seconds=0.177983, tool="Robot Framework", version="7.3.2"
    ),
}

SAMPLES: dict[str, Expected] = {
    **{f"jest/{name}": row for name, row in _JEST.items()},
    **{f"pytest-json/{name}": row for name, row in _PYTEST.items()},
    **{f"ctrf/{name}": row for name, row in _CTRF.items()},
    **{f"cucumber/{name}": row for name, row in _CUCUMBER.items()},
    **{f"gotest-json/{name}": row for name, row in _GO_TEST.items()},
    **{f"junit/{name}": row for name, row in _JUNIT.items()},
    **{f"nunit/{name}": row for name, row in _NUNIT.items()},
    **{f"xunit-net/{name}": row for name, row in _XUNIT_NET.items()},
    **{f"trx/{name}": row for name, row in _TRX.items()},
    **{f"tap/{name}": row for name, row in _TAP.items()},
    **{f"robot/{name}": row for name, row in _ROBOT.items()},
}
