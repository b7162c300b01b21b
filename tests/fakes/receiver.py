"""A receiver in a few hundred lines: honest, verifying, on a real socket, and wrong in exactly the way a test asks for.

It keeps what the contract says a receiver keeps (accepted ids in order, one receipt per batch id, the last beat) and
objects to calls that no collector of ours may make. `faults` are taken one per request; `always` stays.
"""

import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from aiohttp import web

from shared import dsse, joining, predicates, problems, statement, wire
from shared.dsse import Envelope
from shared.encoding import b64decode, digest_text, sha256
from shared.errors import CarnetError, Code, MalformedError, StateError, UntrustedError
from shared.keys import Ed25519Signer, PublicKey, key_from_spki
from shared.members import split_members
from shared.predicates import (
    Access,
    Collected,
    EnrolmentRequest,
    Heartbeat,
    KeyRotation,
    Receipt,
    ReceiptEntry,
    StreamMark,
)
from shared.statement import Statement, subject_sha256
from tests.helpers import build

MAX_BYTES = wire.MAX_BATCH_BYTES


@dataclass
class Call:
    """A request as it came, when, and what the honest answer to it would be."""

    number: int
    path: str
    token: str | None
    body: bytes
    at: float
    honest: Callable[[], web.Response]
    request: web.Request

    @property
    def is_batch(self) -> bool:
        return self.path == wire.BATCH_PATH

    @property
    def is_beat(self) -> bool:
        return self.path == wire.HEARTBEAT_PATH

    def entries(self) -> tuple[Envelope, ...]:
        return tuple(dsse.parse(entry) for entry in wire.parse_batch(self.body).entries)

    def ids(self) -> list[str]:
        return [digest_text(entry.id) for entry in self.entries()]

    def batch_id(self) -> str:
        return wire.parse_batch(self.body).batch_id


Fault = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass
class Known:
    """What is known of one collector: its keys and where they were rotated, its streams' entries, its last beat.

    `revoked` are the keys that came in by a rotation that is held.
    """

    key: PublicKey
    name: str
    revoked: dict[str, PublicKey] = field(default_factory=dict)
    retired: dict[str, tuple[PublicKey, str, int]] = field(default_factory=dict)
    places: dict[str, dict[int, str]] = field(default_factory=dict)
    last_beat: int = -1
    said: list[Heartbeat] = field(default_factory=list)

    def lose(self, stream_id: str, beyond: int) -> list[str]:
        """Forget the places beyond this one, as a receiver that was restored from an older copy has."""
        places = self.places[stream_id]
        return [places.pop(place) for place in sorted(places) if place > beyond]


class ReceiverSimulator:
    """Serves one workspace; an asynchronous context manager."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.received_at: Callable[[], datetime] = lambda: build.NOW + timedelta(seconds=clock() % 1_000_000)
        self.keyrings = [build.keyring()]
        self.receipt_key: Ed25519Signer = build.receipt_signer()
        self.collectors: dict[str, Known] = {}
        self.invitations: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.accepted: list[str] = []
        self.batches: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        self.calls: list[Call] = []
        self.objections: list[str] = []
        self.faults: deque[Fault] = deque()
        self.faults_on: Callable[[Call], bool] = lambda call: call.is_batch
        self.always: Fault | None = None
        self.refused: dict[str, str] = {}
        self.held: dict[str, str] = {}
        self.contiguous_override: int | None = None
        self.asks: list[dict[str, object]] = []
        self.keyring_version: int | None = None
        self.answer_headers: dict[str, str] = {}
        self._nonces: set[str] = set()
        self._taken_up: set[str] = set()
        self._count = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self.port = 0

    # --- life ---

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Serve, on a port of the system's choice the first time and on the same one again after a `close`."""
        app = web.Application(client_max_size=MAX_BYTES + 1)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Go away: connections are refused from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fingerprint(self) -> str:
        return build.root_signer().public.key_id

    # --- knobs ---

    def invite(self, name: str) -> str:
        token = f"ce_once_{next(self._count)}"
        self.invitations[token] = name
        return token

    def next(self, *faults: Fault, on: Callable[[Call], bool] | None = None) -> None:
        """The next requests (batches unless told otherwise) meet these faults, one each."""
        self.faults_on = on or (lambda call: call.is_batch)
        self.faults.extend(faults)

    def rotate_receipt_key(self, number: int = 201) -> None:
        """Sign receipts with a new key from now on, which the next version of the keyring brings."""
        self.receipt_key = build.signer(number)
        rows = (
            build.Row(build.receipt_signer()),
            build.Row(self.receipt_key),
            build.Row(build.decision_signer(), predicates.Role.DECISION),
        )
        version = len(self.keyrings) + 1
        self.keyrings.append(build.keyring(version=version, previous=self.keyrings[-1].id, rows=rows))

    def batch_calls(self) -> list[Call]:
        return [call for call in self.calls if call.is_batch]

    def restore(self, collector_id: str, stream_id: str, beyond: int) -> list[str]:
        """Go back to a copy that has a stream up to this place; gives the ids that it lacks."""
        lost = self.collectors[collector_id].lose(stream_id, beyond)
        self.accepted = [one for one in self.accepted if one not in lost]
        return lost

    # --- the line ---

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        bearer = request.headers.get("Authorization", "")
        token = bearer.removeprefix("Bearer ") if bearer else None
        call = Call(
            number=len(self.calls),
            path=request.path,
            token=token,
            body=body,
            at=self.clock(),
            honest=lambda: self._answer(request.method, request.path, token, body),
            request=request,
        )
        self.calls.append(call)
        if self.faults and self.faults_on(call):
            return await self.faults.popleft()(call)
        if self.always is not None:
            return await self.always(call)
        return call.honest()

    def _answer(self, method: str, path: str, token: str | None, body: bytes) -> web.Response:
        try:
            status, answer = self._route(method, path, token, body)
        except CarnetError as error:
            problem = problems.problem_for(error, f"req_{len(self.calls)}")
            return web.json_response(
                problem.to_wire(), status=int(problems.status_of(error)), content_type=problems.PROBLEM_TYPE
            )
        return web.Response(status=status, body=answer, content_type=wire.JSON_TYPE, headers=self.answer_headers)

    def _route(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, bytes]:
        if (method, path) == ("GET", wire.KEYRING_PATH):
            self._expect_token(token)
            versions = [one.to_bytes() for one in self.keyrings]
            return 200, joining.emit_keyring(versions, build.root_signer().public.spki)
        if (method, path) == ("POST", wire.ENROL_PATH):
            return 201, self._enrol(token, body)
        if (method, path) == ("POST", wire.BATCH_PATH):
            return self._batch(self._expect_token(token), body)
        if (method, path) == ("POST", wire.HEARTBEAT_PATH):
            return 200, self._heartbeat(self._expect_token(token), body)
        for collector_id in self.collectors:
            if (method, path) == ("POST", wire.ACCESS_PATH.format(collector_id=collector_id)):
                if token is not None:
                    self.objections.append("a request for access carries a token")
                return 201, self._access(collector_id, body)
        raise StateError(Code.NOT_FOUND, f"{method} {path} is not here")

    def _expect_token(self, token: str | None) -> str:
        if token in self.invitations:
            return self.invitations[token]
        if token is None or token not in self.tokens:
            raise UntrustedError(Code.UNAUTHORIZED, "this token is not known", "ask for access again")
        return self.tokens[token]

    def _enrol(self, token: str | None, body: bytes) -> bytes:
        if token not in self.invitations:
            raise UntrustedError(Code.UNAUTHORIZED, "this invitation is not known")
        name, raw = joining.parse_enrol_request(body)
        if name != self.invitations[token]:
            raise UntrustedError(Code.FORBIDDEN, "the invitation is for another name")
        envelope = dsse.parse(raw)
        fields = dsse.parse(raw).payload
        key = self._possessed(envelope, fields)
        request = statement.read(dsse.verify(envelope, key)).as_(EnrolmentRequest)
        if request.token_digest != digest_text(sha256(token.encode())):
            raise UntrustedError(Code.UNAUTHORIZED, "the request is for another invitation")
        collector_id = next((one for one, known in self.collectors.items() if known.key == key), None)
        if collector_id is None:
            if token in self._taken_up:
                raise StateError(Code.CONFLICT, "another key took this invitation up")
            self._taken_up.add(token)
            collector_id = build.COLLECTOR_ID if not self.collectors else f"col_{len(self.collectors)}"
            self.collectors[collector_id] = Known(key, name)
        record = dsse.sign(
            statement.payload(
                predicates.ENROLMENT,
                (subject_sha256(sha256(key.spki).hex()),),
                build.enrolment().model_copy(
                    update={
                        "collector_id": collector_id,
                        "collector_key_id": key.key_id,
                        "public_key": request.public_key,
                    }
                ),
            ),
            build.decision_signer(),
        )
        return joining.emit_enrol_answer(joining.EnrolAnswer(collector_id, "active", record.to_bytes()))

    def _possessed(self, envelope: Envelope, payload: bytes) -> PublicKey:
        found = split_members(payload, raw=frozenset(), lists=frozenset(), max_elements=0).values["predicate"]
        if not isinstance(found, dict):
            raise MalformedError(Code.MALFORMED_STATEMENT, "no predicate")
        key = key_from_spki(b64decode(str(found["publicKey"])))
        if key.key_id != envelope.key_id:
            raise UntrustedError(Code.BAD_SIGNATURE, "possession is not proved")
        return key

    def _access(self, collector_id: str, body: bytes) -> bytes:
        read = self._verify(collector_id, dsse.parse(body))
        asked = read.as_(Access)
        if asked.collector_id != collector_id or asked.nonce in self._nonces:
            raise UntrustedError(Code.UNAUTHORIZED, "the nonce was used, or the id is another's")
        self._nonces.add(asked.nonce)
        token = f"ca_hour_{next(self._count)}"
        self.tokens[token] = collector_id
        return f'{{"id":"t","token":"{token}","expiresAt":"2030-01-01T00:00:00Z"}}'.encode()

    def _verify(self, collector_id: str, envelope: Envelope) -> Statement:
        read = statement.read(dsse.verify_any(envelope, [self.collectors[collector_id].key]))
        read.expect_audience(build.AUDIENCE)
        return read

    # --- evidence ---

    def _batch(self, collector_id: str, body: bytes) -> tuple[int, bytes]:
        batch = wire.parse_batch(body)
        if len(body) > wire.MAX_BATCH_BYTES:
            self.objections.append(f"a batch of {len(body)} bytes")
        if batch.collector_id != collector_id:
            self.objections.append("a batch for another collector than the token's")
            raise UntrustedError(Code.FORBIDDEN, "the token is another collector's")
        known = self.batches.get((collector_id, batch.batch_id))
        if known is not None:
            if known[0] != batch.digest:
                raise MalformedError(Code.IDEMPOTENCY_MISMATCH, "this batch id came with other entries")
            return 200, known[1]
        entries = tuple(self._admit(collector_id, raw) for raw in batch.entries)
        self._object_to_order(batch)
        if batch.heartbeat is not None:
            with suppress(CarnetError):
                self._note_beat(collector_id, dsse.parse(batch.heartbeat))
        receipt = self.receipt(collector_id, batch.batch_id, entries, batch.digest)
        results = [
            wire.Result(
                index=index,
                attestation_id=entry.attestation_id,
                status=entry.status,
                code=entry.code,
                detail=None if entry.code is None else f"{entry.code}, said in words",
            )
            for index, entry in enumerate(entries)
        ]
        answer = wire.emit_answer(batch.batch_id, results, receipt.to_bytes())
        self.batches[collector_id, batch.batch_id] = (batch.digest, answer)
        return (207 if any(entry.status == "refused" for entry in entries) else 200), answer

    def _admit(self, collector_id: str, raw: bytes) -> ReceiptEntry:
        try:
            envelope = dsse.parse(raw)
        except CarnetError as error:
            self.objections.append(f"an entry that is no envelope: {error}")
            return ReceiptEntry(entry_digest=digest_text(sha256(raw)), status="refused", code=error.code)
        entry_id = digest_text(envelope.id)
        if entry_id in self.refused:
            return ReceiptEntry(attestation_id=entry_id, status="refused", code=self.refused[entry_id])
        try:
            collected = self._read(collector_id, envelope)
        except CarnetError as error:
            self.objections.append(f"an entry that does not verify: {error}")
            return ReceiptEntry(attestation_id=entry_id, status="refused", code=error.code)
        place = self.collectors[collector_id].places.setdefault(collected.stream.id, {})
        if place.setdefault(collected.stream.sequence, entry_id) != entry_id:
            self.objections.append(f"two entries at place {collected.stream.sequence}")
        if entry_id in self.accepted:
            return ReceiptEntry(attestation_id=entry_id, status="duplicate")
        self.accepted.append(entry_id)
        held = self.held.get(entry_id)
        if held is None and envelope.key_id in self.collectors[collector_id].revoked:
            held = "key_revoked"
        if held is not None:
            return ReceiptEntry(attestation_id=entry_id, status="held", code=held)
        return ReceiptEntry(attestation_id=entry_id, status="accepted")

    def _read(self, collector_id: str, envelope: Envelope) -> Collected | KeyRotation:
        """Read an entry that may be signed by the key that its place asks for; a rotation brings the next key."""
        known = self.collectors[collector_id]
        retired_keys = {name: key for name, (key, _, _) in known.retired.items()}
        keys = {known.key.key_id: known.key} | retired_keys | known.revoked
        if len(envelope.signatures) == 1:
            read = statement.read(dsse.verify_any(envelope, tuple(keys.values()))).as_(Collected)
            retired = known.retired.get(envelope.key_id)
            if retired is not None and (read.stream.id, read.stream.sequence) >= retired[1:]:
                self.objections.append(f"a retired key signed place {read.stream.sequence}")
            return read
        old = keys.get(envelope.key_id)
        if old is None:
            raise UntrustedError(Code.UNKNOWN_KEY, "nobody introduced the key that was rotated")
        raw = split_members(envelope.payload, raw=frozenset(), lists=frozenset(), max_elements=0).values["predicate"]
        assert isinstance(raw, dict)
        new = key_from_spki(b64decode(str(raw["publicKey"])))
        turned = statement.read(dsse.verify(envelope, old, new)).as_(KeyRotation)
        if digest_text(envelope.id) in self.held:
            known.revoked[new.key_id] = new
        elif old == known.key:
            known.retired[old.key_id] = (old, turned.stream.id, turned.stream.sequence)
            known.key = new
        return turned

    def _object_to_order(self, batch: wire.Batch) -> None:
        sequences = []
        for raw in batch.entries:
            with suppress(CarnetError):
                sequences.append(sequence_of(dsse.parse(raw)))
        if sequences != sorted(set(sequences)):
            self.objections.append(f"sequences out of order: {sequences}")

    def receipt(
        self,
        collector_id: str,
        batch_id: str,
        entries: tuple[ReceiptEntry, ...],
        digest: bytes = b"\x01" * 32,
        key: Ed25519Signer | None = None,
        **overrides: object,
    ) -> Envelope:
        """A receipt as this receiver signs it now; overrides name fields of `Receipt`."""
        key = key or self.receipt_key
        predicate = Receipt.model_validate(
            {
                "audience": build.AUDIENCE.model_copy(update={"collector": collector_id}),
                "key_id": key.public.key_id,
                "salt": build.random16(next(self._count)),
                "batch_id": batch_id,
                "received_at": self.received_at(),
                "keyring_version": self.keyring_version or len(self.keyrings),
                "entries": entries,
                "streams": self._marks(collector_id),
                "requests": self.asks,
            }
            | overrides
        )
        return statement.sign(predicates.RECEIPT, (subject_sha256(digest.hex(), "batch"),), predicate, key)

    def _marks(self, collector_id: str) -> tuple[StreamMark, ...]:
        marks = []
        for stream_id, places in self.collectors[collector_id].places.items():
            if not places:
                continue
            to = next(number for number in itertools.count() if number not in places) - 1
            if self.contiguous_override is not None:
                to = self.contiguous_override
            marks.append(build.mark(None if to < 0 else to, max(places), stream_id))
        return tuple(marks)

    # --- heartbeats ---

    def _heartbeat(self, collector_id: str, body: bytes) -> bytes:
        found = split_members(body, raw=frozenset({"heartbeat"}), lists=frozenset(), max_elements=0)
        if found.values != {"collectorId": collector_id}:
            self.objections.append(f"a heartbeat with {found.values}")
            raise UntrustedError(Code.FORBIDDEN, "the token is another collector's")
        beat = self._note_beat(collector_id, dsse.parse(found.raw["heartbeat"]))
        receipt = self.receipt(collector_id, f"beat-{beat}", ())
        return b'{"receipt":' + receipt.to_bytes() + b"}"

    def _note_beat(self, collector_id: str, envelope: Envelope) -> int:
        known = self.collectors[collector_id]
        beat = self._verify(collector_id, envelope).as_(Heartbeat)
        if beat.beat <= known.last_beat:
            raise StateError(Code.CONFLICT, f"beat {beat.beat} is not above {known.last_beat}")
        known.last_beat = beat.beat
        known.said.append(beat)
        return beat.beat


def sequence_of(envelope: Envelope) -> int:
    """The place that an envelope names, whoever signed it."""
    values = split_members(envelope.payload, raw=frozenset(), lists=frozenset(), max_elements=0).values
    predicate = values["predicate"]
    assert isinstance(predicate, dict)
    stream = predicate["stream"]
    assert isinstance(stream, dict)
    return int(str(stream["sequence"]))
