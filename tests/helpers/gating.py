"""A pipeline that asks the gate of a real receiver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.helpers.posting import COMMIT, REPOSITORY, Api
from tests.helpers.receiving import JSON, Answer, Receiver

EVALUATE = "/releasepassport/v1/gate/evaluate"
PASSPORTS = "/releasepassport/v1/passports"
DIGEST = "sha256:" + "abc123" + "4f" * 29
ASKED: dict[str, Any] = {
    "mode": "shadow",
    "service": {"name": "checkout-api", "namespace": "apps-checkout", "environment": "production"},
    "artifact": {"digest": DIGEST},
    "release": {
        "releaseId": "gh-123456",
        "sourceSha": "9f3c8b7",
        "renderedManifestPath": "rendered/checkout-api.yaml",
    },
    "health": {"ready": True, "requireHealthyTarget": True},
    "rollback": {"available": True, "verified": False},
}
"""The second seed's own example, with a whole digest."""


def asked(**changes: object) -> dict[str, Any]:
    """The question with changes."""
    return {**ASKED, **changes}


@dataclass
class Gate:
    """Who holds a gate's token."""

    receiver: Receiver
    token: str

    async def ask(self, fields: Mapping[str, object] | None = None, **headers: str) -> Answer:
        """Ask, with headers whose names have underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(ASKED if fields is None else fields).encode()
        return await self.receiver.ask("POST", EVALUATE, self.token, body, {**JSON, **named})

    async def decided(self, fields: Mapping[str, object] | None = None, **headers: str) -> dict[str, Any]:
        """Ask what must be answered with a decision."""
        answer = await self.ask(fields, **headers)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    async def get(self, path: str) -> Answer:
        return await self.receiver.get(path, self.token)


def gate(receiver: Receiver) -> Gate:
    """The gate's token of a quickstart."""
    return Gate(receiver, receiver.secrets.gate_token)


async def bring_evidence(ci: Api, digest: str) -> None:
    """Record an artifact (64 hex) with its commit, and tests of that commit that passed."""
    built = {"repositoryFullName": REPOSITORY, "name": "api", "sha256": digest, "commitSha": COMMIT}
    await ci.made("/artifacts", built)
    tests = {"repositoryFullName": REPOSITORY, "commitSha": COMMIT, "type": "TEST_RESULTS", "name": "Unit Tests"}
    counts = {"totalTests": 3, "passed": 3, "failed": 0, "errors": 0, "skipped": 0}
    await ci.made("/attestations", {**tests, "passed": True, "evidence": counts})
