"""Lists of names as a column keeps them: a JSON array of strings in its one spelling."""

from __future__ import annotations

from collections.abc import Iterable

from shared.encoding import canonical, parse_json
from shared.errors import Code, MalformedError


def write_list(names: Iterable[str]) -> str:
    """Write names in their order."""
    return canonical([*names]).decode()


def read_list(stored: str) -> tuple[str, ...]:
    """Read names; raises `MalformedError` where they are no list of names any more."""
    found = parse_json(stored.encode())
    if not isinstance(found, list):
        raise MalformedError(Code.BAD_JSON, "a stored list of names is none", "run carnet-receiver fsck")
    return tuple(str(one) for one in found)
