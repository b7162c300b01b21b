"""Opening what lies in a watched folder: what is read, and what is refused and with which word."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from pathlib import Path

import pytest

from collector.beneath import FOLDER, open_beneath, open_stepwise
from collector.opening import (
    Hashed,
    RootSpec,
    find_context_file,
    look_at,
    reading,
    to_look,
)
from collector.readiness import Look
from shared.errors import Code, ConfigError, MalformedError, StateError, TryLaterError

LIMIT = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a.xml").write_bytes(b"<a/>")
    (tmp_path / "secret.xml").write_bytes(b"<secret/>")
    return folder


@pytest.fixture
def root(folder: Path) -> RootSpec:
    return RootSpec(name="root", path=folder)


def read_whole(root: RootSpec, path: str, expected: Look | None = None) -> tuple[bytes, Hashed]:
    with reading(root, path, expected=expected, max_bytes=LIMIT) as content:
        return b"".join(content.chunks()), content.finish()


def code_of(root: RootSpec, path: str) -> Code:
    with pytest.raises(MalformedError) as caught:
        read_whole(root, path)
    assert caught.value.hint
    return caught.value.code


def test_a_file_is_read_whole_with_its_size_and_digest(root: RootSpec) -> None:
    data, hashed = read_whole(root, "sub/a.xml")
    assert data == b"<a/>"
    assert (hashed.size, hashed.sha256) == (4, hashlib.sha256(b"<a/>").digest())
    found = look_at(root, "sub/a.xml")
    assert found is not None
    assert hashed.look == found.look


def test_what_nobody_asks_for_is_hashed_all_the_same(root: RootSpec, folder: Path) -> None:
    data = os.urandom((3 << 20) + 5)
    (folder / "a.whl").write_bytes(data)
    whole = Hashed(len(data), hashlib.sha256(data).digest(), to_look((folder / "a.whl").stat()))
    with reading(root, "a.whl", expected=None, max_bytes=4 << 20) as content:
        assert content.head == data[: 64 << 10]
        assert content.finish() == whole
    with reading(root, "a.whl", expected=None, max_bytes=4 << 20) as content:
        assert data.startswith(next(content.chunks()))
        assert content.finish() == whole


def test_a_file_can_be_read_again_from_its_first_byte_and_is_then_hashed_anew(root: RootSpec, folder: Path) -> None:
    data = os.urandom(3 << 20)
    (folder / "a.whl").write_bytes(data)
    with reading(root, "a.whl", expected=None, max_bytes=4 << 20) as content:
        first = content.chunks()
        next(first)
        next(first)
        assert b"".join(content.chunks()) == data
        assert content.finish().sha256 == hashlib.sha256(data).digest()


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_shrinks_or_grows_while_it_is_read_is_not_believed(
    root: RootSpec, folder: Path, change: int
) -> None:
    path = folder / "a.whl"
    path.write_bytes(bytes(3 << 20))
    with reading(root, "a.whl", expected=None, max_bytes=4 << 20) as content:
        before = path.stat()
        chunks = content.chunks()
        next(chunks)
        os.truncate(path, (3 << 20) + change)
        with pytest.raises(MalformedError) as caught:
            list(chunks)
        assert caught.value.code is Code.CHANGED_WHILE_READ
        # Not even if it looks as before when all is over.
        os.truncate(path, 3 << 20)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(MalformedError) as caught:
            content.finish()
        assert caught.value.code is Code.CHANGED_WHILE_READ


def test_a_file_that_is_replaced_while_it_is_read_is_not_believed(root: RootSpec, folder: Path) -> None:
    with reading(root, "sub/a.xml", expected=None, max_bytes=LIMIT) as content:
        assert b"".join(content.chunks()) == b"<a/>"
        (folder / "new").write_bytes(b"<a/>")
        (folder / "new").rename(folder / "sub/a.xml")
        with pytest.raises(MalformedError) as caught:
            content.finish()
    assert caught.value.code is Code.CHANGED_WHILE_READ


def test_a_folder_a_pipe_and_a_socket_are_not_regular_files(root: RootSpec, folder: Path) -> None:
    os.mkfifo(folder / "pipe.xml")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "sock.xml"))
        assert code_of(root, "sub") is Code.NOT_REGULAR
        assert code_of(root, "pipe.xml") is Code.NOT_REGULAR
        assert code_of(root, "sock.xml") is Code.NOT_REGULAR


@pytest.mark.root
def test_a_device_is_not_a_regular_file(root: RootSpec, folder: Path) -> None:
    try:
        os.mknod(folder / "null.xml", 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this container may not make devices")
    assert code_of(root, "null.xml") is Code.NOT_REGULAR


@pytest.mark.parametrize(
    "target", ["../secret.xml", "sub/a.xml", "/etc/passwd", "/proc/self/fd/0", "missing.xml", "link.xml"]
)
def test_a_link_is_refused_wherever_it_leads(root: RootSpec, folder: Path, target: str) -> None:
    (folder / "link.xml").symlink_to(target)
    assert code_of(root, "link.xml") is Code.OUTSIDE_ROOT
    with pytest.raises(MalformedError) as caught:
        look_at(root, "link.xml")
    assert caught.value.code is Code.OUTSIDE_ROOT


def test_a_folder_that_is_a_link_is_not_walked_through(root: RootSpec, folder: Path) -> None:
    (folder / "linked").symlink_to("sub")
    assert code_of(root, "linked/a.xml") is Code.OUTSIDE_ROOT


@pytest.mark.parametrize("path", ["../secret.xml", "sub/../../secret.xml", "/etc/passwd"])
def test_a_path_that_leads_out_of_the_root_is_refused(root: RootSpec, path: str) -> None:
    assert code_of(root, path) is Code.OUTSIDE_ROOT


def test_where_links_are_allowed_those_that_stay_inside_are_followed_and_no_others(
    folder: Path, tmp_path: Path
) -> None:
    root = RootSpec(name="root", path=folder, follow_symlinks_inside=True)
    (folder / "good.xml").symlink_to("sub/a.xml")
    (folder / "bad.xml").symlink_to("../secret.xml")
    (folder / "far.xml").symlink_to(tmp_path / "secret.xml")
    (folder / "round.xml").symlink_to("round.xml")
    assert read_whole(root, "good.xml")[0] == b"<a/>"
    for path in ("bad.xml", "far.xml", "round.xml"):
        assert code_of(root, path) is Code.OUTSIDE_ROOT


def test_a_file_with_more_links_than_allowed_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "hard.xml").hardlink_to(tmp_path / "secret.xml")
    assert code_of(RootSpec(name="root", path=folder), "hard.xml") is Code.NOT_REGULAR
    two = RootSpec(name="root", path=folder, max_links=2)
    assert read_whole(two, "hard.xml")[1].size == 9


def test_a_file_above_the_limit_is_refused_before_it_is_read(root: RootSpec, folder: Path) -> None:
    with (folder / "sparse.xml").open("wb") as file:
        file.truncate(1 << 40)
    assert code_of(root, "sparse.xml") is Code.TOO_LARGE


def test_a_file_that_is_not_the_one_that_was_looked_at_has_changed(root: RootSpec, folder: Path) -> None:
    found = look_at(root, "sub/a.xml")
    assert found is not None
    (folder / "sub/a.xml").write_bytes(b"<b/>")
    with pytest.raises(MalformedError) as caught:
        read_whole(root, "sub/a.xml", found.look)
    assert caught.value.code is Code.CHANGED_WHILE_READ
    (folder / "sub/a.xml").unlink()
    with pytest.raises(MalformedError) as caught:
        read_whole(root, "sub/a.xml", found.look)
    assert caught.value.code is Code.CHANGED_WHILE_READ


def test_a_file_that_is_not_there_is_no_fault_of_its_bytes(root: RootSpec) -> None:
    assert look_at(root, "none.xml") is None
    assert look_at(root, "sub/a.xml/none.xml") is None
    assert look_at(root, "n" * 300) is None
    with pytest.raises(StateError):
        read_whole(root, "none.xml")
    with pytest.raises(StateError):
        read_whole(root, "sub/a.xml\0.png")


def test_a_file_that_may_not_be_read_now_is_tried_again_later(root: RootSpec, folder: Path) -> None:
    (folder / "sub/a.xml").chmod(0)
    if os.access(folder / "sub/a.xml", os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(TryLaterError) as caught:
        read_whole(root, "sub/a.xml")
    assert caught.value.hint


def test_the_marker_counts_only_if_it_is_not_older_than_the_file(root: RootSpec, folder: Path) -> None:
    def done() -> bool:
        found = look_at(root, "sub/a.xml")
        assert found is not None
        return found.done

    assert not done()
    (folder / "sub/a.xml.done").touch()
    assert done()
    moment = (folder / "sub/a.xml.done").stat().st_mtime_ns
    os.utime(folder / "sub/a.xml", ns=(moment + 1, moment + 1))
    assert not done()
    (folder / "sub/a.xml.done").unlink()
    (folder / "sub/a.xml.done").symlink_to("a.xml")
    assert not done()


@pytest.mark.parametrize("path", ["sub/a.xml", "sub"])
def test_without_openat2_a_path_is_walked_name_by_name(folder: Path, path: str) -> None:
    base = os.open(folder, FOLDER)
    try:
        ours = open_stepwise(base, path, os.O_PATH)
        kernel = open_beneath(base, path, os.O_PATH, follow_links=False)
        assert os.fstat(ours).st_ino == os.fstat(kernel).st_ino
        os.close(ours)
        os.close(kernel)
    finally:
        os.close(base)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("../secret.xml", errno.EXDEV),
        ("/etc/passwd", errno.EXDEV),
        ("sub/../sub/a.xml", errno.EXDEV),
        ("sub//a.xml", errno.EXDEV),
        ("linked/a.xml", errno.ELOOP),
        ("link.xml", errno.ELOOP),
        ("sub/a.xml/b", errno.ENOTDIR),
        ("none/a.xml", errno.ENOENT),
    ],
)
def test_the_walk_name_by_name_refuses_what_the_kernel_would_refuse(folder: Path, path: str, number: int) -> None:
    (folder / "linked").symlink_to("sub")
    (folder / "link.xml").symlink_to("sub/a.xml")
    before = len(list(Path("/proc/self/fd").iterdir()))
    base = os.open(folder, FOLDER)
    try:
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            open_stepwise(base, path, os.O_RDONLY)
    finally:
        os.close(base)
    assert caught.value.errno == number
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_nearest_context_file_up_to_the_root_counts(root: RootSpec, folder: Path) -> None:
    assert find_context_file(root, "sub/a.xml") is None
    (folder.parent / "carnet-context.json").write_text('{"carnet": "context/v1", "run": "above"}')
    assert find_context_file(root, "sub/a.xml") is None
    (folder / "carnet-context.json").write_text('{"carnet": "context/v1", "run": "root"}')
    found = find_context_file(root, "sub/a.xml")
    assert found is not None
    assert (found.values.run, found.folder) == ("root", "")
    (folder / "sub/carnet-context.json").write_text('{"carnet": "context/v1", "run": "beside"}')
    found = find_context_file(root, "sub/a.xml")
    assert found is not None
    assert (found.values.run, found.folder) == ("beside", "sub")


@pytest.mark.parametrize("content", [b"{", b"x" * (65 << 10), b'{"carnet": "context/v1", "secret": "s3"}'])
def test_a_context_file_that_cannot_be_read_is_handed_on_with_the_reason(
    root: RootSpec, folder: Path, content: bytes
) -> None:
    (folder / "carnet-context.json").write_text('{"carnet": "context/v1", "run": "root"}')
    (folder / "sub/carnet-context.json").write_bytes(content)
    found = find_context_file(root, "sub/a.xml")
    assert found is not None
    assert found.error is not None
    assert found.folder == "sub"
    assert found.values.to_wire() == {}


def test_a_root_with_a_pattern_that_cannot_be_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError):
        RootSpec(name="root", path=folder, include=("/abs",))
