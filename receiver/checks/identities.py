"""The register, the receiver's own keys, and the collectors with theirs: what everything else is checked under."""

from __future__ import annotations

from receiver.checks.walk import Walk
from receiver.core.admit import KeyState, KnownKey, Sender
from receiver.core.fsck import RegisterWalk
from receiver.core.fsck_acts import standing
from receiver.core.fsck_keys import KeyRow, Turned, check_keys, follow
from receiver.core.revocation import What
from receiver.store import collectors, register, rotations, workspaces
from receiver.store.collectors import Collector, CollectorStatus
from receiver.store.rotations import RotationRow
from shared.encoding import b64decode, digest_text, parse_digest
from shared.keyring import first_root
from shared.keys import PublicKey, key_from_spki
from shared.passports import Passport
from shared.predicates import KEYRING, Enrolment, Limits, Registered


def check_register(walk: Walk) -> None:
    """Follow the register from its first statement, and the keyrings in it."""
    workspace = workspaces.get(walk.tx, walk.workspace_id)
    root = PublicKey(workspace.root_key)
    keyrings = (row.parts.envelope() for row in register.rows(walk.tx, walk.workspace_id, KEYRING))
    followed = RegisterWalk(first_root(keyrings, root), workspace.audience)
    for row in register.rows(walk.tx, walk.workspace_id):
        read, problems = followed.check(row.number, row.type, row.id, row.parts.envelope())
        walk.add(f"register {row.number}", problems)
        if read is not None and isinstance(read.predicate, Enrolment):
            walk.enrolments[read.predicate.collector_id] = read.predicate
        elif read is not None and isinstance(read.predicate, Registered) and not isinstance(read.predicate, Passport):
            # Passports are many, and looked at one by one.
            walk.acts.append(read.predicate)
    if followed.keyring is None:
        walk.add("register", ["no keyring opens under the root key"])
    elif followed.keyring.root != root:
        walk.add("workspace", ["its keyrings come out at another root key"])
    elif followed.keyring.content.version != workspace.keyring_version:
        walk.add("workspace", [f"its keyring is said to be version {workspace.keyring_version}"])
    walk.keyring = followed.keyring


def check_role_keys(walk: Walk) -> None:
    """Look for the receiver's own keys in the newest keyring."""
    listed = () if walk.keyring is None else walk.keyring.content.keys
    for row in workspaces.role_key_rows(walk.tx, walk.workspace_id):
        key = PublicKey(row.public_key)
        known = [one for one in listed if one.key_id == key.key_id and one.role is row.role]
        if not known or parse_digest(key.key_id) != row.key_id:
            walk.add(f"role key {row.role}", ["it is not in the signed keyring"])


def check_collectors(walk: Walk) -> None:
    """Follow the keys of each collector from its signed enrolment."""
    workspace = workspaces.get(walk.tx, walk.workspace_id)
    audiences = workspaces.accepted_audiences(walk.tx, workspace)
    keys = collectors.keys(walk.tx, walk.workspace_id)
    turned = rotations.rows(walk.tx, walk.workspace_id)
    stands = standing(walk.signed).values()
    ended_keys = {key_id for one in stands for key_id in one.keys}
    ended = {one.id for one in stands if one.what == What.COLLECTOR}
    for row in collectors.every(walk.tx, walk.workspace_id):
        signed = walk.enrolments.get(row.collector_id)
        known: dict[str, KnownKey] = {}
        if signed is not None:
            key = key_from_spki(b64decode(signed.public_key))
            known[key.key_id] = KnownKey(key, KeyState.ACTIVE)
        sender = Sender(row.collector_id, known, audiences, Limits())
        followed = follow(sender, [_turned(one) for one in turned if one.collector_id == row.collector_id])
        walk.followed[row.collector_id] = followed
        problems = _problems(row, signed, ended=row.collector_id in ended)
        if signed is not None:
            mine = [one for one in keys if one.collector_id == row.collector_id]
            own = [KeyRow(one.key, one.introduced_by, one.added_at) for one in mine]
            problems += check_keys(followed, own, row.created_at, ended_keys)
        walk.add(f"collector {row.collector_id}", problems)
        for rotation_id, found in followed.problems.items():
            walk.add(f"rotation {digest_text(rotation_id)}", found)


def _problems(row: Collector, signed: Enrolment | None, *, ended: bool) -> list[str]:
    stands = CollectorStatus.PENDING if signed is None else CollectorStatus.ACTIVE
    stands = CollectorStatus.REVOKED if ended else stands
    # That one is retired nobody signs, and it lets in nobody either.
    good = row.status is stands or (stands is CollectorStatus.ACTIVE and row.status is CollectorStatus.RETIRED)
    problems = [] if good else [f"it is {row.status}, what was signed makes it {stands}"]
    if signed is None:
        return problems
    if (row.name, row.limits, row.enrolled_at) != (signed.name, signed.limits, signed.enrolled_at):
        problems.append("its name, limits or time of enrolment are not what was signed")
    if row.enrolment != signed.register_.number:
        problems.append("it names another number of the register than its enrolment has")
    return problems


def _turned(row: RotationRow) -> Turned:
    return Turned(row.id, row.stream_id, row.sequence, row.counts, row.received_at, row.envelope)
