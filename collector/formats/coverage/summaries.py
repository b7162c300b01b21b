"""The summary that a JSON report gives of a file or of all: numbers of lines and branches, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.formats.coverage.tally import Sums
from collector.formats.json_values import scalar_at
from collector.formats.numbers import count

if TYPE_CHECKING:
    from collector.formats.json_events import Path
    from shared.encoding import JsonValue

    Names = tuple[Path, Path, Path, Path]
    """Where lines covered and all stand, branches covered and all."""


def summary(names: Names, value: JsonValue) -> Sums | None:
    """Give lines and branches, None if it does not say both numbers of the lines, or numbers that cannot be.

    What is no whole number counts as not said.
    """
    covered, total, branches_covered, branches = (_number(value, name) for name in names)
    if covered is None or total is None or covered > total:
        return None
    return Sums(covered, total, min(branches_covered or 0, branches or 0), branches or 0)


def _number(value: JsonValue, name: Path) -> int | None:
    said = scalar_at(value, *name)
    return None if isinstance(said, str) else count(str(said))
