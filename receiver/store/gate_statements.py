"""What stored envelopes say, as judging knows it: each is parsed once, since what was signed never changes.

Invariants: a statement is what its envelope's bytes say, and those bytes have the id that its row names; that they were
signed was checked when they came, and is checked again by `fsck` and by whoever verifies a passport.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select

from receiver.store import attestations
from receiver.store.attestations import AttestationRow
from receiver.store.engine import Tx
from receiver.store.identity_tables import collector_keys
from receiver.store.parts import Parts
from receiver.store.schema import role_keys
from shared import statement
from shared.dsse import Verified
from shared.encoding import digest_text
from shared.errors import Code, MalformedError
from shared.judging.pieces import Heard, Told, heard
from shared.judging.values import Link, Piece
from shared.keys import PublicKey

_PORTION = 500
_MAX_BYTES = 32 * 1024 * 1024
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """A statement with its row, as a piece and its links, as they were told last; `size` is that of its payload.

    `key_id` is that of the key that signed it.
    """

    row: AttestationRow
    key_id: str
    heard: Heard
    size: int

    @property
    def piece(self) -> Piece:
        """What it says as evidence."""
        return self.heard.piece

    @property
    def links(self) -> tuple[Link, ...]:
        """The digests that it links to commits."""
        return self.heard.links

    def told(self, told: Told) -> Known:
        """Give it with what the receiver knows besides."""
        heard = self.heard.again(told)
        return self if heard is self.heard else replace(self, heard=heard)


class Statements:
    """What was read, the least used forgotten first; safe to use from several threads.

    It is kept by its number, with its id: no row is ever changed, but in a database that was restored from a copy the
    number may come to be another one's.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        """Take how many bytes of payloads may be kept parsed."""
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[str, int], Known] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """How many bytes of payloads are kept parsed."""
        return self._bytes

    def read(self, tx: Tx, workspace_id: str, ids: Mapping[int, bytes]) -> dict[int, Known]:
        """Give what attestations say, by number; `ids` are theirs (32 bytes each), by number as well.

        Raises `MalformedError` for one whose bytes are not what its row names, or cannot be read.
        """
        found: dict[int, Known] = {}
        with self._lock:
            for n, id_ in ids.items():
                known = self._kept.get((workspace_id, n))
                if known is not None and known.row.id == id_:
                    self._kept.move_to_end((workspace_id, n))
                    found[n] = known
        lacking = [n for n in ids if n not in found]
        if lacking:
            fresh = _parse(tx, workspace_id, lacking)
            found |= fresh
            self.keep(workspace_id, fresh.values())
        return found

    def keep(self, workspace_id: str, known: Collection[Known]) -> None:
        """Keep statements as they were told, so that the next to ask finds them so."""
        with self._lock:
            for one in known:
                key = (workspace_id, one.row.n)
                before = self._kept.pop(key, None)
                self._bytes += one.size - (0 if before is None else before.size)
                self._kept[key] = one
            while self._bytes > self._max_bytes:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.size


def _parse(tx: Tx, workspace_id: str, numbers: Sequence[int]) -> dict[int, Known]:
    found: dict[int, Known] = {}
    keys: dict[bytes, PublicKey] = {}
    for at in range(0, len(numbers), _PORTION):
        portion = numbers[at : at + _PORTION]
        rows = attestations.numbered(tx, workspace_id, portion)
        parts = attestations.parts_of_numbers(tx, workspace_id, portion)
        keys |= _keys(tx, workspace_id, {one.key_id for one in parts.values()} - keys.keys())
        for row in rows:
            found[row.n] = _known(row, parts.get(row.n), keys)
    return found


def _known(row: AttestationRow, parts: Parts | None, keys: Mapping[bytes, PublicKey]) -> Known:
    key = None if parts is None else keys.get(parts.key_id)
    if parts is None or key is None:
        raise _not_whole(row, "its envelope, or the key that signed it, is not here")
    verified = Verified(parts.payload, (key,), parts.envelope().id)
    if verified.id != row.id:
        raise _not_whole(row, "its bytes are not what its row names")
    heard_ = heard(statement.read(verified), Told(_EVER))
    return Known(row, digest_text(parts.key_id), heard_, len(parts.payload))


def _keys(tx: Tx, workspace_id: str, key_ids: Collection[bytes]) -> dict[bytes, PublicKey]:
    if not key_ids:
        return {}
    found: dict[bytes, PublicKey] = {}
    for table in (collector_keys, role_keys):
        rows = tx.execute(
            select(table.c.key_id, table.c.public_key).where(
                table.c.workspace_id == workspace_id, table.c.key_id.in_(list(key_ids))
            )
        )
        found |= {row.key_id: PublicKey(row.public_key) for row in rows}
    return found


def _not_whole(row: AttestationRow, detail: str) -> MalformedError:
    return MalformedError(Code.MALFORMED_STATEMENT, f"{digest_text(row.id)}: {detail}", "run carnet-receiver fsck")
