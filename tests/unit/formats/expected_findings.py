"""What is in each sample of a scan."""

from shared.encoding import JsonValue
from shared.errors import Code
from tests.unit.formats.expected import Expected, refused, scanned


def _sarif(
    critical: int,
    high: int,
    medium: int,
    low: int,
    rules: int,
    tool: str,
    version: str | None = None,
    *,
    suppressed: int = 0,
    runs_without_results: int = 0,
    reported_at: str | None = None,
) -> Expected:
    silent: dict[str, JsonValue] = {"runsWithoutResults": runs_without_results, "complete": False}
    return scanned(
        "sarif",
        critical,
        high,
        medium,
        low,
        rules=rules,
        tool=tool,
        version=version,
        suppressed=suppressed,
        reported_at=reported_at,
        is_whole=not runs_without_results,
        **(silent if runs_without_results else dict.fromkeys(silent)),
    )


_SARIF = {
    "GarbageValueLog.xml.sarif": _sarif(0, 0, 1, 0, 1, "Clang Analyzer"),
    "MissingLocation.xml.sarif": _sarif(0, 0, 2, 0, 1, "Clang Analyzer"),
    "OneResultBasic.fpr.sarif": _sarif(0, 0, 1, 0, 1, "Micro Focus Fortify Static Code Analyzer"),
    "SARIF1007.RegionPropertiesMustBeConsistent_Valid.sarif": _sarif(0, 2, 0, 0, 1, "CodeScanner", "1.0"),
    "SARIF1010.RuleIdMustBeConsistent_Valid.sarif": _sarif(0, 0, 4, 0, 4, "Sarif Functional Testing", "1.0"),
    "SARIF2001.TerminateMessagesWithPeriod_Valid.sarif": _sarif(
        0, 0, 0, 0, 0, "SARIF Functional Testing", "1.2", runs_without_results=1
    ),
    "SARIF2010.ProvideCodeSnippets_Valid.sarif": _sarif(0, 1, 0, 0, 1, "CodeScanner", "1.0"),
    "SARIF2011.ProvideContextRegion_Valid.sarif": _sarif(0, 1, 0, 0, 1, "CodeScanner", "1.0"),
    "appendix_k.sarif": _sarif(
        0, 0, 0, 0, 0, "CodeScanner", "2.1", suppressed=1, reported_at="2016-07-16T14:19:01.000000Z"
    ),
    "appendix_k2.sarif": _sarif(0, 0, 1, 0, 1, "CodeScanner"),
    "appendix_k3.sarif": _sarif(0, 0, 1, 0, 1, "BinaryScanner"),
    "blackduck_nested_fingerprints.sarif": _sarif(0, 3, 1, 1, 5, "Example-Application"),
    # Scores of the rules: 9.8 once; 7.5 five times, 7.8 six times; 5.3, 6.1 twice, 6.5; 2.1 six times.
    "cxf-3.4.6.sarif": _sarif(1, 11, 4, 6, 22, "Grype", "0.34.7"),
    "dependency_check.sarif": _sarif(0, 13, 0, 0, 9, "dependency-check", "6.1.2"),
    "dockle_0_3_15.sarif": _sarif(0, 1, 0, 3, 4, "Dockle"),
    "issue_15033_sarif.json": _sarif(0, 1, 1, 1, 3, "govulncheck", "v1.3.0"),
    "njsscan.sarif": _sarif(0, 1, 1, 0, 2, "nodejsscan", "0.2.3", reported_at="2021-03-23T00:10:48.000000Z"),
    "taint-python-report.sarif": _sarif(
        0, 8, 1, 2, 4, "Python Security Analysis", "1.0.0-scan", reported_at="2021-03-08T15:46:16.000000Z"
    ),
}

_CREATED = "2021-08-25T12:20:30.000000Z"

_TRIVY = {
    "alpine-310.json": scanned(
        "trivy", medium=4, rules=2, fixable=4, tool="Trivy", version="dev", reported_at=_CREATED
    ),
    "cvss_severity_source.json": scanned("trivy", high=1, medium=1, rules=2, fixable=2, tool="Trivy"),
    "dockerfile.json": scanned(
        "trivy", high=1, rules=1, fixable=None, tool="Trivy", version="dev", reported_at=_CREATED
    ),
    "license_scheme.json": scanned("trivy", high=7, medium=1, low=11, rules=7, fixable=None, tool="Trivy"),
    "pip.json": scanned(
        "trivy", high=1, medium=1, rules=2, fixable=2, tool="Trivy", version="dev", reported_at=_CREATED
    ),
    "scheme_2_many_vulns.json": scanned("trivy", 1, 1, 3, rules=5, fixable=5, tool="Trivy"),
    "ubuntu-1804.json": scanned(
        "trivy", medium=4, low=1, rules=2, fixable=4, tool="Trivy", version="dev", reported_at=_CREATED
    ),
}

_GRYPE = {
    "check_all_fields_no_ids_fabricated.json": scanned(
        "grype", high=1, rules=1, fixable=1, tool="Grype", version="0.28.0"
    ),
    "fix_not_available.json": scanned(
        "grype",
        high=1,
        rules=1,
        fixable=0,
        tool="Grype",
        version="0.75.0",
        reported_at="2024-04-10T11:05:22.636338Z",
    ),
    # Ten of the high ones are Unknown; 28 have a fixedInVersion.
    "many_vulns3.json": scanned(
        "grype", 5, 34, 155, 27, 106, rules=200, rulesOmitted=59, fixable=28, tool="Grype", version="0.7.0"
    ),
    "many_vulns_with_epss_values.json": scanned(
        "grype",
        1,
        10,
        2,
        2,
        rules=15,
        fixable=1,
        tool="Grype",
        version="0.94.0",
        reported_at="2025-06-19T11:43:35.523947Z",
    ),
}

_GITLEAKS = {
    "json_simple.json": scanned("gitleaks", high=1, rules=1, fixable=None),
    "redacted_data_many.json": scanned("gitleaks", high=6, rules=1, fixable=None),
}

_TRUFFLEHOG = {
    "filesystem.json": scanned("trufflehog", high=2, rules=2, fixable=None, tool="TruffleHog"),
    "git.json": scanned("trufflehog", critical=1, high=2, rules=2, fixable=None, tool="TruffleHog"),
}

_BANDIT = {
    "broken.json": scanned(
        "bandit", rules=0, tool="Bandit", reported_at="2026-11-22T03:08:25.000000Z", is_whole=False, complete=False
    ),
    "clean.json": scanned("bandit", rules=0, tool="Bandit", reported_at="2026-11-22T03:08:24.000000Z", complete=None),
    "empty.json": scanned(
        "bandit", rules=0, tool="Bandit", reported_at="2026-11-22T03:08:24.000000Z", is_whole=False, complete=False
    ),
    "findings.json": scanned(
        "bandit",
        high=2,
        medium=2,
        low=4,
        rules=8,
        suppressed=3,
        tool="Bandit",
        reported_at="2026-11-22T03:27:31.000000Z",
        fixable=None,
    ),
}

_NPM_AUDIT = {
    "npm-audit/found.json": scanned("npm-audit", 1, 1, 1, rules=3, fixable=3),
    "npm-audit/clean.json": scanned("npm-audit", rules=0, fixable=None, complete=None, executionSuccessful=None),
    "npm-audit/no-dependencies.json": scanned("npm-audit", rules=0, is_whole=False, complete=False),
    "npm-audit/no-lock-file.json": scanned("npm-audit", rules=0, is_whole=False, executionSuccessful=False),
    "npm-audit/no-answer.json": scanned("npm-audit", rules=0, is_whole=False, executionSuccessful=False),
    "npm-audit/version-1.json": scanned("npm-audit", medium=1, low=1, rules=2, fixable=1, complete=None),
    # Eight advisories for 15 packages.
    "other-scanners/many_vuln_npm7.json": scanned(
        "npm-audit", high=1, medium=2, low=5, rules=8, fixable=8, complete=None
    ),
}

_PIP_AUDIT = {
    "pip-audit/found.json": scanned("pip-audit", high=4, rules=4, fixable=3, complete=None),
    "pip-audit/clean.json": scanned("pip-audit", rules=0, fixable=None, complete=None),
    "pip-audit/skipped.json": scanned("pip-audit", rules=0, is_whole=False, complete=False),
    "pip-audit/array.json": scanned("pip-audit", high=2, rules=2, fixable=2, complete=None),
}

_OSV_SCANNER = {
    # A score of 9.8; a group without score and word, and a licence; one by its word; a score of 3.1.
    "osv-scanner/found.json": scanned("osv-scanner", 1, 2, 1, 1, rules=5, fixable=None, complete=None),
    "osv-scanner/clean.json": scanned("osv-scanner", rules=0, complete=None),
    "other-scanners/multi_cwe_fabricated.json": scanned("osv-scanner", high=1, rules=1, complete=None),
}

_CHECKOV = {
    "checkov/frameworks.json": scanned(
        "checkov", high=4, rules=4, suppressed=1, tool="Checkov", version="3.3.30", complete=None
    ),
    "checkov/quiet.json": scanned("checkov", rules=0, tool="Checkov", version="3.3.30", complete=None),
    "checkov/parsing-error.json": scanned(
        "checkov", rules=0, tool="Checkov", version="3.3.30", is_whole=False, complete=False
    ),
    "checkov/nothing.json": scanned(
        "checkov", rules=0, tool="Checkov", version="3.3.30", is_whole=False, complete=False
    ),
    "other-scanners/checkov-report-0-vuln.json": scanned(
        "checkov", rules=0, tool="Checkov", version="1.0.467", is_whole=False, complete=False
    ),
    "other-scanners/checkov-report-many-vuln.json": scanned(
        "checkov", high=3, rules=3, tool="Checkov", version="1.0.467", complete=None
    ),
}

_HADOLINT = {
    "hadolint/remarks.json": scanned("hadolint", high=2, medium=4, info=3, rules=9, complete=None),
    "hadolint/not-parsed.json": scanned("hadolint", high=1, rules=1, is_whole=False, complete=False),
}

_GOVULNCHECK = {
    "govulncheck/called.json": scanned(
        "govulncheck", high=2, medium=1, low=1, rules=4, fixable=2, tool="govulncheck", version="v1.1.4"
    ),
    "govulncheck/not-called.json": scanned(
        "govulncheck", medium=3, low=1, rules=4, fixable=2, tool="govulncheck", version="v1.1.4", complete=None
    ),
    "govulncheck/clean.json": scanned("govulncheck", rules=0, tool="govulncheck", version="v1.1.4", complete=None),
    "govulncheck/out-of-reach.json": scanned(
        "govulncheck", rules=0, tool="govulncheck", version="v1.1.4", is_whole=False, complete=False
    ),
    "govulncheck/binary-modules.json": scanned(
        "govulncheck", high=1, rules=1, fixable=1, tool="govulncheck", version="v1.1.4", complete=None
    ),
    "other-scanners/many_vulns_new_version_custom_severity.json": scanned(
        "govulncheck",
        high=1,
        medium=1,
        rules=2,
        fixable=2,
        tool="govulncheck",
        version="v1.0.1",
        is_whole=False,
        complete=False,
    ),
}

_SONARQUBE = {
    "sonarqube/rules.json": scanned("sonarqube-issues", high=2, medium=1, low=2, rules=4),
    "sonarqube/old.json": scanned("sonarqube-issues", 2, 1, 0, 1, 2, rules=6),
    "sonarqube/clean.json": scanned("sonarqube-issues", rules=0, complete=None),
}


def _openscap(time: str, high: int, low: int, rules: int, undecided: int | None) -> Expected:
    return scanned(
        "openscap",
        high=high,
        low=low,
        rules=rules,
        tool="openscap",
        version="1.3.7",
        reported_at=time,
        undecided=undecided,
        complete=None,
    )


_OPENSCAP = {
    "openscap/failed.xml": _openscap("2026-11-22T03:15:55.000000Z", 3, 1, 4, 2),
    "openscap/arf.xml": _openscap("2026-11-22T03:15:55.000000Z", 3, 1, 4, 2),
    "openscap/passed.xml": _openscap("2026-11-22T03:16:23.000000Z", 0, 1, 1, None),
}

_SEMGREP = {
    "broken.json": scanned("semgrep", rules=0, version="1.182.0", is_whole=False, complete=False),
    "clean.json": scanned("semgrep", rules=0, version="1.182.0", complete=None, fixable=None),
    "empty.json": scanned("semgrep", rules=0, version="1.182.0", is_whole=False, complete=False),
    "findings.json": scanned("semgrep", critical=2, medium=1, low=1, rules=3, version="1.182.0", fixable=1),
    "out-of-memory.json": scanned("semgrep", rules=0, version="1.182.0", is_whole=False, complete=False),
    "rule-error.json": scanned("semgrep", rules=0, version="1.182.0", is_whole=False, complete=False),
}

_ZAP = {
    # Instances by riskcode of their alert; some alerts are commented out, and the `count` of some is another.
    "0_zap_sample_without_zap3.xml": scanned("zap-xml", low=11, rules=3, tool="ZAP", version="2.9.0"),
    "2_zap_sample_0_and_new_endpoint.xml": scanned("zap-xml", medium=1, low=12, rules=4, tool="ZAP", version="2.9.0"),
    "dvwa_baseline_dojo_fabricated_internal_duplicates.xml": scanned(
        "zap-xml", medium=44, low=41, info=38, rules=10, tool="ZAP", version="D-2021-03-29"
    ),
    "dvwa_baseline_dojo_subset.xml": scanned(
        "zap-xml", medium=33, low=26, info=38, rules=10, tool="ZAP", version="D-2021-03-29"
    ),
    "zap-results-first-scan.xml": scanned(
        "zap-xml", 0, 5, 30, 48, 47, rules=15, tool="ZAP", version="2.10.0", fixable=None
    ),
    "informational.json": scanned(
        "zap-json", info=1, rules=1, tool="ZAP", version="2.16.1", reported_at="2025-07-04T10:00:00.000000Z"
    ),
    "network-failures.json": scanned(
        "zap-json",
        rules=0,
        tool="ZAP",
        version="2.17.0",
        reported_at="2026-02-25T12:00:00.000000Z",
        is_whole=False,
        complete=False,
    ),
    "traditional.json": scanned(
        "zap-json",
        high=1,
        medium=3,
        low=2,
        info=1,
        rules=4,
        suppressed=1,
        tool="ZAP",
        version="2.17.0",
        reported_at="2026-02-25T11:09:49.007472Z",
        complete=None,
    ),
}

_DEPENDENCY_CHECK = {
    "clean.json": scanned(
        "dependency-check-json",
        rules=0,
        tool="Dependency-Check",
        version="12.1.0",
        reported_at="2025-05-06T07:08:09.500000Z",
    ),
    "empty.json": scanned(
        "dependency-check-json",
        rules=0,
        tool="Dependency-Check",
        version="12.1.0",
        reported_at="2025-05-06T07:08:09.500000Z",
        is_whole=False,
        complete=False,
    ),
    "exceptions.json": scanned(
        "dependency-check-json",
        rules=0,
        tool="Dependency-Check",
        version="12.1.0",
        reported_at="2025-05-06T07:08:09.500000Z",
        is_whole=False,
        complete=False,
    ),
    "findings.json": scanned(
        "dependency-check-json",
        1,
        1,
        1,
        1,
        rules=4,
        suppressed=1,
        tool="Dependency-Check",
        version="12.1.0",
        reported_at="2025-05-06T07:08:09.123456Z",
        fixable=None,
    ),
    "scores.json": scanned(
        "dependency-check-json",
        medium=1,
        rules=1,
        tool="Dependency-Check",
        version="6.5.3",
        reported_at="2022-01-15T14:31:13.042600Z",
    ),
}

_SNYK = {
    "all-projects_no_vulns.json": scanned("snyk", rules=0, tool="Snyk", complete=None, executionSuccessful=None),
    "container.json": scanned("snyk", high=1, low=1, rules=2, fixable=1, tool="Snyk"),
    "error.json": scanned(
        "snyk", rules=0, tool="Snyk", is_whole=False, complete=False, executionSuccessful=False, fixable=None
    ),
    "findings.json": scanned("snyk", critical=1, medium=2, low=1, rules=3, fixable=2, suppressed=1, tool="Snyk"),
    "iac.json": scanned("snyk", medium=1, rules=1, fixable=None, suppressed=1, tool="Snyk"),
    "one-failed.json": scanned("snyk", rules=0, tool="Snyk", is_whole=False, executionSuccessful=False),
    "single_project_no_vulns.json": scanned("snyk", rules=0, tool="Snyk", is_whole=False, complete=False),
}

SAMPLES: dict[str, Expected] = {
    **{f"sarif/{name}": row for name, row in _SARIF.items()},
    **{f"trivy/{name}": row for name, row in _TRIVY.items()},
    **{f"grype/{name}": row for name, row in _GRYPE.items()},
    **{f"gitleaks/{name}": row for name, row in _GITLEAKS.items()},
    **{f"trufflehog/{name}": row for name, row in _TRUFFLEHOG.items()},
    **{f"bandit/{name}": row for name, row in _BANDIT.items()},
    **{f"semgrep/{name}": row for name, row in _SEMGREP.items()},
    **{f"zap/{name}": row for name, row in _ZAP.items()},
    **{f"dependency-check/{name}": row for name, row in _DEPENDENCY_CHECK.items()},
    **{f"snyk/{name}": row for name, row in _SNYK.items()},
    "other-scanners/version-6.5.3.xml": scanned(
        "dependency-check-xml",
        low=1,
        rules=1,
        tool="Dependency-Check",
        version="6.5.3",
        reported_at="2022-01-15T14:31:13.042600Z",
    ),
    **_NPM_AUDIT,
    **_PIP_AUDIT,
    **_OSV_SCANNER,
    **_CHECKOV,
    **_HADOLINT,
    **_GOVULNCHECK,
    **_SONARQUBE,
    **_OPENSCAP,
    "sarif/Minimal.sarif": refused("sarif", Code.BAD_SYNTAX),  # SARIF 2.0.0
}
