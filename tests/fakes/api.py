"""The four routes that pipelines post to, on a real socket: strict about the contract, and wrong as a test asks.

`faults` are taken one per request; `always` stays; `lost_answers` are of requests that were done. What it objects to is
a bug of the client, whatever it answered.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "mw_live_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghi012345"
START_SECONDS = 20

_ABOUT = {"repositoryFullName", "commitSha", "branch", "prNumber", "source"}
_RUN_CHANGE = {"status", "conclusion", "startedAt", "completedAt", "durationSeconds", "steps"}
FIELDS = {
    "attestations": _ABOUT
    | {"artifactSha256", "type", "name", "passed", "evidence", "evidenceUrl", "resourceType", "resourceId"},
    "artifacts": _ABOUT | {"name", "version", "sha256", "artifactType", "registry", "ciContext"},
    "deployments": {
        "environment", "environmentType", "service", "namespace", "status", "artifactSha256", "repositoryFullName",
        "commitSha", "ref", "deployedBy", "externalId", "description", "startedAt", "completedAt", "passportId",
        "source", "ciContext", "metadata",
    },
    "pipeline-runs": _RUN_CHANGE
    | {
        "externalId", "source", "workflowName", "repositoryFullName", "headSha", "headBranch", "prNumber", "event",
        "triggeredBy", "runUrl",
    },
}  # fmt: skip
NEEDED = {
    "attestations": {"type", "name", "passed"},
    "artifacts": {"repositoryFullName", "name", "sha256"},
    "deployments": {"environment", "status"},
    "pipeline-runs": {"workflowName", "status", "externalId", "source"},
}
CI_CONTEXT = {"provider", "buildUrl", "buildId", "triggeredBy"}
TYPES = {
    "TEST_RESULTS", "COVERAGE", "SECURITY_SCAN", "CODE_REVIEW", "SBOM", "VEX", "BUILD_PROVENANCE",
    "DEPLOYMENT_APPROVAL", "SIGSTORE_VERIFICATION", "SERVICENOW_CHANGE", "CUSTOM", "TAG",
}  # fmt: skip
RUN_RANKS = {"QUEUED": 0, "IN_PROGRESS": 1, "COMPLETED": 2, "FAILED": 2, "CANCELLED": 2}


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    key: str | None
    body: dict[str, Any]


Fault = Callable[[web.Request], web.StreamResponse]


@dataclass
class Api:
    """What the receiver was asked, and what it holds."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    always: Fault | None = None
    lost_answers: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recorded: int = 0
    _answered: dict[str, tuple[bytes, dict[str, Any]]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        fault = self.faults.popleft() if self.faults else self.always
        noun = request.path.removeprefix("/api/v1/").split("/")[0]
        body = self._check(request, noun, raw)
        self.calls.append(Call(request.method, request.path, request.headers.get("Idempotency-Key"), body))
        if fault is not None:
            return fault(request)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, "unauthorized", "this token is not known here")
        if request.method == "PUT":
            answer = self._put(request.path.rpartition("/")[2], body)
        else:
            answer = self._post(noun, request.headers.get("Idempotency-Key", ""), raw, body)
        if self.lost_answers:
            self.lost_answers -= 1
            return dropping(request)
        return answer

    def _check(self, request: web.Request, noun: str, raw: bytes) -> dict[str, Any]:
        if noun not in FIELDS or (request.method, request.path.count("/")) not in (("POST", 3), ("PUT", 4)):
            self.objections.append(f"no such route: {request.method} {request.path}")
            return {}
        if not request.headers.get("Authorization", "").startswith("Bearer mw_live_"):
            self.objections.append("no bearer token")
        if request.method == "POST" and not re.fullmatch(r"\S{16,200}", request.headers.get("Idempotency-Key", "")):
            self.objections.append("a POST without an Idempotency-Key")
        if request.content_type != "application/json" or request.query_string:
            self.objections.append("no JSON, or a query")
        body: dict[str, Any] = json.loads(raw)
        allowed = _RUN_CHANGE if request.method == "PUT" else FIELDS[noun]
        if unknown := body.keys() - allowed:
            self.objections.append(f"unknown fields: {sorted(unknown)}")
        if request.method == "POST" and (missing := NEEDED[noun] - body.keys()):
            self.objections.append(f"missing fields: {sorted(missing)}")
        if any(value is None or value == "" for value in body.values()):
            self.objections.append("a field that says nothing")
        if noun == "attestations" and (body.get("type") not in TYPES or not isinstance(body.get("passed"), bool)):
            self.objections.append("type or passed is of no known value")
        if body.get("ciContext", {}).keys() - CI_CONTEXT:
            self.objections.append("unknown fields in ciContext")
        return body

    def _post(self, noun: str, key: str, raw: bytes, body: dict[str, Any]) -> web.Response:
        if key in self._answered:
            before, answer = self._answered[key]
            if before != raw:
                return problem(422, "idempotency_mismatch", "this Idempotency-Key came before with another body")
            return web.json_response(answer, status=201, headers={"Idempotent-Replay": "true"})
        if noun == "pipeline-runs":
            for id_, run in self.runs.items():
                if (run["source"], run["externalId"]) == (body["source"], body["externalId"]):
                    return web.json_response({"id": id_, **run})
            id_ = f"run_{len(self.runs) + 1}"
            self.runs[id_] = body
            self.recorded += 1
            answer = {"id": id_, **body}
        else:
            self.recorded += 1
            answer = {"id": f"{noun[:3]}_{self.recorded}", **self.answers}
        self._answered[key] = (raw, answer)
        return web.json_response(answer, status=201)

    def _put(self, id_: str, change: dict[str, Any]) -> web.Response:
        run = self.runs.get(id_)
        if run is None:
            return problem(404, "not_found", "there is no such run")
        merged = run | change | {"steps": [*run.get("steps", []), *change.get("steps", [])]}
        if RUN_RANKS[run["status"]] == 2 and merged != run | {"steps": run.get("steps", [])}:
            return problem(409, "conflict", f"this run is {run['status']} and closed")
        self.runs[id_] = merged
        return web.json_response({"id": id_, **merged})


def problem(
    status: int,
    code: str,
    detail: str,
    errors: tuple[tuple[str, str], ...] = (),
    headers: dict[str, str] | None = None,
) -> web.Response:
    """An error as the contract has it."""
    body: dict[str, Any] = {
        "type": "about:blank", "title": "No", "status": status, "detail": detail, "code": code, "hint": "mend it",
        "requestId": "req_1", "error": detail,
    }  # fmt: skip
    if errors:
        body["errors"] = [{"field": name, "message": message} for name, message in errors]
    return web.json_response(body, status=status, content_type="application/problem+json", headers=headers)


def answering(status: int, code: str, detail: str = "no", **more: Any) -> Fault:  # noqa: ANN401
    return lambda _: problem(status, code, detail, **more)


def dropping(request: web.Request) -> web.StreamResponse:
    """Take the request, and hang up."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@contextmanager
def serving() -> Iterator[Api]:
    """Serve in a thread of its own, so that commands can run as processes meanwhile."""
    api, ready = Api(), threading.Event()
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", api.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def run() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(START_SECONDS)
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    assert api.objections == []
