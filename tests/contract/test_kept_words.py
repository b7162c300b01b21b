"""What people and pipelines say is kept for ever, so no secret is among it: masked for machines, refused to people."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver import clock, comment
from receiver.core.accounts import Role
from receiver.core.tokens import Scope
from receiver.store import comments
from shared.dsse import parse
from shared.encoding import compact, parse_payload
from tests.helpers.gating import DIGEST, PASSPORTS, asked, gate
from tests.helpers.receiving import Receiver, serving
from tests.helpers.signed_in import signed_in

WAIVERS = "/releasepassport/v1/waivers"
SERVICE = {"name": "checkout-api", "environment": "production"}


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running


async def test_secrets_in_a_question_are_masked_in_what_is_signed_and_named(receiver: Receiver) -> None:
    secret = receiver.secrets.api_key
    fields = {"releaseId": secret, "author": f"octo {secret}", "requestedBy": secret, "renderedManifestPath": secret}
    ci = gate(receiver)
    made = await ci.decided(
        asked(release={**fields, "sourceSha": "9f3c8b7"}, service={"name": secret, "environment": "production"})
    )
    assert sorted(made["cut"]) == [*(f"release.{name}" for name in sorted(fields)), "service.name"]
    assert secret not in json.dumps(made)
    assert secret not in json.dumps(parse_payload(parse(compact(made["passport"])).payload))
    assert (made["release"]["sourceSha"], "[secret:" in made["release"]["releaseId"]) == ("9f3c8b7", True)
    # The same question is the same release, whatever was cut.
    again = await ci.decided(
        asked(release={**fields, "sourceSha": "9f3c8b7"}, service={"name": secret, "environment": "production"})
    )
    assert again["passportId"] == made["passportId"]
    bundle = await receiver.get(f"{PASSPORTS}/{made['passportId']}/export?format=bundle", receiver.token(Scope.READ))
    assert (bundle.status, secret in bundle.body.decode()) == (200, False)
    assert "cut" not in await ci.decided(asked())


async def test_people_are_refused_what_holds_a_secret_by_field_and_told_which_kind(receiver: Receiver) -> None:
    secret = f"key {receiver.secrets.api_key}"
    path = f"{PASSPORTS}/{(await gate(receiver).decided(asked(service=SERVICE)))['passportId']}"
    anna = signed_in(receiver, "anna", Role.APPROVER)
    waiver = {"rule": "tests-passed", "service": SERVICE, "artifact": {"digest": DIGEST}, "reason": secret}
    for where, field, body in (
        (f"{path}/comments", "text", {"text": secret}),
        (f"{path}/approvals", "comment", {"comment": secret}),
        (WAIVERS, "reason", waiver),
    ):
        refused = await receiver.post(where, json.dumps(body).encode(), headers=anna.headers)
        assert (refused.status, refused.json["code"]) == (422, "invalid_field")
        assert [one["field"] for one in refused.json["errors"]] == [field]
        assert "looks like a secret (" in refused.json["detail"]
        assert receiver.secrets.api_key not in refused.body.decode()
    taken = await receiver.post(
        f"{path}/comments", json.dumps({"text": "said otherwise"}).encode(), headers=anna.headers
    )
    assert taken.status == 201
    read = await receiver.get(path, receiver.token(Scope.READ))
    assert [one["text"] for one in read.json["comments"]] == ["said otherwise"]


async def test_a_passport_takes_so_many_comments_and_no_more(receiver: Receiver) -> None:
    one = (await gate(receiver).decided(asked()))["passportId"]
    anna = signed_in(receiver, "anna", Role.OPERATOR)
    with receiver.store() as store:
        store.write(
            lambda tx: [
                comments.add(tx, receiver.names.workspace, one, anna.email, "x", clock.utcnow())
                for _ in range(comment.MOST - 1)
            ]
        )
    said = [
        await receiver.post(f"{PASSPORTS}/{one}/comments", json.dumps({"text": "y"}).encode(), headers=anna.headers)
        for _ in range(2)
    ]
    assert [answer.status for answer in said] == [201, 409]
    assert said[1].json["code"] == "conflict"
