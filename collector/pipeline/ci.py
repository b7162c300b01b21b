"""Which run a CI job is, read from the variables that its system sets; each system is one row. Pure.

Sources: the systems' own lists of predefined variables (GitHub Actions, GitLab CI, Jenkins, Azure Pipelines, Bitbucket
Pipelines, CircleCI, TeamCity).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from collector.pipeline.detected import Run, address, hex_commit, joined, number, printable, short_ref
from collector.remotes import repository_of

Environment = Mapping[str, str]

_PULL = re.compile(r"refs/pull/(\d{1,9})/", re.ASCII)
_LAST_NUMBER = re.compile(r"/(\d{1,9})\Z", re.ASCII)


def detect(environment: Environment) -> Run | None:
    """Say which job this is; None outside of the systems that are known here."""
    for marker, read in _SYSTEMS:
        if environment.get(marker):
            return read(environment)
    return None


def _found(pattern: re.Pattern[str], value: str | None) -> int | None:
    match = pattern.search(value or "")
    return None if match is None else number(match[1])


def _github(env: Environment) -> Run:
    attempt = env.get("GITHUB_RUN_ATTEMPT") or "1"
    run = env.get("GITHUB_RUN_ID")
    repeated = attempt != "1" and bool(run)
    is_tag = env.get("GITHUB_REF_TYPE") == "tag"
    said = printable(f"{run}-{attempt}" if repeated else run)
    url = joined("/", env.get("GITHUB_SERVER_URL"), env.get("GITHUB_REPOSITORY"), "actions/runs", run)
    return Run(
        "GitHub Actions",
        run=said,
        job=printable(env.get("GITHUB_JOB")),
        repository=printable(env.get("GITHUB_REPOSITORY")),
        commit=hex_commit(env.get("GITHUB_SHA")),
        branch=None if is_tag else printable(env.get("GITHUB_HEAD_REF") or env.get("GITHUB_REF_NAME")),
        pr_number=_found(_PULL, env.get("GITHUB_REF")),
        tag=printable(env.get("GITHUB_REF_NAME")) if is_tag else None,
        build_url=address(f"{url}/attempts/{attempt}" if url and repeated else url),
        triggered_by=printable(env.get("GITHUB_TRIGGERING_ACTOR") or env.get("GITHUB_ACTOR")),
        workflow=printable(env.get("GITHUB_WORKFLOW")),
        event=printable(env.get("GITHUB_EVENT_NAME")),
    )


def _gitlab(env: Environment) -> Run:
    run = printable(env.get("CI_PIPELINE_ID"))
    return Run(
        "GitLab CI",
        run=run,
        job=printable(env.get("CI_JOB_NAME")),
        repository=printable(env.get("CI_PROJECT_PATH")),
        commit=hex_commit(env.get("CI_COMMIT_SHA")),
        branch=printable(env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or env.get("CI_COMMIT_BRANCH")),
        pr_number=number(env.get("CI_MERGE_REQUEST_IID")),
        tag=printable(env.get("CI_COMMIT_TAG")),
        build_url=address(env.get("CI_PIPELINE_URL")),
        triggered_by=printable(env.get("GITLAB_USER_LOGIN")),
        workflow=printable(env.get("CI_PIPELINE_NAME") or env.get("CI_PROJECT_NAME")),
        event=printable(env.get("CI_PIPELINE_SOURCE")),
    )


def _jenkins(env: Environment) -> Run:
    url = env.get("GIT_URL")
    run = printable(env.get("BUILD_TAG") or joined("-", env.get("JOB_NAME"), env.get("BUILD_NUMBER")))
    return Run(
        "Jenkins",
        run=run,
        job=printable(env.get("STAGE_NAME") or env.get("JOB_BASE_NAME") or env.get("JOB_NAME")),
        repository=None if url is None else repository_of(url),
        commit=hex_commit(env.get("GIT_COMMIT")),
        branch=printable((env.get("CHANGE_BRANCH") or env.get("GIT_BRANCH") or "").removeprefix("origin/")),
        pr_number=number(env.get("CHANGE_ID")),
        tag=printable(env.get("TAG_NAME")),
        build_url=address(env.get("BUILD_URL")),
        triggered_by=printable(env.get("BUILD_USER_ID") or env.get("CHANGE_AUTHOR")),
        workflow=printable(env.get("JOB_NAME")),
    )


def _azure(env: Environment) -> Run:
    source = env.get("BUILD_SOURCEBRANCH") or ""
    pull = env.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") or env.get("SYSTEM_PULLREQUEST_PULLREQUESTID")
    name, project = env.get("BUILD_REPOSITORY_NAME") or "", env.get("SYSTEM_TEAMPROJECT")
    run = printable(env.get("BUILD_BUILDID"))
    server = (env.get("SYSTEM_COLLECTIONURI") or "").rstrip("/")
    at = joined("/", server, quote(project or ""), "_build/results?buildId=")
    return Run(
        "Azure Pipelines",
        run=run,
        job=printable(env.get("SYSTEM_JOBNAME") or env.get("AGENT_JOBNAME")),
        # A repository of Azure's own is named without the project that owns it.
        repository=printable(f"{project}/{name}" if name and project and "/" not in name else name),
        commit=hex_commit(env.get("BUILD_SOURCEVERSION")),
        branch=short_ref(env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or source, "heads"),
        pr_number=number(pull),
        tag=short_ref(source, "tags"),
        build_url=address(at + run) if at and run else None,
        triggered_by=printable(env.get("BUILD_REQUESTEDFOR")),
        workflow=printable(env.get("BUILD_DEFINITIONNAME")),
        event=printable(env.get("BUILD_REASON")),
    )


def _bitbucket(env: Environment) -> Run:
    run = printable(env.get("BITBUCKET_BUILD_NUMBER"))
    repository = printable(env.get("BITBUCKET_REPO_FULL_NAME"))
    origin = env.get("BITBUCKET_GIT_HTTP_ORIGIN") or joined("/", "https://bitbucket.org", repository)
    return Run(
        "Bitbucket Pipelines",
        run=run,
        job=printable((env.get("BITBUCKET_STEP_UUID") or "").strip("{}")),
        repository=repository,
        commit=hex_commit(env.get("BITBUCKET_COMMIT")),
        branch=printable(env.get("BITBUCKET_BRANCH")),
        pr_number=number(env.get("BITBUCKET_PR_ID")),
        tag=printable(env.get("BITBUCKET_TAG")),
        build_url=address(joined("/", origin, "pipelines/results", run)),
        triggered_by=printable((env.get("BITBUCKET_STEP_TRIGGERER_UUID") or "").strip("{}")),
        workflow=printable(env.get("BITBUCKET_REPO_SLUG")),
        external_id=joined("#", repository, run),
    )


def _circle(env: Environment) -> Run:
    repository = joined("/", env.get("CIRCLE_PROJECT_USERNAME"), env.get("CIRCLE_PROJECT_REPONAME"))
    workflow, build = printable(env.get("CIRCLE_WORKFLOW_ID")), printable(env.get("CIRCLE_BUILD_NUM"))
    return Run(
        "CircleCI",
        run=workflow or build,
        job=printable(env.get("CIRCLE_JOB")),
        repository=repository,
        commit=hex_commit(env.get("CIRCLE_SHA1")),
        branch=printable(env.get("CIRCLE_BRANCH")),
        pr_number=number(env.get("CIRCLE_PR_NUMBER")) or _found(_LAST_NUMBER, env.get("CIRCLE_PULL_REQUEST")),
        tag=printable(env.get("CIRCLE_TAG")),
        build_url=address(env.get("CIRCLE_BUILD_URL")),
        triggered_by=printable(env.get("CIRCLE_USERNAME")),
        workflow=printable(env.get("CIRCLE_PROJECT_REPONAME")),
        external_id=None if workflow else joined("#", repository, build),
    )


def _teamcity(env: Environment) -> Run:
    project, build = env.get("TEAMCITY_PROJECT_NAME"), env.get("BUILD_NUMBER")
    return Run(
        "TeamCity",
        run=printable(joined("-", project, build)),
        job=printable(env.get("TEAMCITY_BUILDCONF_NAME")),
        commit=hex_commit(env.get("BUILD_VCS_NUMBER")),
        build_url=address(env.get("BUILD_URL")),
        workflow=printable(env.get("TEAMCITY_BUILDCONF_NAME")),
        external_id=printable(joined("/", project, env.get("TEAMCITY_BUILDCONF_NAME"), build)),
    )


_SYSTEMS: tuple[tuple[str, Callable[[Environment], Run]], ...] = (
    ("GITHUB_ACTIONS", _github),
    ("GITLAB_CI", _gitlab),
    ("TF_BUILD", _azure),
    ("BITBUCKET_BUILD_NUMBER", _bitbucket),
    ("CIRCLECI", _circle),
    ("TEAMCITY_VERSION", _teamcity),
    ("JENKINS_URL", _jenkins),
)
