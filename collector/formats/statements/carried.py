"""Foreign statements as one claim: what they are about and who says so; their own signatures are not checked here.

Basis is `carried`: the collector vouches for having seen the file, not for what it says. Rules for all
formats of this group: a statement is well-formed or the file is refused; passed is a file in which every
statement names something by a digest. Only SHA-256 digests become subjects, others are counted. Several
statements in one file are one claim; of which type, they must agree, or it is CUSTOM.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Basis, Claim, ClaimType
from collector.formats.json_events import EACH, Event, Kind, json_events
from shared.encoding import b64decode
from shared.errors import CarnetError, Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.json_events import Path
    from collector.formats.limits import Limits
    from shared.encoding import JsonObject

MAX_DOCUMENT_BYTES = 256 * 1024
"""A larger file is not carried whole: a payload has 1 MiB in all."""
MAX_SUBJECTS = 1_000

STATEMENT_PREFIX = "https://in-toto.io/Statement/"
_STATEMENTS = frozenset({f"{STATEMENT_PREFIX}v0.1", f"{STATEMENT_PREFIX}v1"})
_CLASSIC = frozenset({"link", "layout"})
_PROVENANCE = "https://slsa.dev/provenance/"
_VEX = "https://openvex.dev/ns"

_SUBJECT: Path = ("subject", EACH)
_DIGEST: Path = (*_SUBJECT, "digest")
_BUILDERS: frozenset[Path] = frozenset(
    {("predicate", "builder", "id"), ("predicate", "runDetails", "builder", "id")},
)
_COMMITS: frozenset[Path] = frozenset(
    {
        ("predicate", "invocation", "configSource", "digest", "sha1"),
        ("predicate", "buildDefinition", "resolvedDependencies", EACH, "digest", "gitCommit"),
    }
)
_VEX_STATEMENT: Path = ("predicate", "statements", EACH)
_VEX_STATUS: Path = (*_VEX_STATEMENT, "status")
_COMMITS_TOLD_APART = 2
"""Of more than one, none is the source: more need not be kept."""
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,64}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256_DIGITS = 64
_HINT = "in-toto Statement v0.1 or v1: _type, subject with digests, predicateType, predicate"

VEX_STATUSES = {
    "not_affected": "notAffected",
    "affected": "affected",
    "fixed": "fixed",
    "under_investigation": "underInvestigation",
}
"""The words of OpenVEX, and the evidence fields that count them."""


@dataclass(slots=True)
class _Statement:
    """One statement while it is read."""

    kind: str = ""
    predicate_type: str = ""
    has_predicate: bool = False
    subjects: int = 0
    digests: int = 0
    named: str | None = None
    sha256: str | None = None
    has_digest: bool = False


@dataclass(slots=True)
class Carried:
    """Takes the statements of a file and makes the claim at its end; `signatures` counts those beside them."""

    limits: Limits
    signatures: int = 0
    statements: int = 0
    _types: set[ClaimType] = field(default_factory=set)
    _predicates: dict[str, None] = field(default_factory=dict)
    _builders: dict[str, None] = field(default_factory=dict)
    _commits: set[str] = field(default_factory=set)
    _vex: Counter[str] = field(default_factory=Counter)
    _vex_statements: int = 0
    _subjects: dict[tuple[str | None, str], None] = field(default_factory=dict)
    _subject_count: int = 0
    _is_about_something: bool = True

    def take_payload(self, text: object, payload_type: object) -> None:
        """Take the base64 payload of a DSSE envelope, which must be a statement or classic in-toto metadata."""
        if not isinstance(text, str):
            raise MalformedError(Code.BAD_SYNTAX, "an envelope has no payload", "payload is standard base64")
        try:
            payload = b64decode(text)
        except CarnetError:
            raise MalformedError(
                Code.BAD_SYNTAX, "a payload is not standard padded base64", "RFC 4648, section 4"
            ) from None
        if payload_type != "application/vnd.in-toto+json":
            self._count(ClaimType.CUSTOM, str(payload_type)[: self.limits.max_text_chars], is_about=True)
            return
        self.take(BytesIO(payload))

    def take(self, stream: BinaryIO) -> None:
        """Take one statement; raises `MalformedError`."""
        seen = _Statement()
        for event in json_events(stream, self.limits):
            if event.path == () and event.kind is not Kind.MAP and event.kind is not Kind.MAP_END:
                raise MalformedError(Code.BAD_SYNTAX, "a statement is one object", _HINT)
            self._event(seen, event)
        if seen.kind in _CLASSIC:
            self._count(ClaimType.CUSTOM, f"in-toto {seen.kind}", is_about=True)
            return
        if seen.kind not in _STATEMENTS:
            raise MalformedError(Code.BAD_SYNTAX, "/_type is not that of a statement that is known here", _HINT)
        if not seen.predicate_type or not seen.has_predicate:
            raise MalformedError(Code.BAD_SYNTAX, "/predicateType and /predicate: both are needed", _HINT)
        self._subject_count += seen.subjects
        is_about = seen.subjects > 0 and seen.digests == seen.subjects
        self._count(_type_of(seen.predicate_type), seen.predicate_type, is_about=is_about)

    def _count(self, kind: ClaimType, predicate: str, *, is_about: bool) -> None:
        self.statements += 1
        self._types.add(kind)
        self._predicates[predicate] = None
        self._is_about_something = self._is_about_something and is_about

    def _event(self, seen: _Statement, event: Event) -> None:
        path, value = event.path, event.value
        most = self.limits.max_text_chars
        if path[:2] == _SUBJECT:
            self._subject(seen, event)
        elif path == _VEX_STATEMENT:
            self._vex_statements += event.kind is not Kind.MAP_END
        elif path == ("predicate",):
            seen.has_predicate = seen.has_predicate or event.kind is Kind.MAP
        elif not isinstance(value, str):
            return
        elif path == ("_type",):
            seen.kind = value[:most]
        elif path == ("predicateType",):
            seen.predicate_type = value[:most]
        elif path in _BUILDERS:
            self._builders[value[:most]] = None
        elif path in _COMMITS:
            if len(self._commits) < _COMMITS_TOLD_APART:
                self._commits.add(value[:most].lower())
        elif path == _VEX_STATUS:
            self._vex[VEX_STATUSES.get(value, "otherStatus")] += 1

    def _subject(self, seen: _Statement, event: Event) -> None:
        path, value = event.path, event.value
        if path == _SUBJECT:
            if event.kind is Kind.MAP:
                seen.subjects += 1
                seen.named, seen.sha256, seen.has_digest = None, None, False
            elif event.kind is Kind.MAP_END:
                self._end_subject(seen)
            else:
                raise MalformedError(Code.BAD_SYNTAX, "an item of /subject is not an object", _HINT)
        elif path == (*_SUBJECT, "name") and isinstance(value, str):
            seen.named = value[: self.limits.max_text_chars]
        elif path[:3] == _DIGEST and len(path) > len(_DIGEST):
            digits = value.lower() if isinstance(value, str) else ""
            is_sha256 = path[3] == "sha256"
            if not _HEX.fullmatch(digits) or (is_sha256 and len(digits) != _SHA256_DIGITS) or not digits.strip("0"):
                raise MalformedError(Code.BAD_SYNTAX, f"/subject/{seen.subjects - 1}/digest: not hex digits", _HINT)
            seen.has_digest = True
            if is_sha256:
                seen.sha256 = digits

    def _end_subject(self, seen: _Statement) -> None:
        seen.digests += seen.has_digest
        if seen.sha256 is not None and len(self._subjects) < MAX_SUBJECTS:
            self._subjects[seen.named, seen.sha256] = None

    def claim(self, title: str, document: bytes | None) -> Claim:
        """Make the claim; `document` are the file's exact bytes, None where they are too many to be carried."""
        if not self.statements:
            raise MalformedError(Code.BAD_SYNTAX, "there is no statement in this file", _HINT)
        kind = self._types.copy().pop() if len(self._types) == 1 else ClaimType.CUSTOM
        evidence: JsonObject = {
            "predicateType": ", ".join(self._predicates),
            "statements": self.statements,
            "subjects": self._subject_count,
            "signatures": self.signatures,
            "signaturesChecked": False,
        }
        if self._builders:
            evidence["builder"] = ", ".join(self._builders)
        # More than one commit: which of them is the source, this file does not say.
        commits = {commit for commit in self._commits if _COMMIT.fullmatch(commit)}
        if len(commits) == len(self._commits) == 1:
            evidence["sourceCommit"] = next(iter(commits))
        if kind is ClaimType.VEX:
            evidence |= {name: self._vex[name] for name in VEX_STATUSES.values()}
        evidence |= whole(document)
        has_statuses = self._vex.total() == self._vex_statements > 0 and not self._vex["otherStatus"]
        is_known = kind is not ClaimType.VEX or has_statuses
        return Claim(
            type=kind,
            name=title,
            basis=Basis.CARRIED,
            passed=self._is_about_something and is_known,
            evidence=evidence,
            subjects=tuple(self._subjects),
        )


def whole(document: bytes | None) -> JsonObject:
    """Give the fields that carry a file as it is, or say that it is too large for that."""
    return {"documentOmitted": True} if document is None else {"document": b64encode(document).decode("ascii")}


class Kept:
    """A stream that keeps what is read from it, as long as it can be carried whole."""

    def __init__(self, stream: BinaryIO) -> None:
        """Take the stream at its first byte."""
        self._stream = stream
        self._kept: bytearray | None = bytearray()

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does."""
        data = self._stream.read(size)
        if self._kept is not None:
            self._kept += data
            if len(self._kept) > MAX_DOCUMENT_BYTES:
                self._kept = None
        return data

    @property
    def document(self) -> bytes | None:
        """All that was read; None where it is too much."""
        return None if self._kept is None else bytes(self._kept)


def _type_of(predicate_type: str) -> ClaimType:
    if predicate_type.startswith(_PROVENANCE):
        return ClaimType.BUILD_PROVENANCE
    return ClaimType.VEX if predicate_type.startswith(_VEX) else ClaimType.CUSTOM
