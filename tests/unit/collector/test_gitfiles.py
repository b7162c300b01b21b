"""What the files of real git repositories say; git makes them here, the collector never runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from collector.gitfiles import read_git
from collector.remotes import repository_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the repositories of these tests")

Git: TypeAlias = Callable[..., str]

MOMENT = 1_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def git(tmp_path: Path) -> Git:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), "-c", "protocol.file.allow=always", *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def checkout(root: Path, git: Git) -> Path:
    folder = root / "app"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "https://github.com/acme/app.git")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_a_checkout_gives_repository_commit_branch_and_the_folder_that_it_stands_in(
    root: Path, checkout: Path, git: Git
) -> None:
    reports = checkout / "build" / "reports"
    reports.mkdir(parents=True)
    facts = read_git(reports, root)
    assert facts is not None
    assert (facts.folder, facts.repository, facts.commit, facts.branch) == (
        "app",
        "acme/app",
        git(checkout, "rev-parse", "HEAD"),
        "main",
    )


def test_the_root_itself_may_be_the_checkout(checkout: Path) -> None:
    facts = read_git(checkout, checkout)
    assert facts is not None
    assert facts.folder == ""


def test_a_checkout_above_the_root_is_not_looked_at(checkout: Path) -> None:
    below = checkout / "inbox"
    below.mkdir()
    assert read_git(below, below) is None


def test_no_checkout_no_context(root: Path) -> None:
    assert read_git(root, root) is None


def test_a_detached_head_gives_the_commit_and_no_branch(root: Path, checkout: Path, git: Git) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    git(checkout, "checkout", "-q", "--detach")
    facts = read_git(checkout, root)
    assert facts is not None
    assert (facts.commit, facts.branch) == (commit, None)


def test_packed_refs_are_read_and_packing_does_not_make_the_checkout_younger(
    root: Path, checkout: Path, git: Git
) -> None:
    git(checkout, "checkout", "-q", "-b", "feature/x")
    before = read_git(checkout, root)
    git(checkout, "pack-refs", "--all", "--prune")
    assert not (checkout / ".git/refs/heads/feature/x").exists()
    facts = read_git(checkout, root)
    assert facts is not None
    assert before is not None
    assert (facts.commit, facts.branch) == (before.commit, "feature/x")
    assert facts.head_changed_at <= before.head_changed_at


def test_a_repository_with_sha256_object_ids_is_read(root: Path, git: Git) -> None:
    git(root, "init", "-q", "--object-format=sha256")
    git(root, "commit", "-q", "--allow-empty", "-m", "one")
    facts = read_git(root, root)
    assert facts is not None
    assert len(facts.commit) == 64
    assert facts.repository is None


@pytest.mark.parametrize("relative", [False, True])
def test_a_worktree_inside_of_the_root_is_read_with_its_own_head(
    root: Path, checkout: Path, git: Git, *, relative: bool
) -> None:
    tree = root / "tree"
    git(checkout, "worktree", "add", "-q", "-b", "other", str(tree))
    git(tree, "commit", "-q", "--allow-empty", "-m", "two")
    if relative:
        (tree / ".git").write_text("gitdir: ../app/.git/worktrees/tree\n")
    facts = read_git(tree, root)
    assert facts is not None
    assert (facts.folder, facts.repository, facts.commit, facts.branch) == (
        "tree",
        "acme/app",
        git(tree, "rev-parse", "HEAD"),
        "other",
    )


def test_a_worktree_of_a_repository_outside_of_the_root_says_nothing(tmp_path: Path, root: Path, git: Git) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    git(outside, "init", "-q")
    git(outside, "commit", "-q", "--allow-empty", "-m", "one")
    git(outside, "worktree", "add", "-q", str(root / "tree"))
    assert read_git(root / "tree", root) is None
    (root / "tree/.git").write_text("gitdir: ../../outside/.git\n")
    assert read_git(root / "tree", root) is None


def test_a_submodule_is_read_as_the_repository_that_it_is(root: Path, checkout: Path, git: Git) -> None:
    library = root / "library"
    library.mkdir()
    git(library, "init", "-q", "-b", "trunk")
    git(library, "commit", "-q", "--allow-empty", "-m", "library")
    git(checkout, "submodule", "--quiet", "add", str(library), "vendored")
    facts = read_git(checkout / "vendored", root)
    assert facts is not None
    assert (facts.folder, facts.commit) == ("app/vendored", git(library, "rev-parse", "HEAD"))


def test_a_git_folder_that_is_a_link_says_nothing_and_hides_what_is_above_it(root: Path, checkout: Path) -> None:
    below = checkout / "job"
    below.mkdir()
    assert read_git(below, root) is not None
    (below / ".git").symlink_to("../.git")
    assert read_git(below, root) is None


def test_a_report_older_than_the_checkout_gets_no_context(root: Path, checkout: Path, git: Git) -> None:
    facts = read_git(checkout, root)
    assert facts is not None
    assert read_git(checkout, root, facts.head_changed_at) == facts
    assert read_git(checkout, root, facts.head_changed_at - 1) is None
    git(checkout, "commit", "-q", "--allow-empty", "-m", "two")
    later = read_git(checkout, root)
    assert later is not None
    assert later.commit != facts.commit
    assert later.head_changed_at > facts.head_changed_at


@pytest.mark.parametrize("act", [("checkout", "-q", "-b", "next"), ("reset", "-q", "--hard", "HEAD~1")])
def test_checkout_and_reset_count_as_changes_of_head(
    root: Path, checkout: Path, git: Git, act: tuple[str, ...]
) -> None:
    git(checkout, "commit", "-q", "--allow-empty", "-m", "two")
    for file in (checkout / ".git").rglob("*"):
        os.utime(file, ns=(MOMENT, MOMENT))
    git(checkout, *act)
    facts = read_git(checkout, root)
    assert facts is not None
    assert facts.head_changed_at > MOMENT


def test_git_status_after_the_tests_does_not_make_the_checkout_younger(root: Path, checkout: Path, git: Git) -> None:
    before = read_git(checkout, root)
    (checkout / "file").write_text("x")
    git(checkout, "add", "file")
    git(checkout, "status")
    assert read_git(checkout, root) == before


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("HEAD", b"ref: refs/heads/none\n"),
        ("HEAD", b"ref: ../../../etc/passwd\n"),
        ("HEAD", b"ref: refs/heads/../../../../secret\n"),
        ("HEAD", b"ref: refs/h"),
        ("HEAD", b""),
        ("HEAD", b"0123\n"),
        ("HEAD", b"\xff\xfe\n"),
        ("HEAD", b"x" * 5000),
        ("HEAD", None),
        ("refs/heads/main", b"ref: refs/heads/main\n"),
        ("refs/heads/main", b"not an object id\n"),
    ],
)
def test_what_git_would_not_have_written_gives_no_context(
    root: Path, checkout: Path, file: str, content: bytes | None
) -> None:
    path = checkout / ".git" / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert read_git(checkout, root) is None


@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_head_is_not_waited_for(root: Path, checkout: Path) -> None:
    (checkout / ".git/HEAD").unlink()
    os.mkfifo(checkout / ".git/HEAD")
    assert read_git(checkout, root) is None


def test_a_remote_that_is_not_origin_is_not_the_repository(root: Path, checkout: Path, git: Git) -> None:
    git(checkout, "remote", "rename", "origin", "upstream")
    facts = read_git(checkout, root)
    assert facts is not None
    assert facts.repository is None


def test_credentials_in_the_url_of_origin_go_nowhere(root: Path, checkout: Path, git: Git) -> None:
    git(checkout, "remote", "set-url", "origin", "https://ci:sekret@git.example.org:8443/acme/app.git?token=sekret")
    facts = read_git(checkout, root)
    assert facts is not None
    assert facts.repository == "acme/app"
    assert "sekret" not in repr(facts)


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/acme/app.git", "acme/app"),
        ("https://github.com/acme/app", "acme/app"),
        ("https://github.com/acme/app/", "acme/app"),
        ("https://user:pass@github.com/acme/app.git", "acme/app"),
        ("HTTPS://github.com/Acme/App.git", "Acme/App"),
        ("https://gitlab.example.org/group/sub/app.git", "group/sub/app"),
        ("ssh://git@git.example.org:2222/acme/app.git", "acme/app"),
        ("git@github.com:acme/app.git", "acme/app"),
        ("github.com:acme/app", "acme/app"),
        ("git@[2001:db8::1]:acme/app.git", "acme/app"),
        ("git://git.example.org/acme/app.git", "acme/app"),
        ("https://github.com/acme/my%2Dapp.git", "acme/my-app"),
        ("/srv/git/acme/app.git", None),
        ("../app.git", None),
        ("file:///srv/git/acme/app.git", None),
        ("https://github.com/app.git", None),
        ("https://github.com/acme/../app.git", None),
        ("https://github.com/acme/a b.git", None),
        ("https://github.com/" + "a/" * 300 + "b", None),
        ("", None),
    ],
)
def test_a_url_gives_the_path_that_names_the_repository(url: str, repository: str | None) -> None:
    assert repository_of(url) == repository
