"""Four eyes: nobody decides about their own release, however they are named, and nobody who is gone decides at all.

And who said yes to a release said so to what was found of it then, and to nothing that fails since.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver import clock, people
from receiver.core.accounts import Role
from receiver.core.tokens import Kind, Scope
from receiver.store import accounts
from receiver.store.accounts import Account
from tests.helpers.gating import DIGEST, PASSPORTS, Gate, asked
from tests.helpers.judging_by import judging_by
from tests.helpers.posting import REPOSITORY, Api, api
from tests.helpers.receiving import Answer, Receiver
from tests.helpers.signed_in import SignedIn, add_account, hashed, signed_in

WAIVERS = "/releasepassport/v1/waivers"
POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: production}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: one-person, approvals: {count: 1}, otherwise: REQUIRE_APPROVAL}
  - {id: scanned, require: {type: SECURITY_SCAN}, otherwise: HOLD}
"""
ANNA = "Octo Cat <anna@acme.example>"
NAMES = ["octo", "octo ", "@octo", ANNA, "\u200bocto", "octo\u200d"]


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with judging_by(tmp_path / "data", POLICY) as running:
        yield running


@pytest.fixture
def ci(receiver: Receiver) -> Gate:
    return Gate(receiver, receiver.token(Scope.GATE_EVALUATE, Scope.READ, kind=Kind.GATE))


def question(author: str, n: int = 0, **more: str) -> dict[str, Any]:
    """May this digest of many go, which somebody wrote?"""
    digest = DIGEST[:-4] + f"{n:04x}"
    return asked(mode="enforce", artifact={"digest": digest}, release={"releaseId": "1", "author": author, **more})


async def says_yes(receiver: Receiver, who: SignedIn, passport: dict[str, Any]) -> Answer:
    return await receiver.post(f"{PASSPORTS}/{passport['passportId']}/approvals", b"{}", headers=who.headers)


async def waives(receiver: Receiver, who: SignedIn) -> Answer:
    about = {"service": question("")["service"], "artifact": question("")["artifact"]}
    fields = {"rule": "scanned", "reason": "scanned by hand", **about}
    return await receiver.post(WAIVERS, json.dumps(fields).encode(), headers=who.headers)


def found(passport: dict[str, Any], rule: str) -> dict[str, Any]:
    named: dict[str, Any] = next(one for one in passport["findings"] if one["rule"] == rule)
    return named


async def test_nobody_approves_their_own_release_however_the_request_spells_them(receiver: Receiver, ci: Gate) -> None:
    anna = signed_in(receiver, "anna", Role.APPROVER, identities=("@Octo",))
    for n, name in enumerate(NAMES):
        answer = await ci.ask(question(name, n))
        if answer.status == 422:
            continue  # Names with characters that nobody sees are refused before.
        assert answer.status == 200, answer.body
        own = await says_yes(receiver, anna, answer.json)
        assert (own.status, own.json["code"]) == (403, "forbidden"), name
        assert "author unknown" not in found(answer.json, "one-person")["reason"]


async def test_whom_an_earlier_request_named_stays_an_author(receiver: Receiver, ci: Gate) -> None:
    anna = signed_in(receiver, "anna", Role.APPROVER, identities=("octo",))
    add_account(receiver, "bert", Role.OPERATOR)
    await ci.decided(question("octo"))
    for n in range(3):
        other = await ci.decided(question("bert@acme.example", requestedBy=f"somebody-{n}"))
        assert (await says_yes(receiver, anna, other)).status == 403
    assert (await waives(receiver, anna)).status == 403
    another_digest = await ci.decided(question("bert@acme.example", 1))
    assert (await says_yes(receiver, anna, another_digest)).status == 201


async def test_an_invented_author_is_unknown_and_costs_one_approver_more(receiver: Receiver, ci: Gate) -> None:
    anna, bert = (signed_in(receiver, name, Role.APPROVER) for name in ("anna", "bert"))
    first = await ci.decided(question("somebody-else"))
    assert "author unknown" in found(first, "one-person")["reason"]
    assert (await says_yes(receiver, anna, first)).status == 201
    assert not found(await ci.decided(question("somebody-else")), "one-person")["met"]
    assert (await says_yes(receiver, bert, first)).status == 201
    assert found(await ci.decided(question("somebody-else")), "one-person")["met"]


async def test_whoever_is_gone_has_approved_and_waived_nothing(receiver: Receiver, ci: Gate) -> None:
    add_account(receiver, "author", Role.OPERATOR)
    anna, bert = (signed_in(receiver, name, Role.APPROVER) for name in ("anna", "bert"))
    asks = question("author@acme.example")
    first = await ci.decided(asks)
    assert (await says_yes(receiver, anna, first)).status == 201
    assert (await waives(receiver, anna)).status == 201
    good = await ci.decided(asks)
    assert good["decision"] == "ALLOW"
    with receiver.store() as store:
        people.disable(store, receiver.names.workspace, anna.email, clock.utcnow())
    gone = await ci.decided(asks)
    assert (gone["supersedes"], gone["decision"], gone["proceed"]) == (good["passportId"], "HOLD", False)
    for rule in ("one-person", "scanned"):
        assert not found(gone, rule)["met"]
    for passport in (first, good, gone):
        bundle = await ci.get(f"{PASSPORTS}/{passport['passportId']}/export?format=bundle")
        assert bundle.status == 200
    assert (await says_yes(receiver, bert, gone)).status == 201
    last = await waives(receiver, bert)
    assert (last.status, last.json["given"]) == (201, [bert.email])
    assert (await ci.decided(asks))["decision"] == "ALLOW"


async def test_a_membership_that_ended_by_itself_counts_no_longer(receiver: Receiver, ci: Gate) -> None:
    add_account(receiver, "author", Role.OPERATOR)
    anna = signed_in(receiver, "anna", Role.APPROVER)
    passport = await ci.decided(question("author@acme.example"))
    assert (await says_yes(receiver, anna, passport)).status == 201
    assert found(await ci.decided(question("author@acme.example")), "one-person")["met"]
    now = clock.utcnow()
    over = Account(anna.email, Role.APPROVER, hashed(), now - timedelta(days=2), now - timedelta(seconds=1))
    with receiver.store() as store:
        store.write(lambda tx: accounts.save(tx, receiver.names.workspace, over))
    assert not found(await ci.decided(question("author@acme.example")), "one-person")["met"]


async def test_whose_role_approves_no_more_has_approved_nothing(receiver: Receiver, ci: Gate) -> None:
    add_account(receiver, "author", Role.OPERATOR)
    anna = signed_in(receiver, "anna", Role.APPROVER)
    asks = question("author@acme.example")
    assert (await says_yes(receiver, anna, await ci.decided(asks))).status == 201
    counted = await ci.decided(asks)
    assert found(counted, "one-person")["met"]
    with receiver.store() as store:
        demoted = Account(anna.email, Role.OPERATOR, hashed(), clock.utcnow())
        store.write(lambda tx: accounts.save(tx, receiver.names.workspace, demoted))
    after = await ci.decided(asks)
    assert not found(after, "one-person")["met"]
    stands = [(await ci.get(f"{PASSPORTS}/{one['passportId']}")).json["approvals"] for one in (counted, after)]
    assert [one["counted"] for acts in stands for one in acts] == [True, False]


async def scanned(scanner: Api, name: str, critical: int) -> None:
    """A scan of the digest, with one token: another one's word takes the place of nothing."""
    counts = {"critical": critical, "high": 0, "medium": 0, "low": 0, "info": 0, "total": critical}
    of = {"repositoryFullName": REPOSITORY, "artifactSha256": DIGEST[7:-4] + "0000", "source": "ci", "resourceId": name}
    scan = {"type": "SECURITY_SCAN", "name": name, "passed": critical == 0, "evidence": counts}
    await scanner.made("/attestations", {**of, **scan})


async def test_a_yes_is_to_what_was_found_then_and_to_nothing_that_failed_since(receiver: Receiver, ci: Gate) -> None:
    add_account(receiver, "author", Role.OPERATOR)
    anna, scanner = signed_in(receiver, "anna", Role.APPROVER), api(receiver, Scope.ADMIN)
    asks = question("author@acme.example")
    assert (await says_yes(receiver, anna, await ci.decided(asks))).status == 201
    assert found(await ci.decided(asks), "one-person")["met"], "that the scan was not here was seen"
    await scanned(scanner, "trivy", 2)
    failed = await ci.decided(asks)
    people_ask = found(failed, "one-person")
    assert people_ask["reason"] == "0 of 1 approval; 1 given before this failed: scanned"
    assert [one["detail"] for one in people_ask["considered"]] == ["given before this failed: scanned"]
    shown = (await ci.get(f"{PASSPORTS}/{failed['passportId']}")).json
    assert [one["counted"] for one in shown["approvals"]] == [False]
    assert (await says_yes(receiver, anna, failed)).status == 201
    again = await ci.decided(asks)
    assert (found(again, "one-person")["met"], again["decision"]) == (True, "HOLD")
    await scanned(scanner, "grype", 1)
    assert not found(await ci.decided(asks), "one-person")["met"]
    for name in ("trivy", "grype"):
        await scanned(scanner, name, 0)
    assert (await ci.decided(asks))["decision"] == "ALLOW"


@pytest.mark.parametrize("yes_first", [True, False])
async def test_jobs_that_wait_go_on_whether_the_yes_or_the_evidence_comes_first(
    receiver: Receiver, ci: Gate, *, yes_first: bool
) -> None:
    add_account(receiver, "author", Role.OPERATOR)
    anna, scanner = signed_in(receiver, "anna", Role.APPROVER), api(receiver, Scope.ADMIN)
    asks = question("author@acme.example")
    held = await ci.decided(asks)
    waiting = [asyncio.create_task(ci.ask(asks, Prefer="wait=30")) for _ in range(8)]
    if yes_first:
        assert (await says_yes(receiver, anna, held)).status == 201
    await scanned(scanner, "trivy", 0)
    if not yes_first:
        assert (await says_yes(receiver, anna, held)).status == 201
    answers = await asyncio.gather(*waiting)
    assert {(one.status, one.json["decision"], one.headers["Carnet-Proceed"]) for one in answers} == {
        (200, "ALLOW", "true")
    }
