"""What travels when a collector joins: its request and the answer, the request for access, and the keyring.

Both sides use these to write and to read. Nothing is believed here: what is signed is given as the bytes that came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.encoding import b64decode, b64encode, compact
from shared.errors import Code, MalformedError
from shared.fields import Id, Name, Wire
from shared.members import split_members

MAX_KEYRING_VERSIONS = 10_000
MAX_ACCESS_ROTATIONS = 100


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
