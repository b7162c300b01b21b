"""Cuts a claim down to what may leave the network at a disclosure level.

Invariants: the list of what may leave is closed (`collector.formats.fields`; a field that it does not name
stays); each level is a subset of the next; what leaves is a count, a digest, a word for a tool or a
version, or, from `summary` on, a name; never source code, log text, file contents, a stack trace or a path
on a host. Every cut is told by field and reason.

* `verdict`: type, name, outcome, counts, tool and version, digests. No name out of a report.
* `summary`: also names of suites and tests, rule ids, package urls, licences, and file names of artifacts.

The claim's own name leaves at every level: it comes from the collector's rule, the tool or the format, or
is what a person gave a declared claim to be known by; policies select on it. A declared claim may have
evidence fields of its own: their numbers, truth values and short texts leave from `summary` on, anything
nested stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from collector.formats.claim import Basis, Claim
from collector.formats.fields import COMMON, FIELDS, Field, Level, Shape
from collector.formats.names import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.encoding import JsonObject, JsonValue

__all__ = ["Cut", "Level", "Why", "disclose"]

MAX_NAME_CHARS = 300
MAX_WORD_CHARS = 100
NOT_A_NUMBER = "not a number"
"""Stands for whatever else a numeric field held: the judge sees that it is no number; nothing leaks."""

_UNNAMED = "unnamed"
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


class Why(StrEnum):
    """Why something was cut."""

    LEVEL = "leaves at a higher level only"
    UNLISTED = "not on the list of what may leave"
    SHAPE = "not of the kind that this field may hold"
    LENGTH = "longer than what may leave"
    HOST_PATH = "a path on a host was taken out"


@dataclass(frozen=True, slots=True)
class Cut:
    """One field of a claim that left shortened or not at all, and why; told once for a whole list."""

    field: str
    why: Why


@dataclass(slots=True)
class _Cuts:
    """Collects cuts, each once."""

    made: dict[Cut, None] = field(default_factory=dict)

    def add(self, where: str, why: Why) -> None:
        self.made[Cut(where, why)] = None


def disclose(claim: Claim, level: Level) -> tuple[Claim, tuple[Cut, ...]]:
    """Return the claim as it may leave at that level, and what was cut from it."""
    cuts = _Cuts()
    known = {**COMMON, **FIELDS.get(claim.type, {})}
    evidence: JsonObject = {}
    for name, value in claim.evidence.items():
        if name in known:
            _known_field(evidence, name, value, known[name], level, cuts)
        elif claim.basis is Basis.DECLARED:
            _declared_field(evidence, name, value, level, cuts)
        else:
            cuts.add(_where(name), Why.UNLISTED)
    kept = replace(
        claim,
        name=_text(claim.name, MAX_WORD_CHARS * 2, "name", cuts) or _UNNAMED,
        evidence=evidence,
        subjects=tuple((_subject_name(name, level, cuts), digest) for name, digest in claim.subjects),
    )
    return kept, tuple(cuts.made)


def _known_field(evidence: JsonObject, name: str, value: JsonValue, known: Field, level: Level, cuts: _Cuts) -> None:
    where = _where(name)
    if not level.covers(known.level):
        cuts.add(where, Why.LEVEL)
    elif known.shape is Shape.ROWS and isinstance(value, list):
        evidence[name] = [_columns(row, known.columns, where, cuts) for row in value if isinstance(row, dict)]
    elif known.shape is Shape.TOTALS and isinstance(value, dict):
        evidence[name] = _columns(value, known.columns, where, cuts)
    elif known.shape is Shape.NAMES and isinstance(value, list):
        evidence[name] = [_text(item, MAX_NAME_CHARS, where, cuts) for item in value if isinstance(item, str)]
    elif known.shape is Shape.COUNTS and isinstance(value, dict):
        evidence[name] = {
            _text(key, MAX_NAME_CHARS, where, cuts): _number(number, where, cuts) for key, number in value.items()
        }
    else:
        _put(evidence, name, _scalar(value, known.shape, where, cuts))


def _declared_field(evidence: JsonObject, name: str, value: JsonValue, level: Level, cuts: _Cuts) -> None:
    where = _where(name)
    if not level.covers(Level.SUMMARY):
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
    if isinstance(value, str):
        if shape is Shape.WORD:
            return _text(value, MAX_WORD_CHARS, where, cuts)
        if shape is Shape.NAME:
            return _text(value, MAX_NAME_CHARS, where, cuts)
        if shape is Shape.DIGEST and _DIGEST.fullmatch(value):
            return value
    cuts.add(where, Why.SHAPE)
    return None


def _number(value: JsonValue, where: str, cuts: _Cuts) -> JsonValue:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    cuts.add(where, Why.SHAPE)
    return NOT_A_NUMBER


def _text(value: str, limit: int, where: str, cuts: _Cuts) -> str:
    text, shortened, had_path = clean(value, limit)
    if shortened:
        cuts.add(where, Why.LENGTH)
    if had_path:
        cuts.add(where, Why.HOST_PATH)
    return text


def _subject_name(name: str | None, level: Level, cuts: _Cuts) -> str | None:
    if name is None:
        return None
    if not level.covers(Level.SUMMARY):
        cuts.add("subjects.name", Why.LEVEL)
        return None
    return _text(name, MAX_NAME_CHARS, "subjects.name", cuts) or None


def _put(fields: JsonObject, name: str, value: JsonValue) -> None:
    if value is not None:
        fields[name] = value


def _where(name: str) -> str:
    """Return how a field is told of; one whose name may itself be a text out of a file is not named."""
    return f"evidence.{name}" if _FIELD_NAME.fullmatch(name) else "evidence"
