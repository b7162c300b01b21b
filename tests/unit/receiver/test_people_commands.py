"""`users` and the keys of a workspace by command: passwords shown once or never, a root that is read and not kept."""

import io
import json
import os
from pathlib import Path

import pytest

from receiver import clock, people
from receiver.cli import main
from receiver.commands.embedded import ADMIN_EMAIL, Embedded
from receiver.core.accounts import Role
from receiver.store.engine import Store
from shared.encoding import JsonObject
from shared.errors import UntrustedError

ALICE = "alice@acme.example"


@pytest.fixture
def data(tmp_path: Path) -> Embedded:
    folder = Embedded(tmp_path / "data")
    folder.make(clock.utcnow(), os.urandom)
    folder.write_config("127.0.0.1", 0, tls=False)
    return folder


def run(capsys: pytest.CaptureFixture[str], data: Embedded, *words: str) -> tuple[int, JsonObject]:
    status = main([*words, "--data", str(data.folder), "--output", "json"])
    out = capsys.readouterr().out
    return status, json.loads(out) if out else {}


def signs_in(data: Embedded, email: str, password: str) -> bool:
    store = Store.open(data.database_url)
    try:
        people.sign_in(store, data.names().workspace, email, password, clock.utcnow(), Role.APPROVER)
    except UntrustedError:
        return False
    finally:
        store.close()
    return True


def test_a_password_is_made_and_shown_once(capsys: pytest.CaptureFixture[str], data: Embedded) -> None:
    status, made = run(capsys, data, "users", "add", ALICE, "--role", "approver")
    assert (status, made["email"], made["role"]) == (0, ALICE, "approver")
    assert signs_in(data, ALICE, str(made["password"]))
    status, listed = run(capsys, data, "users", "list")
    assert str(made["password"]) not in json.dumps(listed)
    assert [one["email"] for one in listed["items"]] == [ADMIN_EMAIL, ALICE]  # type: ignore[index,call-overload,union-attr]


@pytest.mark.parametrize("source", ["file", "-"])
def test_a_password_from_a_file_is_never_shown(
    capsys: pytest.CaptureFixture[str], data: Embedded, monkeypatch: pytest.MonkeyPatch, source: str, tmp_path: Path
) -> None:
    secret = "from a password store"
    file = tmp_path / "password"
    file.write_text(f"{secret}\nsecond line\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))
    words = ("--password-file", str(file) if source == "file" else "-")
    status, made = run(capsys, data, "users", "add", ALICE, "--role", "admin", *words)
    assert (status, "password" in made) == (0, False)
    assert signs_in(data, ALICE, secret)


def test_an_account_ends_and_the_last_admin_does_not(capsys: pytest.CaptureFixture[str], data: Embedded) -> None:
    _, made = run(capsys, data, "users", "add", ALICE, "--role", "approver")
    assert run(capsys, data, "users", "disable", ADMIN_EMAIL)[0] == 1
    assert run(capsys, data, "users", "role", ALICE, "--role", "admin")[0] == 0
    assert run(capsys, data, "users", "disable", ADMIN_EMAIL)[0] == 0
    status, fresh = run(capsys, data, "users", "password", ALICE)
    assert status == 0
    assert not signs_in(data, ALICE, str(made["password"]))
    assert signs_in(data, ALICE, str(fresh["password"]))
    assert run(capsys, data, "users", "password", "bob@acme.example")[0] == 1
    assert run(capsys, data, "users", "add", "no address", "--role", "viewer")[0] == 65


def test_keys_of_a_workspace_turn_over_by_command(
    capsys: pytest.CaptureFixture[str], data: Embedded, tmp_path: Path
) -> None:
    root, fresh = str(data.root_key), tmp_path / "next.key"
    _, first = run(capsys, data, "workspaces", "keyring")
    status, second = run(capsys, data, "workspaces", "rotate-keys", "--root-key", root, "--role", "receipt")
    assert (status, first["version"], second["version"]) == (0, 1, 2)
    assert len(second["keys"]) == len(first["keys"]) + 1  # type: ignore[arg-type]
    status, third = run(capsys, data, "workspaces", "rotate-root", "--root-key", root, "--new-root-key", str(fresh))
    assert (status, third["version"], third["rootKey"] == first["rootKey"]) == (0, 3, False)
    assert fresh.stat().st_mode & 0o777 == 0o600
    assert run(capsys, data, "workspaces", "rotate-keys", "--root-key", root)[0] == 77
    assert run(capsys, data, "workspaces", "rotate-keys", "--root-key", str(fresh))[1]["version"] == 4
    assert main(["fsck", "--data", str(data.folder)]) == 0
