"""What leaves at each disclosure level, and that nothing else does."""

import json
from dataclasses import replace

import pytest

from collector.disclose import NOT_A_NUMBER, Cut, Level, Why
from collector.disclose import disclose as disclose_with
from collector.formats import Basis, Claim, ClaimType, artifact
from collector.formats.fields import FIELDS, Shape
from collector.formats.names import clean
from shared.encoding import JsonValue
from shared.redaction import Rules
from shared.secretpatterns import PATTERNS
from tests.unit.formats.reading import SAMPLES, claim_of
from tests.unit.formats.tables import GOOD, content

RULES = Rules(PATTERNS, lambda _text: ())
BELOW_FULL = [level for level in Level if level is not Level.FULL]


def disclose(claim: Claim, level: Level, fields: frozenset[str] | None = None) -> tuple[Claim, tuple[Cut, ...]]:
    return disclose_with(claim, level, RULES, fields)


JUNIT = b"""<testsuites><testsuite name="/home/alice/src/phpunit.xml" tests="9">
<testcase classname="secret.Project" name="t1">
<failure message="assert password == 'hunter2'">Traceback /home/alice/src/app.py line 3</failure>
<system-out>a log line</system-out></testcase></testsuite></testsuites>"""

DECLARED = Claim(
    type=ClaimType.CUSTOM,
    name="Pen test",
    basis=Basis.DECLARED,
    passed=True,
    evidence={"findings": 3, "signedOff": True, "by": "Ann", "detail": {"a": 1}, "list": [1], "no": None, "b d": "x"},
    subjects=(("app.whl", "ab" * 32), (None, "cd" * 32)),
)


def text_of(claim: Claim) -> str:
    return json.dumps([claim.name, claim.evidence, claim.subjects])


def test_verdict_is_counts_and_nothing_by_name() -> None:
    kept, cut = disclose(claim_of(JUNIT), Level.VERDICT)
    assert kept.evidence == {
        "totalTests": 1,
        "passed": 0,
        "failed": 1,
        "errors": 0,
        "skipped": 0,
        "flaky": 0,
        "declaredTotals": {"tests": 9},
    }
    assert [one.field for one in cut] == ["evidence.suites", "evidence.failedTests", "evidence.failedCases"]
    assert {one.why for one in cut} == {Why.LEVEL}


def test_summary_adds_names_but_no_host_path() -> None:
    kept, cut = disclose(claim_of(JUNIT), Level.SUMMARY)
    assert kept.evidence["failedTests"] == ["secret.Project.t1"]
    assert kept.evidence["suites"] == [{"name": "[path]", "tests": 1, "failed": 1, "errors": 0, "skipped": 0}]
    assert cut == (Cut("evidence.suites.name", Why.HOST_PATH), Cut("evidence.failedCases", Why.LEVEL))


def test_full_adds_what_the_report_says_about_a_failure_and_paths() -> None:
    kept, _ = disclose(claim_of(JUNIT), Level.FULL)
    assert kept.evidence["failedCases"] == [
        {
            "name": "secret.Project.t1",
            "suite": "/home/alice/src/phpunit.xml",
            "message": "assert password == 'hunter2'",
            "text": "Traceback /home/alice/src/app.py line 3",
        }
    ]


def test_not_even_full_has_output() -> None:
    assert "log line" not in text_of(disclose(claim_of(JUNIT), Level.FULL)[0])


def test_of_a_text_line_feeds_and_tabs_stay_and_it_is_cut_at_4000_characters() -> None:
    rows: list[JsonValue] = [{"text": "a\r\n\tb\x1b[0m\u202e\0c"}, {"text": "x" * 5_000, "message": "y\n" * 400}]
    claim = replace(DECLARED, type=ClaimType.TEST_RESULTS, evidence={"failedCases": rows})
    kept, cut = disclose(claim, Level.FULL)
    assert kept.evidence["failedCases"] == [
        {"text": "a\n\tb[0mc"},
        {"text": "x" * 4_000, "message": ("y " * 250).rstrip()},
    ]
    assert set(cut) == {
        Cut("evidence.failedCases.text", Why.LENGTH),
        Cut("evidence.failedCases.message", Why.LENGTH),
    }


@pytest.mark.parametrize("level", Level)
def test_a_list_of_fields_narrows_and_never_widens(level: Level) -> None:
    fields = frozenset({"failed", "failedCases", "stackTrace"})
    claim = claim_of(JUNIT)
    more: dict[str, JsonValue] = {"failedCasesOmitted": 3, "stackTrace": "x", "declaredTotals": {"tests": 9}}
    claim = replace(claim, evidence={**claim.evidence, **more})
    kept, cut = disclose(claim, level, fields)
    # What speaks against the file is not narrowed away.
    named = {"failed", "declaredTotals"} | ({"failedCases", "failedCasesOmitted"} if level is Level.FULL else set())
    assert set(kept.evidence) == named
    assert Cut("evidence.suites", Why.NARROWED) in cut
    assert Cut("evidence.stackTrace", Why.UNLISTED) in cut


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-31T09:30:00+01:00", "2024-01-31T08:30:00.000000Z"),
        ("2024-01-31T09:30:00", None),
        ("yesterday", None),
        (1706693400, None),
    ],
)
def test_a_time_leaves_in_utc_or_not_at_all(value: JsonValue, expected: str | None) -> None:
    kept, _ = disclose(replace(DECLARED, evidence={"reportedAt": value}), Level.VERDICT)
    assert kept.evidence.get("reportedAt") == expected


@pytest.mark.parametrize("level", BELOW_FULL)
@pytest.mark.parametrize("secret", ["hunter2", "Traceback", "log line", "alice", "assert"])
def test_no_level_below_full_has_messages_output_or_host_paths(level: Level, secret: str) -> None:
    assert secret not in text_of(disclose(claim_of(JUNIT), level)[0])


@pytest.mark.parametrize("path", GOOD)
def test_of_a_real_report_the_verdict_has_numbers_flags_words_and_digests_only(path: str) -> None:
    claim = claim_of(content(path))
    kept, _ = disclose(claim, Level.VERDICT)
    words = {"tool", "toolVersion", "reportedAt", "format", "specVersion", "declaredTotals"} | {
        "sha256",
        "sourceCommit",
    }
    for field, value in kept.evidence.items():
        assert isinstance(value, int | float | bool) or field in words, field
    assert all(name is None for name, _ in kept.subjects)
    assert (kept.type, kept.passed, kept.basis) == (claim.type, claim.passed, claim.basis)


@pytest.mark.parametrize("path", GOOD)
def test_each_level_holds_what_the_one_below_it_holds(path: str) -> None:
    claim = claim_of(content(path))
    verdict, summary, full = (disclose(claim, level)[0] for level in Level)
    assert verdict.evidence.items() <= summary.evidence.items() if not _has_containers(verdict) else True
    assert set(verdict.evidence) <= set(summary.evidence) <= set(full.evidence) <= set(claim.evidence)
    assert verdict.name == summary.name == full.name


def _has_containers(claim: Claim) -> bool:
    return any(isinstance(value, dict | list) for value in claim.evidence.values())


@pytest.mark.parametrize("path", GOOD)
def test_what_has_been_cut_down_once_is_not_cut_again(path: str) -> None:
    claim = claim_of(content(path))
    for level in Level:
        once, _ = disclose(claim, level)
        assert disclose(once, level) == (once, ())


@pytest.mark.parametrize("level", Level)
def test_a_field_that_is_not_on_the_list_stays(level: Level) -> None:
    claim = replace(claim_of(JUNIT), evidence={"failed": 1, "stackTrace": "x", "line\nbreak": "y"})
    kept, cut = disclose(claim, level)
    assert kept.evidence == {"failed": 1}
    assert cut == (Cut("evidence.stackTrace", Why.UNLISTED), Cut("evidence", Why.UNLISTED))


def test_rules_and_parts_leave_by_name_from_summary_on() -> None:
    sarif = claim_of((SAMPLES / "sarif" / "njsscan.sarif").read_bytes())
    assert "node_password" not in text_of(disclose(sarif, Level.VERDICT)[0])
    assert {"id": "node_password", "severity": "high", "count": 1} in _list(disclose(sarif, Level.SUMMARY)[0], "rules")
    sbom = claim_of((SAMPLES / "cyclonedx" / "valid-bom-1.6.json").read_bytes())
    assert "pkg:" not in text_of(disclose(sbom, Level.VERDICT)[0])
    assert "Apache" not in text_of(disclose(sbom, Level.VERDICT)[0])
    kept = disclose(sbom, Level.SUMMARY)[0]
    assert len(_list(kept, "components")) == 3
    assert kept.evidence["licenses"] == sbom.evidence["licenses"]


def _list(claim: Claim, field: str) -> list[object]:
    value = claim.evidence[field]
    assert isinstance(value, list)
    return [*value]


def test_an_artifact_s_digest_always_leaves_its_name_from_summary_on() -> None:
    claim = artifact("secret-name.whl", "ab" * 32, 10)
    verdict, cut = disclose(claim, Level.VERDICT)
    assert verdict.evidence == {"sha256": "ab" * 32, "size": 10}
    assert verdict.subjects == ((None, "ab" * 32),)
    assert set(cut) == {Cut("evidence.name", Why.LEVEL), Cut("subjects.name", Why.LEVEL)}
    assert disclose(claim, Level.SUMMARY) == (claim, ())


def test_of_a_declared_claim_the_name_and_digests_leave_at_verdict() -> None:
    kept, cut = disclose(DECLARED, Level.VERDICT)
    assert (kept.name, kept.evidence) == ("Pen test", {})
    assert kept.subjects == ((None, "ab" * 32), (None, "cd" * 32))
    assert Cut("evidence.by", Why.LEVEL) in cut


def test_of_a_declared_claim_scalars_leave_at_summary() -> None:
    kept, cut = disclose(DECLARED, Level.SUMMARY)
    assert kept.evidence == {"findings": 3, "signedOff": True, "by": "Ann"}
    assert kept.subjects == DECLARED.subjects
    assert {one.field for one in cut} == {"evidence.detail", "evidence.list", "evidence.no", "evidence"}


@pytest.mark.parametrize("value", ["the password is hunter2", None, True, [1], {"a": 1}])
def test_a_count_that_is_no_number_stays_wrong_and_says_nothing(value: object) -> None:
    claim = replace(DECLARED, type=ClaimType.TEST_RESULTS, subjects=(), evidence={"failed": value})  # type: ignore[dict-item]
    kept, cut = disclose(claim, Level.VERDICT)
    assert kept.evidence == {"failed": NOT_A_NUMBER}
    assert cut == (Cut("evidence.failed", Why.SHAPE),)


@pytest.mark.parametrize("value", [-1, 1.5])
def test_a_count_that_is_a_wrong_number_leaves_as_it_is(value: float) -> None:
    claim = replace(DECLARED, type=ClaimType.TEST_RESULTS, evidence={"failed": value})
    assert disclose(claim, Level.VERDICT)[0].evidence == {"failed": value}


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (ClaimType.TEST_RESULTS, "failedTests", "text"),
        (ClaimType.TEST_RESULTS, "suites", {"name": "x"}),
        (ClaimType.TEST_RESULTS, "declaredTotals", "text"),
        (ClaimType.SECURITY_SCAN, "executionSuccessful", "text"),
        (ClaimType.SECURITY_SCAN, "tool", {"name": "x"}),
        (ClaimType.SBOM, "licenses", ["text"]),
        (ClaimType.SBOM, "documentSha256", "text"),
        (ClaimType.BUILD_PROVENANCE, "sha256", "A" * 64),
    ],
)
def test_a_value_of_another_shape_than_its_field_may_have_stays(kind: ClaimType, field: str, value: object) -> None:
    claim = replace(DECLARED, type=kind, evidence={field: value})  # type: ignore[dict-item]
    kept, cut = disclose(claim, Level.SUMMARY)
    assert kept.evidence == {}
    assert cut == (Cut(f"evidence.{field}", Why.SHAPE),)


def test_items_and_columns_of_another_shape_stay() -> None:
    evidence = {
        "failedTests": ["a", 1, {"b": "c"}],
        "suites": [{"name": "s", "tests": "x", "log": "y"}, "text"],
    }
    claim = replace(DECLARED, type=ClaimType.TEST_RESULTS, evidence=evidence)  # type: ignore[arg-type]
    kept, _ = disclose(claim, Level.SUMMARY)
    assert kept.evidence == {"failedTests": ["a"], "suites": [{"name": "s", "tests": NOT_A_NUMBER}]}


def test_names_are_cut_at_300_characters_and_words_at_100() -> None:
    claim = replace(DECLARED, type=ClaimType.TEST_RESULTS, evidence={"failedTests": ["x" * 400], "tool": "y" * 200})
    kept, cut = disclose(claim, Level.SUMMARY)
    assert kept.evidence == {"failedTests": ["x" * 300], "tool": "y" * 100}
    assert set(cut) == {Cut("evidence.failedTests", Why.LENGTH), Cut("evidence.tool", Why.LENGTH)}


def test_a_claim_s_own_name_is_one_line_and_never_empty() -> None:
    assert disclose(replace(DECLARED, name="a\x1b[31m\nb"), Level.VERDICT)[0].name == "a [31m b"
    assert disclose(replace(DECLARED, name="\x00"), Level.VERDICT)[0].name == "unnamed"
    assert len(disclose(replace(DECLARED, name="x" * 999), Level.VERDICT)[0].name) == 200


def test_no_list_and_no_name_is_on_the_list_for_verdict() -> None:
    for kind, fields in FIELDS.items():
        for name, field in fields.items():
            if field.shape.name in {"NAME", "NAMES", "COUNTS", "ROWS"}:
                assert field.level is not Level.VERDICT, (kind, name)
            if {Shape.TEXT, Shape.MESSAGE} & {field.shape, *field.columns.values()}:
                assert field.level is Level.FULL, (kind, name)


NAMES = {
    "test_a[1-2]": "test_a[1-2]",
    "tests/unit/test_x.py::test_y": "tests/unit/test_x.py::test_y",
    "GET /health": "GET /health",
    "1/2 and 3 / 4": "1/2 and 3 / 4",
    "https://example.com/a/b": "https://example.com/a/b",
    "pkg:npm/%40acme/x@1.0": "pkg:npm/%40acme/x@1.0",
    "py/sql-injection": "py/sql-injection",
    "/home/alice/x.php": "[path]",
    "reads /etc/passwd twice": "reads [path] twice",
    "x=/opt/app/y": "x=[path]",
    "(/opt/app/y)": "([path])",
    "at:/opt/app/y": "at:[path]",
    "/srv/my app/x y": "[path] y",
    "~/secret/x": "[path]",
    "~bob/x": "[path]",
    "file:///etc/passwd": "[path]",
    r"C:\Users\Bob Smith\x.cs fails": "[path] fails",
    "D:/jobs/x": "[path]",
    r"\\server\share\x": "[path]",
    "pkg:generic/x?download_url=file:///home/x": "pkg:generic/x?download_url=[path]",
    "two\nlines\tand \x1b[0m\u202e": "two lines and [0m",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leaves_without_host_paths_and_control_characters(name: str) -> None:
    assert clean(name, 300)[0] == NAMES[name]


@pytest.mark.parametrize("piece", ["/a", "~", "~a", "\\\\a", "C:/ ", " a/", "file:/", " a", "/ ", "a/"])
def test_cleaning_a_hostile_name_takes_no_time(piece: str) -> None:
    # In proportion to its length: what backtracked would take minutes here, and run into the time limit.
    for _ in range(200):
        clean("/a/" + piece * 50_000, 300)
