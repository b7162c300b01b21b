"""One rule of a policy's text, turned into a rule (policy.md section 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from shared.judging.expressions import Expression, compile_expect, compile_where
from shared.judging.policy import (
    APPROVAL_AGE,
    HEARTBEAT_AGE,
    RESERVED,
    Approvals,
    Collection,
    Expect,
    Require,
    Rule,
    Test,
)
from shared.judging.problems import PolicyError, Problem
from shared.judging.readers import (
    Table,
    did_you_mean,
    duration,
    exactly,
    flag,
    glob,
    listed,
    one_of,
    text,
    whole,
    word,
    wrong,
)
from shared.judging.values import Decision
from shared.judging.yamltext import Items, Node, Place, Scalar
from shared.predicates import ClaimType

ID = r"[a-z0-9][a-z0-9._-]{0,62}"
ID_HINT = "at most 63 of a-z 0-9 . _ -, the first a letter or digit"
_TESTS = ("require", "expect", "approvals", "collection")
_KEYS = ("id", "title", "owner", "controls", *_TESTS, "otherwise", "fix", "waivable")
_INGESTED = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_MOST_AGE = timedelta(days=3650)
_MOST_PEOPLE = 10
_MOST = 100


class _Outcome(StrEnum):
    """What evidence must have come to before `where` is asked."""

    PASSED = "passed"
    ANY = "any"


def read_rule(node: Node, problems: list[Problem]) -> Rule | None:
    """Read a rule; where something is wrong with it, add to `problems` and give None."""
    before = len(problems)
    try:
        table = Table(node, "a rule", _KEYS, problems)
    except PolicyError as error:
        problems.extend(error.problems)
        return None
    name = table.need("id", word(ID, ID_HINT), "")
    if name in RESERVED:
        table.blame(table.place_of("id"), f"the id {name!r} is taken by what is judged of itself", "choose another")
    otherwise = table.need("otherwise", one_of(Decision, but=(Decision.ALLOW,)), Decision.HOLD)
    test = _test(table, problems)
    for_people = isinstance(test, Approvals | Collection)
    waivable = table.take("waivable", flag, not for_people)
    if for_people and waivable:
        table.blame(table.place_of("waivable"), "a rule on approvals or collection cannot be waived", "leave it out")
    title = table.take("title", text(200), name)
    owner = table.take("owner", text(200), "")
    controls = table.take("controls", listed(text(100), _MOST), ())
    fix = table.take("fix", text(500), "")
    if test is None or len(problems) > before:
        return None
    return Rule(name, title, test, otherwise, owner, controls, fix, waivable)


def _test(table: Table, problems: list[Problem]) -> Test | None:
    there = [name for name in _TESTS if name in table]
    if len(there) != 1:
        said = "no test" if not there else f"{len(there)} tests: {', '.join(there)}"
        table.blame(table.place, f"a rule has {said}", f"write one of {', '.join(_TESTS)}")
    found: Test | None = None
    for name in there:
        found = table.take(name, _READERS[name](problems), None)
    return found


def _require(problems: list[Problem]) -> Callable[[Node], Test | None]:
    def _read(node: Node) -> Test | None:
        table = Table(node, "require", ("type", "name", "signed", "maxAge", "outcome", "where"), problems)
        types = table.need("type", _types, ())
        name = table.take("name", text(200), "") or None
        signed = table.take("signed", flag, default=False)
        max_age = table.take("maxAge", duration(_MOST_AGE), None)
        outcome = table.take("outcome", one_of(_Outcome), _Outcome.PASSED)
        where = None
        if len(types) == 1:
            where = table.take("where", _expression(lambda said: compile_where(said, types[0])), None)
        elif types and "where" in table:
            table.blame(table.place_of("where"), "where stands beside several types", "write a rule for each type")
        if outcome is _Outcome.ANY and "where" not in table:
            table.blame(table.place_of("outcome"), "outcome: any without where asks for nothing", "write where, too")
        return Require(types, name, signed, max_age, outcome is _Outcome.ANY, where)

    return _read


def _types(node: Node) -> tuple[str, ...]:
    if isinstance(node, Items):
        return tuple(dict.fromkeys(listed(_type, _MOST)(node)))
    return (_type(node),)


def _type(node: Node) -> str:
    found = text(63)(node)
    known = [one.value for one in ClaimType]
    if found not in known and not _INGESTED.fullmatch(found):
        raise wrong(node.place, f"there is no type {found!r}", did_you_mean(found, known))
    return found


def _expect(_problems: list[Problem]) -> Callable[[Node], Test | None]:
    return lambda node: Expect(_expression(compile_expect)(node))


def _approvals(problems: list[Problem]) -> Callable[[Node], Test | None]:
    def _read(node: Node) -> Test | None:
        table = Table(node, "approvals", ("count", "maxAge"), problems)
        count = table.need("count", whole(1, _MOST_PEOPLE), 1)
        return Approvals(count, table.take("maxAge", duration(_MOST_AGE), APPROVAL_AGE))

    return _read


def _collection(problems: list[Problem]) -> Callable[[Node], Test | None]:
    def _read(node: Node) -> Test | None:
        table = Table(node, "collection", ("maxHeartbeatAge", "gaps", "collectors"), problems)
        table.take("gaps", exactly("none"), "none")
        age = table.take("maxHeartbeatAge", duration(_MOST_AGE), HEARTBEAT_AGE)
        return Collection(age, table.take("collectors", listed(glob, _MOST), ()))

    return _read


_READERS: dict[str, Callable[[list[Problem]], Callable[[Node], Test | None]]] = {
    "require": _require,
    "expect": _expect,
    "approvals": _approvals,
    "collection": _collection,
}


def _expression(compiled: Callable[[str], Expression]) -> Callable[[Node], Expression]:
    def _read(node: Node) -> Expression:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            said = node.text if isinstance(node, Scalar) else "EXPRESSION"
            raise wrong(node.place, "an expression is expected", f'write it in quotes: "{said[:80]}"')
        try:
            return compiled(node.text)
        except PolicyError as error:
            raise PolicyError(tuple(_placed(one, node) for one in error.problems)) from None

    return _read


def _placed(problem: Problem, node: Scalar) -> Problem:
    """Turn a place in an expression into one in the document, where the expression stands there just as it is."""
    if node.inner is not None:
        place = Place(node.inner.line, node.inner.column + problem.column - 1)
        return Problem(place.line, place.column, problem.text, problem.hint, problem.code)
    said = f"{problem.text}, at line {problem.line}, column {problem.column} of the expression"
    return Problem(node.place.line, node.place.column, said, problem.hint, problem.code)
