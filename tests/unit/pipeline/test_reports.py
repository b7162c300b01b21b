"""`carnet attest --report`: what a collector would say of the file at level verdict, and no more of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from tests.helpers.pipelines import GITHUB, SHA, carnet, environment
from tests.helpers.secrets import planted

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PASSED = """<testsuite name="checkout" tests="2" failures="0" errors="0" skipped="0" time="1.5">
<testcase classname="a.B" name="one" time="1"/><testcase classname="a.B" name="two" time="0.5"/></testsuite>"""
FAILED = """<testsuite name="checkout" tests="2" failures="0" errors="0" skipped="0" time="1.5">
<testcase classname="a.B" name="one" time="1"><failure message="no">{why}</failure></testcase>
<testcase classname="a.B" name="two" time="0.5"/></testsuite>"""


def posted(*said: str) -> dict[str, Any]:
    done = carnet(environment(**GITHUB), "attest", *said, "--dry-run", "--output", "json")
    assert done.returncode == 0, done.stderr
    body: dict[str, Any] = json.loads(done.stdout)
    return body


def test_type_name_outcome_and_counts_come_from_the_report(tmp_path: Path) -> None:
    (tmp_path / "TEST-checkout.xml").write_text(PASSED)
    body = posted("--report", str(tmp_path / "TEST-checkout.xml"), "--name", "Unit Tests")
    assert (body["type"], body["name"], body["passed"], body["commitSha"]) == ("TEST_RESULTS", "Unit Tests", True, SHA)
    assert (body["evidence"]["totalTests"], body["evidence"]["failed"]) == (2, 0)
    assert "basis" not in body


def test_the_outcome_is_counted_whatever_the_report_declares(tmp_path: Path) -> None:
    (tmp_path / "TEST-checkout.xml").write_text(FAILED.format(why="assert 1 == 2"))
    body = posted("--report", str(tmp_path / "TEST-checkout.xml"))
    assert (body["passed"], body["evidence"]["failed"]) == (False, 1)
    assert "assert" not in json.dumps(body)


def test_no_secret_of_a_report_is_posted_or_told(tmp_path: Path) -> None:
    report = tmp_path / "report.attest.json"
    for secret in [one for one in planted() if len(one.text) < 200 and one.text.isprintable()][::16]:
        claim = {"carnet": "attest/v1", "type": "CUSTOM", "name": secret.text, "passed": True, "evidence": {}}
        report.write_text(json.dumps(claim))
        body = posted("--report", str(report))
        assert "[secret:" in body["name"]
        assert not [part for part in secret.parts if part in json.dumps(body)]


def test_a_secret_in_a_reports_path_is_not_told(tmp_path: Path) -> None:
    secret = "glpat-" + "R4tY7uKq2WmXz9VbNc3L"
    (tmp_path / f"{secret}.txt").write_text("of no format")
    done = carnet(environment(**GITHUB), "attest", "--report", str(tmp_path / f"{secret}.txt"), "--dry-run")
    assert done.returncode == 65
    assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "report",
    sorted(path for kind in ("junit", "trivy", "syft") for path in (SAMPLES / kind).iterdir())[1::9],
    ids=lambda path: path.name,
)
def test_a_report_is_posted_as_a_collector_previews_it(report: Path) -> None:
    preview = json.loads(CliRunner().invoke(program, ["preview", str(report), "--output", "json"]).stdout)
    done = carnet(environment(**GITHUB), "attest", "--report", str(report), "--dry-run", "--output", "json")
    if "error" in preview:
        assert done.returncode == 65
        return
    body = json.loads(done.stdout)
    claim = preview["claim"]
    assert {name: body.get(name) for name in ("type", "name", "passed", "evidence")} == {
        name: claim[name] for name in ("type", "name", "passed", "evidence")
    }


def test_a_report_about_one_image_is_posted_about_that_image() -> None:
    digest = (SAMPLES / "images" / "digest").read_text().strip()
    body = posted("--report", str(SAMPLES / "images" / "digest"))
    assert digest.endswith(body["artifactSha256"])


@pytest.mark.parametrize(
    ("content", "words"), [(b"hello", "of no known format"), (b"<testsuite name='x'><testcase", "")], ids=["no", "half"]
)
def test_what_cannot_be_read_is_exit_65(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_bytes(content)
    done = carnet(environment(**GITHUB), "attest", "--report", str(tmp_path / "report.xml"), "--dry-run")
    assert done.returncode == 65
    assert words in done.stderr
    assert "do:" in done.stderr
