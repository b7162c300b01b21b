"""Which run a CI job is, read from the variables that its system sets; each system is one row. Pure.

Sources: the systems' own lists of predefined variables (GitHub Actions, GitLab CI, Jenkins, Azure Pipelines, Bitbucket
Pipelines, CircleCI, TeamCity).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.remotes import repository_of

Environment = Mapping[str, str]

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_PULL = re.compile(r"refs/pull/(\d{1,9})/", re.ASCII)
_LAST_NUMBER = re.compile(r"/(\d{1,9})\Z", re.ASCII)
_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Run:
    """A job of a run, as far as its system says: values that are missing are None."""

    provider: str
    run: str | None = None
    job: str | None = None
    repository: str | None = None
    commit: str | None = None
    branch: str | None = None
    pr_number: int | None = None


def detect(environment: Environment) -> Run | None:
    """Say which job this is; None outside of the systems that are known here."""
    for marker, read in _SYSTEMS:
        if environment.get(marker):
            return read(environment)
    return None


def _text(value: str | None) -> str | None:
    printable = "".join(char for char in value or "" if char.isprintable()).strip()
    return printable[:_MAX_CHARS] or None


def _commit(value: str | None) -> str | None:
    lower = (value or "").lower()
    return lower if _COMMIT.fullmatch(lower) else None


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdecimal() and int(value) > 0 else None


def _found(pattern: re.Pattern[str], value: str | None) -> int | None:
    found = pattern.search(value or "")
    return None if found is None else _number(found[1])


def _joined(separator: str, *parts: str | None) -> str | None:
    return separator.join(part for part in parts if part) if all(parts) else None


def _github(env: Environment) -> Run:
    attempt = env.get("GITHUB_RUN_ATTEMPT") or "1"
    run = env.get("GITHUB_RUN_ID")
    return Run(
        "GitHub Actions",
        run=_text(run if attempt == "1" or not run else f"{run}-{attempt}"),
        job=_text(env.get("GITHUB_JOB")),
        repository=_text(env.get("GITHUB_REPOSITORY")),
        commit=_commit(env.get("GITHUB_SHA")),
        branch=_text(env.get("GITHUB_HEAD_REF") or env.get("GITHUB_REF_NAME")),
        pr_number=_found(_PULL, env.get("GITHUB_REF")),
    )


def _gitlab(env: Environment) -> Run:
    return Run(
        "GitLab CI",
        run=_text(env.get("CI_PIPELINE_ID")),
        job=_text(env.get("CI_JOB_NAME")),
        repository=_text(env.get("CI_PROJECT_PATH")),
        commit=_commit(env.get("CI_COMMIT_SHA")),
        branch=_text(env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or env.get("CI_COMMIT_BRANCH")),
        pr_number=_number(env.get("CI_MERGE_REQUEST_IID")),
    )


def _jenkins(env: Environment) -> Run:
    url = env.get("GIT_URL")
    return Run(
        "Jenkins",
        run=_text(env.get("BUILD_TAG") or _joined("-", env.get("JOB_NAME"), env.get("BUILD_NUMBER"))),
        job=_text(env.get("STAGE_NAME") or env.get("JOB_BASE_NAME") or env.get("JOB_NAME")),
        repository=None if url is None else repository_of(url),
        commit=_commit(env.get("GIT_COMMIT")),
        branch=_text((env.get("CHANGE_BRANCH") or env.get("GIT_BRANCH") or "").removeprefix("origin/")),
        pr_number=_number(env.get("CHANGE_ID")),
    )


def _azure(env: Environment) -> Run:
    branch = env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or env.get("BUILD_SOURCEBRANCH") or ""
    pull = env.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") or env.get("SYSTEM_PULLREQUEST_PULLREQUESTID")
    return Run(
        "Azure Pipelines",
        run=_text(env.get("BUILD_BUILDID")),
        job=_text(env.get("SYSTEM_JOBNAME") or env.get("AGENT_JOBNAME")),
        repository=_text(env.get("BUILD_REPOSITORY_NAME")),
        commit=_commit(env.get("BUILD_SOURCEVERSION")),
        branch=_text(branch.removeprefix("refs/heads/")),
        pr_number=_number(pull),
    )


def _bitbucket(env: Environment) -> Run:
    return Run(
        "Bitbucket Pipelines",
        run=_text(env.get("BITBUCKET_BUILD_NUMBER")),
        job=_text((env.get("BITBUCKET_STEP_UUID") or "").strip("{}")),
        repository=_text(env.get("BITBUCKET_REPO_FULL_NAME")),
        commit=_commit(env.get("BITBUCKET_COMMIT")),
        branch=_text(env.get("BITBUCKET_BRANCH")),
        pr_number=_number(env.get("BITBUCKET_PR_ID")),
    )


def _circle(env: Environment) -> Run:
    return Run(
        "CircleCI",
        run=_text(env.get("CIRCLE_WORKFLOW_ID") or env.get("CIRCLE_BUILD_NUM")),
        job=_text(env.get("CIRCLE_JOB")),
        repository=_joined("/", env.get("CIRCLE_PROJECT_USERNAME"), env.get("CIRCLE_PROJECT_REPONAME")),
        commit=_commit(env.get("CIRCLE_SHA1")),
        branch=_text(env.get("CIRCLE_BRANCH")),
        pr_number=_number(env.get("CIRCLE_PR_NUMBER")) or _found(_LAST_NUMBER, env.get("CIRCLE_PULL_REQUEST")),
    )


def _teamcity(env: Environment) -> Run:
    return Run(
        "TeamCity",
        run=_text(_joined("-", env.get("TEAMCITY_PROJECT_NAME"), env.get("BUILD_NUMBER"))),
        job=_text(env.get("TEAMCITY_BUILDCONF_NAME")),
        commit=_commit(env.get("BUILD_VCS_NUMBER")),
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
