"""in-toto Statement v1: written once before it is signed, read only from bytes that a known key signed.

Source: github.com/in-toto/attestation, spec/v1/statement.md. A statement always has a subject, and its predicate names
the key that signed it, so a payload cannot be carried under another key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from shared import dsse
from shared.dsse import Envelope, Verified
from shared.encoding import JsonObject, JsonValue, canonical, parse_again, parse_payload
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.keys import Signer
from shared.predicates import TABLE, Audience, Predicate, PredicateType

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

_DIGEST_LENGTHS = {"sha256": 64, "gitCommit": (40, 64)}
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_SHOWN = 200
_P = TypeVar("_P", bound=Predicate)


@dataclass(frozen=True)
class Subject:
    """What a statement is about: digests by algorithm (`sha256`, `gitCommit`), and a name where one may be said."""

    digest: tuple[tuple[str, str], ...]
    name: str | None = None

    def to_wire(self) -> JsonObject:
        """Give the in-toto ResourceDescriptor."""
        fields: JsonObject = {"digest": dict(self.digest)}
        if self.name is not None:
            fields["name"] = self.name
        return fields


def subject_sha256(hexdigest: str, name: str | None = None) -> Subject:
    """Make the subject of something known by the SHA-256 of its bytes."""
    return Subject((("sha256", hexdigest),), name)


def subject_commit(commit: str) -> Subject:
    """Make the subject of a full git commit."""
    return Subject((("gitCommit", commit),))


@dataclass(frozen=True)
class Statement:
    """A statement whose signature was verified; `not_understood` lists what `crit` names and this reader lacks."""

    kind: PredicateType
    subjects: tuple[Subject, ...]
    predicate: Predicate
    verified: Verified
    not_understood: tuple[str, ...] = ()

    def as_(self, model: type[_P]) -> _P:
        """Give the predicate as the model that is expected; raises `MalformedError` (`wrong_type`) for another."""
        if not isinstance(self.predicate, model):
            raise MalformedError(
                Code.WRONG_TYPE,
                f"a statement of type {self.kind.uri} is not expected here",
            )
        return self.predicate

    def expect_understood(self) -> None:
        """Refuse to use a statement whose `crit` names what this program lacks; raises `UntrustedError`."""
        if self.not_understood:
            raise UntrustedError(
                Code.NOT_UNDERSTOOD,
                f"crit names {self.not_understood[0][:80]!r}, which this version does not know",
                "update this program; the statement must not be used without it",
            )

    def expect_audience(self, *audiences: Audience) -> None:
        """Refuse a statement that is meant for another workspace; raises `UntrustedError` (`wrong_audience`)."""
        if not any(self.predicate.audience.same_place(audience) for audience in audiences):
            meant = self.predicate.audience
            raise UntrustedError(
                Code.WRONG_AUDIENCE,
                f"this is meant for {meant.receiver}/{meant.workspace}",
                "send it to the workspace it was signed for",
            )


def payload(uri: str, subjects: tuple[Subject, ...], predicate: Predicate) -> bytes:
    """Write a statement as the bytes to sign; raises `ValueError` without a subject."""
    if not subjects:
        msg = "a statement has at least one subject"
        raise ValueError(msg)
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [subject.to_wire() for subject in subjects],
            "predicateType": uri,
            "predicate": predicate.to_wire(),
        }
    )


def sign(uri: str, subjects: tuple[Subject, ...], predicate: Predicate, signer: Signer) -> Envelope:
    """Write and sign a statement in one step."""
    return dsse.sign(payload(uri, subjects, predicate), signer)


def read(verified: Verified) -> Statement:
    """Read a statement from verified bytes.

    Raises `MalformedError`: `malformed_statement` where it is not an in-toto Statement v1 with a predicate of its
    type, or names another key than the one that signed; `wrong_type` for a type that is not in the table.
    """
    return _read(verified, parse_payload)


def read_again(verified: Verified) -> Statement:
    """Read a statement that was read from these very bytes before, as its id tells; raises as `read` does."""
    return _read(verified, parse_again)


def _read(verified: Verified, parse: Callable[[bytes], JsonObject]) -> Statement:
    try:
        fields = parse(verified.payload)
    except CarnetError as error:
        raise _malformed(error.detail) from None
    if fields.get("_type") != STATEMENT_TYPE:
        raise _malformed(f"_type is not {STATEMENT_TYPE}")
    uri = fields.get("predicateType")
    kind = TABLE.get(uri) if isinstance(uri, str) else None
    if kind is None:
        raise MalformedError(Code.WRONG_TYPE, f"the predicate type {str(uri)[:100]!r} is not known here")
    subjects = _read_subjects(fields.get("subject"))
    raw = fields.get("predicate")
    try:
        predicate = kind.model.from_wire(raw)
    except ValidationError as error:
        raise _malformed(_first_problem(error)) from None
    if predicate.key_id != verified.key.key_id:
        raise _malformed("keyId is not the key that signed")
    return Statement(kind, subjects, predicate, verified, _not_understood(kind, predicate.crit))


def _not_understood(kind: PredicateType, crit: tuple[str, ...]) -> tuple[str, ...]:
    if not crit:
        return ()
    known = {field.alias or name for name, field in kind.model.model_fields.items()}
    return tuple(name for name in crit if name not in known)


def _malformed(detail: str) -> MalformedError:
    return MalformedError(
        Code.MALFORMED_STATEMENT,
        detail,
        "see docs/wire.md for the fields of each statement",
    )


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:_SHOWN]
    return f"predicate.{where}: {first['msg']}" if where else f"predicate: {first['msg']}"


def _read_subjects(value: JsonValue) -> tuple[Subject, ...]:
    if not isinstance(value, list) or not value:
        raise _malformed("subject: at least one is needed")
    return tuple(_read_subject(one) for one in value)


def _read_subject(value: JsonValue) -> Subject:
    digest = value.get("digest") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(digest, dict) or not digest:
        raise _malformed("subject: each one has a digest")
    pairs: list[tuple[str, str]] = []
    for kind, digits in digest.items():
        lengths = _DIGEST_LENGTHS.get(kind)
        if not isinstance(digits, str) or not _HEX.fullmatch(digits):
            raise _malformed(f"subject.digest.{kind[:40]}: not lower-case hex")
        if lengths is not None and len(digits) not in (lengths if isinstance(lengths, tuple) else (lengths,)):
            raise _malformed(f"subject.digest.{kind}: {len(digits)} digits")
        if kind == "sha256" and not digits.strip("0"):
            raise _malformed("subject.digest.sha256: all zero")
        pairs.append((kind, digits))
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        raise _malformed("subject.name: not a string")
    return Subject(tuple(pairs), name)
