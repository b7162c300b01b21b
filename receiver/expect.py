"""Find evidence that never came: check what is expected against what is known, and sign what is missing.

Invariants: a finding is signed and kept once; when the evidence comes after all the finding is withdrawn from the list
and stays on record; it is back on the list as long as that evidence is held.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.core.expectations import Expectation, Overdue, excused, overdue
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, presence, stream_states, suspects
from receiver.store import missing as missing_rows
from receiver.store.engine import Store, Tx
from shared import statement
from shared.dsse import Envelope
from shared.encoding import JsonObject, digest_text
from shared.predicates import MISSING, Anchor, Missing
from shared.statement import Subject, subject_commit, subject_sha256

# Named here because whoever calls a use case does not look into the store.
Finding: TypeAlias = missing_rows.Finding
Mark: TypeAlias = suspects.Mark

SALT_BYTES = 16
WATCHER = "watcher"
LOOKED_BACK = timedelta(days=8)
"""How long after its time something is still looked for: longer than anybody's waiting entries excuse it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is overdue and not found yet; findings whose evidence is here; withdrawn ones of which it is held now.

    `mark` tells what had been revoked and the like when it was looked.
    """

    fresh: tuple[Overdue, ...]
    came: tuple[Finding, ...]
    held: tuple[Finding, ...]
    mark: Mark

    @property
    def changes(self) -> bool:
        return bool(self.fresh or self.came or self.held)


def check(
    store: Store,
    signers: RoleSigners,
    expectations: Sequence[Expectation],
    now: datetime,
    random: Callable[[int], bytes],
    looked: MutableMapping[str, Mark] | None = None,
) -> int:
    """Look for what is overdue in a workspace, and for what came after all; gives how many findings stand.

    Whoever looks again and again gives the same `looked`, empty at first: then old findings that were withdrawn are
    looked at only where something was revoked or the like since. Raises `TryLaterError` where the database cannot be
    used now.
    """
    workspace_id = signers.workspace_id
    mine = [one for one in expectations if one.workspace in (None, workspace_id)]
    before = None if looked is None else looked.get(workspace_id)
    seen = store.read(lambda tx: _look(tx, workspace_id, mine, now, before))

    def act(tx: Tx) -> int:
        # Another process may have found the same meanwhile.
        found = _look(tx, workspace_id, mine, now, before)
        for one in found.fresh:
            envelope = _sign(one, signers, now, random)
            missing_rows.add(tx, workspace_id, one, envelope, now)
            audit.add(tx, workspace_id, Act(now, WATCHER, "evidence.missing", _told(one, envelope.id)))
        for finding in found.came:
            missing_rows.withdraw(tx, workspace_id, finding, now)
            audit.add(tx, workspace_id, Act(now, WATCHER, "evidence.came", _told(finding.overdue, finding.id)))
        for finding in found.held:
            missing_rows.reinstate(tx, workspace_id, finding)
            audit.add(tx, workspace_id, Act(now, WATCHER, "evidence.held", _told(finding.overdue, finding.id)))
        return missing_rows.count(tx, workspace_id)

    stand = store.write(act) if seen.changes else store.read(lambda tx: missing_rows.count(tx, workspace_id))
    if looked is not None:
        looked[workspace_id] = seen.mark
    return stand


def missing(store: Store, workspace_id: str, *, withdrawn: bool = False) -> tuple[Finding, ...]:
    """Give the findings that stand, oldest first; with `withdrawn` those that were withdrawn too."""
    return tuple(store.read(lambda tx: missing_rows.findings(tx, workspace_id, withdrawn=withdrawn)))


def _look(tx: Tx, workspace_id: str, expectations: Sequence[Expectation], now: datetime, looked: Mark | None) -> _Seen:
    stand = missing_rows.findings(tx, workspace_id)
    longest = max((one.within for one in expectations), default=timedelta())
    since = now - longest - LOOKED_BACK
    mark = suspects.mark(tx, workspace_id)
    is_known = mark == (suspects.NOTHING_ENDED if looked is None else looked)
    gone = missing_rows.withdrawn(tx, workspace_id, since if is_known else None)
    known = missing_rows.known(tx, workspace_id, since) if expectations else []
    digests = missing_rows.all_digests([*known, *(one.overdue.known for one in (*stand, *gone))])
    came = missing_rows.came(tx, workspace_id, digests)

    def is_here(one: Finding) -> bool:
        return one.overdue.type.value in missing_rows.here_of(one.overdue.known, came)

    there = presence.noted(tx, workspace_id)
    late = [
        lack
        for one in known
        for expectation in expectations
        for lack in overdue(expectation, one, missing_rows.here_of(one, came), there, now)
    ]
    found = {one.key for one in missing_rows.findings(tx, workspace_id, withdrawn=True, since=since)} if late else set()
    late = [one for one in late if missing_rows.key_of(one) not in found]
    if late:
        bringers = missing_rows.Bringers(tx, workspace_id, stream_states.every(tx, workspace_id, now), now)
        late = [one for one in late if not excused(one, bringers.of(one), there, now)]
    back = tuple(one for one in stand if is_here(one))
    return _Seen(tuple(late), back, tuple(one for one in gone if not is_here(one)), mark)


def _sign(one: Overdue, signers: RoleSigners, now: datetime, random: Callable[[int], bytes]) -> Envelope:
    known = one.known
    said = Missing(
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=random(SALT_BYTES).hex(),
        expectation=one.expectation,
        anchor=Anchor(kind=known.kind.value, id=known.id, at=known.at),
        repository=known.repository,
        service=known.service,
        environment=known.environment,
        type=one.type,
        due_at=one.due_at,
        found_at=now,
    )
    return statement.sign(MISSING, _subjects(one), said, signers.decision)


def _subjects(one: Overdue) -> tuple[Subject, ...]:
    commit, artifact = missing_rows.commit_of(one.known), one.known.artifact
    found = [] if artifact is None else [subject_sha256(artifact.hex())]
    return tuple(found if commit is None else [*found, subject_commit(commit)])


def _told(one: Overdue, id_: bytes) -> JsonObject:
    return {
        "expectation": one.expectation,
        "anchor": f"{one.known.kind.value} {one.known.id}",
        "type": one.type.value,
        "repository": one.known.repository,
        "finding": digest_text(id_),
    }
