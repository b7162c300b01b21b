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
from receiver.core.passport import Issued, Judged, facts_key, half_over, pack, passport_of, release_key
from receiver.core.placing import Status
from receiver.core.tokens import Scope
from receiver.core.trail import Act
from receiver.core.ulids import RANDOM_BYTES, ulid
from receiver.facts import Memory, facts_of
from receiver.keys_at_hand import RoleSigners
from receiver.policies import Configured, PolicyCache
from receiver.store import answered, audit, introductions, named, passports, register, releases, workspaces
from receiver.store.answered import Answered
from receiver.store.engine import Store, Tx
from receiver.store.parts import parts_of
from receiver.store.passports import Papers, PassportRow
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import (
    JsonObject,
    canonical,
    compact,
    digest_text,
    format_time,
    parse_digest,
    parse_object,
    parse_payload,
    parse_time,
)
from shared.errors import CarnetError, MalformedError, TryLaterError
from shared.judging.docket import Docket
from shared.judging.judge import judge, undecided
from shared.judging.text import page
from shared.judging.values import Facts, Judgement, Request
from shared.passports import PASSPORT, SUMMARY, Input, Passport, summary_of
from shared.redaction import Rules
from shared.statement import subject_sha256

# Named here because whoever calls a use case does not look into the store.
Once: TypeAlias = answered.Once

REPLAYED_FOR = timedelta(minutes=5)
"""How long a request with the same key is answered as before, while nothing has changed."""
SALT_BYTES = 16
_ADDRESS = "https://"
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
    report: Callable[[Exception], None]
    once: Once | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A passport as it was signed, and the page as it was shown without its last line; `created` where it is new."""

    passport: Passport
    envelope: Envelope
    page: str
    created: bool
    replayed: bool = False


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
    found = store.read(lambda tx: _found(tx, replace(asking, report=wrong.append))[0])
    return None if wrong else found


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
    found, judged, key, before = _found(tx, asking)
    return found or _issue(tx, signers, asking, judged, key, before)


def _found(tx: Tx, asking: Asking) -> tuple[Decided | None, Judged, bytes, PassportRow | None]:
    """Judge; give the decision in force where it says the same, the judgement with its key, and what is in force."""
    workspace_id, request = asking.caller.workspace_id, asking.request
    release = release_key(request.target, request.digest)
    before = passports.in_force(tx, workspace_id, release)
    # The newest is also the latest, whatever the clock did.
    now = asking.now if before is None else max(asking.now, before.evaluated_at)
    judged = _judge(tx, asking, now)
    key = facts_key(judged)
    if before is not None and before.facts_key == key and not half_over(before.evaluated_at, before.valid_until, now):
        return stored(tx, workspace_id, before), judged, key, before
    return None, judged, key, before


def _judge(tx: Tx, asking: Asking, now: datetime) -> Judged:
    """Judge; what goes wrong is a HOLD, but for what is the caller's to mend, and for a database that is not there."""
    workspace_id, caller, request = asking.caller.workspace_id, asking.caller, asking.request
    facts, inputs, chosen = Facts(request, now), tuple[Input, ...](), Configured(())
    try:
        known = facts_of(tx, workspace_id, request, now, owner=caller.owner, memory=asking.memory)
        facts, inputs = known.facts, (*known.inputs, *_releases(tx, workspace_id, known.inputs))
        try:
            chosen = policies.configured(
                tx, workspace_id, request, asking.cache, require_policy=caller.require_policy, known=facts.known_targets
            )
        except MalformedError as error:
            raise _MisaskedError(error) from None
        judgement = judge(facts, chosen.policies, chosen.warnings)
    except _MisaskedError as error:
        raise error.said from None
    except TryLaterError:
        raise
    except Exception as error:  # noqa: BLE001 - the one use case that makes a HOLD of whatever goes wrong while judging
        asking.report(error)
        # What was known up to here is not what was judged, so it is no part of the passport.
        facts, inputs = Facts(request, now), ()
        judgement = undecided(facts, chosen.policies, _reason(error), chosen.warnings)
    return Judged(Docket(facts, chosen.warnings, chosen.baseline), asking.said, judgement, inputs)


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


def _reason(error: Exception) -> str:
    """Say what went wrong as far as that holds nothing of anybody's: our own errors do not."""
    return error.detail if isinstance(error, CarnetError) else f"an error of ours ({type(error).__name__})"


def _rotations(tx: Tx, workspace_id: str, inputs: Iterable[Input]) -> Iterator[Input]:
    """Name the rotations by which the keys came in that signed the evidence: whoever checks it needs their times."""
    ids = [parse_digest(one.id) for one in inputs if one.received_at is not None]
    for row in introductions.rotations_to(tx, workspace_id, named.signers_of(tx, workspace_id, ids)):
        held = row.code.value if row.status is Status.HELD and row.code is not None else None
        yield Input(id=digest_text(row.id), received_at=row.received_at, held=held)


def _issue(
    tx: Tx, signers: RoleSigners, asking: Asking, judged: Judged, key: bytes, before: PassportRow | None
) -> Decided:
    """Sign and keep a passport, with its summary for others, as the one in force."""
    workspace_id, request, judgement = asking.caller.workspace_id, asking.request, judged.judgement
    place = register.next_place(tx, workspace_id)
    workspace = workspaces.get(tx, workspace_id)
    issued = Issued(
        passport_id="pp_" + ulid(judgement.evaluated_at, asking.random(RANDOM_BYTES)),
        place=place,
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=asking.random(SALT_BYTES).hex(),
        keyring_version=signers.keyring_version,
        supersedes=None if before is None else before.passport_id,
        former=workspaces.accepted_audiences(tx, workspace)[1:],
        rotations=tuple(_rotations(tx, workspace_id, judged.inputs)),
    )
    passport = passport_of(judged, issued)
    subject = (subject_sha256(request.digest),)
    envelope = statement.sign(PASSPORT, subject, passport, signers.decision)
    register.add(tx, workspace_id, place.number, PASSPORT, envelope, judgement.evaluated_at)
    verifier = f"urn:carnet:receiver:{signers.audience.receiver}"
    summary = summary_of(passport, digest_text(envelope.id), verifier, asking.random(SALT_BYTES).hex())
    row = PassportRow(
        number=place.number,
        passport_id=issued.passport_id,
        release_key=release_key(request.target, request.digest),
        place=0 if before is None else before.place + 1,
        supersedes=issued.supersedes,
        facts_key=key,
        service=request.target.service,
        namespace=request.target.namespace,
        environment=request.target.environment,
        digest=bytes.fromhex(request.digest),
        mode=passport.mode,
        decision=passport.decision,
        proceed=passport.proceed,
        headline=passport.headline,
        evaluated_at=passport.evaluated_at,
        valid_until=passport.valid_until,
        release_id=request.release_id,
        source_sha=request.source_sha,
        token_id=asking.caller.token_id,
        owner=asking.caller.owner,
        policies=canonical([one.to_wire() for one in passport.policies]).decode(),
    )
    papers = Papers(
        parts_of(statement.sign(SUMMARY, subject, summary, signers.decision)),
        _page(request, judgement, issued.passport_id),
        canonical(asking.said),
        pack(judged),
    )
    passports.add(tx, workspace_id, row, papers)
    detail: JsonObject = {
        "passport": row.passport_id,
        "decision": row.decision,
        "proceed": row.proceed,
        "service": row.service,
        "environment": row.environment,
        "artifact": passport.artifact,
        "register": row.number,
    }
    audit.add(
        tx, workspace_id, Act(passport.evaluated_at, asking.caller.token_id, "gate.decide", detail, asking.origin)
    )
    return Decided(passport, envelope, papers.page, created=True)


def _page(request: Request, judgement: Judgement, passport_id: str) -> str:
    """Write the page without its last line, the address, which may be another one when it is shown again."""
    return page(request, judgement, passport_id, _ADDRESS).rpartition("\n")[0]


def stored(tx: Tx, workspace_id: str, row: PassportRow) -> Decided:
    """Give a decision as it was made; raises `StateError` where the register lost it."""
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, row.number))
    passport = Passport.from_wire(parse_payload(envelope.payload).get("predicate"))
    return Decided(passport, envelope, passports.papers(tx, workspace_id, row.number).page, created=False)
