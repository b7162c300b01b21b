"""The commands of pipelines against the real receiver: what they post is taken, and found again as it was said."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from receiver import app, clock
from receiver.core.tokens import Scope
from receiver.web.journal import make_journal
from tests.helpers.pipelines import BUILD_URL, GITHUB, SHA, at, process, words
from tests.helpers.receiving import Receiver, quickstart_in, serving

DIGEST = "a1" * 32


@dataclass
class Job:
    """A CI job with a key for one receiver."""

    receiver: Receiver
    key: str

    async def carnet(self, *said: str, ok: int = 0) -> dict[str, Any]:
        """Run a command to its end; gives the answer, and what was told on stderr as `stderr`."""
        running = await asyncio.create_subprocess_exec(
            *words(*said, "--output", "json"),
            env=at(self.receiver.url, self.key, **GITHUB),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await running.communicate()
        assert self.key.encode() not in out + err
        assert running.returncode == ok, err.decode()
        answer: dict[str, Any] = json.loads(out) if out else {}
        return answer | {"stderr": err.decode()}

    async def read(self, path: str) -> dict[str, Any]:
        answer = await self.receiver.get(f"/api/v1{path}", self.receiver.secrets.api_key)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found


@pytest.fixture
async def job(tmp_path: Path) -> AsyncIterator[Job]:
    async with serving(tmp_path / "data") as receiver:
        yield Job(receiver, receiver.secrets.api_key)


async def test_an_attestation_is_taken_and_found(job: Job, tmp_path: Path) -> None:
    (tmp_path / "counts.json").write_text('{"totalTests": 1234, "passed": 1230, "failed": 0, "skipped": 4}')
    said = ("attest", "--type", "TEST_RESULTS", "--name", "Unit Tests", "--passed", "--evidence")
    posted = await job.carnet(*said, str(tmp_path / "counts.json"))
    assert posted["effectivePassed"] is True
    assert posted["stderr"] == ""
    found = await job.read(f"/attestations/{posted['id']}")
    assert (found["name"], found["basis"], found["passed"]) == ("Unit Tests", "posted", True)
    assert found["context"]["repository"] == "acme/checkout"
    assert found["context"]["commit"] == SHA


async def test_a_claim_with_failures_is_taken_and_told(job: Job, tmp_path: Path) -> None:
    (tmp_path / "counts.json").write_text('{"totalTests": 1234, "passed": 1230, "failed": 4, "coverage": 87.5}')
    said = ("attest", "--type", "TEST_RESULTS", "--name", "Unit Tests", "--passed", "--evidence")
    posted = await job.carnet(*said, str(tmp_path / "counts.json"))
    assert posted["effectivePassed"] is False
    assert "warning: contradiction: passed, and failed is 4" in posted["stderr"]
    assert "warning: it counts as not passed" in posted["stderr"]


async def test_a_report_is_taken_with_what_it_counts(job: Job, tmp_path: Path) -> None:
    report = tmp_path / "TEST-a.xml"
    report.write_text('<testsuite name="a" tests="1"><testcase classname="a" name="b" time="1"/></testsuite>')
    posted = await job.carnet("attest", "--report", str(report), "--name", "Unit Tests")
    found = await job.read(f"/attestations/{posted['id']}")
    assert (found["type"], found["basis"], found["passed"]) == ("TEST_RESULTS", "posted", True)
    assert found["predicate"]["claim"]["evidence"]["totalTests"] == 1


async def test_an_artifact_and_its_deployment_are_taken_and_found(job: Job) -> None:
    about = ("--name", "checkout", "--version", "2.1.0", "--type", "docker-image")
    posted = await job.carnet("artifact", "--sha256", DIGEST, *about)
    found = await job.read(f"/artifacts/{posted['id']}")
    assert (found["sha256"], found["commitSha"], found["ciContext"]["buildUrl"]) == (DIGEST, SHA, BUILD_URL)
    again = await job.carnet("artifact", "--sha256", DIGEST, *about)
    assert again["id"] == posted["id"]
    deployed = await job.carnet(
        "deploy", "--environment", "production", "--service", "checkout", "--status", "success",
        "--artifact-sha256", DIGEST, "--version", "2.1.0",
    )  # fmt: skip
    found = await job.read(f"/deployments/{deployed['id']}")
    assert (found["status"], found["artifactSha256"], found["metadata"]) == ("SUCCESS", DIGEST, {"version": "2.1.0"})
    assert "commitSha" not in found or found["commitSha"] is None


async def test_a_deployment_is_announced(job: Job) -> None:
    announced = await job.carnet("deploy", "--environment", "production", "--service", "checkout", "--expected")
    assert (await job.read(f"/deployments/{announced['id']}"))["status"] == "EXPECTED"


async def test_a_run_goes_on_over_jobs_that_share_nothing(job: Job) -> None:
    begun = await job.carnet("run", "start")
    await job.carnet("run", "step", "build", "--number", "1", "--status", "success", "--duration", "1.5")
    await job.carnet("run", "step", "test", "--number", "2", "--status", "failed")
    ended = await job.carnet("run", "finish", "--conclusion", "failure")
    assert ended["id"] == begun["id"]
    found = await job.read(f"/pipeline-runs/{begun['id']}")
    assert found["status"] == "FAILED"
    assert found["externalId"] == "4711"
    assert [(one["name"], one["status"]) for one in found["steps"]] == [("build", "SUCCESS"), ("test", "FAILURE")]
    await job.carnet("run", "finish", "--conclusion", "success", ok=1)


async def test_what_is_refused_says_which_fields_are_wrong(job: Job) -> None:
    told = await job.carnet("attest", "--type", "TAG", "--name", "x" * 201, "--passed", ok=65)
    assert "name: " in told["stderr"]


async def test_a_key_without_the_scope_is_exit_77(job: Job) -> None:
    job.key = job.receiver.token(Scope.READ)
    told = await job.carnet("attest", "--type", "TAG", "--name", "x", "--passed", ok=77)
    assert "403" in told["stderr"]


async def test_an_authority_of_ones_own_is_believed_where_it_is_named_and_nowhere_else(tmp_path: Path) -> None:
    data, _, secrets = quickstart_in(tmp_path / "data")
    data.make_tls(["127.0.0.1"], clock.utcnow())
    address = app.Address("127.0.0.1", 0)
    plan = app.Plan(data.database_url, data.master_key, address, data.certificate, data.certificate_key)
    async with app.running(plan, make_journal(io.StringIO(), clock.utcnow)) as running:
        said = ("attest", "--type", "TAG", "--name", "x", "--passed", "--timeout", "3")
        variables = at(running.url, secrets.api_key, **GITHUB)
        assert running.url.startswith("https://")
        trusting = await asyncio.to_thread(process, variables, *said, "--ca-file", str(data.authority))
        assert trusting.returncode == 0, trusting.stderr
        stranger = await asyncio.to_thread(process, variables, *said)
        assert stranger.returncode == 75
        assert "certificate" in stranger.stderr
