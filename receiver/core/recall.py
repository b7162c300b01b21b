"""What envelopes say, read once and kept for a while: the same evidence stands beside many releases.

Pure. Invariant: it is known by its id, the digest of what was signed, so what was read once holds for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

from shared.judging.pieces import Heard, Told, heard
from shared.statement import Statement


class Recall:
    """Statements by their ids, and what those of them say that are evidence: those used last, so many bytes of them."""

    def __init__(self, max_bytes: int) -> None:
        """Begin with none."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._read: OrderedDict[str, Statement] = OrderedDict()
        self._heard: dict[str, Heard] = {}

    def need(self, ids: Collection[str], read: Callable[[Collection[str]], Mapping[str, Statement]]) -> None:
        """See to it that these are kept, by reading those that are not; what was not needed for long is forgotten."""
        wanted = set(ids)
        for one in wanted & self._read.keys():
            self._read.move_to_end(one)
        lacking = wanted - self._read.keys()
        found = read(lacking) if lacking else {}
        while self._bytes > self._max_bytes and next(iter(self._read)) not in wanted:
            gone, statement = self._read.popitem(last=False)
            self._bytes -= len(statement.verified.payload)
            self._heard.pop(gone, None)
        self._read.update(found)
        self._bytes += sum(len(one.verified.payload) for one in found.values())

    @property
    def statements(self) -> Mapping[str, Statement]:
        """All that is kept, by id."""
        return self._read

    def hear(self, read: Statement, told: Told) -> Heard:
        """Give what a statement says as evidence; raises as `shared.judging.pieces.heard` does."""
        name = read.verified.id_text
        known = self._heard.get(name)
        made = self._heard[name] = heard(read, told) if known is None else known.again(told)
        return made
