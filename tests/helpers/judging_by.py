"""A running receiver that judges by policies of a test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from receiver import activate, clock, fsck, keys_at_hand
from receiver.activate import Wanted
from receiver.caller import operator
from receiver.named_secrets import read_master_key
from tests.helpers.databases import Databases
from tests.helpers.receiving import Receiver, serving


@asynccontextmanager
async def judging_by(data: Path, *policies: bytes, databases: Databases | None = None) -> AsyncIterator[Receiver]:
    """Have one run with these policies active; what it stored is whole when it is left."""
    async with serving(data, databases=databases) as running:
        by = operator(running.audience)
        with running.store() as store:
            signers = keys_at_hand.load(store, read_master_key(running.data.master_key), running.names.workspace)
            for policy in policies:
                name = activate.upload(store, running.audience, policy, by, clock.utcnow()).row.name
                wanted = Wanted(name, None, "there is no history to try it on")
                activate.activate(store, signers, wanted, by, clock.utcnow(), os.urandom)
        yield running
        with running.store() as store:
            assert fsck.check(store) == []
