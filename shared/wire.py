"""What travels between collector and receiver: paths, limits, the batch and its answer.

Both sides use these to write and to read. Requests are strict: unknown and doubled members are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeAlias

from pydantic import Field

from shared.encoding import (
    JsonObject,
    compact,
    parse_json,
    sha256,
)
from shared.errors import (
    Code,
    MalformedError,
)
from shared.fields import Id, Wire
from shared.members import split_members

API = "/api/v1"
GATE_API = "/releasepassport/v1"
BATCH_PATH = f"{API}/collector/attestations"
HEARTBEAT_PATH = f"{API}/collector/heartbeats"
ENROL_PATH = f"{API}/collectors/enrol"
KEYRING_PATH = f"{API}/keyring"
ACCESS_PATH = f"{API}/collectors/{{collector_id}}/access"

JSON_TYPE = "application/json"

MAX_BATCH_ENTRIES = 100
MAX_BATCH_BYTES = 16 << 20
MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True)
class Batch:
    """A batch as it arrived: its entries are the exact bytes that the sender wrote, each still unparsed."""

    collector_id: str
    batch_id: str
    entries: tuple[bytes, ...]
    heartbeat: bytes | None

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over the digests of the entries in order: whether a batch id comes with the same entries again."""
        return sha256(b"".join(sha256(entry) for entry in self.entries))


def emit_batch(collector_id: str, batch_id: str, entries: Sequence[bytes], heartbeat: bytes | None) -> bytes:
    """Write a batch around envelopes that are already in their one spelling."""
    beat = b"" if heartbeat is None else b'"heartbeat":' + heartbeat + b","
    head = compact({"collectorId": collector_id, "batchId": batch_id})[:-1]
    return head + b"," + beat + b'"attestations":[' + b",".join(entries) + b"]}"


def parse_batch(body: bytes) -> Batch:
    """Split a batch into its entries without believing or changing any of them.

    Raises `MalformedError`: `bad_json` where the whole is no JSON or has 0 or more than 100 entries, `duplicate_key`,
    `invalid_field` or `unknown_field` for its own members. An entry that is JSON but no envelope stays an entry.
    """
    found = split_members(
        body,
        raw=frozenset({"heartbeat"}),
        lists=frozenset({"attestations"}),
        max_elements=MAX_BATCH_ENTRIES,
    )
    entries = found.lists.get("attestations", ())
    if not entries:
        raise MalformedError(
            Code.BAD_JSON,
            "attestations: no entries",
            f"send 1 to {MAX_BATCH_ENTRIES} in a batch",
        )
    unknown = found.values.keys() - {"collectorId", "batchId"}
    if unknown:
        raise MalformedError(
            Code.UNKNOWN_FIELD,
            f"{min(unknown)[:80]!r} is not a member of a batch",
            "leave it out",
        )
    try:
        head = _BatchHead.from_wire(found.values)
    except ValueError:
        raise MalformedError(
            Code.INVALID_FIELD,
            "collectorId and batchId: each is 1 to 100 characters of A-Z a-z 0-9 _ . : -",
        ) from None
    return Batch(head.collector_id, head.batch_id, entries, found.raw.get("heartbeat"))


class _BatchHead(Wire):
    collector_id: Id
    batch_id: Id


Total: TypeAlias = Annotated[int, Field(ge=0)]


class Result(Wire):
    """What became of one entry, in words; the receipt beside it is what counts."""

    index: Total
    attestation_id: str | None = None
    status: str
    code: str | None = None
    detail: str | None = None
    hint: str | None = None

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire; written out, since a hundred of them stand in every answer."""
        fields = {
            "index": self.index,
            "attestationId": self.attestation_id,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
        }
        return {name: value for name, value in fields.items() if value is not None}


def emit_answer(batch_id: str, results: Sequence[Result], receipt: bytes) -> bytes:
    """Write the answer to a batch around the receipt's exact bytes."""
    counts = {kind: sum(one.status == kind for one in results) for kind in ("accepted", "duplicate", "held", "refused")}
    fields: JsonObject = {
        "batchId": batch_id,
        **counts,
        "results": [one.to_wire() for one in results],
    }
    return compact(fields)[:-1] + b',"receipt":' + receipt + b"}"


def parse_answer(body: bytes) -> tuple[bytes, tuple[Result, ...]]:
    """Read the answer to a batch: the exact bytes of the receipt, and the results in words; raises `MalformedError`.

    Only the receipt counts. Results that cannot be read are none.
    """
    found = split_members(
        body,
        raw=frozenset({"receipt"}),
        lists=frozenset({"results"}),
        max_elements=MAX_BATCH_ENTRIES,
    )
    if "receipt" not in found.raw:
        raise MalformedError(
            Code.INVALID_FIELD,
            "the answer has no receipt",
            "something else answered in its place",
        )
    try:
        results = tuple(Result.from_wire(parse_json(one)) for one in found.lists.get("results", ()))
    except (ValueError, MalformedError):
        results = ()
    return found.raw["receipt"], results
