"""The field types of requests: forgiving in spelling where the contract is, strict in everything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.encoding import MAX_INTEGER
from shared.fields import PRINTABLE, Commit, LongName

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_SHA256_SCHEMA = {"type": "string", "pattern": "^([Ss][Hh][Aa]256:)?(?!0{64}$)[0-9A-Fa-f]{64}$"}
_COMMIT_SCHEMA = {"type": "string", "pattern": "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$"}
_ANY_COMMIT_SCHEMA = {"anyOf": [{"type": "string", "pattern": "^([0-9A-Fa-f]{7,64}|unknown)$"}, {"type": "null"}]}
_MAX_URL_CHARS = 2_000

_M = TypeVar("_M", bound=BaseModel)


def sha256(text: str) -> str:
    """Read a SHA-256 as 64 lower-case hex digits; raises `ValueError`, also for the digest of nothing but zeros."""
    found = _SHA256.fullmatch(text.lower())
    if found is None or not found[1].strip("0"):
        msg = "64 hex digits are needed, with or without sha256: before them"
        raise ValueError(msg)
    return found[1]


def _full_commit(text: str) -> str:
    if not _COMMIT.fullmatch(text.lower()):
        msg = "a full commit is needed: 40 or 64 hex digits"
        raise ValueError(msg)
    return text.lower()


def _any_commit(value: object) -> object:
    """Read a commit; `unknown` is what an existing client sends for none."""
    if not isinstance(value, str):
        return value
    return None if value.lower() == "unknown" else value.lower()


def _integral(value: object) -> object:
    """Read an integral number with a fraction of zero as the integer that it is."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def upper(value: object) -> object:
    """Read a word of an upper-case enum in any case."""
    return value.upper() if isinstance(value, str) else value


def lower(value: object) -> object:
    """Read a word of a lower-case enum in any case."""
    return value.lower() if isinstance(value, str) else value


def _finite(value: object) -> object:
    if isinstance(value, float) and not abs(value) <= MAX_INTEGER:
        msg = "a number within 2^53 is needed"
        raise ValueError(msg)
    return value


def either(*names: str) -> Callable[[_M], _M]:
    """Make a check for a model in which fields by other names say the same: the first takes the value of the others.

    Raises `ValidationError` where two of them differ.
    """

    def check(model: _M) -> _M:
        said = {name: value for name in names if (value := getattr(model, name)) is not None}
        values = list(said.values())
        if any(value != values[0] for value in values):
            wire = [_wire_name(model, name) for name in said]
            raise wrong(model, list(said)[-1], f"{' and '.join(wire)} are the same field, and differ")
        if values and getattr(model, names[0]) is None:
            object.__setattr__(model, names[0], values[0])
        return model

    return check


def wrong(model: BaseModel, name: str, message: str) -> ValidationError:
    """Make the error of one field for a check that looks at several: it is named like any other."""
    kind = PydanticCustomError("value_error", "{message}", {"message": message})
    problem = InitErrorDetails(type=kind, loc=(_wire_name(model, name),), input=None)
    return ValidationError.from_exception_data(type(model).__name__, [problem])


def _wire_name(model: BaseModel, name: str) -> str:
    return type(model).model_fields[name].alias or name


Sha256: TypeAlias = Annotated[str, AfterValidator(sha256), WithJsonSchema(_SHA256_SCHEMA)]
"""A SHA-256 with or without `sha256:` before it, in either case."""
FullCommit: TypeAlias = Annotated[str, AfterValidator(_full_commit), WithJsonSchema(_COMMIT_SCHEMA)]
"""A full commit: what evidence is linked by."""
AnyCommit: TypeAlias = Annotated[Commit | None, BeforeValidator(_any_commit), WithJsonSchema(_ANY_COMMIT_SCHEMA)]
"""A full commit, or at least 7 digits of one, which is shown and links nothing; `unknown` is none."""
PrNumber: TypeAlias = Annotated[int, Field(ge=1, le=MAX_INTEGER), BeforeValidator(_integral)]
"""The number of a pull request."""
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MAX_INTEGER), BeforeValidator(_finite)]
"""A duration in seconds."""
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=2_000, pattern=PRINTABLE)]
"""A line of text."""
Url: TypeAlias = Annotated[str, Field(min_length=1, max_length=_MAX_URL_CHARS, pattern=PRINTABLE)]
"""A URL, stored as text and never fetched."""
Repository: TypeAlias = LongName
"""A repository with its owner: `acme/payments-api`."""
Free: TypeAlias = dict[str, JsonValue]
"""An object of the sender's own: kept as it comes."""
