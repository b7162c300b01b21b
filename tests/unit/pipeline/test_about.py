"""What a post is about: what the command line says goes before the CI system, which speaks for its repository alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.pipeline.ci import detect
from collector.pipeline.detected import Run
from collector.pipeline.options import resolve
from tests.helpers.pipelines import GITHUB, SHA, dry
from tests.unit.pipeline.test_ci import ROWS

OTHER = "1" * 40


def test_what_is_said_goes_before_what_the_ci_system_says() -> None:
    about = resolve(detect(GITHUB), None, OTHER, "main", 7)
    assert (about.repository, about.commit, about.branch, about.pr_number) == ("acme/checkout", OTHER, "main", 7)
    assert about.commit_said


def test_the_ci_systems_commit_is_never_said_of_another_repository() -> None:
    about = resolve(detect(GITHUB), "acme/other", None, None, None)
    assert (about.repository, about.commit, about.branch, about.pr_number) == ("acme/other", None, None, None)
    assert about.ci is not None
    assert about.ci.build_url


def test_its_own_repository_is_known_in_whatever_case() -> None:
    assert resolve(detect(GITHUB), "Acme/Checkout", None, None, None).commit == SHA


def test_outside_of_a_ci_system_nothing_is_made_up() -> None:
    about = resolve(None, None, None, None, None)
    assert (about.repository, about.commit, about.source, about.ci_context) == (None, None, "carnet", None)


@pytest.mark.parametrize(("variables", "run"), ROWS.values(), ids=ROWS)
def test_every_ci_system_gets_into_a_post(variables: dict[str, str], run: Run) -> None:
    body = dry(
        variables, "artifact", "--sha256", "a1" * 32, "--name", "checkout", "--repository", run.repository or "a/b"
    )
    said = {"buildUrl": run.build_url, "buildId": run.run, "triggeredBy": run.triggered_by}
    assert body["ciContext"] == {
        "provider": run.provider,
        **{name: value for name, value in said.items() if value is not None},
    }
    assert body.get("version") == run.tag
    assert (body.get("commitSha"), body.get("branch"), body.get("prNumber")) == (run.commit, run.branch, run.pr_number)


@pytest.mark.parametrize(("variables", "run"), ROWS.values(), ids=ROWS)
def test_every_ci_systems_run_has_an_id_of_its_own(variables: dict[str, str], run: Run) -> None:
    words = ["run", "start", "--workflow", "ci"] + ([] if run.run else ["--external-id", "1"])
    body = dry(variables, *words)
    assert body["externalId"] == (run.external_id or run.run or "1")
    assert body["source"] == run.provider.lower().replace(" ", "-")


def test_no_ci_takes_nothing_from_the_variables() -> None:
    body = dry(GITHUB, "attest", "--no-ci", "--type", "TAG", "--name", "x", "--passed", "--repository", "acme/checkout")
    assert body == {
        "repositoryFullName": "acme/checkout",
        "type": "TAG",
        "name": "x",
        "passed": True,
        "source": "carnet",
    }


def test_a_file_that_was_built_is_known_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    body = dry(GITHUB, "deploy", "--environment", "e", "--status", "PENDING", "--artifact", str(tmp_path / "a"))
    assert body["artifactSha256"] == empty
