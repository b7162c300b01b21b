"""What was known when a question was judged, as JSON: the `facts` of a bundle, whose digest the passport names.

Pure. What signed envelopes say themselves is not said again: of what a collector signed its claim, of what was posted
its evidence; and the time of receipt and the hold of each are the passport's word (`inputs`). So a docket that is read
takes those from verified bytes, and cannot tell it otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import UnionType
from typing import TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from shared.encoding import JsonObject, JsonValue, canonical, format_time, parse_time
from shared.errors import CarnetError, Code, MalformedError
from shared.judging.values import Facts, Mode, Piece

FORMAT = 1

_OF_INPUT = frozenset({"received_at", "held"})
_OF_CLAIM = frozenset({"type", "name", "basis", "passed", "evidence"})
_OF_POST = frozenset({"evidence"})
_MICROSECOND = timedelta(microseconds=1)

Said: TypeAlias = Mapping[str, JsonValue]
"""What stands elsewhere of a piece: `received_at` and `held` of the input, and the claim's fields (`_OF_CLAIM`)."""


@dataclass(frozen=True, slots=True)
class Docket:
    """Facts, what the caller warned of besides, and the mode that the baseline was judged in where it was."""

    facts: Facts
    warnings: tuple[str, ...] = ()
    baseline: Mode | None = None


def emit_docket(docket: Docket) -> JsonObject:
    """Write a docket; the order of sets is fixed."""
    facts = {one.name: _emit(getattr(docket.facts, one.name)) for one in fields(Facts) if one.name != "evidence"}
    return {
        "format": FORMAT,
        "facts": {**facts, "evidence": [_emit_piece(one) for one in docket.facts.evidence]},
        "warnings": list(docket.warnings),
        "baseline": _emit(docket.baseline),
    }


def read_docket(value: JsonObject, said: Mapping[str, Said]) -> Docket:
    """Read a docket; `said` holds, by id, what stands elsewhere of each piece.

    Raises `MalformedError` for anything but what `emit_docket` writes, and for a piece that is not in `said`.
    """
    try:
        return _read_docket(value, said)
    except (CarnetError, TypeError, ValueError) as error:
        raise _wrong(error.detail if isinstance(error, CarnetError) else "a value of another kind") from None


def _read_docket(value: JsonObject, said: Mapping[str, Said]) -> Docket:
    rest = dict(value)
    if rest.pop("format", None) != FORMAT:
        raise _wrong("its format is not known here")
    facts = rest.get("facts")
    evidence = facts.get("evidence") if isinstance(facts, dict) else None
    if not isinstance(facts, dict) or not isinstance(evidence, list):
        raise _wrong("no facts with evidence")
    rest["facts"] = {**facts, "evidence": [_whole(one, said) for one in evidence]}
    return cast("Docket", _read(Docket, rest))


# --- pieces: what stands elsewhere is left out ---


def _elsewhere(*, by_collector: bool) -> frozenset[str]:
    return _OF_INPUT | (_OF_CLAIM if by_collector else _OF_POST)


def _emit_piece(piece: Piece) -> JsonValue:
    left_out = _elsewhere(by_collector=piece.by_collector)
    return {one.name: _emit(getattr(piece, one.name)) for one in fields(piece) if one.name not in left_out}


def _whole(entry: JsonValue, said: Mapping[str, Said]) -> JsonValue:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise _wrong("a piece of evidence without an id")
    elsewhere = said.get(str(entry["id"]))
    if elsewhere is None:
        raise _wrong(f"no envelope is here of {entry['id']}")
    left_out = _elsewhere(by_collector=entry.get("collector") is not None)
    if not left_out.isdisjoint(entry):
        raise _wrong(f"{entry['id']} says what its envelope says")
    return {**entry, **{name: elsewhere.get(name) for name in left_out}}


# --- values, by the types of their fields ---


def _emit(value: object) -> JsonValue:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _emit(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, frozenset):
        return sorted((_emit(one) for one in value), key=canonical)
    if isinstance(value, tuple | list):
        return [_emit(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _emit(one) for name, one in value.items()}
    return _emit_one(value)


def _emit_one(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if value is None or isinstance(value, bool | int | float | str):
        return value
    msg = f"a docket holds no {type(value).__name__}"
    raise TypeError(msg)


def _read(kind: object, value: JsonValue) -> object:
    """Read a value of a type that `Docket` is made of."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (other,) = (one for one in args if one is not type(None))
        return None if value is None else _read(other, value)
    if origin in (tuple, frozenset):
        return _read_many(origin, args, value)
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong("an object is expected")
        return value
    if not isinstance(kind, type):
        raise _wrong("a value of a kind that is not known")
    return _read_one(kind, value)


def _read_many(origin: object, args: tuple[object, ...], value: JsonValue) -> object:
    if not isinstance(value, list):
        raise _wrong("a list is expected")
    if origin is frozenset:
        return frozenset(_read(args[0], one) for one in value)
    if args[-1] is Ellipsis:
        return tuple(_read(args[0], one) for one in value)
    return tuple(_read(kind, one) for kind, one in zip(args, value, strict=True))


def _read_one(kind: type, value: JsonValue) -> object:
    if is_dataclass(kind):
        if not isinstance(value, dict):
            raise _wrong("an object is expected")
        kinds = get_type_hints(kind, localns={"JsonValue": object})
        if kinds.keys() != value.keys():
            raise _wrong(f"{kind.__name__}: its fields are not those that it has")
        return kind(**{name: _read(kinds[name], value[name]) for name in kinds})
    if kind is datetime and isinstance(value, str):
        return parse_time(value)
    if kind is timedelta and type(value) is int:
        return value * _MICROSECOND
    if issubclass(kind, Enum):
        return kind(value)
    if type(value) is not kind:
        raise _wrong(f"a {kind.__name__} is expected")
    return value


def _wrong(detail: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, f"these are no facts of a decision: {detail}", "export the bundle again")
