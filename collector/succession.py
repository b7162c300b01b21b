"""Which keys came after the enrolled one: a file beside the enrolment, for the day on which the spool is lost.

The spool has the rotations themselves; without it nothing else tells a key that a rotation brought from a stranger's.
Invariants: a key is written down before the old one ends; the file is replaced by rename and synced with its directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.durable import replace_private
from shared.encoding import canonical, parse_object
from shared.errors import CarnetError
from shared.keyfile import read_secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from collector.keys import Rotation

FILE_NAME = "rotated-keys.json"


def load(state_dir: Path) -> tuple[str, ...]:
    """Give the ids of the keys, oldest first; none where the key was never rotated, or the file is damaged."""
    path = state_dir / FILE_NAME
    if not path.exists():
        return ()
    try:
        found = parse_object(read_secret(path, "it is written anew")).get("keyIds")
    except CarnetError:
        return ()
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def note(state_dir: Path, rotations: Sequence[Rotation]) -> None:
    """Write down the keys that rotations brought; raises `ConfigError` where they cannot be written."""
    known = load(state_dir)
    keys = tuple(dict.fromkeys((*known, *(one.new.key_id for one in rotations))))
    if keys != known:
        replace_private(state_dir / FILE_NAME, canonical({"keyIds": list(keys)}))
