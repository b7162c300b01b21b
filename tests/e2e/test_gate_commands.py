"""`carnet gate`, `evidence` and `explain` beside a receiver, and the recipe with curl: what a pipeline script sees."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from receiver.core.tokens import Kind, Scope
from tests.helpers import programs
from tests.helpers.judging_by import judging_by
from tests.helpers.receiving import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIGEST = "sha256:" + "abc123" + "4f" * 29
PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
OTHERWISE = ("BLOCK", "ROLLBACK_RECOMMENDED", "HOLD", "REQUIRE_APPROVAL", "ALLOW_WITH_CANARY")
SCRIPT = """\
set -u
tell() { "$@" >page.txt 2>error.txt; echo "$? $(head -n 1 page.txt | cut -d ' ' -f 1)"; }
ask() { tell carnet gate --environment production --artifact "$DIGEST" --no-ci "$@"; }
for service in block rollback_recommended hold require_approval; do ask --service "$service"; done
ask --service allow_with_canary
ask --service allow_with_canary --canary
ask --service hold --rollback-verified
RELEASEPASSPORT_TOKEN=rp_live_nobody ask --service hold
RELEASEPASSPORT_API_URL=http://127.0.0.1:1 ask --service hold --timeout 1
RELEASEPASSPORT_API_URL=http://127.0.0.1:1 ask --service hold --timeout 1 --on-unreachable proceed
ask --service hold --mode sometimes
"""
SAID = [
    "1 BLOCK",
    "1 ROLLBACK_RECOMMENDED",
    "1 HOLD",
    "1 REQUIRE_APPROVAL",
    "1 ALLOW_WITH_CANARY",
    "0 ALLOW_WITH_CANARY",
    "0 ALLOW",
    "4 ",
    "3 ",
    "0 ",
    "2 ",
]


def policy(otherwise: str) -> bytes:
    name = otherwise.lower()
    return (
        f"apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {{name: {name.replace('_', '-')}}}\n"
        f"scope: {{services: [{name}], environments: [production]}}\nmode: enforce\n"
        f'rules:\n  - {{id: tried, title: "It was tried", expect: "rollback.verified", otherwise: {otherwise}}}\n'
    ).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Receiver]:
    async with judging_by(tmp_path_factory.mktemp("gate") / "data", *map(policy, OTHERWISE)) as made:
        yield made


def variables(receiver: Receiver, *scopes: Scope) -> dict[str, str]:
    token = receiver.token(*scopes, kind=Kind.GATE)
    folder = Path(programs.command("carnet")).parent
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "RELEASEPASSPORT_API_URL": f"{receiver.url}/releasepassport/v1",
        "RELEASEPASSPORT_TOKEN": token,
        "DIGEST": DIGEST,
    }


async def run(words: list[str], environment: dict[str, str], cwd: Path) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *words, env=environment, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 100)
    assert environment["RELEASEPASSPORT_TOKEN"] not in (out + err).decode()
    return process.returncode, out.decode(), err.decode()


async def carnet(
    receiver: Receiver, cwd: Path, *said: str, scope: Scope = Scope.GATE_EVALUATE
) -> tuple[int | None, str, str]:
    return await run([programs.command("carnet"), *said], variables(receiver, scope), cwd)


async def test_all_six_decisions_and_all_exits_come_out_of_a_pipelines_script(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "pipeline.sh").write_text(SCRIPT)
    status, out, err = await run(["sh", "pipeline.sh"], variables(receiver, Scope.GATE_EVALUATE), tmp_path)
    assert (status, out.splitlines()) == (0, SAID), err


async def test_what_is_open_is_printed_as_on_the_passports_page(receiver: Receiver, tmp_path: Path) -> None:
    asked = ("--service", "hold", "--environment", "production", "--artifact", DIGEST, "--no-ci")
    status, page, _ = await carnet(receiver, tmp_path, "gate", *asked)
    assert status == 1
    assert page.startswith("HOLD   hold ")
    passport_id = page.split("\n", 1)[0].split()[-1]
    assert page.rstrip().endswith(f"{receiver.url}/p/{passport_id}")
    status, answer, _ = await carnet(receiver, tmp_path, "gate", *asked, "--output", "json")
    assert (status, json.loads(answer)["passportId"]) == (1, passport_id)
    for named in (passport_id, DIGEST):
        words = ("explain", named, "--service", "hold")
        status, explained, err = await carnet(receiver, tmp_path, *words, scope=Scope.READ)
        assert (status, explained) == (0, page), err


async def test_evidence_that_comes_while_it_waits_lets_a_pipeline_go_on(receiver: Receiver, tmp_path: Path) -> None:
    asked = ("--service", "unheard-of", "--environment", "staging", "--artifact", DIGEST, "--no-ci")
    words = ("gate", *asked, "--mode", "enforce", "--wait", "60s", "--canary")
    gate = asyncio.create_task(carnet(receiver, tmp_path, *words))
    tests = ("--type", "smoke", "--status", "passed", "--artifact", DIGEST)
    back = ("--type", "rollback", "--status", "passed", "--metric", "available=true", "--metric", "verified=false")
    about = ("--service", "unheard-of", "--environment", "staging", "--external-id", "run-1")
    for one in (tests, back):
        status, out, err = await carnet(receiver, tmp_path, "evidence", *one, *about, scope=Scope.EVIDENCE_WRITE)
        assert status == 0, err
        assert out.startswith("201 ")
    body = {"repositoryFullName": "acme/x", "name": "x", "sha256": DIGEST, "commitSha": "9f3c8b7" + "0" * 33}
    key = receiver.token(Scope.ARTIFACTS_WRITE)
    assert (await receiver.post("/api/v1/artifacts", json.dumps(body).encode(), key)).status == 201
    status, page, err = await gate
    assert (status, page.split()[0]) == (0, "ALLOW_WITH_CANARY"), page + err


async def test_a_failure_ends_the_waiting_at_once(receiver: Receiver, tmp_path: Path) -> None:
    asked = (
        "--service",
        "hold",
        "--environment",
        "production",
        "--artifact",
        DIGEST,
        "--no-ci",
        "--no-rollback-verified",
    )
    status, page, err = await carnet(receiver, tmp_path, "gate", *asked, "--wait", "24h")
    assert (status, page.split()[0]) == (1, "HOLD"), err


# --- with curl ---


def recipe() -> str:
    [found] = re.findall(r'^```sh\n(: "\$\{RELEASEPASSPORT_API_URL.+?)^```$', PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


async def test_the_recipe_with_curl_does_what_carnet_gate_does(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "gate.sh").write_text(recipe())
    question = {
        "mode": "enforce",
        "service": {"name": "hold", "environment": "production"},
        "artifact": {"digest": DIGEST},
        "rollback": {"verified": True},
    }
    (tmp_path / "go.json").write_text(json.dumps(question))
    (tmp_path / "stop.json").write_text(json.dumps({**question, "rollback": {"verified": False}}))
    (tmp_path / "odd.json").write_text("{}")
    said = variables(receiver, Scope.GATE_EVALUATE)
    said["PATH"] = without_python(tmp_path)
    for file, changes, status, begins in (
        ("go.json", {}, 0, "ALLOW "),
        ("stop.json", {}, 1, "HOLD "),
        ("stop.json", {"WAIT": "1"}, 1, "HOLD "),
        ("odd.json", {}, 2, ""),
        ("go.json", {"RELEASEPASSPORT_API_URL": "http://127.0.0.1:1"}, 3, ""),
        ("go.json", {"RELEASEPASSPORT_TOKEN": "rp_live_nobody"}, 4, ""),
    ):
        done = await run([str(shutil.which("dash")), "gate.sh", file], {**said, **changes}, tmp_path)
        assert (done[0], done[1][: len(begins)]) == (status, begins), done[2]


def without_python(folder: Path) -> str:
    """A PATH with what a small runner has, and no Python."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("cat", "curl", "date", "grep", "mktemp", "rm", "sleep", "tr"):
        (tools / name).symlink_to(str(shutil.which(name)))
    assert shutil.which(Path(sys.executable).name, path=str(tools)) is None
    return str(tools)
