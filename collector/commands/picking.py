"""Which files a preview is about, and how each would be attested: loosely, or just as a configuration says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from collector.disclose import Level
from collector.globs import Picked
from collector.plans import loose_plan
from collector.scan import scan
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from collector.capture import RootPlan
    from shared.redaction import Rules


@dataclass(frozen=True, slots=True)
class Picking:
    """A file to preview: as it was named, and its path in a root with that root's plan; or why no root takes it."""

    path: Path
    plan: RootPlan
    relative: str
    as_artifact: bool


@dataclass(frozen=True, slots=True)
class NotPicked:
    """A file that the collector of this configuration would never look at."""

    path: Path
    error: MalformedError


def at_level(one: Picking, level: Level | None) -> Picking:
    """Give the file at another level, whatever the configuration says of its format; at its own one for None."""
    return one if level is None else replace(one, plan=replace(one.plan, level=level, levels={}))


def pick_loosely(paths: Iterable[Path], secrets: Rules, *, as_artifact: bool) -> Iterator[Picking]:
    """Give the named files, and every file of the named folders, as nobody configured them."""
    for path in paths:
        root = path if path.is_dir() else path.parent
        plan = loose_plan(root.resolve(), Level.VERDICT, secrets)
        if path.is_dir():
            for relative, _ in scan(plan.spec):
                yield Picking(path / relative, plan, relative, as_artifact)
        else:
            yield Picking(path, plan, path.name, as_artifact)


def pick_configured(
    paths: Iterable[Path], plans: Mapping[str, RootPlan], *, as_artifact: bool
) -> Iterator[Picking | NotPicked]:
    """Give the named files, and those that a scan of the named folders would meet, once for each root they are in."""
    for path in paths:
        # The folder is resolved and the name is not: a link is what the collector would meet, too.
        real = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
        found = False
        for plan in plans.values():
            root = plan.spec.path.resolve()
            if path.is_dir() and (real.is_relative_to(root) or root.is_relative_to(real)):
                found = True
                under = real.relative_to(root).as_posix() if real.is_relative_to(root) else ""
                for relative, _ in scan(plan.spec, "" if under == "." else under):
                    yield _picking((root / relative), plan, relative, as_artifact=as_artifact)
            elif not path.is_dir() and real.is_relative_to(root):
                found = True
                yield _picked(path, plan, real.relative_to(root).as_posix(), as_artifact=as_artifact)
        if not found:
            hint = "name one that lies in a root; carnet-collector config show lists them"
            yield NotPicked(path, MalformedError(Code.OUTSIDE_ROOT, "it lies in no root of this configuration", hint))


def _picked(path: Path, plan: RootPlan, relative: str, *, as_artifact: bool) -> Picking | NotPicked:
    if plan.spec.rules.pick(relative) is None:
        name = plan.spec.name
        hint = f"look at include and exclude of roots.{name}; a name that begins with a dot is never read"
        return NotPicked(path, MalformedError(Code.OUTSIDE_ROOT, f"the root {name} does not take it", hint))
    return _picking(path, plan, relative, as_artifact=as_artifact)


def _picking(path: Path, plan: RootPlan, relative: str, *, as_artifact: bool) -> Picking:
    return Picking(path, plan, relative, as_artifact or plan.spec.rules.pick(relative) is Picked.ARTIFACT)
