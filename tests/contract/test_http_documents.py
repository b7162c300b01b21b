"""What the API says about itself is true: the document is valid, its examples are taken, its page loads nothing."""

import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from receiver.core.tokens import Scope
from receiver.web.api_v1 import shapes
from receiver.web.routes import Proof
from receiver.web.table import TABLE
from shared import dsse
from shared.encoding import compact
from tests.helpers import build
from tests.helpers.receiving import Receiver, Sender, serving

DOCUMENT = "/api/v1/openapi.json"
GATE = "/releasepassport/v1/openapi.json"


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with serving(tmp_path / "data") as running:
        yield running


async def test_the_document_is_valid_openapi_3_1_and_needs_no_token(receiver: Receiver) -> None:
    import schemathesis  # noqa: PLC0415 - takes seconds, which only this test pays

    answers = [await receiver.get(path) for path in (GATE, DOCUMENT)]
    for answer in answers:
        assert answer.status == 200
        assert answer.json["openapi"].startswith("3.1.")
        schemathesis.openapi.from_dict(answer.json).validate()
    broken = answers[-1].json | {"paths": {"/x": {"get": {"responses": 7}}}}
    with pytest.raises(Exception, match="7"):
        schemathesis.openapi.from_dict(broken).validate()


@pytest.mark.parametrize("path", [DOCUMENT, GATE, "/docs"])
async def test_who_has_it_already_is_told_so(receiver: Receiver, path: str) -> None:
    first = await receiver.get(path)
    tag = first.headers["ETag"]
    again = await receiver.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert (await receiver.get(path, headers={"If-None-Match": '"other"'})).body == first.body


async def test_every_documented_example_is_accepted(receiver: Receiver) -> None:
    token = receiver.token(*Scope)
    document = (await receiver.get(DOCUMENT)).json
    taken = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = content["schema"]["$ref"].rsplit("/", 1)[1]
                for example in document["components"]["schemas"][name].get("examples", ()):
                    answer = await receiver.post(path, compact(example), token)
                    assert (method, answer.status) in {("post", 200), ("post", 201)}, (path, answer.body)
                    taken += 1
    assert taken > 0


def holds(model: type[BaseModel], body: bytes) -> None:
    """Every field is there and of its type, and there is no other."""
    model.model_validate_json(body)


async def test_answers_that_carry_signed_bytes_are_as_they_are_described(receiver: Receiver) -> None:
    sender = Sender(receiver)
    enrolled = await sender.enrol(receiver.secrets.enrol_token)
    holds(shapes.Enrolled, enrolled.body)
    await sender.access()
    holds(shapes.Keyring, (await receiver.get("/api/v1/keyring", sender.token)).body)
    good, bad = sender.capture(2)
    flipped = dsse.Envelope(bad.payload, (dsse.Signature(bad.key_id, bytes(64)),))
    batch = sender.batch([good, flipped])
    holds(shapes.BatchRequest, batch)
    answer = await receiver.post("/api/v1/collector/attestations", batch, sender.token)
    assert answer.status == 207
    holds(shapes.BatchAnswer, answer.body)
    beat = build.heartbeat_envelope(sender.key, audience=receiver.audience, collector=sender.about(), beat=7)
    body = b'{"collectorId":"%b","heartbeat":%b}' % (sender.id.encode(), beat.to_bytes())
    holds(shapes.HeartbeatRequest, body)
    holds(shapes.HeartbeatAnswer, (await receiver.post("/api/v1/collector/heartbeats", body, sender.token)).body)
    holds(shapes.Envelope, good.to_bytes())
    with pytest.raises(ValueError, match="more"):
        holds(shapes.Envelope, good.to_bytes()[:-1] + b',"more":1}')


async def test_an_enrolment_that_waits_is_as_it_is_described(receiver: Receiver) -> None:
    invited = await receiver.post(
        "/api/v1/collectors/invitations", b'{"names": ["ci-08"]}', receiver.token(Scope.ADMIN)
    )
    sender, token = Sender(receiver), invited.json["items"][0]["token"]
    holds(shapes.EnrolRequest, sender.request(token, "ci-08"))
    waiting = await sender.enrol(token, "ci-08")
    assert waiting.status == 202
    holds(shapes.Waiting, waiting.body)


class Seen(HTMLParser):
    """Everything that a page could load or run, its style, and the places that it has and leads to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.style = ""
        self._in: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if self._in[-1:] == ["style"]:
            self.style += data

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass


async def test_the_page_runs_nothing_and_loads_nothing_and_its_policy_allows_nothing_else(receiver: Receiver) -> None:
    answer = await receiver.get("/docs")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    seen = Seen(answer.body.decode())
    assert not seen.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio"}
    assert {name for name, _ in seen.attributes} <= {
        "lang", "charset", "name", "content", "class", "id", "href", "aria-label", "open", "tabindex",
    }  # fmt: skip
    assert not re.search(r"https?:|//|url\(|@import", seen.style)
    policy = answer.headers["Content-Security-Policy"]
    allowed = b64encode(hashlib.sha256(seen.style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{allowed}'" in policy
    assert "unsafe" not in policy


async def test_the_page_shows_every_operation_and_every_link_leads_somewhere(receiver: Receiver) -> None:
    text = (await receiver.get("/docs")).body.decode()
    seen = Seen(text)
    places = [value for name, value in seen.attributes if name == "id"]
    assert len(set(places)) == len(places)
    links = {value for name, value in seen.attributes if name == "href"}
    assert links - {f"#{place}" for place in places} == {DOCUMENT}
    document: dict[str, Any] = (await receiver.get(DOCUMENT)).json
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in places


async def test_a_query_that_a_route_does_not_know_is_422_and_named(receiver: Receiver) -> None:
    token = receiver.token(*Scope)
    for row in TABLE:
        if row.proof is not Proof.SCOPED or row.asks is not None:
            continue
        path = re.sub(r"\{[a-z_]+\}", "ab" * 32, row.path)
        answer = await receiver.ask(row.method, f"{path}?colour=red", token)
        assert (answer.status, answer.json["code"]) == (422, "unknown_field"), row.path
        assert [one["field"] for one in answer.json["errors"]] == ["colour"]


async def test_a_word_with_a_path_of_its_own_is_taken_for_no_id(receiver: Receiver) -> None:
    answer = await receiver.ask("GET", "/api/v1/collectors/enrol", receiver.token(*Scope))
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert (await receiver.get("/api/v1/collectors/enrolled", receiver.token(*Scope))).status == 404


async def test_a_number_whose_fraction_is_zero_is_an_integer(receiver: Receiver) -> None:
    token = receiver.token(Scope.ADMIN)
    for text, status in (("60.0", 201), ("6e1", 201), ("60.5", 422), ("1e300", 422)):
        body = b'{"names": ["ci-07"], "validMinutes": %b}' % text.encode()
        assert (await receiver.post("/api/v1/collectors/invitations", body, token)).status == status
