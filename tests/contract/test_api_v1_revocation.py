"""Revoking and releasing over HTTP and by command: the same words for collectors, keys and tokens."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver import access, clock, people
from receiver.cli import main
from receiver.core.accounts import Role
from receiver.core.tokens import Kind, Scope, parse_token
from shared.encoding import format_time
from tests.helpers.databases import Databases
from tests.helpers.everyroute import BODIES, all_rows
from tests.helpers.receiving import UNLIMITED, Answer, Receiver, Sender, serving

LOST: dict[str, Any] = {"kind": "lost", "reason": "the host is gone"}
STOLEN: dict[str, Any] = {"kind": "compromised", "since": None, "reason": "its disk was copied"}


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data", databases=databases) as running:
        running.data.write_config("127.0.0.1", 0, tls=False)
        yield running


def admin(receiver: Receiver, label: str) -> str:
    with receiver.store() as store:
        return access.issue(
            store,
            receiver.names.workspace,
            Kind.API_KEY,
            (Scope.ADMIN,),
            label,
            clock.utcnow(),
            os.urandom,
            limit_per_minute=UNLIMITED,
        ).token


async def post(receiver: Receiver, path: str, fields: dict[str, Any], token: str) -> Answer:
    return await receiver.post(f"/api/v1/{path}", json.dumps(fields).encode(), token)


async def status_of(receiver: Receiver, attestation_id: str, token: str) -> tuple[str, str | None]:
    answer = (await receiver.get(f"/api/v1/attestations/{attestation_id}", token)).json
    return answer["status"], answer["code"]


async def test_a_collector_is_revoked_and_its_evidence_held_until_two_release_it(receiver: Receiver) -> None:
    alice, bob = admin(receiver, "alice"), admin(receiver, "bob")
    sender = await Sender(receiver).join()
    stored = await sender.deliver(sender.capture(3))
    ids = [one["attestationId"] for one in stored.json["results"]]
    before = all_rows(receiver)
    would = await post(receiver, f"collectors/{sender.id}/revoke", {**STOLEN, "dryRun": True}, alice)
    assert all_rows(receiver) == before
    done = await post(receiver, f"collectors/{sender.id}/revoke", STOLEN, alice)
    assert (would.status, done.status) == (200, 200)
    told = done.json
    assert (told["untrusted"], told["staysGood"]) == ({"items": ids, "total": 3}, 0)
    assert (told["keys"], told["tokens"], told["since"]) == ([sender.key.public.key_id], 1, None)
    changed = {"dryRun": False, "revocation": told["revocation"], "revokedAt": told["revokedAt"]}
    assert would.json | changed == told
    again = await post(receiver, f"collectors/{sender.id}/revoke", STOLEN, alice)
    assert again.json["revocation"] == told["revocation"]
    assert (await sender.deliver(sender.capture(1), "batch_2")).status == 401
    assert [await status_of(receiver, one, alice) for one in ids] == [("held", "key_revoked")] * 3
    held = (await receiver.get("/api/v1/held?limit=2", alice)).json
    rest = (await receiver.get(f"/api/v1/held?limit=2&cursor={held['nextCursor']}", alice)).json
    assert [one["id"] for one in held["items"] + rest["items"]] == ids[::-1]
    assert rest["nextCursor"] is None
    release = {"attestations": ids[:1], "reason": "the reports were compared"}
    for token in (alice, alice, admin(receiver, "alice")):
        first = await post(receiver, "held/release", release, token)
        assert (first.status, first.json["status"], first.json["needed"]) == (202, "waiting", 1)
    second = await post(receiver, "held/release", release, bob)
    assert (second.status, second.json["status"], len(second.json["by"])) == (200, "released", 2)
    assert await status_of(receiver, ids[0], alice) == ("accepted", None)
    shown = (await receiver.get(f"/api/v1/attestations/{ids[0]}", alice)).json
    assert shown["releasedBy"] == second.json["release"]
    back = {"revocation": told["revocation"], "reason": "the copy was our own"}
    assert [(await post(receiver, "held/release", back, one)).status for one in (bob, alice)] == [202, 200]
    assert [await status_of(receiver, one, alice) for one in ids] == [("accepted", None)] * 3
    assert (await sender.access()).status == 201


async def test_a_keys_and_a_tokens_impact_is_what_their_revocation_does(receiver: Receiver) -> None:
    alice, stolen = admin(receiver, "alice"), receiver.token(Scope.ATTESTATIONS_WRITE)
    sender = await Sender(receiver).join()
    await sender.deliver(sender.capture(2))
    assert (await post(receiver, "attestations", BODIES["AttestationRequest"], stolen)).status == 201
    since = format_time(clock.utcnow())
    own = parse_token(stolen).token_id
    for path, always, later in ((f"keys/{sender.key.public.key_id}", 2, 0), (f"tokens/{own}", 1, 0)):
        impact = (await receiver.get(f"/api/v1/{path}/impact?since={since}", alice)).json
        assert (impact["untrusted"]["total"], impact["staysGood"]) == (later, always)
        done = (await post(receiver, f"{path}/revoke", STOLEN, alice)).json
        assert (done["untrusted"]["total"], done["staysGood"]) == (always, 0)
        narrower = (await receiver.get(f"/api/v1/{path}/impact", alice)).json
        assert (narrower["revocation"], narrower["untrusted"]) == (done["revocation"], done["untrusted"])
    held = (await receiver.get("/api/v1/held", alice)).json["items"]
    assert [one["saidBy"]["kind"] for one in held] == ["token", "collector", "collector"]
    assert (await receiver.get("/api/v1/attestations", stolen)).status == 401


async def test_what_cannot_be_asked_for_is_told_by_its_field(receiver: Receiver) -> None:
    alice = admin(receiver, "alice")
    sender = await Sender(receiver).join()
    stored = await sender.deliver(sender.capture(1))
    good = stored.json["results"][0]["attestationId"]
    before = all_rows(receiver)
    for path in (f"collectors/{sender.id}", f"keys/{sender.key.public.key_id}"):
        for fields, field in (
            ({"reason": "x"}, "kind"),
            ({"kind": "stolen", "reason": "x"}, "kind"),
            ({"kind": "lost"}, "reason"),
            ({"kind": "compromised", "reason": "x"}, "since"),
            ({**STOLEN, "since": "yesterday"}, "since"),
        ):
            answer = await post(receiver, f"{path}/revoke", fields, alice)
            assert (answer.status, answer.json["errors"][0]["field"]) == (422, field), fields
        assert (await post(receiver, f"{path}/revoke", {**LOST, "since": "2026-01-01T00:00:00Z"}, alice)).status == 422
    for path in ("collectors/col_other", f"keys/sha256:{'a' * 64}", "keys/x", "tokens/tok_other"):
        assert (await post(receiver, f"{path}/revoke", LOST, alice)).status == 404, path
    releases: tuple[tuple[dict[str, Any], int], ...] = (
        ({"attestations": [good], "reason": "x"}, 409),
        ({"attestations": ["sha256:" + "a" * 64], "reason": "x"}, 404),
        ({"revocation": 99, "reason": "x"}, 404),
        ({"reason": "x"}, 422),
        ({"attestations": [good], "revocation": 1, "reason": "x"}, 422),
        ({"attestations": ["x"], "reason": "x"}, 422),
    )
    for fields, status in releases:
        assert (await post(receiver, "held/release", fields, alice)).status == status, fields
    assert all_rows(receiver) == before


# --- commands ---


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    status = main([str(one) for one in words] + ["--output", "json"])
    out = capsys.readouterr().out
    return status, json.loads(out) if out else {}


async def test_the_operator_revokes_and_two_people_release_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path / "data") as receiver:
        receiver.data.write_config("127.0.0.1", 0, tls=False)
        sender = await Sender(receiver).join()
        stored = await sender.deliver(sender.capture(2))
        ids = [one["attestationId"] for one in stored.json["results"]]
        where = ("--data", receiver.data.folder)
        files: list[str | Path] = []
        with receiver.store() as store:
            for name in ("alice", "bob"):
                password = tmp_path / name
                password.write_text(f"correct horse battery {name}\n")
                email, words = f"{name}@acme.example", password.read_text().strip()
                people.add(store, receiver.names.workspace, email, Role.APPROVER, words, clock.utcnow())
                files += ["--password-file", password]
        revoke = ("collectors", "revoke", sender.id, "--kind", "compromised", "--reason", "copied", *where)
        assert run(capsys, *revoke)[0] == 2  # since when?
        status, would = run(capsys, *revoke, "--always", "--dry-run")
        assert (status, would["untrusted"]["total"], would["revocation"]) == (0, 2, None)
        status, done = run(capsys, *revoke, "--always")
        assert (status, done["untrusted"]["total"]) == (0, 2)
        assert main([*(str(one) for one in revoke), "--always"]) == 0
        assert "held from now: 2 attestations; go on to count: 0" in capsys.readouterr().out
        key = ("keys", "revoke", sender.key.public.key_id, "--kind", "lost", "--reason", "gone", *where)
        assert run(capsys, *key)[1]["revocation"] == done["revocation"]
        status, held = run(capsys, "held", "list", *where)
        assert (status, [one["id"] for one in held["items"]]) == (0, ids[::-1])
        both = ("--by", "alice@acme.example", "bob@acme.example", *files)
        release = ("held", "release", ids[0], "--reason", "compared", *where)
        alone = ("--by", "alice@acme.example", "alice@acme.example", *files[:2], *files[:2])
        assert run(capsys, *release, *alone)[0] == 77
        status, released = run(capsys, *release, *both)
        assert (status, released["by"]) == (0, ["alice@acme.example", "bob@acme.example"])
        back = ("held", "release", "--revocation", str(done["revocation"]), "--reason", "found", *where)
        assert run(capsys, *back, *both)[0] == 0
        assert run(capsys, "held", "list", *where)[1] == {"items": []}
        assert (await sender.access()).status == 201
        assert run(capsys, "fsck", *where) == (0, {"findings": []})


# --- once ---


async def once(receiver: Receiver, path: str, fields: dict[str, Any], token: str, key: str) -> Answer:
    body = json.dumps(fields).encode()
    return await receiver.post(f"/api/v1/{path}", body, token, {"Idempotency-Key": key})


async def test_an_act_with_a_key_is_done_once_and_answered_the_same(receiver: Receiver) -> None:
    alice, bob = admin(receiver, "alice"), admin(receiver, "bob")
    sender = await Sender(receiver).join()
    stored = await sender.deliver(sender.capture(1))
    victim = parse_token(receiver.token(Scope.READ)).token_id
    wider = {"kind": "compromised", "since": None, "reason": "and copied"}
    acts: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
        (f"tokens/{victim}/revoke", LOST, wider, alice),
        (f"keys/{sender.key.public.key_id}/revoke", LOST, wider, alice),
        (f"collectors/{sender.id}/revoke", {**STOLEN, "dryRun": True}, LOST, alice),
        (f"collectors/{sender.id}/revoke", STOLEN, LOST, alice),
    ]
    release = {"attestations": [stored.json["results"][0]["attestationId"]], "reason": "compared"}
    other = {**release, "reason": "looked at"}
    acts += [("held/release", release, other, alice), ("held/release", release, other, bob)]
    for number, (path, fields, another, token) in enumerate(acts):
        key = f"key-{number}"
        first = await once(receiver, path, fields, token, key)
        assert first.status == (202 if token is alice and path == "held/release" else 200), first.body
        assert "Idempotent-Replay" not in first.headers
        before = all_rows(receiver)
        again = await once(receiver, path, fields, token, key)
        assert (again.status, again.body) == (first.status, first.body), path
        assert again.headers["Idempotent-Replay"] == "true"
        mismatch = await once(receiver, path, another, token, key)
        assert (mismatch.status, mismatch.json["code"]) == (422, "idempotency_mismatch"), path
        bad = await once(receiver, path, fields, token, "two words")
        assert (bad.status, bad.json["code"]) == (422, "invalid_field")
        assert all_rows(receiver) == before, path


async def test_a_key_is_one_tokens_and_one_paths(receiver: Receiver) -> None:
    alice, bob = admin(receiver, "alice"), admin(receiver, "bob")
    one, other = (parse_token(receiver.token(Scope.READ)).token_id for _ in range(2))
    first = await once(receiver, f"tokens/{one}/revoke", LOST, alice, "same")
    elsewhere = await once(receiver, f"tokens/{other}/revoke", LOST, alice, "same")
    by_another = await once(receiver, f"tokens/{one}/revoke", {**LOST, "reason": "x"}, bob, "same")
    assert [answer.status for answer in (first, elsewhere, by_another)] == [200, 200, 200]
    assert elsewhere.json["id"] == other
    assert by_another.json["revocation"] == first.json["revocation"]
