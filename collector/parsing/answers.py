"""What the parsing child answers, as JSON: a claim, an error about the file, or that it failed; read back strictly.

Invariants: the child has read hostile bytes, so its answer is held to be hostile, too; what is not exactly one of the
known shapes is no answer, nor is a claim that its format cannot make. A claim's evidence is as deep in the answer as it
was in the file, so no depth is lost.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from collector.formats import FORMATS, Basis, Claim, ClaimType
from collector.parsing.frames import MAX_ANSWER_BYTES
from shared.encoding import check_tree, compact, parse_object
from shared.errors import FILE_CODES, Code, MalformedError

if TYPE_CHECKING:
    from shared.encoding import JsonObject, JsonValue

_CLAIM = frozenset({"type", "name", "basis", "passed", "evidence", "subjects"})
_ERROR = frozenset({"code", "detail", "hint"})
_FAILED = frozenset({"failed", "where"})
_PAIR = 2
_MAX_TEXT_CHARS = 2_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Why(StrEnum):
    """Why there is no answer about the file."""

    MEMORY = "out_of_memory"
    SLOW = "too_slow"
    DIED = "died"
    NONSENSE = "nonsense"
    BUG = "bug"


class ChildError(Exception):
    """The child gave no answer about the file: why, and in words. Caught in this package, and shown to nobody."""

    def __init__(self, why: Why, detail: str) -> None:
        """Take the reason and a sentence, which quotes nothing of the file."""
        super().__init__(detail)
        self.why = why
        self.detail = detail


def encode_claim(claim: Claim) -> bytes:
    """Write a claim; one that is too long or has too large a number to be handed on is an error about the file."""
    said: JsonObject = {
        "type": claim.type.value,
        "name": claim.name,
        "basis": claim.basis.value,
        "passed": claim.passed,
        "evidence": dict(claim.evidence),
        "subjects": [list(subject) for subject in claim.subjects],
    }
    try:
        check_tree(said)
        answer = compact(said)
    except (MalformedError, ValueError):  # a sum of what may each be written, and of floats an infinite one
        return encode_error(MalformedError(Code.BAD_SYNTAX, "its numbers add up to more than 2^53", "make it again"))
    if len(answer) <= MAX_ANSWER_BYTES:
        return answer
    return encode_error(MalformedError(Code.TOO_LARGE, "what it says is too much for one claim", "split the report"))


def encode_error(error: MalformedError) -> bytes:
    """Write what is wrong with the file."""
    hint = None if error.hint is None else error.hint[:_MAX_TEXT_CHARS]
    return compact({"code": error.code.value, "detail": error.detail[:_MAX_TEXT_CHARS], "hint": hint})


def encode_failure(why: Why, where: str) -> bytes:
    """Write that the reader failed, and where in our code."""
    return compact({"failed": why.value, "where": where[:_MAX_TEXT_CHARS]})


def decode(answer: bytes, format_key: str) -> Claim:
    """Read the answer about a file of a format: the claim, or `MalformedError` about it, or `ChildError` for neither.

    A claim that says what no file of this format can is neither: a provenance from a test report, a measurement from
    what somebody declared.
    """
    try:
        said = parse_object(answer)
    except MalformedError:
        raise _nonsense() from None
    if said.keys() == _CLAIM:
        claim = _claim(said)
        if not any(row.can_say(claim) for row in FORMATS if row.key == format_key):
            raise _nonsense()
        return claim
    if said.keys() == _ERROR:
        raise _error(said)
    if said.keys() == _FAILED and _text(said["failed"]) in (Why.MEMORY, Why.BUG):
        raise ChildError(Why(_text(said["failed"])), _text(said["where"]))
    raise _nonsense()


def _nonsense() -> ChildError:
    return ChildError(Why.NONSENSE, "it gave an answer that is none")


def _claim(said: JsonObject) -> Claim:
    passed, evidence, subjects = said["passed"], said["evidence"], said["subjects"]
    if not isinstance(passed, bool) or not isinstance(evidence, dict) or not isinstance(subjects, list):
        raise _nonsense()
    try:
        kind, basis = ClaimType(_text(said["type"])), Basis(_text(said["basis"]))
    except ValueError:
        raise _nonsense() from None
    return Claim(
        type=kind,
        name=_text(said["name"]),
        basis=basis,
        passed=passed,
        evidence=evidence,
        subjects=tuple(_subject(one) for one in subjects),
    )


def _subject(said: JsonValue) -> tuple[str | None, str]:
    if not isinstance(said, list) or len(said) != _PAIR:
        raise _nonsense()
    name, digest = said
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise _nonsense()
    return None if name is None else _text(name), digest


def _error(said: JsonObject) -> MalformedError:
    code, hint = _text(said["code"]), said["hint"]
    if code not in FILE_CODES:
        raise _nonsense()
    return MalformedError(Code(code), _text(said["detail"]), None if hint is None else _text(hint))


def _text(said: JsonValue) -> str:
    if not isinstance(said, str):
        raise _nonsense()
    return said
