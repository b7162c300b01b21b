"""Keep policies in every version, and say on record which of them judges from now on.

Invariants: a version never changes and never goes; at most one version of a policy is active, and no two active
policies are equally specific anywhere; nothing enforces that was not tried on history first, unless somebody says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.caller import By, person
from receiver.core.revocation import MAX_REASON_CHARS
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.policies import PolicyCache, load, read_ahead
from receiver.store import audit, policies, register, workspaces
from receiver.store.engine import Store, Tx
from shared import dsse, statement
from shared.encoding import JsonObject, digest_text, format_time, parse_digest, parse_payload
from shared.errors import Code, MalformedError, StateError
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.scope import refuse_conflicts
from shared.judging.values import Mode
from shared.passports import POLICY, PolicyActivated
from shared.predicates import Audience
from shared.statement import subject_sha256

# Named here because whoever calls a use case does not look into the store.
PolicyRow: TypeAlias = policies.PolicyRow
Activation: TypeAlias = policies.Activation

SIMULATED_WITHIN = timedelta(days=1)
"""How old a simulation may be when what it tried is to enforce."""
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A version as it is kept; `new` is false where this text was there before."""

    row: PolicyRow
    new: bool


@dataclass(frozen=True, slots=True)
class Activated:
    """A version that is active, and since which act; `new` is false where it was so before."""

    row: PolicyRow
    activation: Activation
    simulated_at: datetime | None
    new: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A policy: all its versions, the newest first, when which was active, and the text of one of them."""

    versions: tuple[PolicyRow, ...]
    activations: tuple[Activation, ...]
    shown: PolicyRow
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be active: a version of a policy, the newest where that is None; `override`: why untried."""

    name: str
    version: int | None = None
    override: str | None = None


def upload(store: Store, audience: Audience, text: bytes, by: By, now: datetime, origin: str | None = None) -> Uploaded:
    """Keep a policy as the next version of its name; a text that is there already stays the version that it is.

    Raises `PolicyError` with all that is wrong with it, `StateError` (`conflict`) where an active one is as specific.
    """
    read = read_policy(text, 1)
    who, workspace_id = person(by, audience), audience.workspace
    digest = parse_digest(read.digest)
    cache = PolicyCache()
    read_ahead(store, workspace_id, cache)

    def act(tx: Tx) -> Uploaded:
        workspaces.get(tx, workspace_id)
        known = policies.of_digest(tx, workspace_id, read.name, digest)
        if known is not None:
            return Uploaded(known, new=False)
        refuse_conflicts(read, _others(tx, workspace_id, read.name, cache))
        version = policies.newest_version(tx, workspace_id, read.name) + 1
        row = PolicyRow(read.name, version, digest, read.mode.value, who.subject, now)
        policies.add(tx, workspace_id, row, text.decode())
        detail: JsonObject = {"policy": row.name, "version": version, "digest": read.digest, "mode": row.mode}
        audit.add(tx, workspace_id, Act(now, who.subject, "policy.upload", detail, origin))
        return Uploaded(row, new=True)

    return store.write(act)


def knows(store: Store, workspace_id: str, text: bytes) -> bool:
    """Say whether there is a version already of the policy that a text is of; raises `PolicyError`."""
    name = read_policy(text, 1).name
    return store.read(lambda tx: policies.newest_version(tx, workspace_id, name)) > 0


def activate(
    store: Store,
    signers: RoleSigners,
    wanted: Wanted,
    by: By,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> Activated:
    """Judge by a version of a policy from now on; the version that was active until now ends.

    What is to enforce must have been simulated within a day, unless `override` says why not. Raises `StateError`:
    `not_found` for a version that is not there; `conflict` where another active policy is as specific, or where there
    is neither a simulation nor an override. Raises `MalformedError` for a bad `override`.
    """
    override = wanted.override
    if override is not None and not (1 <= len(override) <= MAX_REASON_CHARS and override.isprintable()):
        raise MalformedError(
            Code.INVALID_FIELD, "reason: one is needed", f"1 to {MAX_REASON_CHARS} printable characters"
        )
    who, workspace_id = person(by, signers.audience), signers.workspace_id
    cache = PolicyCache()
    read_ahead(store, workspace_id, cache)

    def act(tx: Tx) -> Activated:
        row = _version(tx, workspace_id, wanted.name, wanted.version)
        before = policies.active_of(tx, workspace_id, row.name)
        if before is not None and before.version == row.version:
            return Activated(row, before, _said(tx, workspace_id, before).simulated_at, new=False)
        read = load(tx, workspace_id, row, cache)
        refuse_conflicts(read, _others(tx, workspace_id, row.name, cache))
        simulated_at = _simulated_at(tx, workspace_id, row, now)
        why = override if read.mode is Mode.ENFORCE and simulated_at is None else None
        if read.mode is Mode.ENFORCE and simulated_at is None and why is None:
            raise _not_simulated(row)
        place = register.next_place(tx, workspace_id)
        signed = PolicyActivated(
            audience=signers.audience,
            key_id=signers.decision.public.key_id,
            salt=random(SALT_BYTES).hex(),
            register_=place,
            name=row.name,
            version=row.version,
            digest=digest_text(row.digest),
            text=policies.text_of(tx, workspace_id, row.name, row.version),
            mode=read.mode.value,
            simulated_at=simulated_at,
            override=why,
            by=who,
            activated_at=now,
        )
        envelope = statement.sign(POLICY, (subject_sha256(row.digest.hex()),), signed, signers.decision)
        register.add(tx, workspace_id, place.number, POLICY, envelope, now)
        policies.end(tx, workspace_id, row.name, now)
        activation = Activation(place.number, row.name, row.version, now, None, why)
        policies.activate(tx, workspace_id, activation)
        detail: JsonObject = {
            "policy": row.name,
            "version": row.version,
            "digest": digest_text(row.digest),
            "mode": read.mode.value,
            "simulatedAt": None if simulated_at is None else format_time(simulated_at),
            "override": why,
            "register": place.number,
        }
        audit.add(tx, workspace_id, Act(now, who.subject, "policy.activate", detail, origin))
        return Activated(row, activation, simulated_at, new=True)

    return store.write(act)


def deactivate(
    store: Store, audience: Audience, name: str, by: By, now: datetime, origin: str | None = None
) -> Activation:
    """Judge by a policy no longer: what it covered falls to the next most specific one, or to the baseline.

    Raises `StateError`: `not_found` for an unknown policy, `conflict` for one that is not active.
    """
    who, workspace_id = person(by, audience), audience.workspace

    def act(tx: Tx) -> Activation:
        row = _version(tx, workspace_id, name, None)
        found = policies.active_of(tx, workspace_id, row.name)
        if found is None:
            raise StateError(Code.CONFLICT, f"the policy {row.name} is not active", "see carnet-receiver policy list")
        policies.end(tx, workspace_id, row.name, now)
        detail: JsonObject = {"policy": row.name, "version": found.version, "register": found.number}
        audit.add(tx, workspace_id, Act(now, who.subject, "policy.deactivate", detail, origin))
        return Activation(found.number, found.name, found.version, found.active_from, now, found.override)

    return store.write(act)


def listed(store: Store, workspace_id: str) -> list[tuple[PolicyRow, Activation | None]]:
    """Give for each policy its active version, or its newest where none is active, by name."""

    def act(tx: Tx) -> list[tuple[PolicyRow, Activation | None]]:
        active_now = {one.name: one for one in policies.activations(tx, workspace_id) if one.ended_at is None}
        found: dict[str, PolicyRow] = {}
        for row in policies.every(tx, workspace_id):
            now = active_now.get(row.name)
            if row.name not in found or (now is not None and now.version == row.version):
                found[row.name] = row
        return [(row, active_now.get(row.name)) for row in found.values()]

    return store.read(act)


def show(store: Store, workspace_id: str, name: str, version: int | None = None) -> Shown:
    """Give a policy with the text of one version: of the one named, else the active one, else the newest.

    Raises `StateError` (`not_found`).
    """

    def act(tx: Tx) -> Shown:
        history = policies.activations(tx, workspace_id, name)
        active_now = next((one.version for one in history if one.ended_at is None), None)
        row = _version(tx, workspace_id, name, active_now if version is None else version)
        text = policies.text_of(tx, workspace_id, row.name, row.version)
        return Shown(tuple(policies.every(tx, workspace_id, name)), tuple(history), row, text)

    return store.read(act)


def _others(tx: Tx, workspace_id: str, name: str, cache: PolicyCache) -> list[Policy]:
    return [load(tx, workspace_id, row, cache) for row in policies.active(tx, workspace_id) if row.name != name]


def _said(tx: Tx, workspace_id: str, activation: Activation) -> PolicyActivated:
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, activation.number))
    return PolicyActivated.from_wire(parse_payload(envelope.payload).get("predicate"))


def _version(tx: Tx, workspace_id: str, name: str, version: int | None) -> PolicyRow:
    wanted = policies.newest_version(tx, workspace_id, name) if version is None else version
    row = policies.find(tx, workspace_id, name, wanted)
    if row is not None:
        return row
    if version is not None and policies.newest_version(tx, workspace_id, name):
        detail = f"the policy {name[:200]} has no version {version}"
        raise StateError(Code.NOT_FOUND, detail, f"see carnet-receiver policy show {name[:200]}")
    raise StateError(
        Code.NOT_FOUND, f"there is no policy {name[:200]!r} here", "see carnet-receiver policy list, or upload it"
    )


def _simulated_at(tx: Tx, workspace_id: str, row: PolicyRow, now: datetime) -> datetime | None:
    found = policies.last_simulation(tx, workspace_id, row.digest)
    return None if found is None or found.at < now - SIMULATED_WITHIN else found.at


def _not_simulated(row: PolicyRow) -> StateError:
    return StateError(
        Code.CONFLICT,
        f"version {row.version} of {row.name} enforces, and was not simulated in the last day"
        " (a simulation that could judge no past release does not count)",
        "run carnet-receiver policy simulate FILE, or activate it with --override-simulation --reason TEXT",
    )
