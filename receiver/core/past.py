"""A past decision, read back from what is kept of it: its docket, its passport, and the words of its evidence.

Pure. As with a bundle, what evidence says is taken from its signed statement, and when it was received and what it was
held for from the passport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from shared.encoding import JsonObject
from shared.errors import Code, MalformedError
from shared.judging.docket import Stated, read_docket
from shared.judging.values import Decision, Facts, Mode, Request, Target
from shared.passports import Input
from shared.statement import Statement


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


def asked_in(docket: JsonObject) -> Request:
    """Give of the request in a docket what policies are chosen by: target, digest, mode and the policy it names.

    Raises `MalformedError` for no docket.
    """
    request = _object(_object(docket, "facts"), "request")
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


def inputs_of(passport: JsonObject) -> tuple[Input, ...]:
    """Give the envelopes that a passport names, from its payload; raises `MalformedError`."""
    found = _object(passport, "predicate").get("inputs")
    try:
        return tuple(Input.from_wire(one) for one in found) if isinstance(found, list) else ()
    except ValidationError:
        raise _wrong("the inputs of its passport") from None


def facts_in(docket: JsonObject, inputs: Iterable[Input], statements: Mapping[str, Statement]) -> Facts:
    """Give the facts of a docket, with what the envelopes say that its passport names; `statements` by their ids.

    Raises `MalformedError` where a docket or a statement is not what belongs there, or one is missing.
    """
    stated = {one.id: Stated(statements[one.id], one.received_at, one.held) for one in inputs if one.id in statements}
    return read_docket(docket, stated).facts


def _object(value: JsonObject, name: str) -> JsonObject:
    found = value.get(name)
    if not isinstance(found, dict):
        raise _wrong(f"no {name}")
    return found


def _wrong(detail: str) -> MalformedError:
    return MalformedError(
        Code.INVALID_FIELD, f"what is kept of a decision cannot be read: {detail}", "run carnet-receiver fsck"
    )
