"""S9, F56: canary tokens, keys, words and secrets go through every route; then everything that can be seen is searched.

The receiver is a process of its own. The same search must find each word where it belongs, since a search that finds
nothing proves nothing. What comes from a collector's side stands in `tests/e2e/test_planted_secrets_line.py`.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from receiver.commands.embedded import Embedded, Secrets
from receiver.core.tokens import Kind, Scope, make_token, parse_token
from receiver.web.table import TABLE
from shared.redaction import unwrapped
from tests.helpers import programs
from tests.helpers.everyroute import BODIES, Everything, Tokens, is_open
from tests.helpers.receiving import JSON, Answer, Body, Receiver
from tests.helpers.secrets import Planted, planted, traces

WORD = "canaryword5f3759df"
"""A word of the evidence: it belongs into the rows of what was posted, and into answers that show them."""
ONCE = "canaryonce5f3759df"
"""An Idempotency-Key: it belongs into the row of the answer that it names."""
WRONG = "canarywrong5f3759df"
"""A word of requests that are refused: it belongs nowhere, but that a refusal may name an unknown field."""
POSTS = {
    "/api/v1/attestations": "AttestationRequest",
    "/api/v1/pipeline-runs": "RunRequest",
    "/api/v1/artifacts": "ArtifactRequest",
    "/api/v1/deployments": "DeploymentRequest",
}
SECRETS = planted(9)


@dataclass
class Seen:
    """All that can be seen from outside of the requests, by where it was."""

    texts: dict[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)
    """Each column of the database, whole."""
    tokens: list[str] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)
    """Tokens that an answer gave, once."""
    keys: dict[str, bytes] = field(default_factory=dict)

    def places(self, *needles: str) -> set[str]:
        """Where any of these is seen: as it is, or in base64."""
        return {where for where, text in self.texts.items() if any(one in text for one in needles)}

    def columns(self, *needles: str) -> set[str]:
        return {where for where, text in self.cells.items() if any(one in text for one in needles)}


def opened(found: bytes | str) -> str:
    text = found.decode("latin-1") if isinstance(found, bytes) else found
    return "\n".join((text, *unwrapped(text, 2)))


def secret_part(token: str) -> str:
    """What of a token nobody may see; its first letters tell the kind."""
    return token[8:]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("leaks")
    found = Seen()
    with programs.receiver(folder / "data", folder / "log") as running:
        asyncio.run(_speak(found, running))
        process = Path(f"/proc/{running.process.pid}")
        found.texts["command line"] = (process / "cmdline").read_text()
        found.texts["environment"] = (process / "environ").read_text()
        database = list((folder / "data").glob("receiver.db*"))
        found.texts["files of the database"] = "\n".join(opened(path.read_bytes()) for path in database)
        _read_rows(found, Embedded(folder / "data"))
    found.texts["log"] = opened((folder / "log").read_bytes())
    return found


def _read_rows(found: Seen, data: Embedded) -> None:
    found.keys = {"master": data.master_key.read_bytes(), "root": data.root_key.read_bytes()}
    with closing(sqlite3.connect(data.database)) as connection:
        connection.row_factory = sqlite3.Row
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names of its own schema
                for name in row.keys():  # noqa: SIM118 - a row iterates over its values
                    if isinstance(row[name], str | bytes):
                        where = f"{table}.{name}"
                        found.cells[where] = "\n".join((found.cells.get(where, ""), opened(row[name])))


async def _speak(found: Seen, running: programs.Receiver) -> None:
    printed, data = running.printed, Embedded(Path(running.printed["data"]))
    shown = ("apiKey", "gateToken", "evidenceToken", "enrolToken", "adminPassword")
    secrets = Secrets(*(str(printed[name]) for name in shown))
    async with aiohttp.ClientSession() as http:
        receiver = Heard(running.url, data.names(), secrets, data, http, io.StringIO(), found.answers)
        everything = await Everything.of(receiver)
        tokens = Tokens(receiver, receiver.names.workspace)
        full, little = tokens.of(*Scope), tokens.of(Scope.GATE_EVALUATE)
        unknown = make_token(Kind.API_KEY, os.urandom(32))
        mistyped = full[:-1] + ("0" if full[-1] != "0" else "1")
        found.tokens = [full, little, unknown, mistyped, everything.sender.token, secrets.api_key, secrets.gate_token]
        found.tokens += [secrets.evidence_token, secrets.enrol_token]
        await _post_well(receiver, full)
        await _ask_badly(receiver, everything, found.tokens)
        for route in TABLE:
            await everything.call(route, None if is_open(route) else full)
        for path in ("/docs", "/api/v1/openapi.json", "/metrics"):
            found.texts[path] = opened((await receiver.get(path)).body)
    refusals = {one.body for one in found.answers if one.status >= 400}
    found.texts["refusals"] = "\n".join(opened(one) for one in refusals)
    found.texts["headers of answers"] = "\n".join({str(dict(one.headers)) for one in found.answers})
    good = {one.body for one in found.answers if one.status < 400}
    found.texts["answers"] = "\n".join(opened(one) for one in good)
    found.issued = [
        str(fields["token"])
        for body in good
        if body.startswith(b"{")
        for fields in (json.loads(body), *json.loads(body).get("items", []))
        if isinstance(fields, dict) and "token" in fields
    ]


@dataclass
class Heard(Receiver):
    """A receiver whose answers are all kept."""

    heard: list[Answer] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        expect100: bool = False,
    ) -> Answer:
        answer = await super().ask(method, path, token, body, headers, expect100=expect100)
        self.heard.append(answer)
        return answer


async def _post_well(receiver: Receiver, token: str) -> None:
    """Posts that are taken, with a word, and a secret of each kind, in fields of many sorts."""
    for number, secret in enumerate(SECRETS):
        path, model = list(POSTS.items())[number % len(POSTS)]
        fields: dict[str, object] = {**BODIES[model], "source": f"s{number}"}
        if model == "AttestationRequest":
            fields |= {"resourceId": f"{number}", "branch": f"b {secret.text}"[:200].replace("\n", " ")}
            fields |= {"evidence": {"note": WORD, "output": [secret.text], "deep": {"er": {"still": secret.text}}}}
            fields |= {"evidenceUrl": f"https://ci.example/{WORD}"}
        elif model == "RunRequest":
            fields |= {"externalId": f"r{number}", "triggeredBy": WORD, "steps": [_step(secret)]}
        elif model == "ArtifactRequest":
            fields |= {"version": f"{number}", "ciContext": {"buildId": WORD, "env": secret.text}}
        else:
            fields |= {"externalId": f"d{number}", "metadata": {"note": WORD, "env": secret.text}}
        headers = JSON | {"Idempotency-Key": f"{ONCE}-{number}"}
        answer = await receiver.ask("POST", path, token, json.dumps(fields).encode(), headers)
        assert answer.status in (200, 201), (secret.kind, answer.body)


def _step(secret: Planted) -> dict[str, object]:
    return {"name": f"run {secret.text}"[:180].replace("\n", " "), "status": "QUEUED"}


async def _ask_badly(receiver: Receiver, everything: Everything, tokens: list[str]) -> None:
    """Every row with tokens where none belongs, and with what it refuses."""
    leaky = tokens[0]
    unknown = tokens[2]
    for route in TABLE:
        path = everything.path(route).partition("?")[0]
        token = None if is_open(route) else leaky
        for header in ("X-Request-Id", "Cookie", "User-Agent", "Referer", "X-Forwarded-For", "Traceparent"):
            await receiver.ask(route.method, path, token, b"{", {**JSON, header: f"{WRONG} {unknown}"})
        await receiver.ask(route.method, f"{path}?{WRONG}={unknown}&token={leaky}", token)
        await receiver.ask("BREW", path, token)
        await receiver.ask("DELETE", path, token)
        await receiver.ask(route.method, path, headers={"Authorization": f"Basic {WRONG} {unknown}"})
        await receiver.ask(route.method, path, f"{leaky}{WRONG}")
        if route.method != "GET":
            fields = json.dumps({"type": unknown, "name": {WRONG: leaky}, WRONG: leaky})
            for body in (fields, f"{WRONG} {leaky}", f'["{unknown}"]'):
                await receiver.ask(route.method, path, token, body.encode(), JSON)
            await receiver.ask(route.method, path, token, b"{}", {"Content-Type": f"text/{WRONG}"})
            await receiver.ask(route.method, path, token, b"{}", {**JSON, "Idempotency-Key": f"{WRONG} {unknown}"})
        if "{" in route.path:
            changed = path
            for known in everything.ids.values():
                changed = changed.replace(known, f"{WRONG}{unknown}")
            await receiver.ask(route.method, changed, token)
    once = JSON | {"Idempotency-Key": f"{ONCE}-0"}
    mismatch = await receiver.ask("POST", "/api/v1/attestations", leaky, _other_body(unknown), once)
    assert mismatch.status == 422
    for token in tokens[1:]:
        await receiver.get("/api/v1/attestations", token)
        await receiver.get(f"/{WRONG}/{token}", token)


def _other_body(token: str) -> bytes:
    return json.dumps({**BODIES["AttestationRequest"], "evidence": {"note": f"{WRONG} {token}"}}).encode()


EVERYWHERE = {
    "log", "files of the database", "command line", "environment", "/docs", "/api/v1/openapi.json", "/metrics",
    "refusals", "headers of answers", "answers",
}  # fmt: skip


def test_all_places_are_searched(seen: Seen) -> None:
    assert set(seen.texts) == EVERYWHERE
    assert {one.status for one in seen.answers} >= {200, 201, 400, 401, 403, 404, 405, 415, 422}
    for where in EVERYWHERE:
        assert len(seen.texts[where]) > 20, where


def test_a_token_is_seen_nowhere_but_in_the_answer_that_issued_it(seen: Seen) -> None:
    given = {secret_part(one) for one in seen.issued}
    assert given
    for token in {*map(secret_part, seen.tokens), *given}:
        wrapped = [base64.b64encode(b"x" * shift + token.encode()).decode()[4:-4] for shift in range(3)]
        assert seen.places(token, *wrapped) <= ({"answers"} if token in given else set())


def test_a_token_stands_in_the_database_as_its_digest_alone(seen: Seen) -> None:
    known = [parse_token(one) for one in seen.tokens if one != seen.tokens[3]]
    assert any(seen.columns(one.token_id) for one in known)
    for token in (*seen.tokens, *seen.issued):
        assert seen.columns(secret_part(token)) == set()


def test_a_key_is_seen_nowhere_but_in_its_file(seen: Seen) -> None:
    for key in seen.keys.values():
        lines = [one for one in key.splitlines() if len(one) >= 32 and b"-----" not in one] or [key]
        for line in lines:
            shapes = [line.decode("latin-1"), line.hex(), base64.b64encode(line).decode().rstrip("=")]
            assert seen.places(*shapes) == set()


def test_a_secret_that_was_posted_is_seen_nowhere(seen: Seen) -> None:
    found = {one.kind: seen.places(*set(traces(one))) for one in SECRETS}
    assert {kind: places for kind, places in found.items() if places} == {}
    assert "[secret:" in seen.texts["files of the database"]


def test_a_word_that_was_posted_is_seen_where_posts_are_shown_alone(seen: Seen) -> None:
    assert seen.places(WORD) == {"files of the database", "answers"}
    tables = {one.partition(".")[0] for one in seen.columns(WORD)}
    assert tables <= {"attestations", "envelopes", "records", "answers", "triggered"}
    assert tables


def test_an_idempotency_key_is_seen_in_the_row_that_it_names_alone(seen: Seen) -> None:
    assert seen.places(ONCE) == {"files of the database"}
    assert seen.columns(ONCE) == {"answers.idempotency_key"}


def test_what_was_refused_is_kept_nowhere_and_not_logged(seen: Seen) -> None:
    assert seen.places(WRONG) <= {"refusals"}
    assert seen.columns(WRONG) == set()
