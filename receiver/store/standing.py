"""How what is stored stands now: the columns of its row, and what became known, was revoked and released since.

A page costs the same however much is stored: one look over its rows, and a closer one at those that may not stand as
they were received (`receiver.store.suspects`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, true

from receiver.core.admit import KeyState, KnownKey
from receiver.core.holding import Case, End, Standing, hold, in_vain, standing
from receiver.core.placing import Status
from receiver.store import attestation_pages, attestations, revocations, suspects
from receiver.store.attestation_pages import Filters
from receiver.store.attestations import AttestationRow, FromCollector
from receiver.store.chains import Chains, reach_before
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.revocations import Ends
from receiver.store.schema import attestations as attestation_table
from receiver.store.suspects import Facts
from shared import dsse, statement
from shared.keys import PublicKey

__all__ = ["Chains", "Stood", "of_numbers", "of_rows", "page", "reach_before"]

_PORTION = 500


@dataclass(frozen=True, slots=True)
class Stood:
    """An attestation's row, and how it stands."""

    row: AttestationRow
    standing: Standing


def page(tx: Tx, workspace_id: str, filters: Filters, limit: int, before: int | None) -> list[Stood]:
    """Give attestations, newest first, below a number; `filters.status` is compared with how they stand now."""
    found: list[Stood] = []
    wanted, candidates, portion = filters.status, None, limit
    chains = Chains(tx, workspace_id)
    if wanted not in {None, Status.ACCEPTED, Status.HELD}:
        return found
    if wanted is Status.HELD:
        candidates = _candidates(revocations.everything_ended(tx, workspace_id))
    while len(found) < limit:
        rows = attestation_pages.page(tx, workspace_id, replace(filters, status=None), portion, before, candidates)
        stood = of_rows(tx, workspace_id, rows, chains=chains)
        found += [Stood(row, stood[row.n]) for row in rows if wanted in {None, stood[row.n].status}]
        if len(rows) < portion:
            break
        before, portion = rows[-1].n, _PORTION
    return found[:limit]


def _candidates(ended: Ends) -> ColumnElement[bool]:
    """Narrow down what may be held: it belongs to what was ended, or something else is known of it."""
    table = attestation_table
    sinces = [end.since for ends in (*ended.keys.values(), *ended.tokens.values()) for end in ends]
    earliest = None if None in sinces else min((one for one in sinces if one is not None), default=None)
    late = true() if earliest is None else table.c.received_at >= micros(earliest)
    of_ended = or_(table.c.collector_id.in_(sorted(ended.collectors)), table.c.token_id.in_(sorted(ended.tokens)))
    return or_(and_(late, of_ended), suspects.apart(suspects.signing_key()))


def of_numbers(tx: Tx, workspace_id: str, numbers: Collection[int]) -> dict[int, Standing]:
    """Say of the attestations with these numbers how they stand; those that are not here are left out."""
    found: dict[int, Standing] = {}
    listed, chains = list(numbers), Chains(tx, workspace_id)
    for at in range(0, len(listed), _PORTION):
        rows = attestations.numbered(tx, workspace_id, listed[at : at + _PORTION])
        found |= of_rows(tx, workspace_id, rows, chains=chains)
    return found


def of_rows(
    tx: Tx,
    workspace_id: str,
    rows: Sequence[AttestationRow],
    ended: Ends | None = None,
    chains: Chains | None = None,
) -> dict[int, Standing]:
    """Say of each of these rows, by its number, how it stands; with `ended`, as if these revocations stood alone.

    Whoever asks for one portion after the other gives `chains`, so that none is walked again for each of them.
    """
    stood = {row.n: Standing(row.status, row.code) for row in rows}
    known = suspects.facts(tx, workspace_id, list(stood), of_all=ended is not None)
    asked = [row for row in rows if row.n in known]
    if asked:
        stood |= _Look(tx, workspace_id, asked, known, ended, chains or Chains(tx, workspace_id)).stand()
    return stood


class _Look:
    """A closer look at rows that may not stand as they were received."""

    def __init__(
        self,
        tx: Tx,
        workspace_id: str,
        rows: Sequence[AttestationRow],
        facts: Mapping[int, Facts],
        ended: Ends | None,
        chains: Chains,
    ) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        self._rows = rows
        self._facts = facts
        self._chains = chains
        collector_ids = {row.origin.collector_id for row in rows if isinstance(row.origin, FromCollector)}
        tokens = {row.origin.token_id for row in rows if not isinstance(row.origin, FromCollector)}
        self._ended = revocations.ends(tx, workspace_id, collector_ids, tokens) if ended is None else ended
        self._released = revocations.released(tx, workspace_id, [row.id for row in rows])
        turned = suspects.turns(tx, workspace_id, collector_ids)
        self._in_vain = {one: in_vain(turned.get(one, ())) for one in collector_ids}

    def stand(self) -> dict[int, Standing]:
        return {row.n: self._one(row) for row in self._rows}

    def _one(self, row: AttestationRow) -> Standing:
        origin, released = row.origin, self._released.get(row.id)
        if not isinstance(origin, FromCollector):
            return standing(row.code, row.received_at, self._ended.tokens.get(origin.token_id, ()), released)
        facts = self._facts[row.n]
        key, known_after = self._good_key(origin, facts)
        case = Case(row.code, (origin.stream_id, origin.sequence), facts.has_place, key, facts.forked_from)
        why = hold(case, lambda: key is None or self._is_understood(row.n, key.public))
        if facts.forked_from is not None and facts.forked_from <= origin.sequence:
            # Whatever it is held for: who released it before that was found did not know of it.
            known_after = max(known_after, facts.forked_after)
        own = self._own_time(row)
        ends = [end for end in self._ends_of(row) if not self._is_shown_before(origin, facts, own, end)]
        return standing(why, own, ends, released, known_after)

    def _good_key(self, origin: FromCollector, facts: Facts) -> tuple[KnownKey | None, int]:
        """Give the key of a row, None where it never was good; and the last register number when that was found."""
        key = facts.key
        # A key that nobody has confirmed never was good, whatever was done and undone to its collector.
        if key is None or key.state is KeyState.PENDING:
            return None, 0
        if key.state is KeyState.REVOKED and (origin.collector_id, facts.key_id) not in self._ended.once_good:
            return None, 0
        vain = self._in_vain[origin.collector_id]
        return (None, vain[facts.key_id]) if facts.key_id in vain else (key, 0)

    def _is_understood(self, n: int, key: PublicKey) -> bool:
        envelope = attestations.parts_of_numbers(self._tx, self._workspace_id, [n])[n].envelope()
        return not statement.read(dsse.verify(envelope, key)).not_understood

    def _ends_of(self, row: AttestationRow) -> Collection[End]:
        origin = row.origin
        if not isinstance(origin, FromCollector):
            return self._ended.tokens.get(origin.token_id, ())
        found = self._ended.keys.get((origin.collector_id, self._facts[row.n].key_id), ())
        return [end.towards(row.n, row.received_at) for end in found]

    def _own_time(self, row: AttestationRow) -> datetime:
        """When the first receipt covered a row: it may have been refused before it was stored."""
        covered = self._facts[row.n].first_covered
        return row.received_at if covered is None else min(covered, row.received_at)

    def _is_shown_before(self, origin: FromCollector, facts: Facts, own: datetime, end: End) -> bool:
        """Say whether a later entry that was received before the time of a revocation shows that this one was too."""
        reach = self._ended.reach.get((end.number, origin.stream_id))
        if end.since is None or own < end.since or reach is None or not facts.has_place:
            return False
        return self._chains.lead(origin.stream_id, origin.sequence, reach, end.since)
