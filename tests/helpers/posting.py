"""A pipeline that speaks to the real receiver: JSON in, JSON out, and somebody of another workspace beside it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from receiver import access, clock, setup
from receiver.core.tokens import Kind, Scope
from receiver.named_secrets import read_master_key
from shared.keys import Ed25519Signer
from tests.helpers.receiving import JSON, UNLIMITED, Answer, Receiver

API = "/api/v1"
REPOSITORY = "acme/payments-api"
COMMIT = "9f3c8b7" + "0a" * 16 + "1"
OTHER_COMMIT = "c0ffee1" + "0b" * 16 + "1"
DIGEST = "a1b2c3d4" * 8
OTHER_DIGEST = "5e6f7a8b" * 8
Fields = Mapping[str, object]


@dataclass
class Api:
    """Who holds one token; paths are below the API's root."""

    receiver: Receiver
    token: str

    async def post(self, path: str, fields: Fields, once: str | None = None) -> Answer:
        headers = {} if once is None else {"Idempotency-Key": once}
        return await self.receiver.post(API + path, json.dumps(fields).encode(), self.token, headers)

    async def put(self, path: str, fields: Fields, once: str | None = None) -> Answer:
        headers = JSON if once is None else {**JSON, "Idempotency-Key": once}
        return await self.receiver.ask("PUT", API + path, self.token, json.dumps(fields).encode(), headers)

    async def get(self, path: str, **query: str) -> Answer:
        return await self.receiver.get(API + path + (f"?{urlencode(query)}" if query else ""), self.token)

    async def made(self, path: str, fields: Fields, status: int = 201) -> dict[str, Any]:
        """Post what must be taken; gives the answer."""
        answer = await self.post(path, fields)
        assert answer.status == status, answer.body
        found: dict[str, Any] = answer.json
        return found

    async def shown(self, path: str, **query: str) -> dict[str, Any]:
        """Read what must be there."""
        answer = await self.get(path, **query)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    async def listed(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Read the items of a list."""
        items: list[dict[str, Any]] = (await self.shown(path, **query))["items"]
        return items

    async def at_once(self, count: int, path: str, fields: Fields, once: str | None = None) -> list[Answer]:
        """Post the same so many times at once."""
        return await asyncio.gather(*(self.post(path, fields, once) for _ in range(count)))


def refused_field(answer: Answer) -> str:
    """The one field that a refusal names, first in its words too."""
    assert answer.status == 422, answer.body
    (wrong,) = answer.json["errors"]
    assert answer.json["detail"] == answer.json["error"] == f"{wrong['field']}: {wrong['message']}"
    field: str = wrong["field"]
    return field


def api(receiver: Receiver, *scopes: Scope) -> Api:
    """Somebody with a new token of these scopes."""
    return Api(receiver, receiver.token(*scopes))


def stranger(receiver: Receiver) -> Api:
    """An admin of another workspace of the same receiver."""
    with receiver.store() as store:
        root, master = Ed25519Signer(os.urandom(32)), read_master_key(receiver.data.master_key)
        other = setup.create(store, master, root, "lending", clock.utcnow(), os.urandom)
        issued = access.issue(
            store, other.workspace_id, Kind.API_KEY, [Scope.ADMIN], "other", clock.utcnow(), os.urandom, 90, UNLIMITED
        )
    return Api(receiver, issued.token)
