"""Secrets in what came with a token: found and masked before anything is signed or stored, field by field.

Pure; the rules come in as a value. Invariants: every text and every key below the fields is searched; what is masked is
named by its path; what cannot be searched is masked whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import TryLaterError
from shared.redaction import UNCLEAR, mark, redact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shared.encoding import JsonObject, JsonValue
    from shared.redaction import Rules

_SHORTEST_SECRET = 8
_MAX_GROWN_CHARS = 150


def cut(fields: JsonObject, rules: Rules, keep: Collection[str] = ()) -> tuple[JsonObject, tuple[str, ...]]:
    """Give the fields with a mark for each secret, and the paths of those that held one; `keep` are not looked at.

    `keep` names fields that cannot hold one because of what they may look like: digests, commits, enums.
    """
    found: list[str] = []
    kept = {name: value if name in keep else _searched(value, name, rules, found) for name, value in fields.items()}
    return kept, tuple(dict.fromkeys(found))


def held(texts: Mapping[str, str], rules: Rules) -> dict[str, str]:
    """Give the kind of the first secret in each text that holds one, by the text's name; nothing is changed.

    For what people say: they are there to say it otherwise. Raises `TryLaterError` where a text cannot be searched now.
    """
    kinds = {name: redact(text, rules)[1] for name, text in texts.items()}
    return {name: its[0] for name, its in kinds.items() if its}


def _searched(value: JsonValue, path: str, rules: Rules, found: list[str]) -> JsonValue:
    if isinstance(value, str):
        return _masked(value, path, rules, found)
    if isinstance(value, list):
        return [_searched(item, path, rules, found) for item in value]
    if isinstance(value, dict):
        kept: JsonObject = {}
        for key, item in value.items():
            name = _masked(key, path, rules, found)
            while name in kept and name != key:  # two secrets of one kind as keys: none is lost
                name += "'"
            kept[name] = _searched(item, f"{path}.{name}", rules, found)
        return kept
    return value


def _masked(text: str, path: str, rules: Rules, found: list[str]) -> str:
    if len(text) < _SHORTEST_SECRET:
        return text
    try:
        kept, kinds = redact(text, rules)
    except TryLaterError:
        kept, kinds = mark(UNCLEAR), (UNCLEAR,)
    if not kinds:
        return kept
    found.append(path)
    # Marks may be longer than what they stand for: a name stays one that a name may be.
    return mark(kinds[0]) if len(kept) > max(len(text), _MAX_GROWN_CHARS) else kept
