"""A workspace on a real database, and collectors that live in memory: what tests of the receiver's inside start from.

Everything is seeded, so a failure can be run again; the clock is a value.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from receiver import access, collector_access, enrol, hear, ingest, keys_at_hand, setup
from receiver import confirm as confirming
from receiver.caller import Caller, operator
from receiver.confirm import Confirmed
from receiver.core.admit import Examine, KeyState, KnownKey, Sender, examine_all
from receiver.hear import Posted
from receiver.ingest import IngestAnswer
from receiver.keys_at_hand import RoleSigners
from receiver.store.engine import Store
from receiver.store.migrate import migrate
from receiver.store.schema import METADATA
from shared import joining, statement, wire
from shared.dsse import Envelope
from shared.encoding import compact, digest_text, sha256
from shared.errors import CarnetError
from shared.keys import Ed25519Signer
from shared.predicates import COLLECTED, Audience, Collector, Limits, StreamLink
from shared.statement import subject_commit, subject_sha256
from tests.helpers import build, build_acts
from tests.helpers.databases import Databases
from tests.helpers.databases import sqlite_url as url

NOW = build.NOW
Bytes = Callable[[int], bytes]


def seeded(seed: int) -> Bytes:
    return random.Random(seed).randbytes  # noqa: S311 - the same in every run


@dataclass
class Spool:
    """A collector as far as the receiver can see one: a key, a stream, and what was put into it so far."""

    audience: Audience = build.AUDIENCE
    key: Ed25519Signer = field(default_factory=build.signer)
    collector_id: str = build.COLLECTOR_ID
    random: Bytes = field(default_factory=lambda: seeded(7))
    stream_id: str = build.STREAM_ID
    next_sequence: int = 0
    last_id: bytes | None = None
    beats: int = 0

    def link(self, sequence: int, previous: bytes | None) -> StreamLink:
        """A place in this collector's stream."""
        return build.link(sequence, previous, id=self.stream_id)

    def envelope(self, at: StreamLink | None = None, **changes: object) -> Envelope:
        """Sign the next entry; with a place, one for that place, and the stream stays where it is."""
        place = at or self.link(self.next_sequence, self.last_id)
        source = build.collected().source.model_copy(update={"sha256": digest_text(self.random(32))})
        predicate = build.collected(
            self.key,
            **{
                "audience": self.audience,
                "collector": self._collector(),
                "salt": self.random(16).hex(),
                "stream": place,
                "observation_id": digest_text(self.random(32)),
                "source": source,
                **changes,
            },
        )
        about = (subject_sha256(predicate.source.sha256.removeprefix("sha256:")), subject_commit(build.COMMIT))
        signed = statement.sign(COLLECTED, about, predicate, self.key)
        if at is None:
            self.next_sequence += 1
            self.last_id = signed.id
        return signed

    def entry(self, at: StreamLink | None = None, **changes: object) -> bytes:
        """Sign the next entry, as bytes."""
        return self.envelope(at, **changes).to_bytes()

    def entries(self, count: int) -> list[bytes]:
        """Sign so many next entries."""
        return [self.entry() for _ in range(count)]

    def rotation(self, new: Ed25519Signer, at: StreamLink | None = None, **changes: object) -> Envelope:
        """Introduce another key at the next place, or at this one; the key that signs stays the same."""
        fields: dict[str, object] = {
            "audience": self.audience,
            "collector": self._collector(),
            "salt": self.random(16).hex(),
            **changes,
        }
        place = at or self.link(self.next_sequence, self.last_id)
        signed = build_acts.key_rotation_envelope(self.key, new, place, **fields)
        if at is None:
            self.next_sequence += 1
            self.last_id = signed.id
        return signed

    def rotate(self, new: Ed25519Signer) -> bytes:
        """Introduce another key at the next place, and sign with it from there on."""
        signed = self.rotation(new).to_bytes()
        self.key = new
        return signed

    def heartbeat(self, *, beat: int | None = None, **changes: object) -> bytes:
        """Sign the next heartbeat, or one with this count."""
        if beat is None:
            self.beats += 1
        fields: dict[str, object] = {
            "audience": self.audience,
            "collector": self._collector(),
            "stream": {"id": self.stream_id, "epoch": build.EPOCH},
            "beat": self.beats if beat is None else beat,
            **changes,
        }
        return build.heartbeat_envelope(self.key, **fields).to_bytes()

    def access_request(self, **changes: object) -> bytes:
        """Sign a request for a token."""
        fields: dict[str, object] = {
            "audience": self.audience,
            "collector_id": self.collector_id,
            "nonce": self.random(16).hex(),
            **changes,
        }
        return build.access_envelope(self.key, **fields).to_bytes()

    def sender(self, limits: Limits | None = None, key: KnownKey | None = None) -> Sender:
        """What a receiver would have registered about this collector."""
        known = key or KnownKey(self.key.public, KeyState.ACTIVE)
        return Sender(self.collector_id, {known.public.key_id: known}, (self.audience,), limits or Limits())

    def _collector(self) -> Collector:
        return build.collected().collector.model_copy(update={"id": self.collector_id})


@dataclass
class Receiver:
    """An opened database with one workspace; `path` is its file, where it is one."""

    path: Path
    store: Store
    master: bytes
    root: Ed25519Signer
    made: setup.SetUp
    signers: RoleSigners
    random: Bytes
    now: datetime = NOW
    database_url: str = ""

    def __post_init__(self) -> None:
        self.database_url = self.database_url or url(self.path)

    @property
    def audience(self) -> Audience:
        return self.signers.audience

    @property
    def workspace_id(self) -> str:
        return self.made.workspace_id

    def invite(self, name: str = "ci-07", *, approve: bool = True, limits: Limits | None = None) -> str:
        """Invite one collector; gives the token."""
        (one,) = enrol.invite(
            self.store, self.workspace_id, [name], limits or Limits(), approve, 60, self.now, self.random
        )
        return one.token

    def enrol_request(self, token: str, key: Ed25519Signer, name: str = "ci-07", **changes: object) -> bytes:
        """Write a request to enrol a key with an invitation."""
        fields = {"audience": self.audience, "token_digest": digest_text(sha256(token.encode())), **changes}
        return joining.emit_enrol_request(name, build.enrolment_request_envelope(key, **fields).to_bytes())

    def confirm(self, *fingerprints: str) -> tuple[Confirmed, ...]:
        """Confirm keys that wait, as the operator who compared their fingerprints."""
        rows = confirming.look(self.store, self.workspace_id, [], fingerprints, self.now)
        return confirming.confirm(self.store, self.signers, rows, operator(self.audience), self.now, self.random)

    def enrol(self, seed: int = 1, limits: Limits | None = None) -> tuple[Spool, Caller]:
        """Invite, enrol and let in one collector; gives its spool and its access."""
        key, name = build.signer(seed), f"ci-{seed:02}"
        token = self.invite(name, limits=limits)
        body = self.enrol_request(token, key, name)
        answer = enrol.enrol(self.store, self.signers, token, body, self.now, self.random)
        spool = Spool(self.audience, key, answer.collector_id, seeded(1000 + seed), seeded(2000 + seed)(16).hex())
        return spool, self.let_in(spool)

    def let_in(self, spool: Spool) -> Caller:
        """Give a collector access, as it would ask for it."""
        issued = collector_access.give(self.store, spool.collector_id, spool.access_request(), self.now, self.random)
        return access.authenticate(self.store, issued.token, self.now)

    def take(
        self, caller: Caller, batch_id: str, entries: Sequence[bytes], heartbeat: bytes | None = None
    ) -> IngestAnswer:
        """Post a batch for the caller's collector."""
        body = wire.emit_batch(caller.collector_id or "", batch_id, entries, heartbeat)
        return self.take_body(caller, body)

    def take_body(self, caller: Caller, body: bytes, examine: Examine = examine_all) -> IngestAnswer:
        """Post the body of a batch."""
        looked = ingest.look_at_batch(self.store, caller, body, examine)
        if isinstance(looked, IngestAnswer):
            return looked
        return ingest.take_batch(self.store, self.signers, caller, looked, self.now, self.random)

    def take_heartbeat(self, caller: Caller, heartbeat: bytes) -> bytes:
        """Post a heartbeat alone."""
        body = compact({"collectorId": caller.collector_id or ""})[:-1] + b',"heartbeat":' + heartbeat + b"}"
        (answer,) = hear.take(self.store, self.signers, [Posted(caller, body)], self.now, self.random)
        if isinstance(answer, CarnetError):
            raise answer
        return answer

    def copied(self, folder: Path) -> Receiver:
        """Open a copy of the database, an SQLite file that nobody has open, in a new folder."""
        folder.mkdir(mode=0o700)
        path = folder / "receiver.db"
        path.write_bytes(self.path.read_bytes())
        path.chmod(0o600)
        return Receiver(path, Store.open(url(path)), self.master, self.root, self.made, self.signers, self.random)

    def reopen(self) -> None:
        """Close the database and open it again, as a restart would."""
        self.store.close()
        self.store = Store.open(self.database_url)

    def stored_bytes(self) -> bytes:
        """Everything that is kept: the files of an SQLite database, every value of another one."""
        if self.path.exists():
            self.store.close()
            return b"".join(one.read_bytes() for one in sorted(self.path.parent.iterdir()))
        rows = self.store.read(
            lambda tx: [row for table in METADATA.sorted_tables for row in tx.execute(select(table))]
        )
        return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)

    @contextmanager
    def behind_its_back(self) -> Iterator[sqlite3.Connection]:
        """Change rows as somebody with the file in hand could: no triggers, no foreign keys."""
        self.store.close()
        connection = sqlite3.connect(self.path)
        try:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            yield connection
            connection.commit()
        finally:
            connection.close()
        self.store = Store.open(url(self.path))


def make_receiver(folder: Path, seed: int = 1, databases: Databases | None = None) -> Receiver:
    """Make a new database, an SQLite file in this folder if no other kind is asked for, with one workspace."""
    path = folder / "data" / "receiver.db"
    if databases is None:
        database_url = url(path)
        migrate(database_url)
    else:
        database_url = databases.migrated(path.parent)
    store = Store.open(database_url)
    randomly = seeded(seed)
    master, root = randomly(32), Ed25519Signer(randomly(32))
    made = setup.create(store, master, root, "acme", NOW, randomly)
    signers = keys_at_hand.load(store, master, made.workspace_id)
    return Receiver(path, store, master, root, made, signers, randomly, database_url=database_url)


def results(answer: IngestAnswer) -> list[wire.Result]:
    """The results of an answer, in words."""
    return list(wire.parse_answer(answer.body)[1])


def told(answer: IngestAnswer) -> list[tuple[str, str | None]]:
    """Status and code of each entry."""
    return [(one.status, one.code) for one in results(answer)]
