"""One file, from its path to an observation that can be sealed: opened, recognised, read, cut down, put in context.

Wiring: joins the edges that read with the pure modules that judge what was read. Invariants: a file is read through one
descriptor; hash, claim and signature are about those very bytes; nothing here writes into a watched folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from collector.attest import Observation
from collector.context import resolve
from collector.disclose import disclose
from collector.formats import HEAD_BYTES, Limits, artifact, recognise, unreadable
from collector.gitfiles import read_git
from collector.opening import find_context_file, hash_once, read_once
from collector.spool import Aside, FileSeen
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from pathlib import Path

    from collector.context import ContextConfig, Resolved
    from collector.disclose import Cut, Level
    from collector.formats import Claim, Format, Thresholds
    from collector.globs import Globs
    from collector.opening import Content, Hashed, RootSpec
    from collector.readiness import Look

ARTIFACT_FORMAT = "artifact"


@dataclass(frozen=True, slots=True)
class RootPlan:
    """A watched folder and how its files are attested; `names` go before what tool or format call a claim."""

    spec: RootSpec
    names: tuple[tuple[Globs, str], ...]
    level: Level
    thresholds: Thresholds
    context: ContextConfig
    max_artifact_bytes: int
    scratch: Path

    def name_for(self, path: str) -> str | None:
        """Give the name that the configuration has for a relative path."""
        return next((name for globs, name in self.names if globs.match(path)), None)


@dataclass(frozen=True, slots=True)
class Captured:
    """A file that can be attested.

    `ends` says that its format has an end, and it was read to it; `aside` says why, where it could not be. `ignored`
    are sentences about context that was not believed.
    """

    file: FileSeen
    seen: Observation
    cut: tuple[Cut, ...]
    ends: bool
    ignored: tuple[str, ...]
    aside: Aside | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A file of no known format: counted, and not looked at again until it changes."""

    file: FileSeen


@dataclass(frozen=True, slots=True)
class Broken:
    """A file of a known format that cannot be read to its end, and may still be written."""

    format: str
    error: MalformedError


def capture(
    plan: RootPlan, path: str, look: Look | None, *, final: bool, as_artifact: bool
) -> Captured | Unknown | Broken:
    """Read one file and say what it is.

    `final` says that a file of a known format which is still broken is attested as not passed. Raises
    `MalformedError` with a file code where the file cannot be opened as it must be.
    """
    if as_artifact:
        return _artifact(plan, path, hash_once(plan.spec, path, expected=look, max_bytes=plan.max_artifact_bytes))
    try:
        content = read_once(plan.spec, path, expected=look, max_bytes=plan.spec.max_file_bytes, scratch=plan.scratch)
    except MalformedError as error:
        if error.code is not Code.TOO_LARGE:
            raise
        return _too_large(plan, path, look, error, final=final)
    with content.data:
        return _report(plan, path, content, final=final)


def _report(plan: RootPlan, path: str, content: Content, *, final: bool) -> Captured | Unknown | Broken:
    file = _file(plan, path, content.look, content.sha256)
    head = content.data.read(HEAD_BYTES)
    found = recognise(head)
    if found is None:
        return Unknown(file)
    content.data.seek(0)
    try:
        claim = found.read(content.data, plan.thresholds, Limits())
    except MalformedError as error:
        if not final:
            return Broken(found.key, error)
        return _unreadable(plan, file, found, error)
    return _captured(plan, file, found.key, claim, ends=found.ends)


def _too_large(
    plan: RootPlan, path: str, look: Look | None, error: MalformedError, *, final: bool
) -> Captured | Unknown | Broken:
    hashed = hash_once(plan.spec, path, expected=look, max_bytes=plan.max_artifact_bytes)
    file = _file(plan, path, hashed.look, hashed.sha256)
    found = recognise(hashed.head)
    if found is None:
        return Unknown(file)
    return _unreadable(plan, file, found, error) if final else Broken(found.key, error)


def _unreadable(plan: RootPlan, file: FileSeen, found: Format, error: MalformedError) -> Captured:
    aside = Aside(reason=error.code.value, where=error.detail, hint=error.hint)
    return _captured(plan, file, found.key, unreadable(found, error.code), ends=False, aside=aside)


def _artifact(plan: RootPlan, path: str, hashed: Hashed) -> Captured:
    file = _file(plan, path, hashed.look, hashed.sha256)
    name = path.rpartition("/")[2]
    return _captured(plan, file, ARTIFACT_FORMAT, artifact(name, file.sha256.hex(), file.size), ends=False)


def _file(plan: RootPlan, path: str, look: Look, sha256: bytes) -> FileSeen:
    return FileSeen(
        root=plan.spec.name,
        path=path,
        size=look.size,
        mtime_ns=look.mtime_ns,
        ctime_ns=look.ctime_ns,
        device=look.device,
        inode=look.inode,
        sha256=sha256,
    )


def _captured(
    plan: RootPlan, file: FileSeen, format_key: str, claim: Claim, *, ends: bool, aside: Aside | None = None
) -> Captured:
    name = plan.name_for(file.path)
    kept, cut = disclose(claim if name is None else replace(claim, name=name), plan.level)
    known = _context(plan, file)
    seen = Observation(
        root=plan.spec.name,
        path=file.path,
        job_folder=known.job_folder,
        sha256=file.sha256,
        size=file.size,
        mtime_ns=file.mtime_ns,
        format=format_key,
        claim=kept,
        level=plan.level,
        cut=(*(one.field for one in cut), *known.cut),
        context=known.context,
        context_from=known.context_from,
    )
    return Captured(file, seen, cut, ends, known.ignored, aside)


def _context(plan: RootPlan, file: FileSeen) -> Resolved:
    beside = find_context_file(plan.spec, file.path)
    folder = (plan.spec.path / file.path).parent
    git = read_git(folder, plan.spec.path, file.mtime_ns)
    return resolve(plan.context, beside, git, plan.level)
