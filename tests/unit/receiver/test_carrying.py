"""What is carried on a medium was written by somebody else: no link is followed, no name steers, none hides another."""

import json
from pathlib import Path

import pytest

from receiver.cli import main
from receiver.commands import carrying
from receiver.commands.options import show
from shared.errors import ConfigError
from tests.helpers.receiving import quickstart_in

ONE, OTHER = "sha256:" + "1a" * 32, "sha256:" + "2b" * 32
MALFORMED = 65


def test_a_response_is_never_written_through_a_link_that_lies_on_the_medium(tmp_path: Path) -> None:
    treasure = tmp_path / "master.key"
    treasure.write_text("secret")
    path = tmp_path / "far-01.response.json"
    for planted in (tmp_path / f".{path.name}.new", path):
        planted.symlink_to(treasure)
        carrying.write_response(path, b"{}")
        assert (treasure.read_text(), path.read_bytes(), path.is_symlink()) == ("secret", b"{}", False)
        path.unlink()


def test_a_request_that_is_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "far-01.request.json"
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError):
        carrying.requests([path])


def test_no_two_requests_are_answered_in_one_file(tmp_path: Path) -> None:
    named = (("request.json", ONE), ("a.request.json", ONE), ("a.json", OTHER), ("b.request.json", OTHER))
    beside = [carrying.response_path(tmp_path / name, key, None) for name, key in named]
    inside = [
        carrying.response_path(Path(medium) / "r.json", key, tmp_path) for medium, key in (("1", ONE), ("2", OTHER))
    ]
    assert len(set(beside)) == len(named)
    assert len(set(inside)) == 2
    assert carrying.response_path(tmp_path / "a.request.json", ONE, None).name == "a.response.json"


def test_what_is_printed_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    show({}, "x\x1b[2J\x1b]0;pwn\x07.request.json\nnext", "text")
    assert main(["collectors", "confirm", f"{tmp_path}/x\x1b[2J.json", "--data", str(tmp_path)]) != 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "x\\x1b[2J" in said.out
    assert said.out.endswith("\nnext\n")


@pytest.mark.parametrize("glob", ["", "acme/\x07", "x" * 1000])
def test_a_glob_that_is_none_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], glob: str) -> None:
    data, _, _ = quickstart_in(tmp_path / "data")
    data.write_config("127.0.0.1", 0, tls=False)
    assert main(["collectors", "invite", "far-01", "--repository", glob, "--data", str(data.folder)]) == MALFORMED
    assert "repositories" in capsys.readouterr().err


def test_whoever_makes_a_file_for_a_host_is_told_the_root_that_it_must_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, names, _ = quickstart_in(tmp_path / "data")
    data.write_config("127.0.0.1", 0, tls=False)
    words = ["collectors", "invite", "far-01", "--data", str(data.folder), "--offline", str(tmp_path / "out")]
    assert main([*words, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rootKeyId"] == names.root_key
