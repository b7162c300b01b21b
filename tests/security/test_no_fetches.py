"""F57: the addresses in what is posted are text; nobody connects to them, when they come in or when they are shown."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.core.tokens import Scope
from receiver.web.table import TABLE
from tests.helpers.everyroute import BODIES, Everything
from tests.helpers.receiving import serving

ADDRESSES = re.compile(r"(?i)(url|uri|link|href|registry)$")
POSTS = {
    "/api/v1/attestations": "AttestationRequest",
    "/api/v1/pipeline-runs": "RunRequest",
    "/api/v1/artifacts": "ArtifactRequest",
    "/api/v1/deployments": "DeploymentRequest",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who would be called; connections wait in its backlog until they are looked for."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen(64)
        opened.settimeout(0)
        yield opened


def calls(listener: socket.socket) -> int:
    found = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return found
        found += 1


def address_fields(schema: Any, within: tuple[str, ...] = ()) -> set[tuple[str, ...]]:  # noqa: ANN401 - a JSON Schema
    """The paths of the fields that are named as addresses are."""
    found = set()
    definitions = schema.get("$defs", {})
    for name, one in schema.get("properties", {}).items():
        if ADDRESSES.search(name):
            found.add((*within, name))
        for part in (one, *one.get("anyOf", ())):
            target = part.get("$ref", "").rpartition("/")[2]
            if target:
                found |= address_fields({**definitions[target], "$defs": definitions}, (*within, name))
    return found


def with_addresses(model: str, paths: set[tuple[str, ...]], url: str) -> dict[str, Any]:
    fields: dict[str, Any] = {**json.loads(json.dumps(BODIES[model])), "source": "fetching"}
    for *within, name in sorted(paths):
        place = fields
        for part in within:
            place = place.setdefault(part, {})
        place[name] = f"{url}/{name}"
    free = {"url": url, "report": {"href": f"{url}/report", "image": f"<img src='{url}/i.png'>"}}
    fields |= {"AttestationRequest": {"evidence": free}, "DeploymentRequest": {"metadata": free}}.get(model, {})
    return fields


async def test_no_address_in_a_post_is_ever_connected_to(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    socket.create_connection(("127.0.0.1", port)).close()
    assert calls(listener) == 1, "the listener would see a call"
    models = {one.takes.__name__: one.takes for one in TABLE if one.takes is not None}
    covered: set[str] = set()
    async with serving(tmp_path / "data") as receiver:
        key = receiver.token(*Scope)
        for path, model in POSTS.items():
            fields = address_fields(models[model].model_json_schema(by_alias=True))
            covered |= {one[-1] for one in fields}
            for scheme in ("http", "https", "ftp"):
                body = with_addresses(model, fields, f"{scheme}://127.0.0.1:{port}")
                answer = await receiver.post(path, json.dumps(body).encode(), key)
                assert answer.status in (200, 201), answer.body
        everything = await Everything.of(receiver)
        shown = b""
        for route in TABLE:
            if route.method == "GET":
                shown += (await everything.call(route, key)).body
        assert f"http://127.0.0.1:{port}".encode() in shown or f"ftp://127.0.0.1:{port}".encode() in shown
    assert covered >= {"evidenceUrl", "runUrl", "buildUrl", "registry"}
    assert calls(listener) == 0
