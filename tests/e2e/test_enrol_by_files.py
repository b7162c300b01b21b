"""Enrolment across an air gap: files are carried both ways, then the collector captures without a network and ships."""

import json
import os
import pty
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.cli import main
from tests.helpers import reports
from tests.helpers.collecting import collector, configured, once
from tests.helpers.receiving import Receiver, serving

NOT_BELIEVED, LATER, CONFIG, USAGE = 77, 75, 78, 2


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "receiver") as running:
        running.data.write_config("127.0.0.1", 0, tls=False)
        yield running


def admin(receiver: Receiver, *words: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Run one of the receiver's commands; gives exit status and what it printed."""
    status = main([*map(str, words), "--data", str(receiver.data.folder), "--output", "json"])
    shown = capsys.readouterr()
    return status, json.loads(shown.out) if shown.out else shown.err


async def asked(host: Path, invitation: Path, root: str, out: Path) -> dict[str, Any]:
    (host / "inbox").mkdir(parents=True, exist_ok=True)
    status, told = await collector(
        "enrol", "--state-dir", host / "state", "--receiver-key", root, "--invitation", invitation, "--request", out
    )
    assert status == 0, told
    return told


async def test_a_collector_that_was_enrolled_by_files_captures_without_a_network_and_ships_when_there_is_one(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    medium, host, root = tmp_path / "medium", tmp_path / "host", receiver.names.root_key
    status, made = admin(
        receiver, "collectors", "invite", "far-01", "far/02", "--offline", medium, "--repository", "acme/*",
        capsys=capsys,
    )  # fmt: skip
    assert status == 0
    files = [Path(one["file"]) for one in made["items"]]
    assert [one.name for one in files] == ["far-01.invitation.json", "far_02.invitation.json"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in files)
    assert "ce_once_" not in json.dumps(made)

    first = await asked(host, files[0], root, medium / "far-01.request.json")
    second = await asked(tmp_path / "host2", files[1], root, medium / "far-02.request.json")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        config = configured(host, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        status, told = await collector("status", "--config", config)
        assert "not enrolled" in told["wrong"][1]
        assert (told["enrolmentRequests"][0]["keyId"], "--response" in told["wrong"][2]) == (first["keyId"], True)
        (host / "inbox" / "junit.xml").write_bytes(reports.junit(3))
        assert (await collector("once", "--config", config))[0] == CONFIG

        assert admin(receiver, "collectors", "confirm", medium, capsys=capsys)[0] == USAGE
        status, done = admin(receiver, "collectors", "confirm", medium, "--yes", capsys=capsys)
        assert status == 0
        assert {one["keyId"] for one in done["items"]} == {first["keyId"], second["keyId"]}
        assert {one["name"]: one["limits"]["repositories"] for one in done["items"]} == {
            "far-01": ["acme/*"], "far/02": ["acme/*"],
        }  # fmt: skip

        responses = {one["name"]: Path(one["response"]) for one in done["items"]}
        status, told = await collector("enrol", "--state-dir", host / "state", "--response", responses["far/02"])
        assert status == NOT_BELIEVED
        status, told = await collector("enrol", "--state-dir", host / "state", "--response", responses["far-01"])
        assert (status, told["rootKey"]) == (0, root)
        status, told = await once(config)
        assert (status, told["status"]["spool"]["pending"]) == (LATER, 1)

    config = configured(host, receiver.url)
    status, told = await once(config)
    assert (status, told["delivered"]) == (0, 1)
    (item,) = (await receiver.get("/api/v1/attestations", receiver.secrets.api_key)).json["items"]
    assert item["status"] == "accepted"


async def test_bad_requests_are_shown_beside_good_ones_and_the_exit_says_so(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    medium = tmp_path / "medium"
    _, made = admin(receiver, "collectors", "invite", "far-01", "--offline", medium, capsys=capsys)
    request = medium / "far-01.request.json"
    await asked(tmp_path / "host", Path(made["items"][0]["file"]), receiver.names.root_key, request)
    (medium / "bent.request.json").write_bytes(request.read_bytes()[:-1])
    os.mkfifo(medium / "pipe.request.json")
    assert admin(receiver, "collectors", "confirm", medium / "pipe.request.json", capsys=capsys)[0] == CONFIG
    status, done = admin(receiver, "collectors", "confirm", medium, "--yes", capsys=capsys)
    assert status == NOT_BELIEVED
    assert [(Path(one["source"]).name, one["status"]) for one in done["items"]] == [
        ("bent.request.json", "refused"), ("far-01.request.json", "active"),
    ]  # fmt: skip
    assert done["items"][0]["problem"]["code"] == "malformed_envelope"
    assert admin(receiver, "collectors", "confirm", request, done["items"][1]["keyId"], capsys=capsys)[0] == 0


async def test_a_person_at_a_terminal_sees_the_table_and_is_asked_once(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = tmp_path / "medium"
    _, made = admin(receiver, "collectors", "invite", "far-01", "--offline", medium, capsys=capsys)
    request = medium / "far-01.request.json"
    told = await asked(tmp_path / "host", Path(made["items"][0]["file"]), receiver.names.root_key, request)
    for answer, expected in ((b"n\n", 1), (b"y\n", 0)):
        mine, theirs = pty.openpty()
        os.write(mine, answer)
        with os.fdopen(theirs) as terminal, monkeypatch.context() as at_terminal:
            at_terminal.setattr(sys, "stdin", terminal)
            status = main(["collectors", "confirm", str(request), "--data", str(receiver.data.folder)])
        os.close(mine)
        shown = capsys.readouterr()
        assert status == expected
        assert told["keyId"] in shown.err
        assert shown.err.count("Take in 1 of 1?") == 1
        assert ("is active" in shown.out) == (medium / "far-01.response.json").exists() == (expected == 0)


def test_what_is_carried_is_never_approved_beforehand_nor_for_any_host(tmp_path: Path) -> None:
    for words in (["a", "--approve"], ["*"], []):
        status = main(["collectors", "invite", *words, "--offline", str(tmp_path / "out"), "--data", str(tmp_path)])
        assert (status, (tmp_path / "out").exists()) == (USAGE, False)


async def test_a_list_of_names_is_read_and_an_invitation_never_overwritten(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a\n\n b/c \nb c\n")
    words = ("collectors", "invite", "--names-file", names, "--offline", tmp_path / "out")
    _, made = admin(receiver, *words, capsys=capsys)
    assert [(one["name"], Path(one["file"]).name) for one in made["items"]] == [
        ("a", "a.invitation.json"), ("b/c", "b_c.invitation.json"), ("b c", "b_c-2.invitation.json"),
    ]  # fmt: skip
    assert admin(receiver, *words, capsys=capsys)[0] == CONFIG
