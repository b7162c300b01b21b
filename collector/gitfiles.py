"""What a git checkout says of the reports in it, read from the files of `.git`; git itself is never run.

Invariants: every file is opened beneath the watched root, so a `.git` file, a worktree or a submodule whose
folder lies outside of the root says nothing at all; nothing but an object id, a branch name and the path part
of origin's URL is taken over, never a user name, a password or a folder of this host; what cannot be read
plainly gives no context, and is no error. Formats: gitrepository-layout(5), git-config(1), gitglossary(7) of
git 2.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from collector.context import GitFacts
from collector.opening import RootSpec, look_at, read_small
from collector.remotes import repository_of
from shared.errors import CarnetError, Code, MalformedError

_MAX_REF_BYTES = 4 << 10
_MAX_CONFIG_BYTES = 1 << 20
_MAX_PACKED_REFS_BYTES = 64 << 20
_MAX_SYMBOLIC = 5
_MAX_NAME_CHARS = 300

_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]+")
_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL_LINE = re.compile(r"\s*url\s*=\s*(.*)", re.IGNORECASE)


class _Head(NamedTuple):
    commit: str
    branch: str | None
    changed_at: int


def read_git(start_dir: Path, stop_at: Path, report_mtime_ns: int | None = None) -> GitFacts | None:
    """Read the checkout that a folder belongs to: `.git` in it or above it, up to `stop_at` (the root).

    None where there is none, where HEAD changed meanwhile or names no commit, and where a report with this mtime is
    older than the checkout and so may be of another commit.
    """
    root = RootSpec(name="git", path=stop_at, max_links=1 << 16)
    try:
        folder = "/".join(start_dir.relative_to(stop_at).parts)
        found = _find(root, folder)
        if found is None:
            return None
        facts = _Checkout(root, *found[1:]).facts(found[0])
    except (CarnetError, ValueError):  # refused by the system, not beneath the root, or not what git writes
        return None
    if facts is None or (report_mtime_ns is not None and report_mtime_ns < facts.head_changed_at):
        return None
    return facts


def _find(root: RootSpec, folder: str) -> tuple[str, str, str] | None:
    """Find the nearest `.git`: the folder it stands in, and the folders of HEAD and of all that worktrees share.

    The nearest counts even if it cannot be used: what lies above it is another repository.
    """
    while True:
        dot_git = _join(folder, ".git")
        try:
            pointer = _text(root, dot_git, _MAX_REF_BYTES)
        except MalformedError as error:
            if error.code is not Code.NOT_REGULAR:
                raise
            return folder, dot_git, dot_git
        if pointer is not None:
            git_dir = _beneath(root, folder, _after("gitdir:", pointer))
            common = _text(root, _join(git_dir, "commondir"), _MAX_REF_BYTES)
            return folder, git_dir, git_dir if common is None else _beneath(root, git_dir, common)
        if not folder:
            return None
        folder = folder.rpartition("/")[0]


class _Checkout:
    """One checkout; its two folders are relative to the root."""

    def __init__(self, root: RootSpec, git_dir: str, common_dir: str) -> None:
        self._root = root
        self._git_dir = git_dir
        self._common_dir = common_dir

    def facts(self, folder: str) -> GitFacts | None:
        before = self._head()
        repository = self._repository()
        if before is None or before != self._head():
            return None
        return GitFacts(folder, repository, before.commit, before.branch, before.changed_at)

    def _head(self) -> _Head | None:
        read = read_small(self._root, _join(self._git_dir, "HEAD"), _MAX_REF_BYTES)
        if read is None:
            return None
        said = read[0].decode().strip()
        times = [read[1].mtime_ns]
        branch: str | None = None
        for depth in range(_MAX_SYMBOLIC):
            if _OBJECT_ID.fullmatch(said):
                return _Head(said, branch, max([*times, *self._log_times()]))
            name = _after("ref:", said)
            if not _REF.fullmatch(name) or ".." in name:
                return None
            if depth == 0:
                branch = _branch(name)
            target = self._ref(name)
            if target is None:
                return None
            said, changed_at = target
            times.append(changed_at)
        return None

    def _ref(self, name: str) -> tuple[str, int] | None:
        """Give what a ref holds and when it was written: its own file, else its line among the packed ones."""
        for folder in dict.fromkeys((self._git_dir, self._common_dir)):
            read = read_small(self._root, _join(folder, name), _MAX_REF_BYTES)
            if read is not None:
                return read[0].decode().strip(), read[1].mtime_ns
        packed = read_small(self._root, _join(self._common_dir, "packed-refs"), _MAX_PACKED_REFS_BYTES)
        if packed is None:
            return None
        wanted = b" " + name.encode()
        line = next((line for line in packed[0].splitlines() if line.endswith(wanted)), None)
        if line is None:
            return None
        # Packing writes the file anew without changing any ref: its time counts only where HEAD keeps no log.
        return line[: -len(wanted)].decode(), 0 if self._log_times() else packed[1].mtime_ns

    def _log_times(self) -> list[int]:
        """Give when HEAD's log was last written to: at each commit, checkout and reset."""
        found = look_at(self._root, _join(self._git_dir, "logs/HEAD"))
        return [] if found is None else [found.look.mtime_ns]

    def _repository(self) -> str | None:
        text = _text(self._root, _join(self._common_dir, "config"), _MAX_CONFIG_BYTES)
        url = None if text is None else next(_origin_urls(text), None)
        return None if url is None else repository_of(url)


def _origin_urls(text: str) -> Iterator[str]:
    inside = False
    for line in map(str.strip, text.splitlines()):
        section = _SECTION.match(line)
        if section:
            inside = section[1].lower() == "remote" and section[2] == "origin"
        found = _URL_LINE.fullmatch(line, section.end() if section else 0)
        if inside and found:
            yield _config_value(found[1])


def _config_value(text: str) -> str:
    if text.startswith('"'):
        return text[1:].partition('"')[0]
    return re.split(r"\s+[#;]", text, maxsplit=1)[0].strip()


def _branch(ref: str) -> str | None:
    name = ref.removeprefix("refs/heads/")
    return name if name != ref and len(name) <= _MAX_NAME_CHARS else None


def _beneath(root: RootSpec, folder: str, target: str) -> str:
    """Give a path that a file of git's names, relative to the root; raises `ValueError` where it leads outside."""
    path = Path(os.path.normpath(target))
    if not path.is_absolute():
        relative = os.path.normpath(_join(folder, target))
        if relative == ".." or relative.startswith("../"):
            raise ValueError(target)
        return "" if relative == "." else relative
    for base in (root.path.absolute(), root.path.resolve()):
        if path.is_relative_to(base):
            return "/".join(path.relative_to(base).parts)
    raise ValueError(target)


def _after(prefix: str, text: str) -> str:
    """Give what stands behind a prefix; raises `ValueError` where it is missing, or nothing stands there."""
    rest = text.removeprefix(prefix).strip()
    if not text.startswith(prefix) or not rest:
        raise ValueError(text)
    return rest


def _text(root: RootSpec, path: str, max_bytes: int) -> str | None:
    """Read a small text, without the white space around it; None where there is no such file."""
    read = read_small(root, path, max_bytes)
    return None if read is None else read[0].decode().strip()


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
