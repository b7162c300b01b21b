"""Passports as people, auditors and programs read them: lists, the whole of one, exports, replay, deployments."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from receiver import fsck
from receiver.cli import main
from receiver.core.accounts import Role
from receiver.core.tokens import Scope
from receiver.store import audit
from shared.bundle import emit_bundle, parse_bundle
from shared.encoding import sha256
from shared.errors import UntrustedError
from shared.judging.replay import differences, replay
from shared.verify import Wanted, authenticate, objections
from tests.helpers.gating import DIGEST, PASSPORTS, asked, bring_evidence, gate
from tests.helpers.posting import COMMIT, REPOSITORY, api, stranger
from tests.helpers.receiving import Answer, Receiver, serving
from tests.helpers.signed_in import signed_in

HEX = DIGEST.removeprefix("sha256:")
READY = asked(
    mode="enforce", rollback={"available": True, "verified": True}, release={"releaseId": "=1+1", "sourceSha": COMMIT}
)


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running
        with running.store() as store:
            assert fsck.check(store) == []


async def read(receiver: Receiver, path: str) -> Answer:
    answer = await receiver.get(PASSPORTS + path, receiver.token(Scope.READ))
    assert answer.status == 200, answer.body
    return answer


async def test_evidence_makes_it_an_allow_whose_bundle_anyone_can_check_and_judge_again(receiver: Receiver) -> None:
    held = await gate(receiver).decided(READY)
    assert held["decision"] == "HOLD"
    await bring_evidence(api(receiver, Scope.ADMIN), HEX)
    allowed = await gate(receiver).decided(READY)
    assert (allowed["decision"], allowed["proceed"]) == ("ALLOW", True)
    assert allowed["supersedes"] == held["passportId"]
    exported = (await read(receiver, f"/{allowed['passportId']}/export?format=bundle")).body
    bundle = parse_bundle(exported)
    authentic = authenticate(bundle, bundle.root.key_id)
    wanted = Wanted("checkout-api", "production", DIGEST, "apps-checkout")
    assert objections(authentic.passport, wanted, authentic.passport.evaluated_at) == ()
    assert differences(authentic.passport.verdict, replay(bundle, authentic)) == ()
    assert len(bundle.inputs) == 2
    with pytest.raises(UntrustedError):
        authenticate(bundle, "sha256:" + sha256(b"another root").hex())
    # Later passports and evidence change no byte of it.
    await api(receiver, Scope.ADMIN).made("/artifacts", {"repositoryFullName": REPOSITORY, "name": "b", "sha256": HEX})
    await gate(receiver).decided(asked())
    again = (await read(receiver, f"/{allowed['passportId']}/export?format=bundle")).body
    assert again == exported == emit_bundle(bundle)


async def test_one_passport_is_shown_with_all_that_belongs_to_it(receiver: Receiver) -> None:
    await bring_evidence(api(receiver, Scope.ADMIN), HEX)
    first = await gate(receiver).decided(READY)
    shown: dict[str, Any] = (await read(receiver, f"/{first['passportId']}")).json
    assert (shown["id"], shown["decision"], shown["inForce"], shown["expired"]) == (
        first["passportId"], "ALLOW", True, False,
    )  # fmt: skip
    assert [one["type"] for one in shown["evidence"]] == ["BUILD_PROVENANCE", "TEST_RESULTS"]
    assert {one["basis"] for one in shown["evidence"]} == {"posted"}
    assert shown["integrity"]["verified"] is True
    assert shown["approvals"] == shown["waivers"] == shown["comments"] == []
    second = await gate(receiver).decided(asked())
    shown = (await read(receiver, f"/{first['passportId']}")).json
    assert (shown["inForce"], shown["successor"]) == (False, second["passportId"])
    # As the second seed reads it: by a person's session.
    vera = signed_in(receiver, "vera", Role.VIEWER)
    by_person = await receiver.ask("GET", f"{PASSPORTS}/{first['passportId']}", headers=vera.cookie_alone)
    assert (by_person.status, by_person.json["id"]) == (200, first["passportId"])
    missing = await receiver.get(f"{PASSPORTS}/pp_nobody", receiver.token(Scope.READ))
    assert missing.status == 404
    foreign = await receiver.get(f"{PASSPORTS}/{first['passportId']}", stranger(receiver).token)
    assert foreign.status == 404
    refused = await receiver.get(PASSPORTS, receiver.secrets.gate_token)
    assert refused.status == 403


async def test_lists_are_narrowed_and_turn_their_pages(receiver: Receiver) -> None:
    ci = gate(receiver)
    for service in ("a", "b", "c"):
        await ci.decided(asked(service={"name": service, "environment": "production"}))
    names: list[str] = []
    cursor = ""
    while True:
        page = (await read(receiver, f"?limit=2{cursor}")).json
        names += [one["service"]["name"] for one in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert names == ["c", "b", "a"]

    async def found(query: str) -> list[str]:
        return [one["service"]["name"] for one in (await read(receiver, f"?{query}")).json["items"]]

    assert await found("service=b") == ["b"]
    assert await found("environment=staging") == []
    assert await found("decision=hold&mode=SHADOW") == ["c", "b", "a"]
    assert await found("decision=ALLOW") == []
    assert await found(f"q={HEX}") == ["c", "b", "a"]
    assert await found("q=9f3c8") == ["c", "b", "a"]
    assert await found("q=a") == ["a"]
    assert await found("since=2199-01-01T00:00:00Z") == []


class Assets(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag in {"script", "img", "link", "iframe", "object", "form", "a"} or names & {"src", "href", "onload"}:
            self.found.append(tag)


async def test_exports_for_people_hold_no_formula_no_markup_and_no_asset(receiver: Receiver) -> None:
    evil = '=HYPERLINK("http://x")<script>alert(1)</script>|`'
    question = {**READY, "service": {"name": evil, "environment": "production"}}
    made = await gate(receiver).decided(question)
    path = f"/{made['passportId']}/export?format="
    sheet = (await read(receiver, path + "csv")).body.decode()
    cells = [cell for row in csv.reader(io.StringIO(sheet)) for cell in row]
    assert f"'{evil}" in cells
    assert "'=1+1" in cells
    assert [one for one in cells if one.startswith(("=", "+", "-", "@"))] == []
    page = await read(receiver, path + "html")
    assert page.headers["Content-Disposition"].startswith("attachment")
    parser = Assets()
    parser.feed(page.body.decode())
    assert parser.found == []
    assert "<script>" not in page.body.decode()
    marked = (await read(receiver, path + "md")).body.decode()
    assert "<script>" not in "".join(one for one in marked.splitlines() if not one.startswith("    "))
    text = (await read(receiver, path + "text")).body.decode()
    assert text.splitlines()[-1] == made["consoleUrl"]
    whole = (await read(receiver, path + "json")).json
    assert whole["service"]["name"] == evil
    for body in (sheet, page.body.decode(), marked, text, json.dumps(whole)):
        assert "tok_" not in body


async def test_an_export_names_tokens_only_where_they_are_the_source_of_evidence(receiver: Receiver) -> None:
    await bring_evidence(api(receiver, Scope.ADMIN), HEX)
    made = await gate(receiver).decided(READY)
    whole = (await read(receiver, f"/{made['passportId']}/export?format=json")).json
    assert set(whole) >= {"decision", "findings", "evidence", "integrity", "policies"}
    assert {"request", "docket", "owner", "facts"} & set(whole) == set()
    assert receiver.secrets.gate_token not in json.dumps(whole)


async def test_a_deployment_is_authorized_by_the_passport_in_force_when_it_was_received(receiver: Receiver) -> None:
    ci = api(receiver, Scope.ADMIN)
    target = {"service": "checkout-api", "namespace": "apps-checkout", "environment": "production"}

    async def deploy(**changes: str) -> dict[str, Any]:
        return await ci.made("/deployments", {**target, "artifactSha256": HEX, "status": "SUCCESS", **changes})

    unasked = await deploy()
    assert (unasked["authorized"], "no passport" in unasked["authorizedReason"]) == (False, True)
    # Shadow lets every pipeline go on, and authorizes nothing.
    shadow = await gate(receiver).decided(asked())
    assert shadow["proceed"] is True
    held = await deploy()
    assert held["authorized"] is False
    assert f"{shadow['passportId']}, in force when it was received, decided HOLD" in held["authorizedReason"]
    await bring_evidence(ci, HEX)
    allowed = await gate(receiver).decided(READY)
    good = await deploy()
    assert (good["authorized"], allowed["passportId"] in good["authorizedReason"]) == (True, True)
    other = await deploy(environment="staging")
    assert other["authorized"] is False
    announced = await deploy(status="EXPECTED", completedAt="2199-01-01T00:00:00Z")
    assert announced["authorized"] is None
    await gate(receiver).decided({**READY, "rollback": {"available": False, "verified": False}})
    assert (await deploy())["authorized"] is False
    stands = {one["id"]: one["authorized"] for one in await ci.listed("/deployments", service="checkout-api")}
    assert [stands[one["id"]] for one in (unasked, held, good, other, announced)] == [False, False, True, False, None]
    shown = (await read(receiver, f"/{allowed['passportId']}")).json
    assert [one["authorized"] for one in shown["deployments"]] == [False, True, False, False]
    with receiver.store() as store:
        told = store.read(lambda tx: list(audit.rows(tx, receiver.names.workspace, ["deployment.unauthorized"])))
    assert [one.act.detail["deployment"] for one in told][:3] == [unasked["id"], held["id"], other["id"]]


async def test_commands_list_show_export_and_replay(
    receiver: Receiver, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await bring_evidence(api(receiver, Scope.ADMIN), HEX)
    made = await gate(receiver).decided(READY)
    receiver.data.write_config("127.0.0.1", 0, tls=False)
    one, data = made["passportId"], ["--data", str(receiver.data.folder)]
    assert main(["passports", "list", *data, "--output", "json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)["items"]] == [one]
    assert main(["passports", "show", one, *data]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("ALLOW")
    target = tmp_path / "one.json"
    assert main(["passports", "export", one, "--to", str(target), *data]) == 0
    assert target.read_bytes() == (await read(receiver, f"/{one}/export?format=bundle")).body
    assert main(["passports", "export", one, "--to", str(target), *data]) == 78
    assert main(["passports", "replay", one, *data, "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["same"], told["replayed"]) == (True, "ALLOW")
    assert main(["passports", "show", "pp_nobody", *data]) == 1
