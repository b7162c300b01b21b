"""What travels between collector and receiver: paths, limits, the batch, the answers, problems and their statuses.

Both sides use these to write and to read. Requests are strict: unknown and doubled members are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, TypeAlias

from pydantic import Field

from shared.encoding import (
    JsonObject,
    b64decode,
    b64encode,
    compact,
    parse_json,
    sha256,
)
from shared.errors import (
    CarnetError,
    Code,
    MalformedError,
    StateError,
    TryLaterError,
    UntrustedError,
)
from shared.fields import Id, Name, Wire
from shared.members import split_members

API = "/api/v1"
GATE_API = "/releasepassport/v1"
BATCH_PATH = f"{API}/collector/attestations"
HEARTBEAT_PATH = f"{API}/collector/heartbeats"
ENROL_PATH = f"{API}/collectors/enrol"
KEYRING_PATH = f"{API}/keyring"
MAX_ACCESS_ROTATIONS = 100
ACCESS_PATH = f"{API}/collectors/{{collector_id}}/access"

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

MAX_BATCH_ENTRIES = 100
MAX_BATCH_BYTES = 16 << 20
MAX_BODY_BYTES = 1 << 20
MAX_RETRY_AFTER_SECONDS = 3600
MAX_KEYRING_VERSIONS = 10_000
_MAX_SHOWN = 500

STATUS = {
    Code.BAD_JSON: HTTPStatus.BAD_REQUEST,
    Code.DUPLICATE_KEY: HTTPStatus.BAD_REQUEST,
    Code.INVALID_FIELD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.UNKNOWN_FIELD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.IDEMPOTENCY_MISMATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.CONFLICT: HTTPStatus.CONFLICT,
    Code.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of each code that a whole request may be answered with; entry codes fall back to their family's."""

_FAMILY_STATUS: tuple[tuple[type[CarnetError], HTTPStatus], ...] = (
    (MalformedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UntrustedError, HTTPStatus.FORBIDDEN),
    (StateError, HTTPStatus.CONFLICT),
    (TryLaterError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_MALFORMED = frozenset({400, 405, 406, 411, 413, 414, 415, 417, 422, 431})
_STATE = frozenset({404, 409, 410})
_LATER = frozenset({408, 425, 429, 502, 503, 504})


def status_of(error: CarnetError) -> HTTPStatus:
    """Give the status that a whole request is answered with for this error."""
    if error.code in STATUS:
        return STATUS[error.code]
    for family, status in _FAMILY_STATUS:
        if isinstance(error, family):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


class FieldProblem(Wire):
    """One field that is wrong, by its path in the request, and why."""

    field: str
    message: str


class Problem(Wire):
    """A problem body (RFC 9457), with `error` besides for clients that know nothing newer."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    request_id: str
    errors: tuple[FieldProblem, ...] = Field(default=(), strict=False)
    error: str

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire; an empty list of fields is left out."""
        fields = super().to_wire()
        if not self.errors:
            fields.pop("errors", None)
        return fields


def problem_for(error: CarnetError, request_id: str, errors: tuple[FieldProblem, ...] = ()) -> Problem:
    """Write an error as a problem body; everything that is not one of ours must have been made bland before."""
    status = status_of(error)
    return Problem(
        title=status.phrase,
        status=int(status),
        detail=error.detail,
        code=error.code.value,
        hint=error.hint,
        request_id=request_id,
        errors=errors,
        error=error.detail,
    )


def error_for(status: int, body: bytes, retry_after_seconds: float | None = None) -> CarnetError:
    """Turn an answer that is no success into the error whose remedy fits; reads the problem body where it is one."""
    code, detail, hint = Code.INTERNAL, f"the receiver answered {status}", None
    try:
        problem = Problem.from_wire(parse_json(body))
        said = "; ".join(f"{one.field}: {one.message}" for one in problem.errors) or problem.detail
        detail = f"the receiver answered {status}: {_shown(said)}"
        hint = None if problem.hint is None else _shown(problem.hint)
        code = Code(problem.code)
    except (ValueError, MalformedError):
        pass
    if status in _MALFORMED:
        return MalformedError(code, detail, hint)
    if status in (401, 403, 407):
        return UntrustedError(code, detail, hint)
    if status in _STATE:
        return StateError(code, detail, hint)
    if status in _LATER:
        return TryLaterError(code, detail, hint, delay_seconds=_bounded(retry_after_seconds))
    return CarnetError(code, detail, hint)


def _shown(text: str) -> str:
    # Whoever answered may be no receiver of ours: nothing of it may steer a terminal or fill a log.
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_SHOWN])


def _bounded(seconds: float | None) -> float | None:
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), float(MAX_RETRY_AFTER_SECONDS))


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


@dataclass(frozen=True)
class KeyringAnswer:
    """The signed keyring of a workspace, oldest version first, and its root key as SubjectPublicKeyInfo."""

    versions: tuple[bytes, ...]
    root_spki: bytes


def emit_keyring(versions: Sequence[bytes], root_spki: bytes) -> bytes:
    """Write all versions of a keyring, each an envelope in its one spelling."""
    return compact({"rootKey": b64encode(root_spki)})[:-1] + b',"versions":[' + b",".join(versions) + b"]}"


def parse_keyring(body: bytes) -> KeyringAnswer:
    """Read all versions of a keyring; believes none of them; raises `MalformedError`."""
    found = split_members(
        body,
        raw=frozenset(),
        lists=frozenset({"versions"}),
        max_elements=MAX_KEYRING_VERSIONS,
    )
    root = found.values.get("rootKey")
    versions = found.lists.get("versions")
    if not isinstance(root, str) or not versions:
        raise MalformedError(Code.INVALID_FIELD, "rootKey and versions: both are needed")
    try:
        return KeyringAnswer(versions, b64decode(root))
    except MalformedError as error:
        raise MalformedError(Code.INVALID_FIELD, f"rootKey: {error.detail}", error.hint) from None


@dataclass(frozen=True)
class EnrolAnswer:
    """What an enrolment is answered with; `enrolment` is the signed statement, absent while a person must confirm."""

    collector_id: str
    status: str
    enrolment: bytes | None


def emit_access(request: bytes, rotations: Sequence[bytes]) -> bytes:
    """Write a request for access around its envelope; rotations lead from a key that the receiver knows to its key."""
    if not rotations:
        return request
    return b'{"request":' + request + b',"rotations":[' + b",".join(rotations) + b"]}"


def parse_access(body: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Read a request for access, and the rotations that may stand beside it; raises `MalformedError`."""
    if not body.startswith(b'{"request":'):
        return body, ()
    found = split_members(
        body, raw=frozenset({"request"}), lists=frozenset({"rotations"}), max_elements=MAX_ACCESS_ROTATIONS
    )
    if found.values:
        raise MalformedError(Code.UNKNOWN_FIELD, f"{min(found.values)[:80]!r} is not known here")
    if "request" not in found.raw:
        raise MalformedError(Code.INVALID_FIELD, "request: the signed request is needed", "see docs/wire.md")
    return found.raw["request"], found.lists.get("rotations", ())


def emit_enrol_request(name: str, request: bytes) -> bytes:
    """Write a request to enrol around the envelope that proves possession of the key."""
    return compact({"name": name})[:-1] + b',"request":' + request + b"}"


def parse_enrol_request(body: bytes) -> tuple[str, bytes]:
    """Read a request to enrol: the collector's name and the envelope's exact bytes; raises `MalformedError`."""
    found = split_members(body, raw=frozenset({"request"}), lists=frozenset(), max_elements=0)
    if found.values.keys() - {"name"}:
        raise MalformedError(
            Code.UNKNOWN_FIELD,
            f"{min(found.values.keys() - {'name'})[:80]!r} is not known here",
        )
    if "request" not in found.raw:
        raise MalformedError(Code.INVALID_FIELD, "name and request: both are needed")
    try:
        head = _EnrolHead.from_wire(found.values)
    except ValueError:
        raise MalformedError(
            Code.INVALID_FIELD, "name: 1 to 200 characters, none of them a control character"
        ) from None
    return head.name, found.raw["request"]


class _EnrolHead(Wire):
    name: Name


def emit_enrol_answer(answer: EnrolAnswer) -> bytes:
    """Write the answer to an enrolment."""
    head = compact({"id": answer.collector_id, "status": answer.status})
    return head if answer.enrolment is None else head[:-1] + b',"enrolment":' + answer.enrolment + b"}"


def parse_enrol_answer(body: bytes) -> EnrolAnswer:
    """Read the answer to an enrolment; believes nothing of it; raises `MalformedError`."""
    found = split_members(body, raw=frozenset({"enrolment"}), lists=frozenset(), max_elements=0)
    try:
        head = _EnrolAnswerHead.from_wire(found.values)
    except ValueError:
        raise MalformedError(Code.INVALID_FIELD, "id and status: both are needed") from None
    return EnrolAnswer(head.id, head.status, found.raw.get("enrolment"))


class _EnrolAnswerHead(Wire):
    id: Id
    status: Name
