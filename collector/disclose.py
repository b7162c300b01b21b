"""Cuts a claim down to what may leave the network at a disclosure level.

Invariants: the list of what may leave is closed (`collector.formats.fields`; a field that it does not name
stays); each level is a subset of the next, and a configured list of fields only ever narrows; below `full`
what leaves is a count, a digest, a time, a word for a tool or a version, or, from `summary` on, a name; never
source code, log text, file contents, a stack trace or a path on a host. At every level each text is searched for
secrets before it is shortened, and once more where cleaning changed it. Every cut is told by field and reason.

* `verdict`: type, name, outcome, counts, times, tool and version, digests. No name out of a report.
* `summary`: also names of suites and tests, rule ids, package urls, licences, and file names of artifacts.
* `full`: also what the report says about each failure and finding, and paths as they stand there.

The claim's own name leaves at every level, and is the same at every level: it comes from the collector's rule,
the tool or the format, or is what a person gave a declared claim to be known by; policies select on it. A
declared claim may have evidence fields of its own: their numbers, truth values and short texts leave from
`summary` on, anything nested stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim
from collector.formats.fields import COMMON, FIELDS, Field, Level, Shape
from collector.formats.limits import Limits
from collector.formats.names import clean, clean_lines
from collector.formats.times import moment
from shared.redaction import UNCLEAR, find, mark, redact, unwrapped, without_part_of_a_mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.encoding import JsonObject, JsonValue
    from shared.redaction import Rules

__all__ = ["Cut", "Level", "Why", "disclose"]

MAX_NAME_CHARS = 300
MAX_WORD_CHARS = 100
MAX_MESSAGE_CHARS = 500
MAX_TEXT_CHARS = 4_000
_LOOK_CHARS = 2_000
_READ_CHARS, _READ_TEXT_CHARS = Limits().max_text_chars, MAX_TEXT_CHARS * 2
"""Readers keep so much of a name and of lines at least; what is as long may end in half of a secret."""
_MAX_SECRETS = 1_000
_MAX_SEARCHED_CHARS = 1_000_000
"""So many secrets of one claim are told apart, so much of it is searched; texts behind that are masked whole: the time
is bounded, and what readers keep of a report is less unless it was made to be more."""
NOT_A_NUMBER = "not a number"
"""Stands for whatever else a numeric field held: the judge sees that it is no number; nothing leaks."""

_TEXT_CHARS = {Shape.NAME: MAX_NAME_CHARS, Shape.MESSAGE: MAX_MESSAGE_CHARS}
SPEAKS_AGAINST = frozenset({"unreadable", "declaredTotals", "complete", "executionSuccessful", "alsoMatched"})
"""Fields that no configuration takes away: without them, a claim would look better than the file."""
_UNNAMED = "unnamed"
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Why(StrEnum):
    """Why something was cut."""

    LEVEL = "leaves at a higher level only"
    UNLISTED = "not on the list of what may leave"
    NARROWED = "not among the fields that the configuration lets leave"
    SHAPE = "not of the kind that this field may hold"
    LENGTH = "longer than what may leave"
    HOST_PATH = "a path on a host was taken out"
    SECRET = "a secret was taken out"  # noqa: S105 - a reason, and no secret


@dataclass(frozen=True, slots=True)
class Cut:
    """One field of a claim that left shortened or not at all, and why; told once for a whole list.

    `kind` says which kind of secret was taken out; empty for other reasons.
    """

    field: str
    why: Why
    kind: str = ""


@dataclass(slots=True)
class _Cuts:
    """The level, and the cuts that were made for it, each once; `found` counts the secrets."""

    level: Level
    secrets: Rules
    made: dict[Cut, None] = field(default_factory=dict)
    found: int = 0
    searched: int = 0

    def add(self, where: str, why: Why, kind: str = "") -> None:
        self.made[Cut(where, why, kind)] = None

    def masked(self, text: str, where: str, head: int | None = None) -> str:
        """Give the text, or the head of it, with a mark for each secret."""
        self.searched += len(text) if head is None else min(len(text), head)
        if self.found >= _MAX_SECRETS or self.searched > _MAX_SEARCHED_CHARS:
            self.add(where, Why.SECRET, UNCLEAR)
            return mark(UNCLEAR)
        text, kinds = redact(text, self.secrets, head)
        self.found += len(kinds)
        for kind in kinds:
            self.add(where, Why.SECRET, kind)
        return text


def disclose(
    claim: Claim, level: Level, secrets: Rules, fields: frozenset[str] | None = None
) -> tuple[Claim, tuple[Cut, ...]]:
    """Return the claim as it may leave at that level, and what was cut from it.

    `secrets` says what a secret is. `fields`, where it is given, names the only evidence fields that may leave, besides
    those that speak against the file; `x` also stands for `xOmitted`.
    """
    cuts = _Cuts(level, secrets)
    known = {**COMMON, **FIELDS.get(claim.type, {})}
    called = _word(claim.name, MAX_WORD_CHARS * 2, "name", cuts) or _UNNAMED
    evidence: JsonObject = {}
    for name, value in claim.evidence.items():
        if name not in known and cuts.masked(name, "evidence") != name:
            continue
        if fields is not None and not {name, name.removesuffix("Omitted")} & (fields | SPEAKS_AGAINST):
            cuts.add(_where(name), Why.NARROWED)
        elif name in known:
            _known_field(evidence, name, value, known[name], cuts)
        elif claim.basis is Basis.DECLARED:
            _declared_field(evidence, name, value, cuts)
        else:
            cuts.add(_where(name), Why.UNLISTED)
    kept = replace(
        claim,
        name=called,
        evidence=evidence,
        subjects=tuple((_subject_name(name, cuts), digest) for name, digest in claim.subjects),
    )
    return kept, tuple(cuts.made)


def _known_field(evidence: JsonObject, name: str, value: JsonValue, known: Field, cuts: _Cuts) -> None:
    where = _where(name)
    if not cuts.level.covers(known.level):
        cuts.add(where, Why.LEVEL)
    elif known.shape is Shape.ROWS and isinstance(value, list):
        evidence[name] = [_columns(row, known.columns, where, cuts) for row in value if isinstance(row, dict)]
    elif known.shape is Shape.TOTALS and isinstance(value, dict):
        evidence[name] = _columns(value, known.columns, where, cuts)
    elif known.shape is Shape.NAMES and isinstance(value, list):
        evidence[name] = [_text(item, MAX_NAME_CHARS, where, cuts) for item in value if isinstance(item, str)]
    elif known.shape is Shape.WORDS and isinstance(value, list):
        evidence[name] = [_word(item, MAX_WORD_CHARS, where, cuts) for item in value if isinstance(item, str)]
    elif known.shape is Shape.COUNTS and isinstance(value, dict):
        evidence[name] = {
            _text(key, MAX_NAME_CHARS, where, cuts): _number(number, where, cuts) for key, number in value.items()
        }
    else:
        _put(evidence, name, _scalar(value, known.shape, where, cuts))


def _declared_field(evidence: JsonObject, name: str, value: JsonValue, cuts: _Cuts) -> None:
    where = _where(name)
    if not cuts.level.covers(Level.SUMMARY):
        cuts.add(where, Why.LEVEL)
    elif not _FIELD_NAME.fullmatch(name) or value is None or isinstance(value, list | dict):
        cuts.add(where, Why.UNLISTED)
    elif isinstance(value, str):
        evidence[name] = _text(value, MAX_NAME_CHARS, where, cuts)
    else:
        evidence[name] = value


def _columns(row: Mapping[str, JsonValue], columns: Mapping[str, Shape], where: str, cuts: _Cuts) -> JsonObject:
    kept: JsonObject = {}
    for name, value in row.items():
        if name in columns:
            _put(kept, name, _scalar(value, columns[name], f"{where}.{name}", cuts))
        else:
            cuts.add(where, Why.UNLISTED)
    return kept


def _scalar(value: JsonValue, shape: Shape, where: str, cuts: _Cuts) -> JsonValue:
    """Return what may leave of a value that is no container; None for nothing."""
    if shape is Shape.NUMBER:
        return _number(value, where, cuts)
    if shape is Shape.FLAG and isinstance(value, bool):
        return value
    if shape is Shape.DOCUMENT and isinstance(value, str):
        return _document(value, where, cuts)
    kept = _string(value, shape, where, cuts) if isinstance(value, str) else None
    if kept is None:
        cuts.add(where, Why.SHAPE)
    return kept


def _string(value: str, shape: Shape, where: str, cuts: _Cuts) -> str | None:
    """Return what may leave of a string; None if it is not of the shape."""
    if shape is Shape.WORD:
        return _word(value, MAX_WORD_CHARS, where, cuts)
    if shape in _TEXT_CHARS:
        return _text(value, _TEXT_CHARS[shape], where, cuts)
    if shape is Shape.TEXT:
        return _lines(value, where, cuts)
    if shape is Shape.TIME:
        return moment(value)
    pattern = {Shape.DIGEST: _DIGEST, Shape.COMMIT: _COMMIT}.get(shape)
    return value if pattern is not None and pattern.fullmatch(value) else None


def _number(value: JsonValue, where: str, cuts: _Cuts) -> JsonValue:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    cuts.add(where, Why.SHAPE)
    return NOT_A_NUMBER


def _text(value: str, limit: int, where: str, cuts: _Cuts) -> str:
    """Return a name or a sentence as it may leave at the level."""
    return _cleaned(value, limit, where, cuts, keep_paths=cuts.level.covers(Level.FULL))


def _word(value: str, limit: int, where: str, cuts: _Cuts) -> str:
    """Return a word as it may leave at any level."""
    return _cleaned(value, limit, where, cuts, keep_paths=False)


def _cleaned(value: str, limit: int, where: str, cuts: _Cuts, *, keep_paths: bool) -> str:
    known = cuts.masked(_whole_words(value, _READ_CHARS), where, _LOOK_CHARS)
    text, shortened, had_path = clean(known, limit, keep_paths=keep_paths)
    if text != known:
        text = without_part_of_a_mark(cuts.masked(text, where)[:limit])
    if shortened or len(value) > _LOOK_CHARS:
        cuts.add(where, Why.LENGTH)
    if had_path:
        cuts.add(where, Why.HOST_PATH)
    return text


def _lines(value: str, where: str, cuts: _Cuts) -> str:
    known = cuts.masked(_whole_words(value, _READ_TEXT_CHARS), where, _READ_TEXT_CHARS)
    text, shortened = clean_lines(known, MAX_TEXT_CHARS)
    if text != known:
        text = without_part_of_a_mark(cuts.masked(text, where)[:MAX_TEXT_CHARS])
    if shortened or len(value) > _READ_TEXT_CHARS:
        cuts.add(where, Why.LENGTH)
    return text


def _document(value: str, where: str, cuts: _Cuts) -> str | None:
    """Return a file in base64 as it is, or nothing of it: altered, its own signatures would not verify any more."""
    kinds = {span.kind for layer in unwrapped(value) for span in find(layer, cuts.secrets)}
    for kind in sorted(kinds):
        cuts.add(where, Why.SECRET, kind)
    return None if kinds else value


def _whole_words(text: str, read_chars: int) -> str:
    """Return a text that its reader may have cut without its last word."""
    if len(text) < read_chars or text[-1].isspace():
        return text
    return text[: -len(text.rsplit(maxsplit=1)[-1])] or text


def _subject_name(name: str | None, cuts: _Cuts) -> str | None:
    if name is None:
        return None
    if not cuts.level.covers(Level.SUMMARY):
        cuts.add("subjects.name", Why.LEVEL)
        return None
    return _text(name, MAX_NAME_CHARS, "subjects.name", cuts) or None


def _put(fields: JsonObject, name: str, value: JsonValue) -> None:
    if value is not None:
        fields[name] = value


def _where(name: str) -> str:
    """Return how a field is told of; one whose name may itself be a text out of a file is not named."""
    return f"evidence.{name}" if _FIELD_NAME.fullmatch(name) else "evidence"
