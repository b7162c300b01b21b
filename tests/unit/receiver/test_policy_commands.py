"""`policy` by command: what it prints, for people and as JSON, and the one meaning of each exit status."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver import clock
from receiver.cli import main
from receiver.core.licence import PAYLOAD_TYPE
from shared.dsse import pae
from shared.encoding import b64encode, canonical, digest_text, format_time, sha256
from tests.helpers.build import signer
from tests.helpers.receiving import quickstart_in

POLICY = """\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: readiness}
scope: {services: ["checkout-*"], environments: [production]}
mode: shadow
rules:
  - {id: rollback, expect: "rollback.available", otherwise: HOLD}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "readiness.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The directory of a quickstart that is complete."""
    made, _, _ = quickstart_in(tmp_path / "data")
    made.write_config("127.0.0.1", 0, tls=False)
    return made.folder


class Shell:
    """Runs `policy` commands on a directory."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._data = data
        self._capsys = capsys

    def text(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit status, and what came out for people."""
        status = main(["policy", *map(str, words), "--data", str(self._data)])
        shown = self._capsys.readouterr()
        return status, shown.out, shown.err

    def json(self, *words: str | Path, status: int = 0) -> Any:  # noqa: ANN401 - whatever came
        """What came out as JSON."""
        assert main(["policy", *map(str, words), "--data", str(self._data), "--output", "json"]) == status
        shown = self._capsys.readouterr()
        return json.loads(shown.out or shown.err)


@pytest.fixture
def shell(data: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(data, capsys)


def check(capsys: pytest.CaptureFixture[str], file: Path, *words: str) -> tuple[int, str]:
    status = main(["policy", "check", str(file), *words])
    return status, capsys.readouterr().out


# --- check ---


def test_check_says_that_a_policy_is_one_and_needs_no_database(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    status, out = check(capsys, file)
    assert (status, out.splitlines()[0]) == (0, "readiness is a policy of 1 rule, mode shadow")
    status, out = check(capsys, file, "--output", "json")
    assert json.loads(out) == {
        "ok": True,
        "name": "readiness",
        "digest": digest_text(sha256(POLICY.encode())),
        "mode": "shadow",
        "rules": 1,
        "problems": [],
    }


def test_check_says_all_that_is_wrong_with_line_and_column_and_exits_65(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    file.write_text(POLICY.replace("mode: shadow", "mode: strict").replace("rollback.available", "rollback.avail"))
    status, out = check(capsys, file)
    first, second = out.splitlines()
    assert status == 65
    assert first.startswith(f"{file}:5:7: ")
    assert second.startswith(f"{file}:7:29: ")
    status, out = check(capsys, file, "--output", "json")
    said = json.loads(out)
    assert (status, said["ok"]) == (65, False)
    assert [(one["line"], one["column"], one["code"]) for one in said["problems"]] == [
        (5, 7, "invalid_field"),
        (7, 29, "invalid_field"),
    ]


def test_check_of_a_file_that_is_not_there_is_a_mistake_of_set_up(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["policy", "check", str(tmp_path / "nowhere.yaml")]) == 78
    assert "cannot be read: No such file" in capsys.readouterr().err


# --- upload, activate, deactivate ---


def test_a_policy_goes_from_its_file_to_judging_and_back(shell: Shell, file: Path) -> None:
    kept = shell.json("upload", file)
    assert (kept["name"], kept["version"], kept["new"]) == ("readiness", 1, True)
    assert shell.json("upload", file)["new"] is False
    assert [one["activeFrom"] for one in shell.json("list")["items"]] == [None]
    active = shell.json("activate", "readiness")
    assert (active["version"], active["override"], active["new"]) == (1, None, True)
    (listed,) = shell.json("list")["items"]
    assert (listed["name"], listed["mode"], listed["activeFrom"]) == ("readiness", "shadow", active["activeFrom"])
    ended = shell.json("deactivate", "readiness")
    assert (ended["register"], ended["endedAt"] is None) == (active["register"], False)
    assert shell.json("deactivate", "readiness", status=1)["error"]["code"] == "conflict"


def test_an_uploaded_file_that_is_no_policy_says_where(shell: Shell, file: Path) -> None:
    file.write_text(POLICY + "owner: me\n")
    error = shell.json("upload", file, status=65)["error"]
    assert (error["code"], error["detail"][:18]) == ("unknown_field", "line 8, column 1: ")
    assert shell.text("list")[1] == "no policy yet: releases are judged by the baseline\n"


def test_show_gives_the_text_as_it_was_uploaded_and_the_history(shell: Shell, file: Path) -> None:
    shell.json("upload", file)
    file.write_text(POLICY.replace("shadow", "advisory"))
    shell.json("upload", file)
    shell.json("activate", "readiness", "--version", "1")
    assert shell.text("show", "readiness")[1] == POLICY
    shown = shell.json("show", "readiness", "--version", "2")
    assert shown["text"] == file.read_text()
    assert [one["version"] for one in shown["versions"]] == [2, 1]
    assert [(one["version"], one["endedAt"]) for one in shown["activations"]] == [(1, None)]
    assert shell.json("show", "other", status=1)["error"]["code"] == "not_found"


# --- before it enforces ---


def test_what_enforces_is_simulated_first_or_overridden_with_a_reason(shell: Shell, file: Path) -> None:
    file.write_text(POLICY.replace("shadow", "enforce"))
    shell.json("upload", file)
    status, _, err = shell.text("activate", "readiness")
    assert (status, "was not simulated in the last day" in err) == (1, True)
    assert shell.text("activate", "readiness", "--override-simulation")[0] == 2
    assert shell.text("activate", "readiness", "--reason", "why not")[0] == 2
    tried = shell.json("simulate", file, "--since", "30d")
    assert (tried["policy"], tried["version"], tried["releases"], tried["changed"]) == ("readiness", 1, 0, 0)
    assert shell.json("activate", "readiness")["simulatedAt"] == tried["at"]


def test_an_override_is_shown_with_the_activation(shell: Shell, file: Path) -> None:
    file.write_text(POLICY.replace("shadow", "enforce"))
    shell.json("upload", file)
    done = shell.json("activate", "readiness", "--override-simulation", "--reason", "it is new")
    assert (done["override"], done["simulatedAt"]) == ("it is new", None)
    assert shell.json("show", "readiness")["activations"][0]["override"] == "it is new"


def test_simulate_says_in_words_what_it_found_and_keeps_stdout_clean(shell: Shell, file: Path) -> None:
    status, out, err = shell.text("simulate", file)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "readiness version 1, mode shadow"
    assert "0 decisions change" in out
    assert shell.text("simulate", file, "--since", "1 month")[0] == 2


# --- the licence ---


def test_when_the_licence_has_ended_a_new_policy_is_refused_and_a_new_version_is_not(
    shell: Shell, data: Path, file: Path, tmp_path: Path
) -> None:
    shell.json("upload", file)
    vendor, until = signer(9), format_time(clock.utcnow() - timedelta(days=40))
    payload = canonical({"licensee": "Acme", "plan": "team", "expiresAt": until})
    signature = {"keyid": vendor.public.key_id, "sig": b64encode(vendor.sign(pae(payload, PAYLOAD_TYPE)))}
    envelope = {"payload": b64encode(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    (tmp_path / "licence").write_text(json.dumps(envelope))
    with (data / "receiver.toml").open("a") as config:
        config.write(f'licence_file = "{tmp_path / "licence"}"\nlicence_key = "{b64encode(vendor.public.spki)}"\n')
    file.write_text(POLICY.replace("shadow", "advisory"))
    assert shell.json("upload", file)["version"] == 2
    file.write_text(POLICY.replace("readiness", "another").replace("checkout", "cart"))
    assert "licence has expired" in shell.json("upload", file, status=1)["error"]["detail"]
