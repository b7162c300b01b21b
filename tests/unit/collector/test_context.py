"""Which run a report belongs to, and who is believed about it."""

import json

import pytest

from collector.context import ContextConfig, FileContext, GitFacts, SpeaksFor, parse_context_file, resolve
from collector.formats.fields import Level
from shared.errors import Code, MalformedError, TryLaterError
from shared.predicates import Context

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
ALL = SpeaksFor(repositories=("*",), services=("*",), environments=("*",))

GIT = GitFacts(folder="checkout", repository="acme/app", commit=COMMIT, branch="main", head_changed_at=0)


def written(**values: object) -> FileContext:
    return parse_context_file(json.dumps({"carnet": "context/v1", **values}).encode(), "jobs/7")


def test_configuration_goes_before_the_file_and_the_file_before_git() -> None:
    resolved = resolve(
        ContextConfig(values={"service": "pay", "repository": "acme/app"}, speaks_for=ALL),
        written(service="other", run="77", commit=COMMIT),
        GIT,
        Level.SUMMARY,
    )
    assert resolved.context == Context(repository="acme/app", commit=COMMIT, branch="main", run="77", service="pay")
    assert resolved.context_from == {
        "repository": "config",
        "commit": "file",
        "branch": "git",
        "run": "file",
        "service": "config",
    }


def test_names_in_context_from_are_those_of_the_wire() -> None:
    resolved = resolve(ContextConfig(speaks_for=ALL), written(prNumber=12), None, Level.SUMMARY)
    assert resolved.context.pr_number == 12
    assert resolved.context_from == {"prNumber": "file"}


def test_the_branch_does_not_leave_at_the_level_verdict() -> None:
    resolved = resolve(ContextConfig(), None, GIT, Level.VERDICT)
    assert resolved.context == Context(repository="acme/app", commit=COMMIT)
    assert "branch" not in resolved.context_from
    assert resolved.cut == ("context.branch",)


@pytest.mark.parametrize(
    ("file", "git", "folder"),
    [
        (written(run="1"), GIT, "jobs/7"),
        (None, GIT, "checkout"),
        (None, None, ""),
    ],
)
def test_the_job_s_folder_is_that_of_the_context_file_else_of_git_else_the_root(
    file: FileContext | None, git: GitFacts | None, folder: str
) -> None:
    assert resolve(ContextConfig(speaks_for=ALL), file, git, Level.SUMMARY).job_folder == folder


def test_without_a_word_on_what_the_root_speaks_for_context_files_are_ignored() -> None:
    resolved = resolve(ContextConfig(), written(repository="evil/app", commit=OTHER, run="1"), GIT, Level.SUMMARY)
    assert resolved.context == Context(repository="acme/app", commit=COMMIT, branch="main")
    assert set(resolved.context_from.values()) == {"git"}
    assert resolved.job_folder == "checkout"
    assert len(resolved.ignored) == 1
    assert "speaks_for" in resolved.ignored[0]


def test_a_repository_outside_of_the_limits_goes_with_all_that_belongs_to_it() -> None:
    limits = SpeaksFor(repositories=("acme/*",), services=("pay",), environments=("prod",))
    file = written(
        repository="evil/app", commit=OTHER, branch="x", prNumber=3, run="1", service="pay", environment="prod"
    )
    resolved = resolve(ContextConfig(speaks_for=limits), file, None, Level.SUMMARY)
    assert resolved.context == Context(run="1", service="pay", environment="prod")
    assert "evil/app" in resolved.ignored[0]


@pytest.mark.parametrize("field", ["service", "environment"])
def test_a_service_or_environment_outside_of_the_limits_is_left_out_alone(field: str) -> None:
    limits = SpeaksFor(repositories=("acme/*",), services=("pay-*",), environments=("prod-*",))
    file = written(**{"repository": "acme/app", "commit": COMMIT, "run": "1", field: "other"})
    resolved = resolve(ContextConfig(speaks_for=limits), file, None, Level.SUMMARY)
    assert resolved.context == Context(repository="acme/app", commit=COMMIT, run="1")
    assert len(resolved.ignored) == 1


def test_while_no_repository_is_allowed_a_context_file_says_nothing_of_one() -> None:
    limits = SpeaksFor(services=("pay",))
    resolved = resolve(
        ContextConfig(speaks_for=limits), written(commit=OTHER, branch="x", service="pay"), None, Level.SUMMARY
    )
    assert resolved.context == Context(service="pay")


def test_git_may_not_speak_for_a_repository_outside_of_the_limits_either() -> None:
    limits = SpeaksFor(repositories=("acme/other",))
    resolved = resolve(ContextConfig(speaks_for=limits), None, GIT, Level.SUMMARY)
    assert resolved.context == Context()
    assert resolved.ignored


@pytest.mark.parametrize(
    ("config", "file"),
    [
        ({"repository": "acme/other"}, None),
        ({}, {"repository": "acme/other"}),
        ({"commit": OTHER}, None),
        ({}, {"commit": OTHER}),
    ],
)
def test_what_belongs_to_one_repository_or_commit_is_never_said_of_another(
    config: dict[str, str], file: dict[str, str] | None
) -> None:
    beside = None if file is None else written(**file)
    resolved = resolve(ContextConfig(values=config, speaks_for=ALL), beside, GIT, Level.SUMMARY)
    assert resolved.context.branch is None
    if "commit" not in {**config, **(file or {})}:
        assert resolved.context.commit is None


def test_an_abbreviated_commit_agrees_with_the_full_one() -> None:
    resolved = resolve(ContextConfig(speaks_for=ALL), written(commit=COMMIT[:12]), GIT, Level.SUMMARY)
    assert (resolved.context.commit, resolved.context.branch) == (COMMIT[:12], "main")


def test_a_context_file_that_cannot_be_read_holds_the_report_back_where_it_would_count() -> None:
    broken = FileContext(Context(), "", MalformedError(Code.BAD_JSON, "not UTF-8 at byte 3"))
    with pytest.raises(TryLaterError, match="not UTF-8"):
        resolve(ContextConfig(speaks_for=ALL), broken, GIT, Level.SUMMARY)
    assert resolve(ContextConfig(), broken, GIT, Level.SUMMARY).context.commit == COMMIT


def test_a_commit_is_read_in_lower_case_and_unknown_means_absent() -> None:
    assert written(commit=COMMIT.upper()).values.commit == COMMIT
    assert written(commit="Unknown").values.commit is None


def test_every_field_of_a_context_file_is_read() -> None:
    said = {
        "repository": "acme/app",
        "commit": COMMIT,
        "branch": "main",
        "prNumber": 5,
        "run": "9",
        "job": "unit",
        "reports": 3,
        "service": "pay",
        "environment": "prod",
    }
    assert written(**said).values.to_wire() == said


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.BAD_JSON),
        (b"[]", Code.BAD_JSON),
        (b'{"carnet": "context/v1", "run": "1"', Code.BAD_JSON),
        (b'{"carnet": "context/v1", "run": "1", "run": "2"}', Code.DUPLICATE_KEY),
        (b'{"run": "1"}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v2"}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v1", "runs": "1"}', Code.UNKNOWN_FIELD),
        (b'{"carnet": "context/v1", "pr_number": 1}', Code.UNKNOWN_FIELD),
        (b'{"carnet": "context/v1", "prNumber": "1"}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v1", "prNumber": 0}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v1", "commit": "main"}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v1", "commit": 7}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v1", "run": ""}', Code.INVALID_FIELD),
        (b'{"carnet": "context/v1", "run": "' + b"x" * 300 + b'"}', Code.INVALID_FIELD),
    ],
)
def test_a_context_file_is_read_strictly_and_a_refusal_says_what_to_write(data: bytes, code: Code) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_context_file(data)
    assert caught.value.code is code
    assert caught.value.hint
