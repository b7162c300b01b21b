"""Everything that a receiver, or whatever stands in its place, may do wrong with one request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from shared import problems, wire
from shared.dsse import Envelope
from shared.predicates import ReceiptEntry
from tests.fakes.receiver import Call, Fault, ReceiverSimulator
from tests.helpers import build


def nothing() -> Fault:
    """Answer as one should."""

    async def fault(call: Call) -> web.Response:
        return call.honest()

    return fault


def refuse(
    status: int, body: bytes = b"", headers: dict[str, str] | None = None, content_type: str = problems.PROBLEM_TYPE
) -> Fault:
    """Answer with a status, without looking at what was sent."""

    async def fault(_: Call) -> web.Response:
        return web.Response(status=status, body=body, headers=headers, content_type=content_type)

    return fault


def answer(body: bytes, status: int = 200, content_type: str = wire.JSON_TYPE) -> Fault:
    """Answer with these bytes."""
    return refuse(status, body, content_type=content_type)


def refuse_larger_than(entries: int, status: int = 413) -> Fault:
    """Refuse each batch with more entries than that, as a proxy with a limit does."""

    async def fault(call: Call) -> web.Response:
        if call.is_batch and len(wire.parse_batch(call.body).entries) > entries:
            return web.Response(status=status, body=b"<html>too large</html>", content_type="text/html")
        return call.honest()

    return fault


def refuse_with(poison: set[str], status: int = 413) -> Fault:
    """Refuse each batch that holds one of these entries as a whole, without a receipt."""

    async def fault(call: Call) -> web.StreamResponse:
        if call.is_batch and poison.intersection(call.ids()):
            return web.Response(status=status)
        return call.honest()

    return fault


def cut() -> Fault:
    """Cut the connection without having done anything."""

    async def fault(call: Call) -> web.StreamResponse:
        return _cut(call)

    return fault


def lose_reply() -> Fault:
    """Do what was asked for, and cut the connection before the answer."""

    async def fault(call: Call) -> web.StreamResponse:
        call.honest()
        return _cut(call)

    return fault


def cut_batches_with(poison: set[str]) -> Fault:
    """Cut the connection on each batch that holds one of these entries."""

    async def fault(call: Call) -> web.StreamResponse:
        if call.is_batch and poison.intersection(call.ids()):
            return _cut(call)
        return call.honest()

    return fault


def stall(until: asyncio.Event, then: Callable[[], None] | None = None) -> Fault:
    """Say nothing until an event is set; `then` is done as soon as the request is there."""

    async def fault(call: Call) -> web.StreamResponse:
        if then is not None:
            then()
        await until.wait()
        return call.honest()

    return fault


def _cut(call: Call) -> web.StreamResponse:
    assert call.request.transport is not None
    call.request.transport.abort()
    return web.Response()


@dataclass(frozen=True)
class Lie:
    """An answer that looks like success and is none; `name` says what is wrong with it."""

    name: str
    tell: Callable[[ReceiverSimulator, Call, bytes], bytes]

    def fault(self, sim: ReceiverSimulator) -> Fault:
        async def fault(call: Call) -> web.StreamResponse:
            before = list(sim.accepted), dict(sim.batches)
            honest = call.honest().body
            assert isinstance(honest, bytes)
            sim.accepted[:], sim.batches = before[0], before[1]
            return web.Response(body=self.tell(sim, call, honest), content_type=wire.JSON_TYPE)

        return fault


def _receipt(sim: ReceiverSimulator, call: Call, **overrides: object) -> bytes:
    batch = wire.parse_batch(call.body)
    entries = tuple(ReceiptEntry(attestation_id=one, status="accepted") for one in call.ids())
    key = overrides.pop("key", None)
    receipt = sim.receipt(
        batch.collector_id,
        str(overrides.pop("batch_id", batch.batch_id)),
        overrides.pop("entries", entries),  # type: ignore[arg-type]
        batch.digest,
        key,  # type: ignore[arg-type]
        **overrides,
    )
    return _around(batch.batch_id, receipt)


def _around(batch_id: str, receipt: Envelope) -> bytes:
    return wire.emit_answer(batch_id, [], receipt.to_bytes())


def _others(_: ReceiverSimulator, call: Call) -> tuple[ReceiptEntry, ...]:
    return tuple(
        ReceiptEntry(attestation_id=build.digest(f"another {number}"), status="accepted")
        for number in range(len(call.ids()))
    )


def _entries(call: Call, status: str, code: str | None = None) -> tuple[ReceiptEntry, ...]:
    made = [{"attestation_id": one, "status": status, "code": code} for one in call.ids()]
    return tuple(ReceiptEntry.model_validate(one) for one in made)


def _replayed(sim: ReceiverSimulator, _: Call, honest: bytes) -> bytes:
    first = next(iter(sim.batches.values()), None)
    return honest[:-40] if first is None else first[1]


LIES = (
    Lie("html", lambda *_: b"<html><body>Welcome to the hotel</body></html>"),
    Lie("empty", lambda *_: b""),
    Lie("empty object", lambda *_: b"{}"),
    Lie("null", lambda *_: b"null"),
    Lie("friendly words", lambda *_: b'{"batchId":"b","accepted":100,"results":[],"receipt":null}'),
    Lie("an unsigned receipt", lambda *_: b'{"receipt":{"payload":{"entries":[]}}}'),
    Lie("truncated", lambda _s, _c, honest: honest[: len(honest) // 2]),
    Lie("truncated by a byte", lambda _s, _c, honest: honest[:-1]),
    Lie("receipt of other ids", lambda sim, call, _: _receipt(sim, call, entries=_others(sim, call))),
    Lie(
        "ids in another order",
        lambda sim, call, _: _receipt(sim, call, entries=_entries(call, "accepted")[::-1]),
    ),
    Lie("one entry short", lambda sim, call, _: _receipt(sim, call, entries=_entries(call, "accepted")[1:])),
    Lie("one entry more", lambda sim, call, _: _receipt(sim, call, entries=(*_entries(call, "accepted"),) * 2)),
    Lie("no entries", lambda sim, call, _: _receipt(sim, call, entries=())),
    Lie(
        "named by the digest of the bytes",
        lambda sim, call, _: _receipt(
            sim,
            call,
            entries=tuple(ReceiptEntry(entry_digest=one, status="accepted") for one in call.ids()),
        ),
    ),
    Lie("unknown key", lambda sim, call, _: _receipt(sim, call, key=build.signer(999))),
    Lie("a key of another role", lambda sim, call, _: _receipt(sim, call, key=build.decision_signer())),
    Lie("the root key", lambda sim, call, _: _receipt(sim, call, key=build.root_signer())),
    Lie("the collector's own key", lambda sim, call, _: _receipt(sim, call, key=build.signer())),
    Lie("another batch", lambda sim, call, _: _receipt(sim, call, batch_id="another")),
    Lie(
        "another collector",
        lambda sim, call, _: _receipt(sim, call, audience=build.AUDIENCE.model_copy(update={"collector": "col_other"})),
    ),
    Lie("no collector", lambda sim, call, _: _receipt(sim, call, audience=build.AUDIENCE)),
    Lie(
        "another workspace",
        lambda sim, call, _: _receipt(
            sim, call, audience=build.OTHER_AUDIENCE.model_copy(update={"collector": build.COLLECTOR_ID})
        ),
    ),
    Lie(
        "signed before its key was valid",
        lambda sim, call, _: _receipt(sim, call, received_at=build.NOW.replace(year=2001)),
    ),
    Lie("a critical field that nobody knows", lambda sim, call, _: _receipt(sim, call, crit=("notAll",))),
    Lie("an old receipt", _replayed),
    Lie(
        "the collector's own heartbeat",
        lambda _s, call, _h: b'{"receipt":' + (wire.parse_batch(call.body).heartbeat or b"null") + b"}",
    ),
    Lie(
        "the collector's own entry", lambda _s, call, _h: b'{"receipt":' + wire.parse_batch(call.body).entries[0] + b"}"
    ),
    Lie(
        "one bit of the receipt",
        lambda _s, _c, honest: honest[:-200] + honest[-200:].translate(bytes.maketrans(b"AB", b"BA")),
    ),
)
"""Every way in which an answer of 200 may be no receipt for the batch in flight."""
