"""One file, from its path to an observation that can be sealed: opened, recognised, read, cut down, put in context.

Wiring: joins the edges that read with the pure modules that judge what was read. Invariants: a file is read through one
descriptor; hash, claim and signature are about those very bytes; no claim is believed of a file that changed meanwhile;
nothing here writes into a watched folder, and nothing here parses what stands in one, beyond a look at its head.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from collector.attest import Observation
from collector.context import resolve
from collector.disclose import Cut, Why, disclose
from collector.formats import FORMATS, Basis, artifact, recognise, unreadable
from collector.gitfiles import read_git
from collector.masking import masked_context, masked_error
from collector.opening import find_context_file, reading
from collector.parsing import Request
from collector.refusals import too_large
from collector.spool import Aside, FileSeen
from shared.errors import Code, MalformedError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.context import ContextConfig, Resolved
    from collector.disclose import Level
    from collector.formats import Claim, Recognised, Thresholds
    from collector.globs import Globs
    from collector.opening import Hashed, RootSpec
    from collector.parsing import Parser, Pending
    from collector.readiness import Look
    from shared.redaction import Rules

ARTIFACT_FORMAT = "artifact"
_TITLES = {row.key: row.title for row in FORMATS}


@dataclass(frozen=True, slots=True)
class RootPlan:
    """A watched folder and how its files are attested; `names` go before what tool or format call a claim.

    `levels` are of formats that have another level than the root; `fields` the only evidence that may leave, if set.
    `given_names` are all that the configuration gives, for whatever root, case-folded: no report calls itself by one.
    """

    spec: RootSpec
    names: tuple[tuple[Globs, str], ...]
    level: Level
    thresholds: Thresholds
    context: ContextConfig
    max_artifact_bytes: int
    secrets: Rules
    levels: Mapping[str, Level] = field(default_factory=dict)
    fields: frozenset[str] | None = None
    given_names: frozenset[str] = frozenset()

    def level_for(self, format_key: str) -> Level:
        """Give the disclosure level of a format."""
        return self.levels.get(format_key, self.level)

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


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that was read and hashed, and handed to the parser if it is of a known format."""

    plan: RootPlan
    file: FileSeen
    as_artifact: bool
    found: Recognised | None = None
    said: Pending | MalformedError | None = None


def begin(plan: RootPlan, parser: Parser, path: str, look: Look | None, *, as_artifact: bool) -> Begun:
    """Read one file and hand it to the parser, which works on it while the next one is begun.

    Raises `MalformedError` with a file code where the file cannot be opened as it must be, or changed meanwhile;
    `StateError` (`not_found`) and `TryLaterError`.
    """
    with reading(plan.spec, path, expected=look, max_bytes=plan.max_artifact_bytes) as content:
        found = None if as_artifact else recognise(content.head)
        said: Pending | MalformedError | None = None
        size = content.look.size
        if found is not None and size > plan.spec.max_file_bytes:
            said = too_large(path, plan.spec.max_file_bytes)
        elif found is not None and content.whole is None:
            said = parser.begin(Request(found.format.key, plan.thresholds), content.chunks, size)
            parser.wait(said)
        whole, hashed = content.whole, content.finish()
    if found is not None and said is None and whole is not None:
        said = parser.begin(Request(found.format.key, plan.thresholds), lambda: (whole,), size)
    return Begun(plan, _file(plan, path, hashed), as_artifact, found, said)


def end(begun: Begun, parser: Parser, *, final: bool) -> Captured | Unknown | Broken:
    """Say what a file is.

    `final` says that a file of a known format which is still broken is attested as not passed; one that is too large or
    too slow to read is at any time, since waiting does not mend it. Raises what the parser raises that is no fault of
    the file, and `TryLaterError` where its context cannot be read.
    """
    plan, found = begun.plan, begun.found
    if begun.as_artifact:
        return _artifact(plan, begun.file)
    if found is None or begun.said is None:
        return Unknown(begun.file)
    try:
        if isinstance(begun.said, MalformedError):
            raise begun.said
        claim = parser.end(begun.said)
    except MalformedError as error:
        told = masked_error(error, plan.secrets)
        if not final and error.code not in (Code.TOO_LARGE, Code.TOO_SLOW):
            return Broken(found.format.key, told)
        return _unreadable(plan, begun.file, found, told)
    return _captured(plan, begun.file, found.format.key, _also_matched(claim, found), ends=found.format.ends)


def _unreadable(plan: RootPlan, file: FileSeen, found: Recognised, error: MalformedError) -> Captured:
    aside = Aside(reason=error.code.value, where=error.detail, hint=error.hint)
    claim = _also_matched(unreadable(found.format, error.code), found)
    return _captured(plan, file, found.format.key, claim, ends=False, aside=aside)


def _also_matched(claim: Claim, found: Recognised) -> Claim:
    """Record the formats that would have taken the file too."""
    if not found.also:
        return claim
    return replace(claim, evidence={**claim.evidence, "alsoMatched": [row.key for row in found.also]})


def _artifact(plan: RootPlan, file: FileSeen) -> Captured:
    name = file.path.rpartition("/")[2]
    return _captured(plan, file, ARTIFACT_FORMAT, artifact(name, file.sha256.hex(), file.size), ends=False)


def _file(plan: RootPlan, path: str, hashed: Hashed) -> FileSeen:
    look = hashed.look
    return FileSeen(
        root=plan.spec.name,
        path=path,
        size=look.size,
        mtime_ns=look.mtime_ns,
        ctime_ns=look.ctime_ns,
        device=look.device,
        inode=look.inode,
        sha256=hashed.sha256,
    )


def _captured(
    plan: RootPlan, file: FileSeen, format_key: str, claim: Claim, *, ends: bool, aside: Aside | None = None
) -> Captured:
    name = plan.name_for(file.path)
    level = plan.level_for(format_key)
    kept, cut = disclose(claim if name is None else replace(claim, name=name), level, plan.secrets, plan.fields)
    if name is None and kept.basis is Basis.MEASURED and kept.name.casefold() in plan.given_names:
        # Where tools vary, a claim is named after the one that the file says: it must not pass for what a rule names.
        kept = replace(kept, name=_TITLES.get(format_key, kept.name))
    known, found = masked_context(_context(plan, file, level), plan.secrets)
    cut += tuple(Cut(where, Why.SECRET, kind) for where, kind in found)
    seen = Observation(
        root=plan.spec.name,
        path=file.path,
        job_folder=known.job_folder,
        sha256=file.sha256,
        size=file.size,
        mtime_ns=file.mtime_ns,
        format=format_key,
        claim=kept,
        level=level,
        cut=tuple(dict.fromkeys((*(one.field for one in cut), *known.cut))),
        context=known.context,
        context_from=known.context_from,
    )
    return Captured(file, seen, cut, ends, known.ignored, aside)


def _context(plan: RootPlan, file: FileSeen, level: Level) -> Resolved:
    beside = find_context_file(plan.spec, file.path)
    folder = (plan.spec.path / file.path).parent
    git = read_git(folder, plan.spec.path, file.mtime_ns)
    try:
        return resolve(plan.context, beside, git, level)
    except TryLaterError as error:
        raise masked_error(error, plan.secrets) from None
