"""Masks secrets in what is no field of a claim: the context of a run, reasons, sentences for people and logs.

Pure. A context value is never longer for it, so that it still fits its field.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from shared.errors import CarnetError, TryLaterError
from shared.predicates import Context
from shared.redaction import UNCLEAR, mark, redact

if TYPE_CHECKING:
    from typing import Self

    from collector.context import Resolved
    from shared.redaction import Rules

_Error = TypeVar("_Error", bound=CarnetError)

_COMMIT = "commit"
"""Hex digits by its type, and what everything is bound to."""

_PUBLIC_ID = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


class PublicId(str):
    """The id of a public key or of an envelope: what people compare, and no secret.

    Whoever makes one says that it is that; a text from outside never becomes one. Raises `ValueError` for another form.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Take the id as it is written everywhere."""
        if _PUBLIC_ID.fullmatch(text) is None:
            msg = "no id of a key or of an envelope"
            raise ValueError(msg)
        return super().__new__(cls, text)


def masked(text: str, rules: Rules, head: int | None = None) -> str:
    """Give the text, or the head of it, with a mark for each secret; only a mark where it cannot be searched.

    A JSON pointer (RFC 6901) writes `/` as `~1`: what is a secret without that is one, and shown without it.
    """
    try:
        kept, _ = redact(text, rules, head)
        if "~" not in text:
            return kept
        plain, kinds = redact(text.replace("~1", "/").replace("~0", "~"), rules, head)
    except TryLaterError:
        return mark(UNCLEAR)
    return plain if kinds else kept


def masked_error(error: _Error, rules: Rules) -> _Error:
    """Give the error as it may be told; the same one where nothing is to be masked."""
    detail = masked(error.detail, rules)
    hint = None if error.hint is None else masked(error.hint, rules)
    return error if (detail, hint) == (error.detail, error.hint) else type(error)(error.code, detail, hint)


def masked_context(known: Resolved, rules: Rules) -> tuple[Resolved, tuple[tuple[str, str], ...]]:
    """Give the context as it may leave, and the field and kind of each secret that was in it."""
    found: list[tuple[str, str]] = []
    values = known.context.model_dump(exclude_none=True)
    for name, value in values.items():
        if isinstance(value, str) and name != _COMMIT:
            text, kinds = redact(value, rules)
            if kinds:
                values[name] = text if len(text) <= len(value) else mark(kinds[0])[: len(value)]
                found += [(f"context.{Context.model_fields[name].alias or name}", kind) for kind in kinds]
    ignored = tuple(masked(sentence, rules) for sentence in known.ignored)
    if not found:
        return replace(known, ignored=ignored), ()
    return replace(known, context=Context(**values), ignored=ignored), tuple(dict.fromkeys(found))
