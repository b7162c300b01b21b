"""Enrolled collectors by the thousand: put into a receiver's database in one transaction, each with a token."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from receiver import clock
from receiver.caller import Caller
from receiver.collector_access import VALID
from receiver.core.admit import KeyState, KnownKey
from receiver.core.covering import EVERYTHING
from receiver.core.tokens import SECRET_BYTES, Kind, Scope, make_token, parse_token
from receiver.store import collectors, tokens, workspaces
from receiver.store.collectors import Collector, CollectorKey, CollectorStatus
from receiver.store.engine import Store, Tx
from receiver.store.tokens import TokenRow
from shared.encoding import compact
from shared.keys import SEED_BYTES, Ed25519Signer
from shared.predicates import Audience
from tests.helpers.fleet import Spool

_SCOPES = frozenset({Scope.COLLECTOR_WRITE})
_UNLIMITED = 1_000_000


@dataclass
class Member:
    """A collector that is enrolled: what it signs with and what it shows."""

    spool: Spool
    token: str
    caller: Caller

    @property
    def headers(self) -> dict[str, str]:
        """What goes with its requests."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def beat(self) -> bytes:
        """Sign the next heartbeat, and write it as it is posted alone."""
        signed = self.spool.heartbeat(salt=os.urandom(16).hex(), sent_at=clock.utcnow())
        return compact({"collectorId": self.spool.collector_id})[:-1] + b',"heartbeat":' + signed + b"}"


def open_store(data: Path) -> Store:
    """Open the database of a quickstart."""
    return Store.open(f"sqlite:///{data / 'receiver.db'}")


def enrol(store: Store, count: int) -> list[Member]:
    """Enrol so many collectors in the one workspace, each with a token for an hour that was never used."""

    def act(tx: Tx) -> list[Member]:
        (workspace_id,) = workspaces.all_ids(tx)
        audience = workspaces.get(tx, workspace_id).audience
        return [_enrol(tx, workspace_id, audience, number) for number in range(count)]

    return store.write(act)


def _enrol(tx: Tx, workspace_id: str, audience: Audience, number: int) -> Member:
    now = clock.utcnow() - timedelta(seconds=1)
    collector_id, signer = f"col_bench{number}", Ed25519Signer(os.urandom(SEED_BYTES))
    row = Collector(collector_id, f"bench-{number:05}", CollectorStatus.ACTIVE, EVERYTHING, now, now)
    collectors.add(tx, workspace_id, row)
    collectors.add_key(tx, workspace_id, CollectorKey(collector_id, KnownKey(signer.public, KeyState.ACTIVE), now))
    token = make_token(Kind.COLLECTOR_ACCESS, os.urandom(SECRET_BYTES))
    made = parse_token(token)
    kind, label, until = Kind.COLLECTOR_ACCESS, "collector access", now + VALID
    tokens.add(
        tx,
        TokenRow(made.token_id, workspace_id, kind, made.digest, _SCOPES, label, collector_id, _UNLIMITED, now, until),
    )
    spool = Spool(audience, signer, collector_id, os.urandom, os.urandom(16).hex())
    return Member(spool, token, Caller(workspace_id, made.token_id, _SCOPES, collector_id, _UNLIMITED, kind))
