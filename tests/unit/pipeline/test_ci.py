"""Every CI system's variables become the run, the job, the repository and the commit that they name."""

from __future__ import annotations

import pytest

from collector.pipeline.ci import Run, detect

SHA = "9f3c8b7" + "0" * 33

ROWS = {
    "a push on GitHub Actions": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/checkout",
            "GITHUB_SHA": SHA,
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "unit",
        },
        Run("GitHub Actions", "4711", "unit", "acme/checkout", SHA, "main"),
    ),
    "a second attempt on a pull request is a run of its own": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/checkout",
            "GITHUB_SHA": SHA,
            "GITHUB_REF": "refs/pull/42/merge",
            "GITHUB_REF_NAME": "42/merge",
            "GITHUB_HEAD_REF": "feature",
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_JOB": "unit",
        },
        Run("GitHub Actions", "4711-2", "unit", "acme/checkout", SHA, "feature", 42),
    ),
    "a merge request on GitLab": (
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "acme/group/checkout",
            "CI_COMMIT_SHA": SHA.upper(),
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_PIPELINE_ID": "99",
            "CI_JOB_NAME": "test 1/2",
        },
        Run("GitLab CI", "99", "test 1/2", "acme/group/checkout", SHA, "feature", 7),
    ),
    "a stage of Jenkins": (
        {
            "JENKINS_URL": "https://ci.example",
            "GIT_URL": "https://somebody:secret@git.example/acme/checkout.git",
            "GIT_COMMIT": SHA,
            "GIT_BRANCH": "origin/main",
            "BUILD_TAG": "jenkins-checkout-12",
            "STAGE_NAME": "unit",
        },
        Run("Jenkins", "jenkins-checkout-12", "unit", "acme/checkout", SHA, "main"),
    ),
    "a pull request on Azure Pipelines": (
        {
            "TF_BUILD": "True",
            "BUILD_BUILDID": "5",
            "SYSTEM_JOBNAME": "unit",
            "BUILD_REPOSITORY_NAME": "acme/checkout",
            "BUILD_SOURCEVERSION": SHA,
            "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/feature",
            "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "8",
        },
        Run("Azure Pipelines", "5", "unit", "acme/checkout", SHA, "feature", 8),
    ),
    "a step of Bitbucket Pipelines": (
        {
            "BITBUCKET_BUILD_NUMBER": "3",
            "BITBUCKET_STEP_UUID": "{ab-cd}",
            "BITBUCKET_REPO_FULL_NAME": "acme/checkout",
            "BITBUCKET_COMMIT": SHA,
            "BITBUCKET_BRANCH": "main",
        },
        Run("Bitbucket Pipelines", "3", "ab-cd", "acme/checkout", SHA, "main"),
    ),
    "a job of CircleCI": (
        {
            "CIRCLECI": "true",
            "CIRCLE_WORKFLOW_ID": "w-1",
            "CIRCLE_JOB": "unit",
            "CIRCLE_PROJECT_USERNAME": "acme",
            "CIRCLE_PROJECT_REPONAME": "checkout",
            "CIRCLE_SHA1": SHA,
            "CIRCLE_BRANCH": "feature",
            "CIRCLE_PULL_REQUEST": "https://git.example/acme/checkout/pull/9",
        },
        Run("CircleCI", "w-1", "unit", "acme/checkout", SHA, "feature", 9),
    ),
    "a build of TeamCity": (
        {
            "TEAMCITY_VERSION": "2026.1",
            "TEAMCITY_PROJECT_NAME": "Checkout",
            "TEAMCITY_BUILDCONF_NAME": "Unit",
            "BUILD_NUMBER": "17",
            "BUILD_VCS_NUMBER": SHA,
        },
        Run("TeamCity", "Checkout-17", "Unit", None, SHA),
    ),
}


@pytest.mark.parametrize(("environment", "expected"), ROWS.values(), ids=ROWS)
def test_a_job_is_read_from_its_systems_variables(environment: dict[str, str], expected: Run) -> None:
    assert detect(environment) == expected


def test_outside_of_a_known_system_nothing_is_guessed() -> None:
    assert detect({"PATH": "/bin", "GIT_COMMIT": SHA}) is None


@pytest.mark.parametrize("commit", ["", "unknown", "main", "123456", "g" * 40, SHA + "0" * 30])
def test_what_is_no_commit_is_left_out(commit: str) -> None:
    found = detect({"GITHUB_ACTIONS": "true", "GITHUB_SHA": commit})
    assert found is not None
    assert found.commit is None


def test_control_characters_never_get_into_a_name() -> None:
    found = detect({"GITLAB_CI": "true", "CI_JOB_NAME": "unit\x1b[31m\n\0" + "x" * 500})
    assert found is not None
    assert found.job is not None
    assert found.job.startswith("unit[31m")
    assert len(found.job) == 200
