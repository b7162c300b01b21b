"""Record what came with a token: attestations, pipeline runs, artifacts, deployments; each wrapped and signed by us.

Order: secrets are cut before the transaction, in a thread that reads; then one write transaction finds what was
answered before, stores, keeps the answer where it is asked for once, and writes the audit trail. Invariants: what
is answered is what was stored; a refusal changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from receiver import once
from receiver.caller import Caller
from receiver.core import posted as builders
from receiver.core.covering import EVERYTHING
from receiver.core.cutting import cut
from receiver.core.posting import Posted, Record
from receiver.core.runs import merged
from receiver.core.tokens import Scope
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.once import Done, Made, Once, Posting
from receiver.store import audit, authorized, posts, records
from receiver.store import posts as post_rows
from receiver.store.engine import Store, Tx
from receiver.store.posts import Hand
from receiver.store.records import RecordRow
from shared.encoding import JsonObject, digest_text
from shared.errors import StateError, UntrustedError
from shared.predicates import Context
from shared.redaction import Rules

__all__ = ["Asking", "Cut", "Done", "Once", "Render", "Stored", "go_on", "post", "without_secrets"]

# Named here because whoever calls a use case does not look into the store.
Stored: TypeAlias = post_rows.Stored
Render: TypeAlias = Callable[[Stored], tuple[int, bytes]]
"""Writes what was stored as the status and the body of an answer."""

SCOPES = {
    Record.ATTESTATION: Scope.ATTESTATIONS_WRITE,
    Record.RUN: Scope.PIPELINES_WRITE,
    Record.ARTIFACT: Scope.ARTIFACTS_WRITE,
    Record.DEPLOYMENT: Scope.DEPLOYMENTS_WRITE,
}
_CANNOT_HOLD_SECRETS = frozenset(
    {"type", "status", "conclusion", "artifactType", "sha256", "artifactSha256", "commitSha", "headSha", "startedAt"}
    | {"completedAt", "environmentType"}
)


@dataclass(frozen=True, slots=True)
class Cut:
    """The fields of a post without its secrets, and the paths of those that held one."""

    fields: JsonObject
    paths: tuple[str, ...]


def without_secrets(_store: Store, fields: JsonObject, rules: Rules) -> Cut:
    """Cut secrets out of the fields of a post; works on nothing but them."""
    return Cut(*cut(fields, rules, _CANNOT_HOLD_SECRETS))


@dataclass(frozen=True, slots=True)
class Asking:
    """Who posts, what is to be done once, how the answer is written, when it is, and from which address."""

    caller: Caller
    once: Once | None
    render: Render
    now: datetime
    random: Callable[[int], bytes]
    origin: str | None = None


def post(store: Store, signers: RoleSigners, asking: Asking, kind: Record, said: Cut) -> Done:
    """Store what was posted, or find that it is there; a run that is there goes on as the post says.

    Raises `UntrustedError` (`forbidden`) without the scope, or for what the token is not limited to; `MalformedError`
    (`idempotency_mismatch`) for a key that came with another body; `StateError` (`conflict`) for a run that would go
    back; `TryLaterError` where nothing can be written now. In every such case nothing was stored.
    """
    asking.caller.require(SCOPES[kind], Scope.ADMIN)
    build = builders.BUILDERS[kind]

    def act(tx: Tx, hand: Hand) -> Stored:
        if kind is Record.RUN:
            return _run(tx, hand, asking.caller, said)
        made = build(said.fields, said.paths)
        before = None if asking.caller.limits == EVERYTHING else _known(tx, hand, made)
        if before is not None:
            # What is corrected is under the token's limits too.
            _inside(asking.caller, before)
        _inside(asking.caller, made.context)
        return posts.put(tx, hand, made)

    return _once(store, signers, asking, f"{kind.value}.post", act)


def go_on(store: Store, signers: RoleSigners, asking: Asking, run_id: str, change: Cut) -> Done:
    """Let a pipeline run go on; raises what `post` raises, and `StateError` (`not_found`) without such a run."""
    asking.caller.require(Scope.PIPELINES_WRITE, Scope.ADMIN)

    def act(tx: Tx, hand: Hand) -> Stored:
        before = records.get(tx, hand.workspace_id, Record.RUN, run_id)
        return _goes_on(tx, hand, asking.caller, before, change)

    return _once(store, signers, asking, "pipeline-run.put", act)


def _run(tx: Tx, hand: Hand, caller: Caller, said: Cut) -> Stored:
    """Store a run, or let it go on.

    Where another voice was there first and said what this one cannot go on from, this is a run of its own: else whoever
    takes a run's name before it begins could keep what is true of it from being said.
    """
    made, own = builders.run(said.fields, said.paths), builders.run(said.fields, said.paths, hand.voice)
    before = _known(tx, hand, own)
    if before is not None:
        return _goes_on(tx, hand, caller, before, said)
    before = _known(tx, hand, made)
    if before is not None:
        try:
            return _goes_on(tx, hand, caller, before, said)
        except (StateError, UntrustedError):
            if posts.speaks(tx, hand, before.token_id):
                raise
            made = own
    _inside(caller, made.context)
    return posts.put(tx, hand, made)


def _known(tx: Tx, hand: Hand, made: Posted) -> RecordRow | None:
    key = made.natural_key
    return None if key is None else records.newest(tx, hand.workspace_id, made.record, key)


def _goes_on(tx: Tx, hand: Hand, caller: Caller, before: RecordRow, change: Cut) -> Stored:
    # What goes on is under the token's limits too.
    _inside(caller, before)
    beside = posts.is_beside(tx, hand.workspace_id, before)
    made = builders.run(merged(before.fields, change.fields), change.paths, beside)
    _inside(caller, made.context)
    return posts.go_on(tx, hand, before, made)


def _inside(caller: Caller, named: RecordRow | Context) -> None:
    """Refuse what names something that the token is not limited to; raises `UntrustedError` (`forbidden`)."""
    caller.require_inside(named.repository, named.service, named.environment)


def _once(store: Store, signers: RoleSigners, asking: Asking, action: str, act: Callable[[Tx, Hand], Stored]) -> Done:
    """Do something in one transaction, or find what it was answered before."""

    def made(tx: Tx, hand: Hand) -> Made:
        stored = _authorized(tx, hand, act(tx, hand), asking)
        status, body = asking.render(stored)
        detail: JsonObject = {
            "record": stored.record.record_id,
            "attestation": digest_text(stored.attestation_id),
            "new": stored.created,
        }
        return Made(status, body, detail)

    posting = Posting(asking.caller, asking.once, asking.now, asking.random, asking.origin)
    return once.do(store, signers, posting, action, made)


def _authorized(tx: Tx, hand: Hand, stored: Stored, asking: Asking) -> Stored:
    """Hold a deployment against the passport in force; one that it does not allow is an event of the trail."""
    row = stored.record
    allowed = authorized.of(tx, hand.workspace_id, [row]).get(row.record_id)
    if allowed is not None and not allowed.authorized and stored.created:
        detail: JsonObject = {"deployment": row.record_id, "passport": allowed.passport_id, "reason": allowed.reason}
        act = Act(hand.now, hand.token_id, "deployment.unauthorized", detail, asking.origin)
        audit.add(tx, hand.workspace_id, act)
    return replace(stored, authorized=allowed)
