"""Runs, artifacts and deployments over HTTP say how they stand, wherever they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.core.tokens import Scope, parse_token
from tests.helpers.posting import COMMIT, DIGEST, REPOSITORY, Api
from tests.helpers.receiving import Receiver, serving

POSTS: dict[str, dict[str, Any]] = {
    "pipeline-runs": {"workflowName": "ci", "headSha": COMMIT, "status": "COMPLETED", "repositoryFullName": REPOSITORY},
    "artifacts": {"name": "payments-api", "sha256": DIGEST, "commitSha": COMMIT, "repositoryFullName": REPOSITORY},
    "deployments": {"environment": "production", "service": "payments", "status": "SUCCESS", "artifactSha256": DIGEST},
}
COUNTS = {"status": "accepted", "code": None}
HELD = {"status": "held", "code": "key_revoked"}


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running


async def everywhere(api: Api, ids: dict[str, str]) -> list[dict[str, Any]]:
    """How they stand by every read that shows them."""
    shown = [(await api.shown(f"/{path}/{one}"))["standing"] for path, one in ids.items()]
    listed = [one["standing"] for path in ids for one in (await api.shown(f"/{path}"))["items"]]
    found = await api.shown("/search", q=DIGEST)
    around = [one["standing"] for kind in ("runs", "artifacts", "deployments") for one in found[kind]["items"]]
    there = (await api.shown("/environments/production"))["services"][0]["deployed"]["standing"]
    return [*shown, *listed, *around, there]


async def test_what_came_with_a_revoked_token_says_that_it_is_held(receiver: Receiver) -> None:
    admin, stolen = Api(receiver, receiver.token(Scope.ADMIN)), Api(receiver, receiver.token(Scope.ADMIN))
    ids = {}
    for path, fields in POSTS.items():
        made = await stolen.made(f"/{path}", fields)
        assert made["standing"] == COUNTS
        ids[path] = made["id"]
    assert await everywhere(admin, ids) == [COUNTS] * 10
    token_id = parse_token(stolen.token).token_id
    ended = {"kind": "compromised", "since": None, "reason": "it was in a log"}
    assert (await admin.post(f"/tokens/{token_id}/revoke", ended)).status == 200
    assert await everywhere(admin, ids) == [HELD] * 10
