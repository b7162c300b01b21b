"""A JSON Schema is said in the words of a table, with its limits and what it refers to."""

from typing import Any

import pytest

from receiver.web.schema_words import Kind, kind_of

SCHEMAS: dict[str, Any] = {
    "Basis": {"enum": ["measured", "claimed"]},
    "Envelope": {"properties": {"payload": {"type": "string"}}},
    "JsonValue": {},
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "boolean"}, Kind("boolean")),
        ({"type": "integer", "minimum": 1}, Kind("integer", limits=("1 or more",))),
        ({"type": "integer", "minimum": 15, "maximum": 1440}, Kind("integer", limits=("15 to 1,440",))),
        ({"type": "integer", "minimum": 0, "maximum": 2**53}, Kind("integer", limits=("0 or more",))),
        ({"type": "string", "minLength": 44, "maxLength": 44}, Kind("string", limits=("44 characters",))),
        ({"type": "string", "maxLength": 200}, Kind("string", limits=("0 to 200 characters",))),
        ({"type": "string", "pattern": "^[a-z]+$"}, Kind("string", limits=("^[a-z]+$",))),
        ({"type": "string", "pattern": "^" + "a" * 100}, Kind("string")),
        ({"type": "string", "format": "date-time", "pattern": "^Z$"}, Kind("time")),
        ({"type": "boolean", "default": False}, Kind("boolean", limits=("by default false",))),
        ({"const": "pending"}, Kind("always", values=("pending",))),
        (ref("Basis"), Kind("one of", values=("measured", "claimed"))),
        (ref("Envelope"), Kind(shape="Envelope")),
        (ref("JsonValue"), Kind("any JSON")),
        ({"anyOf": [ref("Envelope"), {"type": "null"}]}, Kind(shape="Envelope", after="or null")),
        ({"anyOf": [ref("Envelope"), ref("JsonValue")]}, Kind(shape="Envelope", after="or any JSON")),
        (
            {"type": "array", "items": ref("Envelope"), "minItems": 1, "maxItems": 100},
            Kind("list of", "Envelope", limits=("1 to 100 items",)),
        ),
        ({"type": "array", "items": {"type": "string"}}, Kind("list of string")),
    ],
)
def test_a_schema_is_said_in_words(schema: dict[str, Any], expected: Kind) -> None:
    assert kind_of(schema, SCHEMAS) == expected
