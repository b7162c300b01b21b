"""The licence: checked offline, and never in the way of anything but a new user, policy or collector."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver import clock, licensing
from receiver.commands.all import GROUP
from receiver.core.accounts import Role
from receiver.core.licence import PAYLOAD_TYPE, Licensed, Status, licensed
from receiver.core.tokens import Scope
from receiver.licence_file import LicenceFile
from shared.dsse import pae
from shared.encoding import JsonObject, b64encode, compact, format_time
from shared.errors import ConfigError, StateError
from shared.keys import Ed25519Signer
from tests.helpers.receiving import Receiver, quickstart_in, serving
from tests.helpers.signed_in import signed_in

NOW = datetime(2026, 3, 2, tzinfo=UTC)
VENDOR, OTHER = Ed25519Signer(b"\x01" * 32), Ed25519Signer(b"\x02" * 32)
HERE = "sha256:" + "a" * 64
STATUS = "/releasepassport/v1/license/status"


def signed(until: datetime = NOW + timedelta(days=1), signer: Ed25519Signer = VENDOR, **changes: object) -> bytes:
    """A licence as the vendor writes it."""
    fields = {
        "licensee": "Acme",
        "plan": "team",
        "expiresAt": format_time(until),
        "entitlements": {"collectors": 50, "airGap": True, "support": "gold"},
        **changes,
    }
    payload = json.dumps(fields).encode()
    envelope: JsonObject = {
        "payload": b64encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": signer.public.key_id, "sig": b64encode(signer.sign(pae(payload, PAYLOAD_TYPE)))}],
    }
    return compact(envelope)


def stands(content: bytes | None, now: datetime = NOW) -> Licensed:
    return licensed(content, VENDOR.public, HERE, now)


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        (timedelta(seconds=-1), Status.ACTIVE),
        (timedelta(0), Status.GRACE),
        (timedelta(days=30, seconds=-1), Status.GRACE),
        (timedelta(days=30), Status.EXPIRED),
    ],
)
def test_a_licence_is_good_until_it_ends_and_then_for_its_time_of_grace(ended: timedelta, status: Status) -> None:
    found = stands(signed(NOW - ended))
    assert (found.status, found.problem) == (status, None)
    assert found.licence is not None
    assert (found.licence.plan, found.licence.entitlements["collectors"]) == ("team", 50)


def test_no_licence_is_missing_and_so_is_one_that_there_is_no_key_to_check_by() -> None:
    assert stands(None) == Licensed(Status.MISSING)
    assert licensed(signed(), None, HERE, NOW) == Licensed(Status.MISSING)


def test_what_the_vendor_did_not_sign_for_this_installation_is_invalid() -> None:
    good = signed()
    forged = json.loads(good)
    forged["payload"] = b64encode(b'{"licensee":"Acme","plan":"all","expiresAt":"2999-01-01T00:00:00Z"}')
    bad = {
        "another key": signed(signer=OTHER),
        "another content": json.dumps(forged).encode(),
        "another installation": signed(installation="sha256:" + "b" * 64),
        "no plan": signed(plan=None),
        "garbage": b"garbage",
        "empty": b"",
        "no object": b"[]",
        "another type": good.replace(b"carnet.licence", b"carnet.license"),
        "no signature": json.dumps(json.loads(good) | {"signatures": []}).encode(),
        "broken base64": good.replace(b'"sig":"', b'"sig":"*'),
        "too large": good + b" " * 70_000,
    }
    for what, content in bad.items():
        found = stands(content)
        assert (found.status, found.licence) == (Status.INVALID, None), what
        assert found.problem, what
    assert stands(signed(installation=HERE)).status is Status.ACTIVE


@pytest.mark.parametrize("status", list(Status))
def test_only_after_the_time_of_grace_something_new_is_refused(status: Status) -> None:
    if status is Status.EXPIRED:
        with pytest.raises(StateError, match="no new users"):
            Licensed(status).allow_new("users")
    else:
        Licensed(status).allow_new("users")


def test_a_licence_that_is_not_good_takes_no_good_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "licence"
    file = LicenceFile(path, VENDOR.public)
    assert file.stands(HERE, NOW).status is Status.MISSING
    file.install(signed(), HERE, NOW)
    for bad in (signed(signer=OTHER), b"garbage"):
        with pytest.raises(ConfigError, match="no good licence"):
            file.install(bad, HERE, NOW)
    assert path.read_bytes() == signed()
    assert file.stands(HERE, NOW).status is Status.ACTIVE
    assert [one.name for one in tmp_path.iterdir()] == ["licence"]
    with pytest.raises(ConfigError, match="licence_file"):
        LicenceFile(None, None).install(signed(), HERE, NOW)


@pytest.fixture
async def expired(tmp_path: Path) -> AsyncIterator[Receiver]:
    """A receiver whose licence ended long ago."""
    licence = tmp_path / "licence"
    licence.write_bytes(signed(clock.utcnow() - timedelta(days=40)))
    async with serving(tmp_path / "data", licence=(licence, b64encode(VENDOR.public.spki))) as running:
        yield running


async def test_a_receiver_whose_licence_has_ended_decides_and_takes_evidence_and_invites_nobody(
    expired: Receiver,
) -> None:
    reader = expired.token(Scope.READ)
    shown = (await expired.get(STATUS, reader)).json
    assert (shown["status"], shown["plan"], shown["usage"]["users"]) == ("expired", "team", 1)
    with expired.store() as store:
        assert shown["installIdHash"] == licensing.installation(store)
    everything = expired.token(*Scope)
    refused = await expired.post("/api/v1/collectors/invitations", b'{"names": ["ci-08"]}', everything)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "licence" in refused.json["detail"]
    posted: JsonObject = {"repositoryFullName": "acme/x", "type": "TAG", "name": "v1", "passed": True}
    assert (await expired.post("/api/v1/attestations", compact(posted), everything)).status == 201
    asked: JsonObject = {
        "mode": "enforce",
        "service": {"name": "checkout-api", "environment": "production"},
        "artifact": {"digest": "d" * 64},
    }
    decided = await expired.post("/releasepassport/v1/gate/evaluate", compact(asked), everything)
    assert (decided.status, decided.json["decision"]) == (200, "HOLD")
    admin = signed_in(expired, "anna", Role.ADMIN)
    assert (await expired.get(STATUS, headers=admin.headers)).json == shown | {"usage": shown["usage"] | {"users": 2}}


def test_the_command_installs_shows_and_refuses_new_users(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, JsonObject]:
        done = CliRunner().invoke(GROUP, [*words, "--output", "json"], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        found: JsonObject = json.loads(done.stdout)
        return done.exit_code, found

    data, *_ = quickstart_in(tmp_path / "data")
    config, given = tmp_path / "receiver.toml", tmp_path / "given"
    config.write_text(
        f'database_url = "{data.database_url}"\nmaster_key_file = "{data.master_key}"\n'
        f'licence_file = "{tmp_path / "licence"}"\nlicence_key = "{b64encode(VENDOR.public.spki)}"\n'
    )
    where = ("--config", str(config))
    assert run("licence", "show", *where)[1]["status"] == "missing"
    given.write_bytes(signed(clock.utcnow() + timedelta(days=1)))
    assert run("licence", "install", str(given), *where)[1]["status"] == "active"
    run("users", "add", "bert@acme.example", "--role", "viewer", *where)
    given.write_bytes(signed(clock.utcnow() - timedelta(days=40)))
    assert run("licence", "install", str(given), *where)[1]["status"] == "expired"
    with pytest.raises(StateError, match="licence"):
        run("users", "add", "carl@acme.example", "--role", "viewer", *where)
    with pytest.raises(StateError, match="licence"):
        run("collectors", "invite", "ci-08", *where)
    named = run("users", "identities", "bert@acme.example", "Bert-On-Git", *where)[1]
    assert named["identities"] == ["bert-on-git"]
