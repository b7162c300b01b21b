"""Check a bundle with nothing but its bytes, the fingerprint of a root key, and newer keyrings where there are some.

Pure: no network, no clock, no account. Rules, each of which must hold for a passport to be authentic:

1. The keyrings lead link by link from the first to the one that the passport names; the pinned root is among theirs.
2. The decision key signed the passport, and was good when it says it was evaluated.
3. Request, facts and policy texts have the digests that the passport names.
4. The envelopes are exactly those that the passport names, and the keys' statements exactly those that these need.
5. Each envelope verifies: under a key of the keyring with the type's role, or under a collector's introduced key.
6. What counted was signed by a key that was good there and when it was received, as far as the rotations that the
   passport names, and any revocation at hand, tell.
7. Acts with a number in the register come before the passport, and none of them contradicts another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared import introduced
from shared.bundle import Bundle
from shared.dsse import Envelope
from shared.encoding import canonical, digest_text, format_time, sha256
from shared.ended import check_keys
from shared.errors import Code, UntrustedError
from shared.introduced import CollectorKey
from shared.keyring import TrustedKeyring, first_root, newer_keyring, open_keyring
from shared.passports import Approval, Input, Passport, PolicyActivated, Waiver
from shared.predicates import (
    Claimed,
    Enrolment,
    GapClosed,
    Keyring,
    Missing,
    Predicate,
    Receipt,
    Registered,
    Release,
    Revocation,
    Role,
)
from shared.statement import Statement

_HINT = "export the bundle again; if that does not help, somebody altered it"

_TIMES: dict[type[Predicate], str] = {
    Approval: "approved_at",
    Claimed: "received_at",
    Enrolment: "enrolled_at",
    GapClosed: "closed_at",
    Missing: "found_at",
    Passport: "evaluated_at",
    PolicyActivated: "activated_at",
    Receipt: "received_at",
    Release: "released_at",
    Revocation: "revoked_at",
    Waiver: "waived_at",
}
"""Which of its times is the receiver's own: its key must have been good then."""


@dataclass(frozen=True, slots=True)
class Authentic:
    """A passport that was checked, and what was: the keyring says as of when revocations are known.

    `roots` are the fingerprints that the keyrings stand under, oldest first; `inputs` are the envelopes that the
    passport names, in its order.
    """

    passport: Passport
    id: bytes
    keyring: Keyring
    roots: tuple[str, ...]
    inputs: tuple[Statement, ...]

    @property
    def by_collectors(self) -> int:
        """How many of the inputs a collector signed."""
        return sum(one.kind.role is Role.COLLECTOR for one in self.inputs)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody is about to do: bring this artifact (`sha256:...`) there; `namespace` None is any."""

    service: str
    environment: str
    artifact: str
    namespace: str | None = None
    canary: bool = False


def authenticate(bundle: Bundle, pinned: str, newer: Sequence[Envelope] = ()) -> Authentic:
    """Check a bundle under the root key with the fingerprint `pinned` (`sha256:...`).

    `newer` are further keyrings, oldest first; those that the bundle holds already may be among them. Raises
    `UntrustedError` or `MalformedError`, and either means: not authentic.
    """
    rings = _walk(bundle, newer)
    ring, roots = rings[-1], tuple(dict.fromkeys(one.root.key_id for one in rings))
    if pinned not in roots:
        raise UntrustedError(
            Code.UNKNOWN_KEY, f"this stands under the root key {roots[-1]}", f"the one that is pinned is {pinned}"
        )
    read = _read_own(ring, bundle.passport)
    passport = read.as_(Passport)
    if passport.keyring_version != len(bundle.keyrings):
        raise _apart(f"its keyrings do not end with version {passport.keyring_version}, which the passport names")
    if read.subjects[0].digest != (("sha256", passport.artifact.removeprefix("sha256:")),):
        raise _apart("the passport's subject is not its artifact")
    _check_digests(bundle, passport)
    if [digest_text(one.id) for one in bundle.inputs] != [one.id for one in passport.inputs]:
        raise _apart("the envelopes are not those that the passport names, in its order")
    enrolments, keys = _keys(ring, bundle.keys, passport)
    inputs = tuple(
        _read_input(ring, keys, passport, envelope, entry)
        for envelope, entry in zip(bundle.inputs, passport.inputs, strict=True)
    )
    _check_needed(bundle.keys, keys, inputs)
    check_keys(passport, inputs, keys, ring.content)
    places = [_place_of(one.content, one.id) for one in rings[: len(bundle.keyrings)]]
    acts = (one for one in (*enrolments, *inputs) if isinstance(one.predicate, Registered))
    places += [_place_of(one.as_(Registered), one.verified.id) for one in acts]
    _check_register(_place_of(passport, read.verified.id), places)
    return Authentic(passport, read.verified.id, ring.content, roots, inputs)


def objections(passport: Passport, wanted: Wanted, at: datetime) -> tuple[str, ...]:
    """Say in words why an authentic passport does not allow what is wanted at a moment; nothing where it does.

    Rests on `decision`, never on `proceed`. A passport that does not name all of its inputs allows nothing: what the
    others say was checked by nobody.
    """
    found: list[str] = []
    target = passport.target
    asked = [("service", target.service, wanted.service), ("environment", target.environment, wanted.environment)]
    if wanted.namespace is not None:
        asked.append(("namespace", target.namespace or "(none)", wanted.namespace))
    asked.append(("artifact", passport.artifact, wanted.artifact))
    found += [f"it is for the {what} {has}, not {wants}" for what, has, wants in asked if has != wants]
    if passport.decision == "ALLOW_WITH_CANARY" and not wanted.canary:
        found.append("it allows a canary alone (--canary)")
    elif passport.decision not in {"ALLOW", "ALLOW_WITH_CANARY"}:
        found.append(f"it decided {passport.decision}: {passport.headline}")
    if passport.inputs_omitted:
        found.append(f"{passport.inputs_omitted} of its inputs are not here to be checked: there were too many")
    if at < passport.evaluated_at:
        found.append(f"it was evaluated at {format_time(passport.evaluated_at)}, which has not come yet")
    elif at >= passport.valid_until:
        found.append(f"it ended at {format_time(passport.valid_until)}")
    return tuple(found)


# --- keyrings ---


def _walk(bundle: Bundle, newer: Sequence[Envelope]) -> list[TrustedKeyring]:
    """Walk from the first keyring to the newest, and give all of them, oldest first.

    Says nothing of whether any of the roots on the way is the right one.
    """
    if not bundle.keyrings:
        raise _apart("there is no keyring")
    rings = [open_keyring(bundle.keyrings[0], first_root(bundle.keyrings, bundle.root))]
    if rings[0].content.version != 1:
        raise _apart("the first keyring is not version 1")
    for envelope in bundle.keyrings[1:]:
        if envelope.id == rings[-1].id:
            raise _apart("a keyring stands there twice")
        rings.append(newer_keyring(rings[-1], envelope))
    if rings[-1].root != bundle.root:
        raise _apart("its keyrings do not lead to its root key")
    known = {one.id for one in rings}
    for envelope in newer:
        if envelope.id not in known:
            rings.append(newer_keyring(rings[-1], envelope))
            known.add(envelope.id)
    return rings


# --- envelopes ---


def _read_own(ring: TrustedKeyring, envelope: Envelope) -> Statement:
    """Read what the receiver signed, with a key that was good at the time that it names."""
    read = ring.verify(envelope)
    name = _TIMES.get(type(read.predicate))
    if name is None:
        raise UntrustedError(Code.WRONG_TYPE, f"a statement of type {read.kind.uri} is no part of a bundle", _HINT)
    ring.check_time(envelope.key_id, getattr(read.predicate, name))
    return read


def _read_input(
    ring: TrustedKeyring, keys: dict[str, CollectorKey], passport: Passport, envelope: Envelope, entry: Input
) -> Statement:
    owner = keys.get(envelope.key_id)
    if owner is None:
        return _read_own(ring, envelope)
    read = introduced.verify(owner, envelope)
    read.expect_audience(ring.audience, *passport.audiences)
    if entry.held is None:
        read.expect_understood()
        if entry.received_at is None:
            raise _apart(f"the passport does not say when it received {entry.id}")
    return read


def _keys(
    ring: TrustedKeyring, envelopes: Sequence[Envelope], passport: Passport
) -> tuple[list[Statement], dict[str, CollectorKey]]:
    """Read what introduces collectors' keys: enrolments have one signature, rotations two, and the passport's word."""
    ids = [one.id for one in envelopes]
    if ids != sorted(set(ids)):
        raise _apart("the statements of keys are not sorted by their ids, each once")
    enrolments = [_read_own(ring, one) for one in envelopes if len(one.signatures) == 1]
    rotations = [one for one in envelopes if len(one.signatures) > 1]
    if [digest_text(one.id) for one in rotations] != [one.id for one in passport.rotations]:
        raise _apart("the rotations of keys are not those that the passport names, in its order")
    return enrolments, introduced.introduced(enrolments, rotations, (ring.audience, *passport.audiences))


def _check_needed(envelopes: Sequence[Envelope], keys: dict[str, CollectorKey], inputs: Iterable[Statement]) -> None:
    """Refuse statements that introduce no key which signed something here: what is added shows like what is taken."""
    used = {
        key.introduced_by
        for one in inputs
        if one.verified.key.key_id in keys
        for key in introduced.chain(keys, one.verified.key.key_id)
    }
    if used != {one.id for one in envelopes}:
        raise _apart("there are statements of keys that signed nothing here")


# --- what fits together ---


def _check_digests(bundle: Bundle, passport: Passport) -> None:
    for name, value, digest in (
        ("request", bundle.request, passport.request),
        ("facts", bundle.facts, passport.facts),
    ):
        if digest_text(sha256(canonical(value))) != digest:
            raise _apart(f"{name}: not what the passport names")
    if [digest_text(sha256(text.encode())) for text in bundle.policies] != [one.digest for one in passport.policies]:
        raise _apart("the texts of the policies are not those that the passport names")
    ids = [one.id for one in passport.inputs]
    if ids != sorted(set(ids)):
        raise _apart("the passport names its inputs unsorted or twice")


def _place_of(content: Registered, statement_id: bytes) -> tuple[int, str | None, str]:
    return content.register_.number, content.register_.previous, digest_text(statement_id)


def _check_register(own: tuple[int, str | None, str], others: Iterable[tuple[int, str | None, str]]) -> None:
    """Refuse two acts at one place, neighbours that are not linked, and acts behind the passport that rests on them."""
    ids: dict[int, str] = {}
    previous: dict[int, str | None] = {}
    for number, before, own_id in (own, *others):
        if number in ids or number > own[0]:
            raise _apart(f"number {number} of the register cannot be there")
        ids[number], previous[number] = own_id, before
    for number in ids:
        if number - 1 in ids and previous[number] != ids[number - 1]:
            raise _apart(f"numbers {number - 1} and {number} of the register are not linked")


def _apart(detail: str) -> UntrustedError:
    return UntrustedError(Code.BAD_LINK, f"the bundle does not fit together: {detail}", _HINT)
