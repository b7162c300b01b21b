"""The summary that a JSON report gives of each file and of all: numbers of lines and branches, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.formats.coverage.tally import Sums
from collector.formats.numbers import count

if TYPE_CHECKING:
    from collector.formats.json_events import Scalar


@dataclass(slots=True)
class Summary:
    """The numbers of one summary; `names` are those of lines covered and all, branches covered and all."""

    names: tuple[str, str, str, str]
    _numbers: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, value: Scalar) -> None:
        """Take one value of it; what is no whole number counts as not said."""
        if name in self.names and not isinstance(value, str) and (number := count(str(value))) is not None:
            self._numbers[name] = number

    def sums(self) -> Sums | None:
        """Give lines and branches, None if it does not say both numbers of the lines, or numbers that cannot be."""
        covered, total, branches_covered, branches = (self._numbers.get(name) for name in self.names)
        if covered is None or total is None or covered > total:
            return None
        return Sums(covered, total, min(branches_covered or 0, branches or 0), branches or 0)
