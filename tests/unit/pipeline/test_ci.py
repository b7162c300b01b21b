"""Every CI system's variables become the run, the job, the repository and the commit that they name."""

from __future__ import annotations

import pytest

from collector.pipeline.ci import detect
from collector.pipeline.detected import Run

SHA = "9f3c8b7" + "0" * 33

ROWS = {
    "a push on GitHub Actions": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "acme/checkout",
            "GITHUB_SHA": SHA,
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REF_NAME": "main",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "unit",
            "GITHUB_WORKFLOW": "ci",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_ACTOR": "sam",
        },
        Run(
            "GitHub Actions",
            "4711",
            "unit",
            "acme/checkout",
            SHA,
            "main",
            build_url="https://github.example/acme/checkout/actions/runs/4711",
            triggered_by="sam",
            workflow="ci",
            event="push",
        ),
    ),
    "a second attempt on a pull request is a run of its own, and of whoever asked for it": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "acme/checkout",
            "GITHUB_SHA": SHA,
            "GITHUB_REF": "refs/pull/42/merge",
            "GITHUB_REF_NAME": "42/merge",
            "GITHUB_HEAD_REF": "feature",
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_JOB": "unit",
            "GITHUB_ACTOR": "sam",
            "GITHUB_TRIGGERING_ACTOR": "kim",
        },
        Run(
            "GitHub Actions",
            "4711-2",
            "unit",
            "acme/checkout",
            SHA,
            "feature",
            42,
            build_url="https://github.example/acme/checkout/actions/runs/4711/attempts/2",
            triggered_by="kim",
        ),
    ),
    "a tag on GitHub Actions is no branch": (
        {"GITHUB_ACTIONS": "true", "GITHUB_REF_NAME": "v2.1.0", "GITHUB_REF_TYPE": "tag", "GITHUB_RUN_ID": "1"},
        Run("GitHub Actions", "1", tag="v2.1.0"),
    ),
    "a merge request on GitLab": (
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "acme/group/checkout",
            "CI_PROJECT_NAME": "checkout",
            "CI_COMMIT_SHA": SHA.upper(),
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_PIPELINE_ID": "99",
            "CI_PIPELINE_URL": "https://somebody:secret@gitlab.example/acme/group/checkout/-/pipelines/99",
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_JOB_NAME": "test 1/2",
            "GITLAB_USER_LOGIN": "sam",
        },
        Run(
            "GitLab CI",
            "99",
            "test 1/2",
            "acme/group/checkout",
            SHA,
            "feature",
            7,
            build_url="https://gitlab.example/acme/group/checkout/-/pipelines/99",
            triggered_by="sam",
            workflow="checkout",
            event="merge_request_event",
        ),
    ),
    "a tag on GitLab, in a pipeline with a name": (
        {"GITLAB_CI": "true", "CI_COMMIT_TAG": "v2.1.0", "CI_PIPELINE_NAME": "release", "CI_PROJECT_NAME": "checkout"},
        Run("GitLab CI", tag="v2.1.0", workflow="release"),
    ),
    "a stage of Jenkins": (
        {
            "JENKINS_URL": "https://ci.example",
            "GIT_URL": "https://somebody:secret@git.example/acme/checkout.git",
            "GIT_COMMIT": SHA,
            "GIT_BRANCH": "origin/main",
            "BUILD_TAG": "jenkins-checkout-12",
            "BUILD_URL": "https://ci.example/job/checkout/12/",
            "BUILD_USER_ID": "sam",
            "JOB_NAME": "checkout",
            "STAGE_NAME": "unit",
        },
        Run(
            "Jenkins",
            "jenkins-checkout-12",
            "unit",
            "acme/checkout",
            SHA,
            "main",
            build_url="https://ci.example/job/checkout/12/",
            triggered_by="sam",
            workflow="checkout",
        ),
    ),
    "a pull request on Jenkins": (
        {
            "JENKINS_URL": "https://ci.example",
            "JOB_NAME": "checkout/PR-9",
            "BUILD_NUMBER": "3",
            "CHANGE_ID": "9",
            "CHANGE_BRANCH": "feature",
            "CHANGE_AUTHOR": "kim",
        },
        Run(
            "Jenkins",
            "checkout/PR-9-3",
            "checkout/PR-9",
            branch="feature",
            pr_number=9,
            triggered_by="kim",
            workflow="checkout/PR-9",
        ),
    ),
    "a pull request on Azure Pipelines": (
        {
            "TF_BUILD": "True",
            "BUILD_BUILDID": "5",
            "BUILD_DEFINITIONNAME": "checkout-ci",
            "BUILD_REASON": "PullRequest",
            "BUILD_REPOSITORY_NAME": "acme/checkout",
            "BUILD_REQUESTEDFOR": "Sam Jones",
            "BUILD_SOURCEBRANCH": "refs/pull/8/merge",
            "BUILD_SOURCEVERSION": SHA,
            "SYSTEM_COLLECTIONURI": "https://dev.azure.example/acme/",
            "SYSTEM_JOBNAME": "unit",
            "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/feature",
            "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "8",
            "SYSTEM_TEAMPROJECT": "Web Shop",
        },
        Run(
            "Azure Pipelines",
            "5",
            "unit",
            "acme/checkout",
            SHA,
            "feature",
            8,
            build_url="https://dev.azure.example/acme/Web%20Shop/_build/results?buildId=5",
            triggered_by="Sam Jones",
            workflow="checkout-ci",
            event="PullRequest",
        ),
    ),
    "a tag of a repository of Azure's own": (
        {
            "TF_BUILD": "True",
            "BUILD_REPOSITORY_NAME": "checkout",
            "BUILD_SOURCEBRANCH": "refs/tags/v2.1.0",
            "SYSTEM_TEAMPROJECT": "shop",
        },
        Run("Azure Pipelines", repository="shop/checkout", tag="v2.1.0"),
    ),
    "a step of Bitbucket Pipelines, whose numbers are counted for each repository": (
        {
            "BITBUCKET_BUILD_NUMBER": "3",
            "BITBUCKET_STEP_UUID": "{ab-cd}",
            "BITBUCKET_REPO_FULL_NAME": "acme/checkout",
            "BITBUCKET_REPO_SLUG": "checkout",
            "BITBUCKET_COMMIT": SHA,
            "BITBUCKET_BRANCH": "main",
            "BITBUCKET_PR_ID": "6",
            "BITBUCKET_GIT_HTTP_ORIGIN": "http://bitbucket.example/acme/checkout",
            "BITBUCKET_STEP_TRIGGERER_UUID": "{ef-01}",
        },
        Run(
            "Bitbucket Pipelines",
            "3",
            "ab-cd",
            "acme/checkout",
            SHA,
            "main",
            6,
            build_url="http://bitbucket.example/acme/checkout/pipelines/results/3",
            triggered_by="ef-01",
            workflow="checkout",
            external_id="acme/checkout#3",
        ),
    ),
    "a job of CircleCI": (
        {
            "CIRCLECI": "true",
            "CIRCLE_WORKFLOW_ID": "w-1",
            "CIRCLE_JOB": "unit",
            "CIRCLE_BUILD_URL": "https://circleci.example/gh/acme/checkout/77",
            "CIRCLE_PROJECT_USERNAME": "acme",
            "CIRCLE_PROJECT_REPONAME": "checkout",
            "CIRCLE_SHA1": SHA,
            "CIRCLE_BRANCH": "feature",
            "CIRCLE_PULL_REQUEST": "https://git.example/acme/checkout/pull/9",
            "CIRCLE_USERNAME": "sam",
        },
        Run(
            "CircleCI",
            "w-1",
            "unit",
            "acme/checkout",
            SHA,
            "feature",
            9,
            build_url="https://circleci.example/gh/acme/checkout/77",
            triggered_by="sam",
            workflow="checkout",
        ),
    ),
    "a build of TeamCity, whose numbers are counted for each configuration": (
        {
            "TEAMCITY_VERSION": "2026.1",
            "TEAMCITY_PROJECT_NAME": "Checkout",
            "TEAMCITY_BUILDCONF_NAME": "Unit",
            "BUILD_NUMBER": "17",
            "BUILD_URL": "https://teamcity.example/build/1234",
            "BUILD_VCS_NUMBER": SHA,
        },
        Run(
            "TeamCity",
            "Checkout-17",
            "Unit",
            None,
            SHA,
            build_url="https://teamcity.example/build/1234",
            workflow="Unit",
            external_id="Checkout/Unit/17",
        ),
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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https://[",
        "https://ci.example/\x1b[2J",
        "https://ci.example/" + "x" * 2_000,
    ],
)
def test_what_is_no_web_address_is_left_out(url: str) -> None:
    found = detect({"JENKINS_URL": "https://ci.example", "BUILD_URL": url})
    assert found is not None
    assert found.build_url is None


def test_a_number_that_no_pull_request_has_is_left_out() -> None:
    for said in ("0", "-1", "1.5", "\u0661", "9" * 5_000, "x"):
        found = detect({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": said})
        assert found is not None
        assert found.pr_number is None
