"""A collector whose key is in a token: enrolled, shipping, turned over, and no private key on the disk."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.helpers import reports, tokens
from tests.helpers.collecting import collector, configured, once
from tests.helpers.receiving import Receiver, serving
from tests.helpers.tokens import needs_softhsm

pytestmark = needs_softhsm


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "receiver") as running:
        yield running


async def test_a_key_in_a_token_enrols_signs_and_is_turned_over_like_a_file(receiver: Receiver, tmp_path: Path) -> None:
    host, invitation = tmp_path / "host", tmp_path / "invitation"
    (host / "inbox").mkdir(parents=True)
    invitation.write_text(receiver.secrets.enrol_token)
    config = configured(host, receiver.url, tokens.token().toml("e2e"))
    words = ("--config", config, "--token-file", invitation, "--name", "ci-07")
    status, told = await collector("enrol", *words, "--receiver-key", receiver.names.root_key)
    assert status == 0, told
    first = told["keyId"]
    status, shown = await collector("keygen", "--config", config, "--show")
    assert (status, shown["keyId"], shown["path"].startswith("e2e in the token")) == (0, first, True)

    (host / "inbox" / "a.xml").write_bytes(reports.junit(1))
    status, turned = await collector("rotate-key", "--config", config)
    assert (status, turned["oldKeyId"]) == (0, first)
    status, told = await once(config)
    assert (status, told["delivered"], told["status"]["keyId"]) == (0, 1, turned["newKeyId"])

    status, told = await collector("status", "--config", config)
    assert (told["keyId"], told["keyKnownToReceiver"]) == (turned["newKeyId"], True)
    await without_a_login(host, receiver.url, turned["newKeyId"])
    status, shown = await collector("keygen", "--config", config, "--show")
    assert (status, shown["keyId"]) == (0, turned["newKeyId"]), "the old key is destroyed, the new one has the label"
    (item,) = (await receiver.get("/api/v1/attestations", receiver.secrets.api_key)).json["items"]
    assert item["status"] == "accepted"
    assert [path.name for path in (host / "state").iterdir() if path.suffix == ".pem"] == []
    kept = b"".join(path.read_bytes() for path in (host / "state").iterdir() if path.is_file())
    assert b"PRIVATE KEY" not in kept


async def without_a_login(host: Path, url: str, key_id: str) -> None:
    """`status` at rest opens no token: each login with a wrong PIN would be one step to a locked token."""
    configured(host, url, tokens.token().toml("e2e").replace(str(tokens.token().pin_file), "/no/such/pin"))
    _, told = await collector("status", "--config", host / "collector.toml")
    assert told["keyId"] == key_id
    configured(host, url, tokens.token().toml("e2e"))


async def test_a_pin_comes_from_a_file_or_a_systemd_credential_and_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, credentials = tmp_path / "host", tmp_path / "credentials"
    (host / "inbox").mkdir(parents=True)
    credentials.mkdir()
    toml = "".join(line for line in tokens.token().toml("pin").splitlines(keepends=True) if "pin_file" not in line)
    config = configured(host, "http://127.0.0.1:9", toml)
    status, told = await collector("keygen", "--config", config)
    assert (status, "pkcs11-pin" in told["error"]) == (78, True)
    (credentials / "pkcs11-pin").write_text(f"{tokens.PIN}\n")
    (credentials / "pkcs11-pin").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert (await collector("keygen", "--config", config))[0] == 0
    status, told = await collector("keygen", "--config", config)
    assert (status, "already" in told["error"]) == (78, True)
    status, told = await collector("config", "show", "--config", config)
    assert (status, tokens.PIN in json.dumps(told["keys"])) == (0, False)


async def test_a_file_and_a_token_at_once_or_a_passphrase_for_a_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    config = configured(tmp_path, "http://127.0.0.1:9", tokens.token().toml())
    config.write_text(f'key_file = "{tmp_path / "key.pem"}"\n' + config.read_text())
    status, told = await collector("config", "check", "--config", config)
    assert (status, "leave key_file" in told["error"]) == (78, True)
    for words in (["keygen", "--passphrase-file", "x"], ["enrol", "--state-dir", "x", "--token-file", "y"]):
        assert (await collector(*words, "--config", config))[0] == 2
