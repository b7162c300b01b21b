"""S14: somebody who may write into the folder swaps what stands there, as fast as the machine can, while it is read.

As root, the attacker is another user than the reader, who alone may read the canary. Otherwise they are the same user,
and hard links are left out: who may make one to a file of his own could as well copy it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.beneath import FOLDER, open_stepwise
from collector.gitfiles import read_git
from collector.opening import RootSpec, find_context_file, look_at, reading
from collector.scan import scan
from shared.errors import CarnetError, Code

SECONDS = 8.0
LONGEST = 2.0
CANARY = b"CANARYCANARY" * 100
NOBODY = 65_534
GOOD = b"<testsuite/>" * 100

ATTACKER = """
import os, sys
canary, outside, other_user = sys.argv[1:]
if other_user:
    # Here and not before: the other user may not be allowed to start this interpreter.
    os.setgroups([])
    os.setgid(int(other_user))
    os.setuid(int(other_user))

def swap(make, path):
    new = path + ".new"
    try:
        make(new)
        os.rename(new, path)
    except OSError:
        # A folder cannot be renamed over a file, nor a file over a folder.
        for remove in (os.unlink, os.rmdir):
            try:
                remove(path)
                os.rename(new, path)
            except OSError:
                pass

def good(path):
    with open(path, "wb") as file:
        file.write(b"<testsuite/>" * 100)

def sparse(path):
    with open(path, "wb") as file:
        file.truncate(1 << 40)

def grown(path):
    with open(path, "wb", buffering=0) as file:
        for _ in range(100):
            file.write(b"<testsuite/>")

makers = [
    good,
    lambda path: os.symlink(canary, path),
    lambda path: os.symlink("../canary", path),
    good,
    lambda path: os.mkfifo(path),
    sparse,
    lambda path: os.mkdir(path),
    lambda path: os.symlink("/dev/zero", path),
    grown,
]
if other_user:
    makers.append(lambda path: os.link("../canary", path))
print("ready", flush=True)
while True:
    for make in makers:
        swap(make, "report.xml")
        swap(make, "carnet-context.json")
        # The folder above a file, swapped for a link to one outside that holds the same names.
        try:
            os.rename("sub", "real")
            os.symlink(outside, "sub")
            os.unlink("sub")
            os.rename("real", "sub")
        except OSError:
            pass
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    (root / "sub/report.xml").write_bytes(GOOD)
    (outside / ".git/refs/heads").mkdir(parents=True)
    (outside / ".git/HEAD").write_text("ref: refs/heads/canary\n")
    (outside / ".git/refs/heads/canary").write_text("c" * 40 + "\n")
    (outside / "report.xml").write_bytes(CANARY)
    (tmp_path / "canary").write_bytes(CANARY)
    (tmp_path / "canary").chmod(0o600)
    return root


@pytest.fixture
def attacker(root: Path, tmp_path: Path) -> Iterator[None]:
    other = NOBODY if os.geteuid() == 0 else None
    if other is not None:
        tmp_path.chmod(0o755)
        for path in (root, root / "sub", root / "sub/report.xml"):
            os.chown(path, other, other)
    command = [sys.executable, "-I", "-c", ATTACKER, str(tmp_path / "canary"), str(tmp_path / "outside")]
    command.append(str(other) if other is not None else "")
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        assert process.poll() is None, "the attacker gave up"
        process.kill()


def attempt(spec: RootSpec, path: str, seen: Counter[str]) -> None:
    """Look, read and hash once, as the daemon would; count what came of it."""
    try:
        found = look_at(spec, path)
        if found is None:
            seen["gone"] += 1
            return
        with reading(spec, path, expected=found.look, max_bytes=1 << 20) as content:
            data = b"".join(content.chunks())
            content.finish()
        with reading(spec, path, expected=None, max_bytes=1 << 20) as content:
            head = content.head
            content.finish()
    except CarnetError as error:
        seen[error.code] += 1
        return
    assert b"CANARY" not in data
    assert b"CANARY" not in head
    seen["read"] += 1


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("attacker")
@pytest.mark.parametrize("follow", [False, True])
def test_s14_nothing_outside_of_the_root_is_read_and_nothing_waits(root: Path, *, follow: bool) -> None:
    spec = RootSpec(name="root", path=root, follow_symlinks_inside=follow)
    seen: Counter[str] = Counter()
    longest = 0.0
    end = time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        start = time.monotonic()
        attempt(spec, "report.xml", seen)
        attempt(spec, "sub/report.xml", seen)
        context = find_context_file(spec, "sub/report.xml")
        assert context is None or context.error is not None
        assert read_git(root / "sub", root) is None
        assert {path.split("/")[0] for path, _ in scan(spec)} <= {"report.xml", "sub", "real", "report.xml.new"} | {
            "carnet-context.json.new"
        }
        longest = max(longest, time.monotonic() - start)
    assert longest < LONGEST
    assert seen["read"] > 0
    assert seen[Code.OUTSIDE_ROOT] > 0
    assert seen[Code.NOT_REGULAR] > 0
    assert seen[Code.TOO_LARGE] > 0


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("attacker")
def test_s14_without_openat2_no_link_is_followed_either(root: Path, tmp_path: Path) -> None:
    outside = {(tmp_path / name).stat().st_ino for name in ("canary", "outside/report.xml")}
    base = os.open(root, FOLDER)
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + SECONDS / 4
    try:
        while time.monotonic() < end:
            for path in ("sub/report.xml", "report.xml"):
                try:
                    fd = open_stepwise(base, path, os.O_RDONLY | os.O_NONBLOCK)
                except OSError:
                    outcomes["refused"] += 1
                    continue
                assert os.fstat(fd).st_ino not in outside
                outcomes["opened"] += 1
                os.close(fd)
    finally:
        os.close(base)
    assert outcomes["opened"] > 0
    assert outcomes["refused"] > 0
