"""Which run a report belongs to: what is believed of what configuration, context file and git say.

Invariants: configuration goes before the context file, the file before git, value by value. A context file
is believed only as far as the root's configuration names repositories, services and environments that the
root may speak for. What belongs to a repository (commit, branch, pull request) never comes from a source that
names another repository, and what belongs to a commit never from one that names another commit: values are
chosen one by one, but never mixed up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, ValidationError, field_validator

from collector.formats.fields import Level
from shared.encoding import parse_object
from shared.errors import Code, MalformedError, TryLaterError
from shared.predicates import Context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CONTEXT_FILE_FORMAT = "context/v1"
UNKNOWN_COMMIT = "unknown"

Origin = Literal["config", "file", "git"]

_OF_REPOSITORY = ("commit", "branch", "pr_number")
_ABOVE_VERDICT = ("branch",)
_OF_COMMIT = ("branch", "pr_number")
_FIELDS = ("repository", "commit", "branch", "pr_number", "run", "job", "reports", "service", "environment")


@dataclass(frozen=True, slots=True)
class SpeaksFor:
    """What a root may speak for, as globs (`*` is everything); an empty list allows nothing of its kind."""

    repositories: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether it allows anything; where it does not, context files are ignored."""
        return bool(self.repositories or self.services or self.environments)


@dataclass(frozen=True, slots=True)
class ContextConfig:
    """What a root's configuration says: values for every file in it (fields of `Context`), what it may speak for."""

    values: Mapping[str, Any] = field(default_factory=dict)
    speaks_for: SpeaksFor = field(default_factory=SpeaksFor)


@dataclass(frozen=True, slots=True)
class FileContext:
    """A context file as it was parsed, and the folder it lay in, relative to the root ("": the root).

    `error` says why it could not be read; there are no values then.
    """

    values: Context
    folder: str
    error: MalformedError | None = None


@dataclass(frozen=True, slots=True)
class GitFacts:
    """What the files of a repository say; `folder` (relative to the root) is where `.git` was found.

    `commit` is the full object id, `branch` None where HEAD is detached, `repository` the path part of
    origin's URL. `head_changed_at` is the time in ns at which HEAD last came to mean another commit.
    """

    folder: str
    repository: str | None
    commit: str
    branch: str | None
    head_changed_at: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """The context that a report is attested with, where each value comes from, what was left out and why.

    `job_folder` is relative to the root: the folder of the context file, else of `.git`, else "". `cut` names
    the fields that do not leave at the level. `ignored` are sentences for the log, never for the wire: they
    hold values that were refused.
    """

    context: Context
    context_from: dict[str, Origin]
    job_folder: str
    cut: tuple[str, ...]
    ignored: tuple[str, ...]


class _ContextFile(Context):
    """`carnet-context.json`: ours and therefore closed; an unknown field is a spelling mistake."""

    model_config = ConfigDict(extra="forbid")

    carnet: Literal["context/v1"]

    @field_validator("commit", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        lower = value.lower()
        return None if lower == UNKNOWN_COMMIT else lower


def parse_context_file(data: bytes, folder: str = "") -> FileContext:
    """Read a context file strictly; `folder` is where it lay, relative to the root.

    Raises `MalformedError`: `bad_json`, `duplicate_key`, `unknown_field`, `invalid_field`.
    """
    fields = parse_object(data)
    try:
        parsed = _ContextFile.model_validate(fields, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        unknown = first["type"] == "extra_forbidden"
        wrong = "is not known" if unknown else f"is wrong: {first['msg']}"
        raise MalformedError(
            Code.UNKNOWN_FIELD if unknown else Code.INVALID_FIELD,
            f"the context file's field {where!r} {wrong}",
            f'write {{"carnet": "{CONTEXT_FILE_FORMAT}", "repository": "owner/name", "commit": "...", ...}}',
        ) from None
    return FileContext(Context(**_values(parsed)), folder)


def resolve(config: ContextConfig, file_context: FileContext | None, git: GitFacts | None, level: Level) -> Resolved:
    """Choose each value from the first source that has it and may say it; cut what does not leave at the level.

    Raises `TryLaterError` where a context file counts and cannot be read: without it the report would be
    attested as something that it is not, and it can still be mended.
    """
    ignored: list[str] = []
    sources: list[tuple[Origin, dict[str, Any]]] = [("config", dict(config.values))]
    job_folder = None
    if file_context is not None and not config.speaks_for:
        ignored.append("file: the configuration of this root does not say what it may speak for (speaks_for)")
    elif file_context is not None:
        job_folder = file_context.folder
        sources.append(("file", _within(_file_values(file_context), config.speaks_for, "file", ignored)))
    if git is not None:
        job_folder = git.folder if job_folder is None else job_folder
        sources.append(("git", _git_values(git, config.speaks_for, ignored)))
    chosen: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for origin, values in sources:
        for name in _consistent(values, chosen, origin, ignored):
            chosen[name] = values[name]
            origins[name] = origin
    cut = tuple(name for name in _ABOVE_VERDICT if level is Level.VERDICT and chosen.pop(name, None) is not None)
    return Resolved(
        context=Context(**chosen),
        context_from={_wire_name(name): origins[name] for name in _FIELDS if name in chosen},
        job_folder=job_folder or "",
        cut=tuple(f"context.{_wire_name(name)}" for name in cut),
        ignored=tuple(ignored),
    )


def _file_values(file_context: FileContext) -> dict[str, Any]:
    if file_context.error is not None:
        folder = file_context.folder or "the root"
        raise TryLaterError(
            Code.UNAVAILABLE,
            f"the context file in {folder!r} cannot be read: {file_context.error.detail}",
            file_context.error.hint,
        )
    return _values(file_context.values)


def _wire_name(name: str) -> str:
    return Context.model_fields[name].alias or name


def _values(context: Context) -> dict[str, Any]:
    return {name: value for name in _FIELDS if (value := getattr(context, name)) is not None}


def _git_values(git: GitFacts, limits: SpeaksFor, ignored: list[str]) -> dict[str, Any]:
    values = {"repository": git.repository, "commit": git.commit, "branch": git.branch}
    said = {name: value for name, value in values.items() if value is not None}
    if not limits.repositories:
        return said
    return _within(said, limits, "git", ignored)


def _within(values: dict[str, Any], limits: SpeaksFor, origin: Origin, ignored: list[str]) -> dict[str, Any]:
    """Leave out what the root may not speak for; with a repository goes all that belongs to it."""
    kept = dict(values)
    bounded = (("service", limits.services), ("environment", limits.environments))
    for name, patterns in bounded:
        if name in kept and not _allowed(kept[name], patterns):
            ignored.append(f"{origin}: this root may not speak for the {name} {kept.pop(name)!r}")
    repository = kept.get("repository")
    allowed = bool(limits.repositories) if repository is None else _allowed(repository, limits.repositories)
    if not allowed:
        gone = [name for name in ("repository", *_OF_REPOSITORY) if kept.pop(name, None) is not None]
        if gone:
            what = "any repository" if repository is None else f"the repository {repository!r}"
            ignored.append(f"{origin}: this root may not speak for {what} ({', '.join(gone)} left out)")
    return kept


def _allowed(value: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _consistent(values: dict[str, Any], chosen: dict[str, Any], origin: Origin, ignored: list[str]) -> Iterator[str]:
    """Yield the names of the values that nothing before has said, and that don't belong to something else."""
    barred: set[str] = set()
    if not _agree(values.get("repository"), chosen.get("repository")):
        barred.update(_OF_REPOSITORY)
    if not _agree_commit(values.get("commit"), chosen.get("commit")):
        barred.update(_OF_COMMIT)
    missing = [name for name in values if name not in chosen]
    left_out = [name for name in missing if name in barred]
    if left_out:
        names = ", ".join(left_out)
        ignored.append(f"{origin}: names another repository or commit than what goes before it ({names})")
    yield from (name for name in missing if name not in barred)


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _agree_commit(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one.startswith(other) or other.startswith(one)
