"""One workspace as `fsck` walks through it: what was found, and what the signed statements said on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from receiver.checks.order import Order, read_order
from receiver.core.admit import Sender
from receiver.core.fsck import Finding
from receiver.core.fsck_acts import Acts, signed_acts
from receiver.core.fsck_keys import Followed
from receiver.core.placing import StreamState
from receiver.store import disputes
from receiver.store.engine import Tx
from shared.keyring import TrustedKeyring
from shared.predicates import Enrolment, Registered


@dataclass
class Walk:
    """A transaction over one workspace; the parts fill in what those behind them need, in the order of `fsck`."""

    tx: Tx
    workspace_id: str
    findings: list[Finding] = field(default_factory=list)
    keyring: TrustedKeyring | None = None
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    """By collector."""
    acts: list[Registered] = field(default_factory=list)
    """Everything else that the register says, in its order."""
    followed: dict[str, Followed] = field(default_factory=dict)
    """The keys of each collector, as its enrolment and rotations have them."""
    states: dict[bytes, StreamState] = field(default_factory=dict)
    """The streams as their rows say they are, and as forked where they ever parted."""

    def add(self, where: str, problems: list[str]) -> None:
        """Note what is wrong somewhere."""
        self.findings += [Finding(self.workspace_id, where, problem) for problem in problems]

    @cached_property
    def order(self) -> Order:
        """In which order things were done, by the audit trail."""
        return read_order(self.tx, self.workspace_id)

    @cached_property
    def signed(self) -> Acts:
        """What people signed that is kept in rows besides."""
        return signed_acts(self.acts)

    @cached_property
    def displaced(self) -> frozenset[bytes]:
        """What lost its place to the chain from a rotation, by its id."""
        return disputes.displaced(self.tx, self.workspace_id)

    def sender(self, collector_id: str) -> Sender | None:
        """Give what verifies a collector's statements: all of its keys, as if each were good."""
        found = self.followed.get(collector_id)
        return None if found is None else found.sender
