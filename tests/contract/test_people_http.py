"""People and the gate over HTTP: what two approvers, two who waive and a comment make of one release."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.core.accounts import Role
from receiver.core.tokens import Kind, Scope
from tests.helpers.databases import Databases
from tests.helpers.gating import DIGEST, PASSPORTS, Gate, asked
from tests.helpers.judging_by import judging_by
from tests.helpers.posting import refused_field
from tests.helpers.receiving import Answer, Receiver
from tests.helpers.signed_in import SignedIn, add_account, signed_in

WAIVERS = "/releasepassport/v1/waivers"
AUTHOR = "octo-author"
POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: production}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: two-people, approvals: {count: 2}, otherwise: REQUIRE_APPROVAL}
  - {id: no-findings, require: {type: SECURITY_SCAN}, otherwise: BLOCK}
"""
QUESTION = asked(mode="enforce", release={"releaseId": "2.18.4", "author": AUTHOR})


@pytest.fixture
async def receiver(tmp_path: Path, databases: Databases) -> AsyncIterator[Receiver]:
    async with judging_by(tmp_path / "data", POLICY, databases=databases) as running:
        yield running


@pytest.fixture
def ci(receiver: Receiver) -> Gate:
    return Gate(receiver, receiver.token(Scope.GATE_EVALUATE, Scope.READ, kind=Kind.GATE))


async def act(receiver: Receiver, who: SignedIn, path: str, fields: dict[str, Any], **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await receiver.post(path, json.dumps(fields).encode(), headers=who.headers | named)


def waiver(**changes: object) -> dict[str, Any]:
    about = {"service": QUESTION["service"], "artifact": {"digest": DIGEST}}
    return {"rule": "no-findings", "reason": "scanned by hand", **about, **changes}


async def test_two_approve_and_two_waive_and_the_release_goes(receiver: Receiver, ci: Gate) -> None:
    anna, bert = (signed_in(receiver, name, Role.APPROVER) for name in ("anna", "bert"))
    add_account(receiver, "author", Role.VIEWER, identities=(AUTHOR,))
    first = await ci.decided(QUESTION)
    assert first["decision"] == "BLOCK"
    path = f"{PASSPORTS}/{first['passportId']}"
    said = await act(receiver, anna, f"{path}/comments", {"text": "looking at it\nnow"})
    assert said.status == 201, said.body
    yes = await act(receiver, anna, f"{path}/approvals", {"comment": "fine"}, Idempotency_Key="one")
    assert (yes.status, yes.json["rules"], yes.json["by"]) == (201, ["two-people"], anna.email)
    again = await act(receiver, anna, f"{path}/approvals", {"comment": "fine"}, Idempotency_Key="one")
    assert (again.body, again.headers["Idempotent-Replay"]) == (yes.body, "true")
    assert (await act(receiver, anna, f"{path}/approvals", {})).status == 200
    one = await ci.decided(QUESTION)
    assert "1 of 2 approvals" in next(found["reason"] for found in one["findings"] if found["rule"] == "two-people")
    other = await act(receiver, bert, f"{path}/approvals", {})
    assert (other.status, other.json["successor"]) == (201, one["passportId"])
    needs = [await act(receiver, who, WAIVERS, waiver()) for who in (anna, bert)]
    assert [(found.status, found.json["needed"], len(found.json["given"])) for found in needs] == [
        (201, 2, 1), (201, 2, 2),
    ]  # fmt: skip
    assert (needs[0].json["waivedUntil"], needs[1].json["waivedUntil"] is None) == (None, False)
    last = await ci.decided(QUESTION)
    assert (last["decision"], last["proceed"]) == ("ALLOW", True)
    shown = (await ci.get(f"{PASSPORTS}/{last['passportId']}")).json
    assert sorted((found["by"][0], found["counted"]) for found in shown["approvals"]) == [
        (anna.email, True), (bert.email, True),
    ]  # fmt: skip
    assert [found["counted"] for found in shown["waivers"]] == [True, True]
    before = (await ci.get(f"{PASSPORTS}/{one['passportId']}")).json
    assert {found["by"][0]: found["counted"] for found in before["approvals"]} == {anna.email: True, bert.email: False}
    assert [found["rules"] for found in shown["waivers"]] == [["no-findings"]] * 2
    comments = (await ci.get(path)).json["comments"]
    assert [(found["by"], found["text"]) for found in comments] == [(anna.email, "looking at it\nnow")]


async def test_the_author_an_operator_and_a_token_decide_nothing(receiver: Receiver, ci: Gate) -> None:
    passport_id = (await ci.decided(QUESTION))["passportId"]
    path = f"{PASSPORTS}/{passport_id}/approvals"
    author = signed_in(receiver, "author", Role.ADMIN, identities=(AUTHOR,))
    own = await act(receiver, author, path, {})
    assert (own.status, own.json["code"]) == (403, "forbidden")
    assert "your own" in own.json["detail"]
    assert (await act(receiver, author, WAIVERS, waiver())).status == 403
    assert (await act(receiver, signed_in(receiver, "carl", Role.OPERATOR), path, {})).status == 403
    by_token = await receiver.post(path, b"{}", receiver.token(*Scope))
    assert (by_token.status, "people" in by_token.json["hint"]) == (403, True)
    after = (await ci.get(f"{PASSPORTS}/{passport_id}")).json
    assert (after["approvals"], after["waivers"]) == ([], [])


async def test_what_cannot_be_is_refused_by_name(receiver: Receiver, ci: Gate) -> None:
    anna = signed_in(receiver, "anna", Role.APPROVER)
    passport_id = (await ci.decided(QUESTION))["passportId"]
    path = f"{PASSPORTS}/{passport_id}"
    assert refused_field(await act(receiver, anna, f"{path}/approvals", {"expires": "soon"})) == "expires"
    assert refused_field(await act(receiver, anna, f"{path}/comments", {"text": ""})) == "text"
    assert refused_field(await act(receiver, anna, WAIVERS, waiver(reason=""))) == "reason"
    late = await act(receiver, anna, WAIVERS, waiver(expiresAt="2099-01-01T00:00:00Z"))
    assert (late.status, late.json["code"]) == (422, "invalid_field")
    people = await act(receiver, anna, WAIVERS, waiver(rule="two-people"))
    assert (people.status, people.json["code"]) == (409, "conflict")
    assert (await act(receiver, anna, WAIVERS, waiver(rule="no-such"))).status == 404
    assert (await act(receiver, anna, f"{PASSPORTS}/pp_other/approvals", {})).status == 404
