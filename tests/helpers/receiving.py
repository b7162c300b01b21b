"""A real receiver inside of the test's own event loop, on a free port, and a collector that speaks to it."""

from __future__ import annotations

import functools
import io
import json
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDict

from receiver import access, app, clock, keys_at_hand, revoke
from receiver.caller import operator
from receiver.commands.embedded import Embedded, Names, Secrets
from receiver.core.revocation import Asked, Loss, What
from receiver.core.tokens import Kind, Scope
from receiver.named_secrets import read_master_key
from receiver.store.engine import Store
from receiver.web.journal import make_journal
from receiver.web.settings import WebSettings
from shared.dsse import Envelope
from shared.encoding import digest_text, sha256
from shared.joining import emit_enrol_request
from shared.keyfile import write_secret
from shared.keys import Ed25519Signer
from shared.predicates import Audience
from shared.wire import emit_batch
from tests.helpers import build
from tests.helpers.databases import Databases, PostgresDatabases

UNLIMITED = 1_000_000
Body = bytes | AsyncIterable[bytes]
JSON = {"Content-Type": "application/json"}


@dataclass
class Receiver:
    """A receiver that serves; `log` is everything it has written to its log so far."""

    url: str
    names: Names
    secrets: Secrets
    data: Embedded
    http: aiohttp.ClientSession
    log: io.StringIO

    @property
    def audience(self) -> Audience:
        return Audience(receiver=self.names.receiver, workspace=self.names.workspace)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def token(self, *scopes: Scope, kind: Kind = Kind.API_KEY, limit: int = UNLIMITED, days: int = 90) -> str:
        """Issue a token with these scopes, as the operator would."""
        with self.store() as store:
            issued = access.issue(
                store, self.names.workspace, kind, scopes, "test", clock.utcnow(), os.urandom, days, limit
            )
        return issued.token

    def revoke(self, token_id: str) -> None:
        """End a token, as the operator would."""
        by, asked = operator(self.audience), Asked(What.TOKEN, token_id, Loss.LOST, None, "lost")
        with self.store() as store:
            signers = keys_at_hand.load(store, read_master_key(self.data.master_key), self.names.workspace)
            revoke.revoke(store, signers, asked, by, clock.utcnow(), os.urandom)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, opened a second time beside the running receiver."""
        store = Store.open(self.data.database_url)
        try:
            yield store
        finally:
            store.close()

    async def get(self, path: str, token: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("GET", path, token, headers=headers)

    async def post(
        self,
        path: str,
        body: Body,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        expect100: bool = False,
    ) -> Answer:
        return await self.ask("POST", path, token, body, JSON | dict(headers or {}), expect100=expect100)

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
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.http.request(
            method, self.url + path, headers=dict(headers or {}) | bearer, data=body, expect100=expect100
        ) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.read())


@dataclass(frozen=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever came
        return json.loads(self.body)


class EmbeddedOn(Embedded):
    """A quickstart's directory whose database is another one than the file in it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder)
        self._database_url = database_url

    @property
    def database_url(self) -> str:
        return self._database_url


@functools.cache
def _made_once(database_url: str | None) -> tuple[Names, Secrets, dict[str, bytes]]:
    """A quickstart's directory, made once for each kind of database and kept: making one takes most of a second."""
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "data"
        data = Embedded(inside) if database_url is None else EmbeddedOn(inside, database_url)
        names, secrets = data.make(clock.utcnow(), os.urandom)
        return names, secrets, {path.name: path.read_bytes() for path in data.folder.iterdir()}


def quickstart_in(folder: Path, databases: Databases | None = None) -> tuple[Embedded, Names, Secrets]:
    """Lay a quickstart's directory out, on a database of the kind that is asked for, else on an SQLite file."""
    if isinstance(databases, PostgresDatabases):
        template = databases.server.url("quickstart")
        database_url = databases.copy(folder, "quickstart", _made_once)
        names, secrets, files = _made_once(template)
        data: Embedded = EmbeddedOn(folder, database_url)
    else:
        names, secrets, files = _made_once(None)
        data = Embedded(folder)
    folder.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        write_secret(folder / name, content)
    return data, names, secrets


@asynccontextmanager
async def serving(
    folder: Path,
    settings: WebSettings | None = None,
    databases: Databases | None = None,
    shared_limits: app.SharedLimits | None = None,
    refusals_seconds: float = 60.0,
    licence: tuple[Path | None, str | None] = (None, None),
) -> AsyncIterator[Receiver]:
    """Have a receiver running on a directory that nobody used before; `licence` is its file and the vendor's key."""
    data, names, secrets = quickstart_in(folder, databases)
    plan = app.Plan(
        data.database_url,
        data.master_key,
        app.Address("127.0.0.1", 0),
        settings=settings or WebSettings(),
        shared_limits=shared_limits,
        refusals_seconds=refusals_seconds,
        licence_file=licence[0],
        licence_key=licence[1],
    )
    log = io.StringIO()
    async with (
        app.running(plan, make_journal(log, clock.utcnow)) as running,
        aiohttp.ClientSession(auto_decompress=True) as http,
    ):
        yield Receiver(running.url, names, secrets, data, http, log)


@dataclass
class Sender:
    """A collector's side of the wire, as short as it can be: a key, a name, and the stream's last id."""

    receiver: Receiver
    key: Ed25519Signer = field(default_factory=lambda: Ed25519Signer(os.urandom(32)))
    id: str = ""
    token: str = ""
    sent: list[Envelope] = field(default_factory=list)

    def request(self, token: str, name: str = "ci-07") -> bytes:
        """Proof of possession for an invitation."""
        proof = build.enrolment_request_envelope(
            self.key,
            audience=self.receiver.audience,
            token_digest=digest_text(sha256(token.encode())),
            nonce=os.urandom(16).hex(),
        )
        return emit_enrol_request(name, proof.to_bytes())

    async def enrol(self, token: str, name: str = "ci-07") -> Answer:
        """Take up an invitation, and keep the id where it was given."""
        answer = await self.receiver.post("/api/v1/collectors/enrol", self.request(token, name), token)
        if answer.status < 300:
            self.id = answer.json["id"]
        return answer

    async def access(self) -> Answer:
        """Ask for a token for an hour, and keep it."""
        envelope = build.access_envelope(
            self.key,
            audience=self.receiver.audience,
            collector_id=self.id,
            nonce=os.urandom(16).hex(),
        )
        answer = await self.receiver.post(f"/api/v1/collectors/{self.id}/access", envelope.to_bytes())
        if answer.status == 201:
            self.token = answer.json["token"]
        return answer

    async def join(self) -> Sender:
        """Enrol with the quickstart's invitation and get a token."""
        assert (await self.enrol(self.receiver.secrets.enrol_token)).status == 201
        assert (await self.access()).status == 201
        return self

    def capture(self, count: int, **overrides: object) -> list[Envelope]:
        """Sign so many reports at the end of the stream."""
        fresh = build.collected_run(
            count,
            self.key,
            start=len(self.sent),
            previous=self.sent[-1].id if self.sent else None,
            **{"audience": self.receiver.audience, "collector": self.about(), **overrides},
        )
        self.sent += fresh
        return fresh

    def about(self) -> dict[str, str]:
        return {"id": self.id, "version": "0.1.0", "config_digest": build.digest("config")}

    def batch(self, entries: list[Envelope], batch_id: str = "batch_1") -> bytes:
        """Write a batch of these."""
        return emit_batch(self.id, batch_id, [one.to_bytes() for one in entries], None)

    async def deliver(self, entries: list[Envelope], batch_id: str = "batch_1") -> Answer:
        """Send a batch."""
        return await self.receiver.post("/api/v1/collector/attestations", self.batch(entries, batch_id), self.token)
