"""The collector's commands as people type them: usage, configuration, status, the spool, one pass for cron."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from collector.commands.program import program
from tests.helpers import programs, reports
from tests.helpers.rig import Rig, eventually, rig

USAGE, CONFIG, LATER, BAD, STATE = 2, 78, 75, 65, 1


def _all(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _all(below, (*words, name))


COMMANDS = dict(_all(program))
LEAVES = [words for words, command in COMMANDS.items() if not isinstance(command, click.Group)]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the installed program to its end."""
    return subprocess.run(
        [programs.command("carnet-collector"), *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(words: tuple[str, ...]) -> None:
    for option in ("--help", "-h") if not words else ("--help",):
        done = CliRunner().invoke(program, [*words, option])
        assert done.exit_code == 0
        assert "Usage:" in done.output
        assert COMMANDS[words].help is not None


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_wrong_usage_is_2_whatever_the_command(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(program, [*words, "--no-such-option"]).exit_code == USAGE


@pytest.mark.parametrize("words", [words for words in LEAVES if words != ("run",)], ids=" ".join)
def test_every_command_but_the_daemon_takes_output_json(words: tuple[str, ...]) -> None:
    assert "--output" in {option for one in COMMANDS[words].params for option in one.opts}


def test_wrong_usage_of_the_installed_program_is_2() -> None:
    assert run("no-such-command").returncode == USAGE
    assert _main("preview") == USAGE
    assert _main("enrol", "--url", "http://127.0.0.1:1") == USAGE


# --- configuration ---


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return _write(tmp_path)


def _write(folder: Path, *, url: str = "http://127.0.0.1:9", root: str = "", extra: str = "", roots: str = "") -> Path:
    path = folder / "collector.toml"
    path.write_text(
        f"""state_dir = "{folder}/state"
{extra}
[receiver]
url = "{url}"
[[roots]]
name = "ci"
path = "{folder}/inbox"
{root}
{roots}
"""
    )
    return path


WRONG: list[tuple[dict[str, str], Sequence[str]]] = [
    ({"extra": "colour = 1"}, ["colour", "not known"]),
    ({"root": 'disclosure = "everything"'}, ["roots.0.disclosure", "everything", "verdict", "summary"]),
    ({"root": "max_links = 0"}, ["roots.0.max_links", "0", "greater than or equal to 1"]),
    ({"extra": "[watch]\nscan_seconds = -1"}, ["watch.scan_seconds", "-1", "greater than 0"]),
    ({"extra": "[ship]\nmax_entries = 101"}, ["ship.max_entries", "101", "100"]),
    ({"extra": '[ship]\nmax_entries = "many"'}, ["ship.max_entries", "many", "integer"]),
    ({"url": "http://receiver.example.com"}, ["http://receiver.example.com", "https"]),
    ({"url": "ftp://127.0.0.1"}, ["ftp://127.0.0.1", "https"]),
    ({"root": 'include = ["/absolute"]'}, ["/absolute", "relative"]),
    ({"root": 'include = ["a**b"]'}, ["a**b", "**"]),
    ({"roots": '[[roots]]\nname = "ci"\npath = "/tmp"'}, ["roots", "one name"]),
    ({"roots": '[[roots]]\nname = "other"\npath = "relative"'}, ["roots.1.path", "relative", "absolute"]),
    ({"roots": '[[roots]]\nname = "other"\npath = "/no/such/folder"'}, ["roots.other.path", "/no/such/folder", "make"]),
    ({"extra": "= nonsense"}, ["not TOML"]),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=[" ".join(change.values()) for change, _ in WRONG])
def test_a_wrong_configuration_is_78_with_the_key_the_value_and_what_would_be_right(
    config: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], told: Sequence[str]
) -> None:
    _write(config.parent, **change)
    assert _main("config", "check", "--config", str(config)) == CONFIG
    said = capsys.readouterr().err
    assert [word for word in told if word not in said] == []
    assert "do:" in said
    assert not (config.parent / "state").exists()


def test_a_state_directory_that_a_root_reaches_by_a_link_is_refused(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "state").mkdir()
    (config.parent / "linked").symlink_to(config.parent)
    _write(config.parent, roots=f'[[roots]]\nname = "other"\npath = "{config.parent}/linked"')
    assert _main("config", "check", "--config", str(config)) == CONFIG
    assert "inside of the root other" in capsys.readouterr().err


def test_config_show_and_check_print_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main("config", "check", "--config", str(config), "--output", "json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True}
    assert _main("config", "show", "--config", str(config), "--output", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ship"]["max_entries"] == 100
    assert shown["key_file"] == str(config.parent / "state" / "key.pem")
    assert _main("config", "show", "--config", str(config)) == 0
    assert "ship.max_entries = 100" in capsys.readouterr().out


def _main(*words: str) -> int:
    """The program in this process: what its console script calls, up to its exit."""
    before = sys.argv
    sys.argv = ["carnet-collector", *words]
    try:
        from collector.cli import main  # noqa: PLC0415 - as the console script does

        main()
    except SystemExit as end:
        return int(str(end.code or 0))
    finally:
        sys.argv = before


# --- before there is an enrolment ---


def test_not_enrolled_run_is_78_files_stay_and_status_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, report = config.parent / "state", config.parent / "inbox" / "a.xml"
    state.mkdir(mode=0o700)
    report.write_bytes(reports.junit(1))
    before = report.stat()
    assert _main("keygen", "--state-dir", str(state)) == 0
    for words in (["run"], ["once"]):
        done = run(*words, "--config", str(config))
        assert done.returncode == CONFIG
        assert "not enrolled" in done.stderr
        assert f"carnet-collector enrol --config {config} --token-file FILE" in done.stderr
    assert (report.stat().st_mtime_ns, report.read_bytes()) == (before.st_mtime_ns, reports.junit(1))
    assert sorted(path.name for path in state.iterdir()) == ["key.pem"]
    capsys.readouterr()
    assert _main("status", "--config", str(config), "--output", "json") == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["running"], status["healthy"]) == (False, False)
    assert any("not enrolled" in one for one in status["wrong"])


def test_keygen_never_overwrites(tmp_path: Path) -> None:
    assert _main("keygen", "--key-file", str(tmp_path / "key.pem")) == 0
    before = (tmp_path / "key.pem").read_bytes()
    assert _main("keygen", "--key-file", str(tmp_path / "key.pem")) == CONFIG
    assert (tmp_path / "key.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["aiohttp", "structlog", "tenacity"])
def test_a_missing_extra_is_named_and_exits_78(name: str) -> None:
    blocked = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, wanted, path=None, target=None):\n"
        f"        if wanted.partition('.')[0] == {name!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {wanted!r}', name=wanted)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from collector.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == CONFIG
    assert name in done.stderr
    assert "carnet[collector]" in done.stderr


# --- preview ---


def preview(*words: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = CliRunner().invoke(program, ["preview", *map(str, words), "--output", "json"])
    return done.exit_code, [json.loads(line) for line in done.output.splitlines()]


def test_preview_shows_the_payload_that_would_leave_and_what_was_cut(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(reports.JUNIT_RED)
    status, (shown,) = preview(tmp_path / "a.xml")
    assert status == 0
    assert set(shown) == {"path", "format", "claim", "cut", "statement"}
    assert set(shown["claim"]) == {"type", "name", "basis", "passed", "evidence"}
    assert (shown["path"], shown["format"], shown["claim"]["passed"]) == (str(tmp_path / "a.xml"), "junit-xml", False)
    assert {"field": "evidence.suites", "why": "leaves at a higher level only"} in shown["cut"]
    predicate = shown["statement"]["predicate"]
    unknown = ("audience", "keyId", "salt", "collector", "stream", "observationId", "observedAt")
    assert {name: predicate[name] for name in unknown} == dict.fromkeys(unknown)
    assert predicate["claim"] == shown["claim"]
    assert reports.CANARY not in json.dumps(shown)


def test_preview_at_summary_shows_more(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(reports.JUNIT_RED)
    _, (shown,) = preview(tmp_path / "a.xml", "--level", "summary")
    assert shown["claim"]["evidence"]["failedTests"] != []


def test_preview_of_what_cannot_be_read_is_65_with_code_detail_and_hint(tmp_path: Path) -> None:
    (tmp_path / "broken.xml").write_bytes(reports.junit(1)[:-20])
    (tmp_path / "notes.txt").write_text("hello")
    status, shown = preview(tmp_path / "broken.xml", tmp_path / "notes.txt")
    assert status == BAD
    assert [set(one) for one in shown] == [{"path", "error"}] * 2
    assert [set(one["error"]) for one in shown] == [{"code", "detail", "hint"}] * 2
    assert [one["error"]["code"] for one in shown] == ["truncated", "unknown_format"]


def test_preview_prints_no_byte_that_could_steer_a_terminal(tmp_path: Path) -> None:
    hostile = tmp_path / "\x1b]0;owned\x07\x9b2J.xml"
    hostile.write_bytes(reports.junit(1))
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.xml"))
    strange.write_bytes(reports.junit(2))
    for path in (hostile, strange):
        done = CliRunner().invoke(program, ["preview", str(path)])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert all(char.isprintable() or char == "\n" for char in done.output)
        assert json.loads(CliRunner().invoke(program, ["preview", str(path), "--output", "json"]).output)


# --- beside a running daemon, and after it ---


def test_status_and_spool_beside_a_running_daemon_and_after_it(tmp_path: Path) -> None:
    with rig(tmp_path, ship={"heartbeat_seconds": 0.5}) as one:
        one.start_collector()  # nobody serves: everything waits
        for number in range(3):
            one.drop(f"{number}.xml", reports.junit(number))
        (one.inbox / "\x1b[31m.xml").write_bytes(reports.junit(3)[:-20])
        eventually("four wait", lambda: one.pending() == 4)
        running = one.ask("status")
        assert (running["running"], running["spool"]["pending"], running["receiver"]["answers"]) == (True, 4, False)
        assert [row["reason"] for row in running["setAside"]] == ["truncated"]
        text = run("status", "--config", str(one.config))
        assert text.returncode == 0
        assert "4 pending" in text.stdout
        assert "\x1b" not in text.stdout
        assert (one.state / "status.sock").stat().st_mode & 0o777 == 0o600
        _second_daemon_is_refused(one)
        _spool_is_looked_at_and_decided_on(one)
        assert one.stop_collector() == 0
        resting = one.ask("status")
        assert (resting["running"], resting["healthy"], resting["spool"]["pending"]) == (False, False, 3)
        assert [row["reason"] for row in resting["setAside"]] == ["truncated"]
        _once_is_75_until_it_is_delivered(one)


def _second_daemon_is_refused(one: Rig) -> None:
    second = run("run", "--config", str(one.config))
    assert second.returncode == STATE
    assert "error:" in second.stderr
    assert one.status()["healthy"] is False  # the first one still answers


def _spool_is_looked_at_and_decided_on(one: Rig) -> None:
    rows = one.ask("spool", "list")
    assert [(row["sequence"], row["state"], row["root"]) for row in rows] == [(n, "pending", "inbox") for n in range(4)]
    assert [row["sequence"] for row in one.ask("spool", "list", "--after", "1", "--limit", "1")] == [2]
    shown = one.ask("spool", "show", "0")
    assert json.loads(shown["envelope"])["payloadType"] == "application/vnd.in-toto+json"
    assert one.ask("spool", "drop", "1", "--reason", "a mistake", "--yes") == {"dropped": 1}
    assert [row["reason"] for row in one.ask("spool", "list", "--state", "dropped")] == ["a mistake"]
    assert one.ask("spool", "retry", "--all") == {"putBack": 0}
    assert one.ask("spool", "show", "99", exits=STATE) is None
    assert one.ask("spool", "retry", "0", exits=STATE) is None
    assert one.ask("spool", "drop", "1", "--reason", "again", "--yes", exits=STATE) is None
    assert one.ask("spool", "retry", exits=USAGE) is None
    assert one.ask("spool", "drop", "0", exits=USAGE) is None


def _once_is_75_until_it_is_delivered(one: Rig) -> None:
    one.drop("4.xml", reports.junit(4))
    waits = one.ask("once", exits=LATER)
    assert (waits["done"], waits["delivered"], waits["status"]["spool"]["pending"]) == (False, 0, 4)
    one.start_receiver()
    delivered = one.ask("once")
    assert (delivered["done"], delivered["delivered"], delivered["status"]["spool"]["pending"]) == (True, 4, 0)
    assert one.ask("once")["delivered"] == 0
    # The one that was dropped is the only hole, and the receiver knows of it.
    assert [row["stream"]["sequence"] for row in one.attestations()] == [0, 2, 3, 4]


def test_a_root_that_goes_away_is_told_and_the_daemon_lives(tmp_path: Path) -> None:
    with rig(tmp_path) as one:
        one.start_receiver()
        one.start_collector()
        one.drop("a.xml", reports.junit(1))
        eventually("delivered", lambda: one.count() == 1)
        one.inbox.rename(one.folder / "away")
        eventually("the status says so", lambda: any("root inbox" in why for why in one.status()["wrong"]))
        assert len(one.spooled()) == 1
        (one.folder / "away").rename(one.inbox)
        one.drop("b.xml", reports.junit(2))
        eventually("it goes on", lambda: one.count() == 2)
        eventually("and is well", lambda: one.status()["healthy"])


def test_health_on_an_address_is_200_or_503(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with rig(tmp_path, health={"listen": f"127.0.0.1:{port}"}) as one:
        one.start_collector()

        def health() -> int:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as ask:
                ask.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return int(ask.makefile("rb").readline().split()[1])

        eventually("it is not well while nobody answers", lambda: health() == 503)
        one.start_receiver()
        eventually("and is well once somebody does", lambda: health() == 200)


def test_the_public_half_of_a_key_that_is_there_can_be_shown_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main("keygen", "--state-dir", str(tmp_path / "s"), "--output", "json") == 0
    made = json.loads(capsys.readouterr().out)
    assert _main("keygen", "--show", "--state-dir", str(tmp_path / "s"), "--output", "json") == 0
    assert json.loads(capsys.readouterr().out) == made
    assert _main("keygen", "--show", "--state-dir", str(tmp_path / "none")) == CONFIG
    assert not (tmp_path / "none").exists()
