"""The policies that a workspace judges by now, read once and kept: what a gate's question is answered with.

Invariant: a policy is known by the digest of its text, so what was read of it before holds for ever.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from receiver.core import configuring
from receiver.store import policies
from receiver.store.engine import Store, Tx
from receiver.store.policies import PolicyRow
from receiver.store.unchanged import once, rows
from shared.encoding import digest_text
from shared.errors import CarnetError, Code, StateError
from shared.judging import baseline
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.values import Mode, Request, Target

# Named here because whoever asks for it does not look into the core.
Configured: TypeAlias = configuring.Configured
NamedPolicyError: TypeAlias = configuring.NamedPolicyError

_MOST = 512


class PolicyCache:
    """Policies that were read before, by digest and version, the last used 512; safe to use from several threads.

    To read one takes as long as to judge ten releases by it.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Policy] = OrderedDict()

    def read(self, digest: str, version: int, text: Callable[[], bytes]) -> Policy:
        """Give a policy, from its text where it is not kept; raises `PolicyError` for a text that is none."""
        key = (digest, version)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = read_policy(text(), version)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return made

    def baseline(self, mode: Mode) -> Policy:
        """Give the built-in baseline in a mode."""
        key = (f"baseline {mode}", baseline.VERSION)
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = baseline.baseline(mode)
            with self._lock:
                self._kept[key] = found
        return found


def configured(
    tx: Tx,
    workspace_id: str,
    request: Request,
    cache: PolicyCache,
    *,
    require_policy: bool = False,
    known: Iterable[Target] = (),
) -> Configured:
    """Give what a request is judged by now: see `receiver.core.configuring.configure`.

    Raises `NamedPolicyError` for a policy that the request names and that does not cover its target, which is the
    caller's to mend. Whatever else it raises means that the release cannot be judged: a HOLD.
    """
    return configuring.configure(
        active(tx, workspace_id, cache), request, cache.baseline, require_policy=require_policy, known=known
    )


def active(tx: Tx, workspace_id: str, cache: PolicyCache) -> tuple[Policy, ...]:
    """Give the policies that are active now, by name; raises `StateError` where the text of one is no policy."""

    def read() -> tuple[Policy, ...]:
        return tuple(load(tx, workspace_id, row, cache) for row in policies.active(tx, workspace_id))

    return once(tx, (active, workspace_id), read, rows)


def read_ahead(store: Store, workspace_id: str, cache: PolicyCache) -> None:
    """Read what is active into the cache, outside of any write that compares with it and would hold others up.

    A policy that cannot be read is left to whoever needs it.
    """
    for row in store.read(lambda tx: policies.active(tx, workspace_id)):
        with suppress(StateError):
            store.read(partial(load, workspace_id=workspace_id, row=row, cache=cache))


def load(tx: Tx, workspace_id: str, row: PolicyRow, cache: PolicyCache) -> Policy:
    """Give a stored version; raises `StateError` (`conflict`) where its text is no policy for this version of ours."""
    try:
        return cache.read(
            digest_text(row.digest),
            row.version,
            lambda: policies.text_of(tx, workspace_id, row.name, row.version).encode(),
        )
    except CarnetError as error:
        raise StateError(
            Code.CONFLICT,
            f"version {row.version} of the policy {row.name} cannot be read: {error.detail}",
            "activate another version of it, or deactivate it; carnet-receiver fsck says whether it was altered",
        ) from None
