"""Releases of the past: a passport for each, decided by the use case itself on what the database was filled with."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from receiver import clock
from receiver.app import Signers
from receiver.caller import Caller
from receiver.core.tokens import Kind, Scope
from receiver.decide import Asking, decide
from receiver.gather import Memory
from receiver.issuing import PassportCache
from receiver.named_secrets import read_master_key
from receiver.policies import PolicyCache
from receiver.store import workspaces
from shared.judging.values import Mode, Request, Target
from tests.bench import evidence, members

_UNLIMITED = 1_000_000
_SERVICES = 40
_AGO = timedelta(hours=1)


def fill(data: Path, passports: int, attestations: int) -> None:
    """Ask once for each of so many releases, of the artifacts that `evidence.fill` stored beside its attestations."""
    store = members.open_store(data)
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        signers = Signers(read_master_key(data / "master.key")).of(store, workspace_id)
        scopes = frozenset({Scope.GATE_EVALUATE})
        caller = Caller(workspace_id, "tok_bench", scopes, None, _UNLIMITED, Kind.API_KEY)
        asking = Asking(
            caller=caller,
            request=_request(0, attestations),
            said={},
            now=clock.utcnow(),
            random=os.urandom,
            cache=PolicyCache(),
            memory=Memory(),
            passports=PassportCache(),
            report=_raise,
        )
        for number in range(passports):
            request = _request(number, attestations)
            decide(store, signers, replace(asking, request=request, now=clock.utcnow() - _AGO))
    finally:
        store.close()


def _request(number: int, attestations: int) -> Request:
    built = evidence.artifact(number * evidence.EACH % attestations)
    target = Target(f"past-{number % _SERVICES}", None, f"production-{number // _SERVICES % 10}")
    return Request(target, str(built["sha256"]), Mode.ENFORCE, release_id=f"2.1.{number}")


def _raise(error: Exception) -> None:
    raise error
