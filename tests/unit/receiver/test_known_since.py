"""Since when entries are known, held against the definition: the earliest receipt of any whose chain leads to them."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from receiver.store.collectors import limits_to_row
from receiver.store.identity_tables import collectors
from receiver.store.known_since import KnownSince
from shared.encoding import digest_text
from shared.predicates import Limits
from tests.helpers.fleet import make_receiver
from tests.helpers.releases import Sends

if TYPE_CHECKING:
    from datetime import datetime


SIZE = 12


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_order_of_arrival_it_is_as_the_chain_says(tmp_path: Path, seed: int) -> None:
    receiver = make_receiver(tmp_path)
    sends, order = Sends(receiver), random.Random(seed)  # noqa: S311 - the same in every run
    entries = [sends.captured() for _ in range(SIZE)]
    stream = bytes.fromhex(sends.spool.stream_id)
    received: dict[int, datetime] = {}
    kept = KnownSince(1)
    waiting = list(range(SIZE))
    while waiting:
        # Mostly the next one; the others come late.
        place = waiting.pop(0 if order.random() < 0.6 else order.randrange(len(waiting)))
        receiver.now += timedelta(minutes=1)
        sends.deliver(entries[place])
        received[place] = receiver.now
        low = order.choice([0, min(received), max(received)])
        for look in (kept, KnownSince()):
            found = receiver.store.read(partial(look.of, workspace_id=receiver.workspace_id, stream_id=stream, low=low))
            said = {digest_text(id_): at for id_, at in found.items()}
            for sequence, at in received.items():
                if sequence >= low:
                    id_ = digest_text(entries[sequence].id)
                    assert min(at, said.get(id_, at)) == by_chain(received, sequence)
    receiver.store.close()


def test_what_was_refused_at_first_and_is_stored_later_is_known_since_it_came(tmp_path: Path) -> None:
    receiver = make_receiver(tmp_path)
    sends = Sends(receiver, 1, Limits(repositories=("acme/payments-api",)))
    entries = [sends.captured(), sends.captured(context={"repository": "acme/elsewhere"}), sends.captured()]
    sends.deliver(*entries)
    came = receiver.now
    kept = KnownSince()
    look = partial(kept.of, workspace_id=receiver.workspace_id, stream_id=bytes.fromhex(sends.spool.stream_id), low=0)
    assert receiver.store.read(look) == {}
    receiver.store.write(lambda tx: tx.execute(update(collectors).values(limits=limits_to_row(Limits()))))
    receiver.now += timedelta(days=6)
    sends.deliver(entries[1])
    assert receiver.store.read(look) == {entries[1].id: came}
    receiver.store.close()


def by_chain(received: dict[int, datetime], sequence: int) -> datetime:
    """The definition, step by step: as far up as there is no hole."""
    known = received[sequence]
    while sequence in received:
        known = min(known, received[sequence])
        sequence += 1
    return known
