"""A past decision, read back from what is kept of it: its docket, its passport, and the words of its evidence.

Pure. As with a bundle, what evidence says is taken from its signed statement, and when it was received and what it was
held for from the passport.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from receiver.core.recall import Recall
from shared.encoding import JsonObject, parse_again
from shared.errors import Code, MalformedError
from shared.fields import Wire
from shared.judging.docket import Stated, read_docket
from shared.judging.values import Decision, Facts, Mode, Request, Target
from shared.passports import Input, PolicyUse


@dataclass(frozen=True, slots=True)
class Answer:
    """What a pipeline was, or would be, told; no decision where asking would be refused."""

    decision: Decision | None
    proceed: bool
    mode: Mode


@dataclass(frozen=True, slots=True)
class Past:
    """A decision that is on record, and all that was known when it was made."""

    passport_id: str
    facts: Facts
    answer: Answer
    evaluated_at: datetime
    deployed: bool


def asked_in(docket: bytes) -> Request:
    """Give of the request in a docket what policies are chosen by: target, digest, mode and the policy it names.

    Raises `MalformedError` for no docket.
    """
    request = _object(_object(parse_again(docket), "facts"), "request")
    target = _object(request, "target")
    named, namespace = request.get("policy"), target.get("namespace")
    try:
        mode = Mode(str(request.get("mode")))
    except ValueError:
        raise _wrong("no mode") from None
    return Request(
        Target(
            str(target.get("service")), None if namespace is None else str(namespace), str(target.get("environment"))
        ),
        str(request.get("digest")),
        mode,
        policy=None if named is None else str(named),
    )


class NamedInput(NamedTuple):
    """An envelope that a passport names: as `shared.passports.Input`, as a plain value that travels fast."""

    id: str
    received_at: datetime | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """What a passport names: the envelopes of its evidence, and the texts that it was judged by."""

    inputs: tuple[NamedInput, ...]
    policies: tuple[PolicyUse, ...]


class _Predicate(Wire):
    inputs: tuple[Input, ...] = ()
    policies: tuple[PolicyUse, ...] = ()


class _Passport(Wire):
    """Of a passport's payload what this asks of it; we signed it, so it is not read as strictly as what comes in."""

    predicate: _Predicate


def named_in(payload: bytes) -> Named:
    """Give what a passport names, from its payload; raises `MalformedError`."""
    try:
        read = _Passport.model_validate_json(payload, by_alias=True, by_name=False).predicate
    except ValidationError:
        raise _wrong("what its passport names") from None
    return Named(tuple([NamedInput(one.id, one.received_at, one.held) for one in read.inputs]), read.policies)


def facts_in(docket: bytes, inputs: Iterable[NamedInput], recall: Recall) -> Facts:
    """Give the facts of a docket, with what the envelopes say that its passport names, as far as they are recalled.

    Raises `MalformedError` where a docket or a statement is not what belongs there, or one is missing.
    """
    read = recall.statements
    stated = {one.id: Stated(read[one.id], one.received_at, one.held) for one in inputs if one.id in read}
    return read_docket(parse_again(docket), stated, recall.hear).facts


def _object(value: JsonObject, name: str) -> JsonObject:
    found = value.get(name)
    if not isinstance(found, dict):
        raise _wrong(f"no {name}")
    return found


def _wrong(detail: str) -> MalformedError:
    return MalformedError(
        Code.INVALID_FIELD, f"what is kept of a decision cannot be read: {detail}", "run carnet-receiver fsck"
    )
