"""A JSON Schema in the words of a table: what a value is, which shape it refers to, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.encoding import MAX_INTEGER

COMPONENTS = "#/components/schemas/"
_MAX_PATTERN_CHARS = 48


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: `before` and `after` around the name of a shape (where there is one), values, and limits."""

    before: str = ""
    shape: str | None = None
    after: str = ""
    values: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def kind_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Kind:
    """Say what a schema allows; `schemas` are the ones that it may refer to, by name."""
    if "$ref" in schema:
        return _referred(schema["$ref"].removeprefix(COMPONENTS), schemas)
    if "anyOf" in schema:
        return _either(schema, schemas)
    if "enum" in schema:
        return Kind("one of", values=tuple(map(str, schema["enum"])))
    if "const" in schema:
        return Kind("always", values=(str(schema["const"]),))
    if schema.get("type") == "array":
        inner = kind_of(schema.get("items", {}), schemas)
        counted = _between(schema.get("minItems"), schema.get("maxItems"), "items")
        return Kind(
            f"list of {inner.before}".rstrip(), inner.shape, inner.after, inner.values, (*counted, *inner.limits)
        )
    return Kind(_plain(schema), limits=_limits(schema))


def _referred(name: str, schemas: Mapping[str, Any]) -> Kind:
    found = schemas.get(name, {})
    if "enum" in found:
        return kind_of(found, schemas)
    if found.get("properties"):
        return Kind(shape=name)
    return Kind("any JSON")


def _either(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Kind:
    kinds = [one for one in schema["anyOf"] if one != {"type": "null"}]
    inner = kind_of(kinds[0], schemas)
    words = [f"or {_plain(one)}" for one in kinds[1:]]
    if len(kinds) < len(schema["anyOf"]):
        words.append("or null")
    default = _default(schema)
    return Kind(
        inner.before, inner.shape, " ".join([inner.after, *words]).strip(), inner.values, inner.limits + default
    )


def _plain(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "time"
    return str(schema.get("type", "any JSON"))


def _limits(schema: Mapping[str, Any]) -> tuple[str, ...]:
    found = [
        *_between(schema.get("minLength"), schema.get("maxLength"), "characters"),
        *_between(schema.get("minimum"), schema.get("maximum"), ""),
        *_default(schema),
    ]
    pattern = schema.get("pattern")
    if pattern is not None and "format" not in schema and len(pattern) <= _MAX_PATTERN_CHARS and pattern.isascii():
        found.append(pattern)
    return tuple(found)


def _between(least: int | None, most: int | None, unit: str) -> tuple[str, ...]:
    if most is not None and most >= MAX_INTEGER:
        most = None
    if least is None and most is None:
        return ()
    if most is None:
        words = f"{least} or more"
    elif least == most:
        words = f"{least:,}"
    else:
        words = f"{least or 0:,} to {most:,}"
    return (f"{words} {unit}".strip(),)


def _default(schema: Mapping[str, Any]) -> tuple[str, ...]:
    default = schema.get("default")
    if default is None or isinstance(default, (dict, list)):
        return ()
    return (f"by default {str(default).lower() if isinstance(default, bool) else default}",)
