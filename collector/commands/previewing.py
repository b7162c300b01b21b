"""What would leave for a file, and what another level would add, as the values that `preview` prints.

A preview takes the very way of a captured file, up to where it would be sealed: what it shows is what is signed, but
for what only a real capture has. Nothing is sent, stored or numbered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.attest import shown
from collector.capture import Broken, Captured, begin, end
from collector.commands.picking import NotPicked, Picking, at_level
from shared.encoding import canonical
from shared.errors import CarnetError, Code, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.disclose import Cut, Level
    from collector.parsing import Parser
    from shared.encoding import JsonObject, JsonValue


def previewed(one: Picking | NotPicked, parser: Parser) -> JsonObject:
    """Give path, format, claim, cut and statement of a file, or path and error."""
    try:
        found = _captured(one, parser)
    except CarnetError as error:
        return _failed(one, error)
    statement = shown(found.seen)
    predicate = statement["predicate"]
    claim = predicate["claim"] if isinstance(predicate, dict) else None
    cut = [_cut(each) for each in found.cut]
    value: JsonObject = {"path": str(one.path), "format": found.seen.format, "claim": claim}
    return {**value, "cut": list(cut), "statement": statement}


def compared(one: Picking | NotPicked, parser: Parser, before: Level, after: Level) -> JsonObject:
    """Give path, format, levels, bytes at each, and what the second level adds, changes and leaves out; or an error.

    A field is named as in the predicate; a list counts as one value.
    """
    try:
        if isinstance(one, NotPicked):
            raise one.error
        sides = [_captured(at_level(one, level), parser) for level in (before, after)]
    except CarnetError as error:
        return _failed(one, error)
    statements = [shown(side.seen) for side in sides]
    old, new = (dict(_fields(statement)) for statement in statements)
    added: list[JsonValue] = [{"field": name, "value": value} for name, value in new.items() if name not in old]
    changed: list[JsonValue] = [
        {"field": name, "before": value, "after": new[name]}
        for name, value in old.items()
        if name in new and new[name] != value
    ]
    removed: list[JsonValue] = [{"field": name, "value": value} for name, value in old.items() if name not in new]
    return {
        "path": str(one.path),
        "format": sides[0].seen.format,
        "levels": [before.value, after.value],
        "bytes": [len(canonical(statement)) for statement in statements],
        "added": added,
        "changed": changed,
        "removed": removed,
    }


def _captured(one: Picking | NotPicked, parser: Parser) -> Captured:
    if isinstance(one, NotPicked):
        raise one.error
    found = end(begin(one.plan, parser, one.relative, None, as_artifact=one.as_artifact), parser, final=False)
    if isinstance(found, Broken):
        raise found.error
    if not isinstance(found, Captured):
        raise MalformedError(
            Code.UNKNOWN_FORMAT,
            "this file is of no known format",
            "it would be ignored; carnet-collector formats explain FILE says why",
        )
    return found


def _failed(one: Picking | NotPicked, error: CarnetError) -> JsonObject:
    told: JsonObject = {"code": error.code.value, "detail": error.detail, "hint": error.hint}
    return {"path": str(one.path), "error": told}


def _cut(one: Cut) -> JsonObject:
    told: JsonObject = {"field": one.field, "why": one.why}
    return {**told, "kind": one.kind} if one.kind else told


def _fields(statement: JsonObject) -> Iterator[tuple[str, JsonValue]]:
    """Name every value of a statement that is no object: those of the predicate without its name."""
    for name, value in statement.items():
        if isinstance(value, dict):
            yield from _below("" if name == "predicate" else f"{name}.", value)
        else:
            yield name, value


def _below(prefix: str, fields: JsonObject) -> Iterator[tuple[str, JsonValue]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield from _below(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value
