"""What may not stand as its row says: a condition that costs a few looks into small tables, and what is known of those.

Most rows stand as they were received, and nothing more than the condition is asked of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, literal_column, or_, select

from receiver.core.admit import KeyState, KnownKey
from receiver.core.holding import UNKNOWN, Turn
from receiver.core.placing import Status
from receiver.core.revocation import What
from receiver.store.columns import moment_or_none
from receiver.store.engine import Tx
from receiver.store.identity_tables import collector_keys, rotations
from receiver.store.known_keys import INTRODUCED, known_key, with_introductions
from receiver.store.revocation_tables import releases, revocations, taken_back
from receiver.store.schema import attestations, envelopes, places, streams
from receiver.store.stream_tables import disputes
from shared.encoding import digest_text

_PORTION = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known by now of a row: the key that signed it, its stream, whether it has its place.

    `forked_after` is the last register number when it was found where its stream parts; `first_covered` is when it was
    refused, of what was refused before it was stored. Of what came with a token there is none of it.
    """

    key_id: str
    key: KnownKey | None
    forked_from: int | None
    forked_after: int
    has_place: bool
    first_covered: datetime | None


def apart(key_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Find attestations that may be held apart from what was revoked; `key_id` is the column of their key's id.

    They were held when they came, or their stream parts below them, or a rotation of their collector counts no more
    since its stream does, or their key was retired below them, or they lost their place.
    """
    table, key, stream, turned = attestations, collector_keys.alias(), streams.alias(), collector_keys.alias()
    lost = disputes.alias()
    # A rotation that counted is where its old key is retired, for ever.
    turned_there = (
        select(literal_column("1"))
        .where(
            turned.c.workspace_id == stream.c.workspace_id,
            turned.c.collector_id == stream.c.collector_id,
            turned.c.retired_stream == stream.c.stream_id,
            turned.c.retired_from >= stream.c.forked_from,
        )
        .correlate(stream)
        .exists()
    )
    return or_(
        table.c.status != Status.ACCEPTED.value,
        # The whole collector's if it turned its key there: a rotation on a branch introduces nobody in any stream.
        _is_there(
            stream.c.workspace_id == table.c.workspace_id,
            stream.c.collector_id == table.c.collector_id,
            stream.c.forked_from.is_not(None),
            or_(
                and_(stream.c.stream_id == table.c.stream_id, stream.c.forked_from <= table.c.sequence),
                turned_there,
            ),
        ),
        _is_there(
            key.c.key_id == key_id,
            key.c.retired_stream == table.c.stream_id,
            key.c.retired_from <= table.c.sequence,
        ),
        _is_there(
            lost.c.workspace_id == table.c.workspace_id,
            lost.c.stream_id == table.c.stream_id,
            lost.c.kind == "displaced",
            lost.c.id == table.c.id,
        ),
    )


def suspect(key_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Find attestations that may not stand as their rows say; `key_id` is the column of their key's id."""
    table, key, act = attestations, collector_keys.alias(), revocations.alias()
    return or_(
        apart(key_id),
        _is_there(key.c.key_id == key_id, key.c.state == KeyState.REVOKED.value),
        _is_there(
            act.c.workspace_id == table.c.workspace_id,
            act.c.what == What.TOKEN.value,
            act.c.subject == table.c.token_id,
        ),
    )


def _is_there(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Ask for a row without its columns: an index that has what is asked for is enough then."""
    return select(literal_column("1")).where(*where).correlate(attestations, envelopes).exists()


def signing_key() -> ColumnElement[Any]:
    """Give the id of the key of an attestation, for a condition over attestations alone."""
    return select(envelopes.c.key_id).where(envelopes.c.n == attestations.c.n).correlate(attestations).scalar_subquery()


# Asked for with every read: built once, since building a query takes several times as long as running it.
_FACTS: Select[Any] = (
    select(
        attestations.c.n,
        envelopes.c.key_id,
        collector_keys.c.public_key,
        collector_keys.c.state,
        collector_keys.c.retired_from,
        collector_keys.c.retired_stream,
        *INTRODUCED,
        streams.c.forked_from,
        streams.c.forked_after,
        places.c.id.label("its_place"),
        places.c.first_covered,
    )
    .select_from(
        with_introductions(
            attestations.join(envelopes, envelopes.c.n == attestations.c.n).outerjoin(
                collector_keys,
                and_(
                    collector_keys.c.key_id == envelopes.c.key_id,
                    collector_keys.c.workspace_id == attestations.c.workspace_id,
                    collector_keys.c.collector_id == attestations.c.collector_id,
                ),
            )
        )
        .outerjoin(
            streams,
            and_(
                streams.c.workspace_id == attestations.c.workspace_id, streams.c.stream_id == attestations.c.stream_id
            ),
        )
        .outerjoin(
            places,
            and_(
                places.c.workspace_id == attestations.c.workspace_id,
                places.c.stream_id == attestations.c.stream_id,
                places.c.sequence == attestations.c.sequence,
                places.c.id == attestations.c.id,
            ),
        )
    )
    .where(
        attestations.c.n.in_(bindparam("its_numbers", expanding=True)),
        # As `keyed.of_workspace` says.
        attestations.c.workspace_id + "" == bindparam("its_workspace"),
    )
)
_SUSPECTS = _FACTS.where(suspect(envelopes.c.key_id))


def facts(tx: Tx, workspace_id: str, numbers: Collection[int], *, of_all: bool = False) -> dict[int, Facts]:
    """Give what is known of those of these attestations that may not stand as their rows say, or of all of them."""
    found: dict[int, Facts] = {}
    asked, listed = _FACTS if of_all else _SUSPECTS, list(numbers)
    for at in range(0, len(listed), _PORTION):
        portion = {"its_workspace": workspace_id, "its_numbers": listed[at : at + _PORTION]}
        rows = tx.execute(asked, portion)
        found |= {row.n: _read(row) for row in rows}
    return found


_LET_COUNT = (
    select(literal_column("1"))
    .where(releases.c.workspace_id == rotations.c.workspace_id, releases.c.id == rotations.c.id)
    .correlate(rotations)
    .exists()
)


def turns(tx: Tx, workspace_id: str, collector_ids: Collection[str]) -> dict[str, list[Turn]]:
    """Give the rotations of collectors that counted when they came or were released, and where their streams part."""
    its = and_(streams.c.workspace_id == rotations.c.workspace_id, streams.c.stream_id == rotations.c.stream_id)
    rows = tx.execute(
        select(
            rotations.c.collector_id,
            rotations.c.old_key_id,
            rotations.c.new_key_id,
            rotations.c.sequence,
            streams.c.forked_from,
            streams.c.forked_after,
        )
        .select_from(rotations.outerjoin(streams, its))
        .where(
            rotations.c.workspace_id == workspace_id,
            rotations.c.collector_id.in_(sorted(collector_ids)),
            or_(rotations.c.status == Status.ACCEPTED.value, _LET_COUNT),
        )
    )
    found: dict[str, list[Turn]] = {}
    for row in rows:
        keys = digest_text(row.old_key_id), digest_text(row.new_key_id)
        found.setdefault(row.collector_id, []).append(Turn(*keys, row.sequence, row.forked_from, _known_after(row)))
    return found


Mark: TypeAlias = tuple[int, ...]
NOTHING_ENDED: Mark = (0,) * 6


def mark(tx: Tx, workspace_id: str) -> Mark:
    """Give what is another one whenever something that counted may count no more, and `NOTHING_ENDED` until then.

    That is a newer revocation, one that is taken back (which may bring a fork back), a stream that parts or does so
    further down, a key that is retired, or something that lost its place.
    """
    act, back, stream, key, lost = revocations.c, taken_back.c, streams.c, collector_keys.c, disputes.c
    asked = (
        select(func.max(act.number)).where(act.workspace_id == workspace_id),
        select(func.max(back.number)).where(back.workspace_id == workspace_id),
        select(func.count(), func.sum(stream.forked_from)).where(
            stream.workspace_id == workspace_id, stream.forked_from.is_not(None)
        ),
        select(func.count()).where(key.workspace_id == workspace_id, key.retired_from.is_not(None)),
        select(func.count()).where(lost.workspace_id == workspace_id, lost.kind == "displaced"),
    )
    return tuple(int(value or 0) for one in asked for value in tx.execute(one).one())


def _known_after(row: Any) -> int:  # noqa: ANN401 - a row of one of two queries
    """What nobody wrote down no release knew of."""
    return UNKNOWN if row.forked_after is None else row.forked_after


def _read(row: Row[Any]) -> Facts:
    return Facts(
        digest_text(row.key_id),
        None if row.public_key is None else known_key(row),
        row.forked_from,
        _known_after(row),
        row.its_place is not None,
        moment_or_none(row.first_covered),
    )
