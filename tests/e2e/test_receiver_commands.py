"""The other commands of `carnet-receiver`: what they print, and the one meaning of each exit status."""

import json
import os
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.cli import main
from receiver.config import ReceiverConfig, load_config
from receiver.core.sealing import MASTER_KEY_BYTES
from shared.errors import ConfigError
from shared.keyfile import write_secret
from tests.helpers.receiving import Receiver, Sender, quickstart_in, serving


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose database is not there yet."""
    write_secret(tmp_path / "master.key", bytes(range(MASTER_KEY_BYTES)))
    path = tmp_path / "receiver.toml"
    path.write_text(
        f'database_url = "sqlite:///{tmp_path / "receiver.db"}"\nmaster_key_file = "{tmp_path / "master.key"}"\n'
    )
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The directory of a quickstart that is complete."""
    made, _, _ = quickstart_in(tmp_path / "data")
    made.write_config("127.0.0.1", 0, tls=False)
    return made.folder


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        running.data.write_config("127.0.0.1", 0, tls=False)
        yield running


def run(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run a command; gives exit status, stdout, stderr."""
    status = main([str(one) for one in arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_serve_without_a_database_says_what_to_run(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run("serve", "--config", config, capsys=capsys)
    assert (status, out) == (1, "")
    assert "hint: run carnet-receiver migrate" in err


def test_migrate_makes_the_database_once_and_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("migrate", "--config", config, "--output", "json", capsys=capsys)
    first = json.loads(out)
    assert (status, first["before"]) == (0, None)
    status, out, _ = run("migrate", "--config", config, "--output", "json", capsys=capsys)
    assert (status, json.loads(out)) == (0, {"before": first["after"], "after": first["after"]})
    status, out, _ = run("migrate", "--config", config, capsys=capsys)
    assert (status, "already" in out) == (0, True)


def test_wrong_usage_is_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["serve"], ["serve", "--config", config, "--data", config], ["unknown"], ["fsck", "--what"]):
        assert run(*words, capsys=capsys)[0] == 2


def test_no_command_at_all_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys=capsys)
    assert status in (0, 2)
    assert "quickstart" in out + err


def test_an_error_is_json_where_json_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run("fsck", "--config", tmp_path / "none.toml", "--output", "json", capsys=capsys)
    assert status == 78
    assert json.loads(err)["error"]["code"] == "invalid_field"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("port = 99999", ["port = 99999", "65535"]),
        ('colour = "red"', ["colour: no such key"]),
        ("header_seconds = 0", ["header_seconds = 0", "greater than 0"]),
        ('host = "0.0.0.0"', ["host '0.0.0.0'", "tls_certificate_file", "behind_tls_proxy"]),
        ('tls_key_file = "x"', ["tls_certificate_file and tls_key_file"]),
        ("port = ", ["is not TOML"]),
    ],
)
def test_config_check_names_the_key_the_value_and_what_would_be_right(
    config: Path, capsys: pytest.CaptureFixture[str], line: str, words: list[str]
) -> None:
    config.write_text(config.read_text() + line + "\n")
    status, _, err = run("config", "check", "--config", config, capsys=capsys)
    assert status == 78
    for word in words:
        assert word in err


def test_a_missing_key_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "receiver.toml").write_text("port = 1\n")
    status, _, err = run("config", "check", "--config", tmp_path / "receiver.toml", capsys=capsys)
    assert status == 78
    assert "database_url: is needed" in err
    assert "master_key_file: is needed" in err


def test_config_show_gives_every_key_as_it_is_in_force(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("config", "show", "--config", config, "--output", "json", capsys=capsys)
    assert status == 0
    assert json.loads(out).keys() == ReceiverConfig.model_fields.keys()
    status, out, _ = run("config", "show", "--config", config, capsys=capsys)
    assert "port = 8750  # the port to listen on" in out


def test_the_environment_overrides_a_key_and_a_misspelt_one_is_refused(config: Path) -> None:
    assert load_config(config, {"CARNET_RECEIVER_PORT": "9000", "PATH": "x"}).port == 9000
    with pytest.raises(ConfigError, match="prot: no such key"):
        load_config(config, {"CARNET_RECEIVER_PROT": "9000"})


def test_every_key_of_the_configuration_says_what_it_is_for() -> None:
    assert [name for name, field in ReceiverConfig.model_fields.items() if not field.description] == []


async def test_fsck_is_0_where_everything_is_as_it_was_signed(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = await Sender(receiver).join()
    await sender.deliver(sender.capture(5))
    status, out, _ = run("fsck", "--data", receiver.data.folder, capsys=capsys)
    assert (status, "nothing found" in out) == (0, True)
    status, out, _ = run("fsck", "--data", receiver.data.folder, "--output", "json", capsys=capsys)
    assert (status, json.loads(out)) == (0, {"findings": []})


async def test_fsck_is_65_and_names_the_entry_where_one_bit_was_flipped(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = await Sender(receiver).join()
    entries = sender.capture(3)
    await sender.deliver(entries)
    connection = sqlite3.connect(receiver.data.database)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    ((n, payload),) = connection.execute("SELECT n, payload FROM envelopes ORDER BY n LIMIT 1").fetchall()
    flipped = bytearray(payload)
    flipped[100] ^= 1
    connection.execute("UPDATE envelopes SET payload = ? WHERE n = ?", (bytes(flipped), n))
    connection.commit()
    connection.close()
    status, out, _ = run("fsck", "--data", receiver.data.folder, "--output", "json", capsys=capsys)
    assert status == 65
    assert any(entries[0].id.hex() in one["where"] for one in json.loads(out)["findings"])
    status, out, _ = run("fsck", "--data", receiver.data.folder, capsys=capsys)
    assert status == 65
    assert entries[0].id.hex() in out


async def test_a_pending_collector_is_listed_and_confirmed_by_its_fingerprint(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = receiver.data.folder
    status, out, _ = run("collectors", "invite", "ci-08", "--data", folder, "--output", "json", capsys=capsys)
    assert status == 0
    token = json.loads(out)["items"][0]["token"]
    sender = Sender(receiver)
    assert (await sender.enrol(token, "ci-08")).status == 202
    status, out, _ = run("collectors", "list", "--data", folder, capsys=capsys)
    assert status == 0
    assert "ci-08" in out
    assert "pending" in out
    assert sender.key.public.key_id in out
    fingerprint = sender.key.public.key_id
    status, out, _ = run("collectors", "confirm", fingerprint, "--data", folder, "--output", "json", capsys=capsys)
    assert status == 0
    (item,) = json.loads(out)["items"]
    assert (item["id"], item["status"], item["keyId"], item["problem"]) == (sender.id, "active", fingerprint, None)
    assert (await sender.enrol(token, "ci-08")).status == 201
    assert (await sender.access()).status == 201
    status, _, err = run("collectors", "confirm", fingerprint, "--data", folder, capsys=capsys)
    assert (status, "waits to be confirmed" in err) == (1, True)


def test_invite_makes_one_token_for_each_name(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(
        "collectors", "invite", "a", "b", "--approve", "--repository", "acme/*", "--data", data, capsys=capsys
    )
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["a", "b"]
    assert out.count("ce_once_") == 2


def test_serve_as_a_process_says_where_and_logs_nothing_secret(data: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "receiver.cli", "serve", "--data", str(data), "--output", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    process.terminate()
    _, err = process.communicate(timeout=15)
    assert url.startswith("http://127.0.0.1:")
    assert (process.returncode, err) == (0, "")


def test_without_the_extra_the_command_names_it_and_exits_78(tmp_path: Path) -> None:
    """What an installation without extras looks like: only the base dependencies can be imported."""
    base = ["click", "pydantic", "pydantic_core", "nacl", "annotated_types", "typing_extensions", "typing_inspection"]
    base += ["cffi", "pycparser", "_cffi_backend"]
    site = Path(sysconfig.get_path("purelib"))
    for found in site.iterdir():
        if found.name.split(".")[0] in base:
            (tmp_path / found.name).symlink_to(found)
    checkout = Path(__file__).resolve().parents[2]
    for package in ("receiver", "shared"):
        (tmp_path / package).symlink_to(checkout / package)
    done = subprocess.run(
        [sys.executable, "-S", "-m", "receiver.cli", "quickstart", "--data", str(tmp_path / "d")],
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 78, done.stderr
    assert "pip install 'carnet[receiver]'" in done.stderr
