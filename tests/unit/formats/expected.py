"""What is in each sample file, counted with other means than our readers: grep, jq, ElementTree and by eye."""

from typing import NamedTuple


class Junit(NamedTuple):
    """Cases by outcome, how many were flaky, suites that are listed, seconds, tool, contradicting totals."""

    passed: int
    failed: int
    errors: int
    skipped: int
    suites: int
    seconds: float | None
    flaky: int = 0
    tool: str | None = None
    declared: dict[str, int] | None = None


JUNIT = {
    "TEST-action.surefire.report.calc.AllOkTest.xml": Junit(1, 0, 0, 0, 1, 0.027, tool="Surefire"),
    "TEST-uk.co.gresearch.spark.diff.DiffOptionsSuite.xml": Junit(5, 0, 0, 0, 1, 2.238),
    # A pass with failures behind it is no retry: three cases, as the suite itself declares.
    "flaky_success_first.xml": Junit(1, 1, 1, 0, 1, 3.0),
    "junit-report-1463.xml": Junit(6, 0, 0, 0, 1, 1426.0),
    "junit-report-20090516.xml": Junit(5, 0, 3, 0, 1, 14.398),
    "junit-report-2874.xml": Junit(1, 0, 0, 0, 1, 4.158),
    "junit-report-494.xml": Junit(1, 1, 0, 0, 1, 2.0),
    "junit-report-with-properties.xml": Junit(1, 1, 0, 0, 1, 2.0),
    # The root declares one test, its only suite six, and there is one.
    "junit-with-message.xml": Junit(
        0, 1, 0, 0, 1, 0.001, declared={"tests": 6, "failures": 1, "errors": 0, "skipped": 0}
    ),
    "junit.gloo.static.xml": Junit(12, 0, 0, 12, 1, 69.153, tool="pytest"),
    "marathon_junit_report.xml": Junit(1, 0, 0, 0, 1, 9.56, flaky=1),
    "mixed_flaky_and_passed.xml": Junit(3, 0, 0, 0, 1, 5.5, flaky=1),
    "phpcheckstyle-phpunit.xml": Junit(28, 2, 0, 0, 12, 0.041478),
    "phpunit-paths.xml": Junit(0, 6, 0, 0, 1, 0.006),
    "phpunit.xml": Junit(10, 2, 0, 0, 4, 0.140397),
    # Tests that share a name, none of them failed: each counts, as the root declares.
    "pulsar-test-report.xml": Junit(793, 1, 0, 14, 176, 2126.531),
    "result.xml": Junit(1, 0, 0, 0, 1, 0.001),
    "swift-xunit.xml": Junit(2, 1, 0, 0, 1, 0.220477),
    # The tool says eight and nanoseconds; the file was cut down to three cases by whoever published it.
    "test.xml": Junit(3, 0, 0, 0, 1, 1967986371.0, declared={"tests": 8, "failures": 0}),
    "testDisabled.xml": Junit(6, 4, 2, 10, 1, None),
    "test_11.xml": Junit(2, 1, 0, 0, 1, 1967986371.0, declared={"tests": 8, "failures": 0}),
    # One case with two errors, one with a failure and an error: two cases with errors.
    "test_multiple_errors.xml": Junit(1, 0, 2, 0, 1, 0.04),
    # One case with three failures, one with one: two failed cases.
    "test_multiple_failures.xml": Junit(1, 2, 0, 1, 1, 0.05),
    "testsuite-in-testsuite.xml": Junit(5, 0, 0, 0, 4, 4.807419),
    "testsuite-root.xml": Junit(5, 0, 0, 0, 4, 4.807419),
    "xunit.xml": Junit(2, 0, 0, 0, 1, 4.26, declared={"tests": 173, "failures": 0}),
}

# Percentage, lines covered and all, branches covered and all (0 where the report has none).
COBERTURA = {
    "Cobertura.xml": (72.16, 70, 97, 4, 8),
    "Cobertura2.1.1.xml": (66.67, 24, 36, 1, 4),
    "Cobertura_Swift.xml": (50.0, 1, 2, 0, 0),
    # 225 lines in all classes; four of them stand in two classes of one file.
    "Cobertura_dotnettest.xml": (71.49, 158, 221, 15, 18),
    "coverage.xml": (0.0, 0, 30, 0, 12),
}


class Sarif(NamedTuple):
    """Findings by severity, distinct rules, suppressed ones, tool and version, and what there is to complain about."""

    critical: int
    high: int
    medium: int
    low: int
    rules: int
    tool: str
    version: str | None = None
    suppressed: int = 0
    runs_without_results: int = 0


SARIF = {
    "GarbageValueLog.xml.sarif": Sarif(0, 0, 1, 0, 1, "Clang Analyzer"),
    "MissingLocation.xml.sarif": Sarif(0, 0, 2, 0, 1, "Clang Analyzer"),
    "OneResultBasic.fpr.sarif": Sarif(0, 0, 1, 0, 1, "Micro Focus Fortify Static Code Analyzer"),
    "SARIF1007.RegionPropertiesMustBeConsistent_Valid.sarif": Sarif(0, 2, 0, 0, 1, "CodeScanner", "1.0"),
    "SARIF1010.RuleIdMustBeConsistent_Valid.sarif": Sarif(0, 0, 4, 0, 4, "Sarif Functional Testing", "1.0"),
    "SARIF2001.TerminateMessagesWithPeriod_Valid.sarif": Sarif(
        0, 0, 0, 0, 0, "SARIF Functional Testing", "1.2", runs_without_results=1
    ),
    "SARIF2010.ProvideCodeSnippets_Valid.sarif": Sarif(0, 1, 0, 0, 1, "CodeScanner", "1.0"),
    "SARIF2011.ProvideContextRegion_Valid.sarif": Sarif(0, 1, 0, 0, 1, "CodeScanner", "1.0"),
    "appendix_k.sarif": Sarif(0, 0, 0, 0, 0, "CodeScanner", "2.1", suppressed=1),
    "appendix_k2.sarif": Sarif(0, 0, 1, 0, 1, "CodeScanner"),
    "appendix_k3.sarif": Sarif(0, 0, 1, 0, 1, "BinaryScanner"),
    "blackduck_nested_fingerprints.sarif": Sarif(0, 3, 1, 1, 5, "Example-Application"),
    # Scores of the rules: 9.8 once; 7.5 five times, 7.8 six times; 5.3, 6.1 twice, 6.5; 2.1 six times.
    "cxf-3.4.6.sarif": Sarif(1, 11, 4, 6, 22, "Grype", "0.34.7"),
    "dependency_check.sarif": Sarif(0, 13, 0, 0, 9, "dependency-check", "6.1.2"),
    "dockle_0_3_15.sarif": Sarif(0, 1, 0, 3, 4, "Dockle"),
    "issue_15033_sarif.json": Sarif(0, 1, 1, 1, 3, "govulncheck", "v1.3.0"),
    "njsscan.sarif": Sarif(0, 1, 1, 0, 2, "nodejsscan", "0.2.3"),
    "taint-python-report.sarif": Sarif(0, 8, 1, 2, 4, "Python Security Analysis", "1.0.0-scan"),
}

SARIF_REFUSED = {"Minimal.sarif": "bad_syntax"}  # SARIF 2.0.0


class Sbom(NamedTuple):
    """Version, components, package urls, distinct licences, vulnerabilities, tool."""

    version: str
    components: int
    purls: int = 0
    licenses: int = 0
    vulnerabilities: int = 0
    tool: str | None = None


CYCLONEDX = {
    "bom.1.4.json": Sbom("1.4", 62, 62, 3, tool="cyclonedx-php-composer"),
    "nested-component-log4j.json": Sbom("1.4", 2, 2, vulnerabilities=8, tool="grype"),
    "valid-attestation-1.6.json": Sbom("1.6", 0),
    "valid-bom-1.4.json": Sbom("1.4", 2, 1, 1, tool="Awesome Tool"),
    "valid-bom-1.6.json": Sbom("1.6", 3, 3, 3, tool="Awesome Tool"),
    "valid-component-external-with-versionRange.json": Sbom("1.7", 1),
    "valid-component-identifiers-1.7.json": Sbom("1.7", 1, 1),
    "valid-component-ref-1.6.json": Sbom("1.6", 3),
    "valid-component-swid-1.7.json": Sbom("1.7", 1),
    "valid-compositions-1.4.json": Sbom("1.4", 3, 3),
    "valid-compositions-1.7.json": Sbom("1.7", 3, 3, vulnerabilities=1),
    "valid-dependency-1.6.json": Sbom("1.6", 3),
    "valid-empty-components-1.7.json": Sbom("1.7", 0),
    "valid-external-reference-properties-1.7.json": Sbom("1.7", 1),
    "valid-license-name-1.6.json": Sbom("1.6", 1, 1, 1),
    "valid-license-name-with-licensing-1.7.json": Sbom("1.7", 1, 0, 1),
    "valid-machine-learning-considerations-env-1.6.json": Sbom("1.6", 1),
    "valid-metadata-manufacture-1.6.json": Sbom("1.6", 0),
    "valid-metadata-tool-deprecated-1.6.json": Sbom("1.6", 0, tool="Awesome Tool"),
    "valid-patent-1.7.json": Sbom("1.7", 1),
    "valid-release-notes-1.6.json": Sbom("1.6", 1),
    "valid-service-1.6.json": Sbom("1.6", 1, 1, 1),
    "valid-signatures-1.6.json": Sbom("1.6", 1),
    "valid-tags-1.6.json": Sbom("1.6", 1),
    "valid-vulnerability-1.4.json": Sbom("1.4", 1, 1, vulnerabilities=1),
    "valid-vulnerability-1.6.json": Sbom("1.6", 1, 1, vulnerabilities=1),
}
