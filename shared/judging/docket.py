"""What was known when a question was judged, as JSON: the `facts` of a bundle, whose digest the passport names.

Pure. What signed envelopes say themselves is not said again: evidence is named by its id, links follow from it, and of
what people did there are the ids and who they are known to be. When evidence was received, and whether it is held, is
the passport's word (`inputs`). So a docket tells of an envelope nothing but what the receiver alone knows, and all
evidence that the passport names is judged: none is added, and none is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import UnionType
from typing import TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from shared.encoding import JsonObject, JsonValue, canonical, format_time, parse_time
from shared.errors import CarnetError, Code, MalformedError
from shared.judging.consents import approval_of, waiver_of
from shared.judging.pieces import Heard, Told, heard, is_evidence
from shared.judging.values import Deployed, Facts, Mode, Request, StreamFact, Target
from shared.statement import Statement

FORMAT = 1

T = TypeVar("T")
Hears: TypeAlias = Callable[[Statement, Told], Heard]
"""Gives what a statement says as evidence."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Docket:
    """Facts, what the caller warned of besides, and the mode that the baseline was judged in where it was."""

    facts: Facts
    warnings: tuple[str, ...] = ()
    baseline: Mode | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """A verified envelope that a passport names, and what the passport says of it."""

    read: Statement
    received_at: datetime | None
    held: str | None = None


Inputs: TypeAlias = Mapping[str, Stated]
"""All the envelopes that a passport names, by their ids."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Evidence by its id, and what the receiver alone knows of it."""

    id: str
    arrival: int
    repeat_of: str | None
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Acted:
    """An approval or a waiver by its id, and the verified identities of each person in it."""

    id: str
    identities: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """Facts as they are written."""

    request: Request
    now: datetime
    evidence: tuple[_Seen, ...]
    streams: tuple[StreamFact, ...]
    approvals: tuple[_Acted, ...]
    waivers: tuple[_Acted, ...]
    deployed: Deployed | None
    authors: frozenset[str]
    known_targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    format: int
    facts: _Known
    warnings: tuple[str, ...]
    baseline: Mode | None


def emit_docket(docket: Docket) -> JsonObject:
    """Write a docket; the order of sets is fixed.

    Evidence, links, approvals and waivers must be what `piece_of`, `links_of`, `approval_of` and `waiver_of` give.
    """
    facts = docket.facts
    known = _Known(
        request=facts.request,
        now=facts.now,
        evidence=tuple(_Seen(one.id, one.arrival, one.repeat_of, one.against) for one in facts.evidence),
        streams=facts.streams,
        approvals=tuple(_Acted(one.id, (one.by.identities,)) for one in facts.approvals),
        waivers=tuple(_Acted(one.id, tuple(by.identities for by in one.by)) for one in facts.waivers),
        deployed=facts.deployed,
        authors=facts.authors,
        known_targets=facts.known_targets,
    )
    return cast("JsonObject", _emit(_Written(FORMAT, known, docket.warnings, docket.baseline)))


def read_docket(value: JsonObject, inputs: Inputs, evidence: Hears = heard) -> Docket:
    """Read a docket over the verified envelopes that its passport names; `evidence` gives what they say as evidence.

    Raises `MalformedError` for anything but what `emit_docket` writes, for what rests on an envelope that is not among
    the inputs, and for evidence among the inputs that it leaves out.
    """
    try:
        written = cast("_Written", _reader(_Written)(value))
        if written.format != FORMAT:
            raise _wrong("its format is not known here")
        return Docket(_filled(written.facts, inputs, evidence), written.warnings, written.baseline)
    except (CarnetError, TypeError, ValueError, OverflowError) as error:
        raise _wrong(error.detail if isinstance(error, CarnetError) else "a value of another kind") from None


def _filled(known: _Known, inputs: Inputs, hears: Hears) -> Facts:
    """Give the facts, with what the envelopes say."""
    named, there = [one.id for one in known.evidence], {name for name, one in inputs.items() if is_evidence(one.read)}
    if len(set(named)) != len(named) or set(named) != there:
        raise _wrong("its evidence is not all that the passport names, each once")
    evidence = [hears(inputs[one.id].read, _told(one, inputs[one.id])) for one in known.evidence]
    return Facts(
        request=known.request,
        now=known.now,
        evidence=tuple([one.piece for one in evidence]),
        links=tuple([link for one in evidence for link in one.links]),
        streams=known.streams,
        approvals=tuple(approval_of(_act(one, inputs), _one_of(one)) for one in known.approvals),
        waivers=tuple(waiver_of(_act(one, inputs), one.identities) for one in known.waivers),
        deployed=known.deployed,
        authors=known.authors,
        known_targets=known.known_targets,
    )


def _told(seen: _Seen, stated: Stated) -> Told:
    return Told(stated.received_at, stated.held, seen.arrival, seen.repeat_of, seen.against)


def _act(acted: _Acted, inputs: Inputs) -> Statement:
    stated = inputs.get(acted.id)
    if stated is None:
        raise _wrong(f"no envelope is here of {acted.id}")
    return stated.read


def _one_of(acted: _Acted) -> frozenset[str]:
    if len(acted.identities) != 1:
        raise _wrong("an approval has one person")
    return acted.identities[0]


# --- values, by the types of their fields ---


_PLAIN = frozenset({str, int, bool, float, type(None)})


def _emit(value: object) -> JsonValue:
    if type(value) in _PLAIN:
        return cast("JsonValue", value)
    if is_dataclass(value) and not isinstance(value, type):
        fields = [(name, getattr(value, name)) for name in _names(type(value))]
        return {name: one if type(one) in _PLAIN else _emit(one) for name, one in fields}
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


_Read = Callable[[JsonValue], object]
"""Reads a value of one type."""


@cache
def _reader(kind: object) -> _Read:
    """Give what reads a value of a type that `Docket` is made of: put together once, since types are as they are."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (other,) = (_reader(one) for one in args if one is not type(None))
        return lambda value: None if value is None else other(value)
    if origin is frozenset or (origin is tuple and args[-1] is Ellipsis):
        return _many(cast("Callable[[Iterable[object]], object]", origin), _reader(args[0]))
    if origin is tuple:
        return _each(tuple(map(_reader, args)))
    if origin is dict or kind is dict:
        return lambda value: _checked(value, dict, "an object")
    if not isinstance(kind, type):
        raise _wrong("a value of a kind that is not known")
    return _fields(kind) if is_dataclass(kind) else _one(kind)


def _many(made: Callable[[Iterable[object]], object], read: _Read) -> _Read:
    return lambda value: made([read(one) for one in _checked(value, list, "a list")])


def _each(reads: tuple[_Read, ...]) -> _Read:
    return lambda value: tuple(read(one) for read, one in zip(reads, _checked(value, list, "a list"), strict=True))


def _fields(kind: type) -> _Read:
    reads = {name: _reader(of) for name, of in get_type_hints(kind, localns={"JsonValue": object}).items()}

    def read(value: JsonValue) -> object:
        said = _checked(value, dict, "an object")
        if said.keys() != reads.keys():
            raise _wrong(f"{kind.__name__}: its fields are not those that it has")
        return kind(**{name: read_one(said[name]) for name, read_one in reads.items()})

    return read


def _one(kind: type) -> _Read:
    if issubclass(kind, Enum):
        return kind
    if kind is datetime:
        return lambda value: parse_time(_checked(value, str, "a datetime"))

    def read(value: JsonValue) -> object:
        if kind is timedelta and type(value) is int:
            return value * _MICROSECOND
        if type(value) is not kind:
            raise _wrong(f"a {kind.__name__} is expected")
        return value

    return read


def _checked(value: JsonValue, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        raise _wrong(f"{what} is expected")
    return value


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Name the fields of a dataclass: they are as fixed as the class is."""
    return tuple(one.name for one in fields(kind))


def _wrong(detail: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, f"these are no facts of a decision: {detail}", "export the bundle again")
