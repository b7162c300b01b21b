"""May this release go? Judged, signed and kept in one transaction: the answer is a passport.

Invariants: in force of a release is one passport, the newest, under the workspace's write lock; whatever goes wrong
while judging is a HOLD with the reason, never an ALLOW; the same facts with more than half of the time left are
answered with the passport in force, so that forty jobs that wait for one release make no forty passports; nothing is
decided for a token without the scope, or outside of its limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver import policies
from receiver.caller import Caller
from receiver.core.cutting import cut
from receiver.core.passport import Judged, facts_key, half_over, release_key
from receiver.core.tokens import Scope
from receiver.facts import facts_of, inputs_of
from receiver.gather import Memory, look_ahead
from receiver.issuing import Decided, Hand, PassportCache, issue
from receiver.keys_at_hand import RoleSigners
from receiver.policies import Configured, PolicyCache
from receiver.store import answered, passports, releases
from receiver.store.answered import Answered
from receiver.store.engine import Store, Tx
from receiver.store.passports import PassportRow
from shared.encoding import JsonObject, compact, digest_text, format_time, parse_digest, parse_object, parse_time
from shared.errors import CarnetError, MalformedError, StateError, TryLaterError
from shared.judging.docket import Docket
from shared.judging.judge import judge, undecided
from shared.judging.values import Facts, Request
from shared.passports import Input
from shared.redaction import Rules

__all__ = ["Asking", "Decided", "Once", "decide", "in_force", "without_secrets"]

# Named here because whoever calls a use case does not look into the store.
Once: TypeAlias = answered.Once

REPLAYED_FOR = timedelta(minutes=5)
"""How long a request with the same key is answered as before, while nothing has changed."""
_STATUS = 200


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked, by whom and when; `said` is the request as it was asked, in its one spelling.

    `report` is told of what went wrong while judging: the release is held all the same.
    """

    caller: Caller
    request: Request
    said: JsonObject
    now: datetime
    random: Callable[[int], bytes]
    cache: PolicyCache
    memory: Memory
    passports: PassportCache
    report: Callable[[Exception], None]
    once: Once | None = None
    origin: str | None = None


def without_secrets(_store: Store, fields: JsonObject, rules: Rules) -> tuple[JsonObject, tuple[str, ...]]:
    """Cut secrets out of fields, and name those that held one; works on nothing but them."""
    return cut(fields, rules)


def decide(store: Store, signers: RoleSigners, asking: Asking) -> Decided:
    """Decide on a release, or give the decision in force where nothing has changed.

    Raises `UntrustedError` (`forbidden`) without the scope or outside of the token's limits; `MalformedError` for a
    policy that is named and does not cover the target, and for a key that came with another body; `TryLaterError`
    where nothing can be written now. In every such case nothing was decided.
    """
    caller, target = asking.caller, asking.request.target
    caller.require(Scope.GATE_EVALUATE, Scope.ADMIN)
    caller.require_inside(None, target.service, target.environment)
    return store.write(lambda tx: _once(tx, signers, asking))


def in_force(store: Store, asking: Asking) -> Decided | None:
    """Give the decision in force where nothing has changed, without a write; None where `decide` is to be asked.

    What is read for it is remembered, so `decide` holds the one writer up the less. Raises what `decide` raises.
    """
    caller, target = asking.caller, asking.request.target
    caller.require(Scope.GATE_EVALUATE, Scope.ADMIN)
    caller.require_inside(None, target.service, target.environment)
    wrong: list[Exception] = []
    found = store.read(lambda tx: _glance(tx, replace(asking, report=wrong.append)))
    return None if wrong else found


def _glance(tx: Tx, asking: Asking) -> Decided | None:
    """Look whether the decision in force holds; of a release without one only what there is to read is read."""
    if _in_force(tx, asking) is not None:
        return _found(tx, asking)[0]
    try:
        look_ahead(tx, asking.caller.workspace_id, asking.request, asking.memory)
    except TryLaterError:
        raise
    except Exception:  # noqa: BLE001, S110 - whoever decides meets the same, and makes a HOLD of it
        pass
    return None


def _once(tx: Tx, signers: RoleSigners, asking: Asking) -> Decided:
    """Decide, and keep what a request with a key was answered: the same passport again is a replay."""
    workspace_id, once, now = asking.caller.workspace_id, asking.once, asking.now
    if once is None:
        return _decide(tx, signers, asking)
    before = answered.find(tx, workspace_id, once, now)
    decided = _decide(tx, signers, asking)
    passport_id = decided.passport.passport_id
    if before is not None:
        kept = parse_object(before.body)
        fresh = now - parse_time(str(kept["at"])) <= REPLAYED_FOR
        if fresh and kept["passportId"] == passport_id:
            return replace(decided, replayed=True)
        answered.forget(tx, workspace_id, once)
    said: JsonObject = {"passportId": passport_id, "at": format_time(now)}
    answered.keep(tx, workspace_id, once, Answered(_STATUS, compact(said)), now)
    return decided


def _decide(tx: Tx, signers: RoleSigners, asking: Asking) -> Decided:
    found, looked, key, before = _found(tx, asking)
    if found is not None:
        return found
    caller = asking.caller
    hand = Hand(signers, asking.random, caller.token_id, caller.owner, asking.origin)
    inputs = inputs_of(looked.judged.facts)
    judged = replace(looked.judged, inputs=(*inputs, *_releases(tx, caller.workspace_id, inputs)))
    return issue(tx, caller.workspace_id, hand, judged, key, before, looked.signed_by)


@dataclass(frozen=True, slots=True)
class _Looked:
    """A judgement, and the ids of the keys that signed the evidence."""

    judged: Judged
    signed_by: frozenset[str] = frozenset()


def _found(tx: Tx, asking: Asking) -> tuple[Decided | None, _Looked, bytes, PassportRow | None]:
    """Judge; give the decision in force where it says the same, the judgement with its key, and what is in force."""
    before = _in_force(tx, asking)
    # The newest is also the latest, whatever the clock did.
    now = asking.now if before is None else max(asking.now, before.evaluated_at)
    looked = _judge(tx, asking, now)
    key = facts_key(looked.judged)
    if before is not None and before.facts_key == key and not half_over(before.evaluated_at, before.valid_until, now):
        return asking.passports.given(tx, asking.caller.workspace_id, before), looked, key, before
    return None, looked, key, before


def _in_force(tx: Tx, asking: Asking) -> PassportRow | None:
    request = asking.request
    return passports.in_force(tx, asking.caller.workspace_id, release_key(request.target, request.digest))


def _judge(tx: Tx, asking: Asking, now: datetime) -> _Looked:
    """Judge; what goes wrong is a HOLD, but for what is the caller's to mend, and for a database that is not there."""
    workspace_id, caller, request = asking.caller.workspace_id, asking.caller, asking.request
    facts, signed_by, chosen = Facts(request, now), frozenset[str](), Configured(())
    try:
        chosen = _configured(tx, asking, now)
        known = facts_of(
            tx,
            workspace_id,
            request,
            now,
            owner=caller.owner,
            memory=asking.memory,
            collectors=chosen.collectors,
        )
        facts, signed_by = known.facts, known.signed_by
        if chosen.baseline is not None:
            facts = replace(facts, known_targets=asking.memory.targets.besides(tx, workspace_id, now, request.target))
        judgement = judge(facts, chosen.policies, chosen.warnings)
    except _MisaskedError as error:
        raise error.said from None
    except TryLaterError:
        raise
    except Exception as error:  # noqa: BLE001 - the one use case that makes a HOLD of whatever goes wrong while judging
        asking.report(error)
        # What was known up to here is not what was judged, so it is no part of the passport.
        facts, signed_by = Facts(request, now), frozenset()
        judgement = undecided(facts, chosen.policies, _reason(error), chosen.warnings, _action(error))
    return _Looked(Judged(Docket(facts, chosen.warnings, chosen.baseline), asking.said, judgement), signed_by)


def _configured(tx: Tx, asking: Asking, now: datetime) -> Configured:
    """Choose what is judged by; raises `_MisaskedError` for what the request names and that does not cover it."""
    workspace_id, caller = asking.caller.workspace_id, asking.caller
    try:
        return policies.configured(
            tx,
            workspace_id,
            asking.request,
            asking.cache,
            require_policy=caller.require_policy,
            known=asking.memory.targets.besides(tx, workspace_id, now, asking.request.target),
        )
    except MalformedError as error:
        raise _MisaskedError(error) from None


def _releases(tx: Tx, workspace_id: str, inputs: Iterable[Input]) -> Iterator[Input]:
    """Name the statements by which held evidence counts after all: whoever checks the passport asks for them."""
    if releases.newest(tx, workspace_id):
        counted = [parse_digest(one.id) for one in inputs if one.received_at is not None and one.held is None]
        yield from (Input(id=digest_text(one)) for one in releases.statements(tx, workspace_id, counted))


class _MisaskedError(Exception):
    """The request names what is not there: no failure of judging."""

    def __init__(self, said: MalformedError) -> None:
        super().__init__()
        self.said = said


def _action(error: Exception) -> str | None:
    """Say what to do where what is stored cannot be judged; anything else is to be looked for in the log."""
    return error.hint if isinstance(error, StateError) else None


def _reason(error: Exception) -> str:
    """Say what went wrong as far as that holds nothing of anybody's: our own errors do not."""
    return error.detail if isinstance(error, CarnetError) else f"an error of ours ({type(error).__name__})"
