"""Which relative paths a root's patterns pick: compiled once, matched against each path that is seen.

Invariants: paths are relative, POSIX, without `.` and `..`; a name that starts with a dot, anywhere in the
path, is never picked, nor is a marker of ours (`*.done`, `carnet-context.json`). Patterns mean what they mean
to Python's `PurePath.full_match` and to git: `*` and `?` stay inside one name, `**` as a whole name stands
for any number of folders, none included, and the whole path has to match.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTEXT_FILE = "carnet-context.json"
DONE_SUFFIX = ".done"
_MARKERS = (DONE_SUFFIX, CONTEXT_FILE)

_CLASS = re.compile(r"\[(!?)(\]?[^\]]*)\]")


class Picked(StrEnum):
    """As what a path is picked: parsed as a report, or hashed only."""

    REPORT = "report"
    ARTIFACT = "artifact"


class Globs:
    """Several patterns as one; raises `ConfigError` for a pattern that could never match."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile the patterns; none at all match nothing."""
        made = [_translate(pattern) for pattern in patterns]
        self._match = re.compile("|".join(made), re.DOTALL).fullmatch if made else None

    def match(self, path: str) -> bool:
        """Say whether one of the patterns matches the whole of a relative path."""
        return self._match is not None and self._match(path) is not None


class Rules:
    """What one root picks: `exclude` goes before `artifacts`, `artifacts` before `include`."""

    def __init__(self, *, include: Iterable[str], exclude: Iterable[str], artifacts: Iterable[str]) -> None:
        """Compile the three lists; raises `ConfigError`."""
        self._include = Globs(include)
        self._exclude = Globs(exclude)
        self._artifacts = Globs(artifacts)

    def pick(self, path: str) -> Picked | None:
        """Say as what a relative path is picked, or None where it is not."""
        if is_hidden(path) or is_marker(path) or self._exclude.match(path):
            return None
        if self._artifacts.match(path):
            return Picked.ARTIFACT
        return Picked.REPORT if self._include.match(path) else None


def is_hidden(path: str) -> bool:
    """Say whether a name in the path starts with a dot: unfinished, private, or no report at all."""
    return path.startswith(".") or "/." in path


def is_marker(path: str) -> bool:
    """Say whether the path is something that is said about reports, and so never one itself."""
    # Asked of every file in every scan, and hardly ever so.
    return path.endswith(_MARKERS) and (path.endswith(DONE_SUFFIX) or path.rpartition("/")[2] == CONTEXT_FILE)


def _translate(pattern: str) -> str:
    names = pattern.split("/")
    if any(name in ("", ".", "..") for name in names):
        raise ConfigError(
            f"the pattern {pattern!r} is not a relative path",
            "write it from the root downwards, such as reports/**/*.xml",
        )
    if any("**" in name and name != "**" for name in names):
        raise ConfigError(
            f"the pattern {pattern!r} has ** beside other characters",
            "** stands for folders and is a name of its own, such as **/*.xml",
        )
    # One `**` says all that two in a row say; the second would only multiply the ways to fail.
    names = [name for at, name in enumerate(names) if name != "**" or at == 0 or names[at - 1] != "**"]
    last = len(names) - 1
    parts: list[str] = []
    for at, name in enumerate(names):
        if name != "**":
            parts.append(_translate_name(name) + ("/" if at < last else ""))
        elif at < last:
            parts.append("(?:[^/]+/)*")
        else:
            parts.append(".+")
    return "".join(parts)


def _translate_name(name: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(name):
        sign = name[at]
        if sign == "*":
            out.append("[^/]*")
        elif sign == "?":
            out.append("[^/]")
        elif sign == "[" and (found := _CLASS.match(name, at)) and found[2]:
            out.append(_translate_class(negated=bool(found[1]), members=found[2]))
            at = found.end() - 1
        else:
            out.append(re.escape(sign))
        at += 1
    return "".join(out)


def _translate_class(*, negated: bool, members: str) -> str:
    kept = re.sub(r"([\\\[\]&~|^])", r"\\\1", members)
    expression = f"(?!/)[{'^' if negated else ''}{kept}]"
    try:
        re.compile(expression)
    except re.error:
        raise ConfigError(
            f"the pattern has a class that cannot be: [{members}]", "write ranges upwards, such as [a-z]"
        ) from None
    return expression
