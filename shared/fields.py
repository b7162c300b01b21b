"""The field types of the wire, and the base model that reads and writes lowerCamelCase JSON with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from shared.encoding import MAX_INTEGER, JsonObject, format_time, parse_time
from shared.errors import CarnetError


def _read_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_time(value)
    except CarnetError as error:
        raise ValueError(error.detail) from None


_TIME_SCHEMA = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$",
}
Timestamp: TypeAlias = Annotated[
    datetime, BeforeValidator(_read_time), PlainSerializer(format_time), WithJsonSchema(_TIME_SCHEMA)
]
"""RFC 3339 in UTC on the wire, an aware `datetime` inside."""
DigestText: TypeAlias = Annotated[str, StringConstraints(pattern=r"\Asha256:[0-9a-f]{64}\z")]
"""A SHA-256 digest as `sha256:` and 64 lower-case hex digits."""
Random: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{32}\z")]
"""16 random bytes in lower-case hex."""
Spki: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"\AMCowBQYDK2VwAyEA[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\z"),
]
"""SubjectPublicKeyInfo of an Ed25519 key in its one base64 spelling: the fixed 12 bytes, then the key's 32."""
PRINTABLE = r"\A[^\x00-\x1f\x7f-\x9f]+\z"
"""No control characters: names are shown on terminals and stored by databases that take no NUL."""
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
LongName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=PRINTABLE)]
"""A name that others may nest, such as a branch or a repository with its owner."""
Commit: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{7,64}\z")]
"""A git commit in lower-case hex: 40 or 64 digits, or an abbreviation of at least 7, which links nothing."""
Count: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Id: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"\A[A-Za-z0-9_.:-]+\z"),
]


class Wire(BaseModel):
    """Base of everything that is read from signed bytes: open for unknown fields, strict in types, frozen."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire; a field that is None is left out."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read the fields from parsed JSON; raises pydantic's `ValidationError`, which `statement` translates."""
        # Lists and enums come as JSON knows them; scalars stay strict. Only the names of the wire count: `key_id` in a
        # statement is a field that nobody knows, not another way to write `keyId`.
        return cls.model_validate(value, by_alias=True, by_name=False)
