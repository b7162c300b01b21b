"""The next actions of a real answer, done with real commands and on the passport's page: each has the promised effect.

How each action of every cause is followed is in tests/property/test_next_actions.py; here they are run.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from receiver.core.accounts import Role
from receiver.core.tokens import Kind, Scope
from tests.helpers import programs
from tests.helpers.gating import DIGEST, PASSPORTS, Gate, asked
from tests.helpers.judging_by import judging_by
from tests.helpers.pipelines import GITHUB
from tests.helpers.posting import COMMIT, REPOSITORY
from tests.helpers.receiving import Receiver
from tests.helpers.signed_in import add_account, signed_in

POLICY = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: production}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: tests, require: {type: TEST_RESULTS, name: "Unit Tests"}, otherwise: BLOCK}
  - {id: ready, expect: "health.ready", otherwise: ROLLBACK_RECOMMENDED}
  - {id: linked, expect: "artifact.linked", otherwise: HOLD}
  - {id: one-person, approvals: {count: 1}, otherwise: REQUIRE_APPROVAL}
  - {id: tried, title: "A rollback was tried", expect: "rollback.verified", otherwise: ALLOW_WITH_CANARY}
"""
AUTHOR = "octo-author"
RELEASE = {"releaseId": "2.18.4", "author": AUTHOR, "sourceSha": COMMIT}
QUESTION = asked(mode="enforce", release=RELEASE, health={}, rollback={"available": True, "verified": False})
PLACE = ("--service", "checkout-api", "--namespace", "apps-checkout", "--environment", "production")
HEALTHY = ("--type", "health", "--status", "passed", "--metric", "ready=true", "--external-id", "pod-1")
JUNIT = '<testsuite name="s" tests="{}" failures="{}"><testcase name="a" time="0.1">{}</testcase></testsuite>'


@pytest_asyncio.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with judging_by(tmp_path / "data", POLICY) as made:
        yield made


class Team:
    """Who reads an answer, and does what it says."""

    def __init__(self, receiver: Receiver, folder: Path) -> None:
        self._receiver = receiver
        self._folder = folder
        self._run = 0
        self._gate = Gate(receiver, receiver.token(Scope.GATE_EVALUATE, kind=Kind.GATE))
        self._api = receiver.token(Scope.ADMIN)
        self._writes = receiver.token(Scope.EVIDENCE_WRITE, kind=Kind.GATE)
        self.approver = signed_in(receiver, "anna", Role.APPROVER)
        add_account(receiver, "author", Role.VIEWER, identities=(AUTHOR,))

    async def ask(self, **changes: object) -> dict[str, Any]:
        return await self._gate.decided({**QUESTION, **changes})

    async def run(self, action: str, **blanks: str) -> None:
        """Run the command that stands in an action, its blanks filled in; what else it needs is given beside."""
        command = action[action.index("carnet ") :]
        for blank, value in blanks.items():
            command = re.sub(rf"\b{blank}\b", shlex.quote(value), command)
        name, *words = shlex.split(command)
        if words[0] == "evidence":
            words += [
                *PLACE,
                "--type",
                "health",
                "--status",
                "passed",
                "--metric",
                "ready=true",
                "--external-id",
                "p-1",
            ]
            where = {"RELEASEPASSPORT_API_URL": self._receiver.url + "/releasepassport/v1"}
            where["RELEASEPASSPORT_TOKEN"] = self._writes
        else:
            self._run += 1
            words += ["--name", "api"] if words[0] == "artifact" else ["--resource-id", "unit/junit.xml"]
            where = {**GITHUB, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_SHA": COMMIT, "GITHUB_RUN_ID": str(self._run)}
            where |= {"MERGEWHY_API_URL": self._receiver.url + "/api/v1", "MERGEWHY_API_KEY": self._api}
        process = await asyncio.create_subprocess_exec(
            programs.command(name), *words, env={"PATH": os.environ["PATH"], **where}, cwd=self._folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (words, said)

    async def approve(self, passport_id: str) -> None:
        path = f"{PASSPORTS}/{passport_id}/approvals"
        answer = await self._receiver.post(path, b"{}", headers=self.approver.headers)
        assert answer.status == 201, answer.body

    def report(self, *, red: bool) -> str:
        text = JUNIT.format(1, int(red), '<failure message="no"/>' if red else "")
        (self._folder / "junit.xml").write_text(text)
        return "junit.xml"


def first(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["blockers"][0]
    return found


async def test_each_next_action_of_an_answer_is_done_and_the_decision_becomes_what_was_promised(
    receiver: Receiver, tmp_path: Path
) -> None:
    team = Team(receiver, tmp_path)
    before = await team.ask()
    assert [one["rule"] for one in before["blockers"]] == ["tests", "ready", "linked", "one-person", "tried"]
    steps = first(before)["nextAction"].split("; and ")
    assert (first(before)["cause"], len(steps)) == ("missing", 2)
    # Red first: to be told so, and to follow what is said then as well.
    await team.run(steps[0], FILE=team.report(red=True), SHA=COMMIT)
    assert first(await team.ask())["cause"] == "near_miss"
    await team.run(steps[1], SHA=COMMIT)
    red = await team.ask()
    assert (red["decision"], first(red)["cause"], first(red)["reason"]) == (
        "BLOCK",
        "failed",
        '1 test failed in "Unit Tests"',
    )
    assert first(red)["nextAction"].startswith("mend what failed and run the job")
    await team.run(steps[0], FILE=team.report(red=False), SHA=COMMIT)
    green = await team.ask()
    assert green["decision"] == first(red)["thenDecision"] == "ROLLBACK_RECOMMENDED"
    assert [one["rule"] for one in green["blockers"]] == ["ready", "one-person", "tried"], (
        "the link was made on the way"
    )
    await team.run(first(green)["nextAction"])
    ready = await team.ask()
    assert ready["decision"] == first(green)["thenDecision"] == "REQUIRE_APPROVAL"
    assert first(ready)["nextAction"] == "approve one-person on the page of this passport, signed in as an approver"
    await team.approve(ready["passportId"])
    approved = await team.ask()
    assert approved["decision"] == first(ready)["thenDecision"] == "ALLOW_WITH_CANARY"
    assert first(approved)["nextAction"] == "make it so, then ask again: A rollback was tried"
    tried = await team.ask(rollback={"available": True, "verified": True})
    assert tried["decision"] == first(approved)["thenDecision"] == "ALLOW"
    assert tried["nextActions"] == []
    assert json.dumps(tried["blockers"]) == "[]"
    assert tried["artifact"]["digest"] == DIGEST
