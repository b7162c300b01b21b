"""Find evidence that never came: check what is expected against what is known, and sign what is missing.

Invariants: a finding is signed and kept once; when the evidence comes after all the finding is withdrawn from the list
and stays on record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.core.expectations import Expectation, Overdue, excused, overdue
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, presence, stream_states
from receiver.store import missing as missing_rows
from receiver.store.engine import Store, Tx
from shared import statement
from shared.dsse import Envelope
from shared.encoding import JsonObject, digest_text
from shared.predicates import MISSING, Anchor, Missing
from shared.statement import Subject, subject_commit, subject_sha256

# Named here because whoever calls a use case does not look into the store.
Finding: TypeAlias = missing_rows.Finding

SALT_BYTES = 16
WATCHER = "watcher"
LOOKED_BACK = timedelta(days=8)
"""How long after its time something is still looked for: longer than anybody's waiting entries excuse it."""


def check(
    store: Store,
    signers: RoleSigners,
    expectations: Sequence[Expectation],
    now: datetime,
    random: Callable[[int], bytes],
) -> int:
    """Look for what is overdue in a workspace, and for what came after all; gives how many findings stand.

    Raises `TryLaterError` where the database cannot be used now.
    """
    workspace_id = signers.workspace_id
    mine = [one for one in expectations if one.workspace in (None, workspace_id)]
    lacking, back = store.read(lambda tx: _look(tx, workspace_id, mine, now))

    def act(tx: Tx) -> int:
        # Another process may have found the same meanwhile.
        fresh, returned = _look(tx, workspace_id, mine, now)
        for one in fresh:
            envelope = _sign(one, signers, now, random)
            missing_rows.add(tx, workspace_id, one, envelope, now)
            audit.add(tx, workspace_id, Act(now, WATCHER, "evidence.missing", _told(one, envelope.id)))
        for finding in returned:
            missing_rows.withdraw(tx, workspace_id, finding, now)
            audit.add(tx, workspace_id, Act(now, WATCHER, "evidence.came", _told(finding.overdue, finding.id)))
        return missing_rows.count(tx, workspace_id)

    return store.write(act) if lacking or back else store.read(lambda tx: missing_rows.count(tx, workspace_id))


def missing(store: Store, workspace_id: str, *, withdrawn: bool = False) -> tuple[Finding, ...]:
    """Give the findings that stand, oldest first; with `withdrawn` those that were withdrawn too."""
    return tuple(store.read(lambda tx: missing_rows.findings(tx, workspace_id, withdrawn=withdrawn)))


def _look(
    tx: Tx, workspace_id: str, expectations: Sequence[Expectation], now: datetime
) -> tuple[list[Overdue], list[Finding]]:
    """Give what is overdue and not found yet, and the findings whose evidence is here."""
    stand = missing_rows.findings(tx, workspace_id)
    longest = max((one.within for one in expectations), default=timedelta())
    since = now - longest - LOOKED_BACK
    known = missing_rows.known(tx, workspace_id, since) if expectations else []
    digests = missing_rows.all_digests([*known, *(one.overdue.known for one in stand)])
    came = missing_rows.came(tx, workspace_id, digests)
    back = [one for one in stand if one.overdue.type.value in missing_rows.here_of(one.overdue.known, came)]
    there = presence.noted(tx, workspace_id)
    late = [
        lack
        for one in known
        for expectation in expectations
        for lack in overdue(expectation, one, missing_rows.here_of(one, came), there, now)
    ]
    if not late:
        return [], back
    found = {one.key for one in missing_rows.findings(tx, workspace_id, withdrawn=True, since=since)}
    bringers = missing_rows.Bringers(tx, workspace_id, stream_states.every(tx, workspace_id, now), now)
    fresh = [
        one for one in late if missing_rows.key_of(one) not in found and not excused(one, bringers.of(one), there, now)
    ]
    return fresh, back


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
