"""The bundle of a passport: everything that it rests on, out of the database, in its one spelling.

Invariant: a bundle is a function of its passport alone, whatever came to the workspace since: keyrings end with the
version that the passport names, under the root that signed it, and no key's statement is there that nothing needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from receiver.core.passport import unpack
from receiver.store import introductions, named, passports, policies, register, rotations, workspaces
from receiver.store.engine import Tx
from receiver.store.passports import Papers
from shared import dsse
from shared.bundle import Bundle
from shared.dsse import Envelope
from shared.encoding import JsonObject, b64decode, parse_digest, parse_object, parse_payload
from shared.errors import Code, StateError
from shared.judging import baseline
from shared.keyring import first_root
from shared.keys import PublicKey, key_from_spki
from shared.passports import Passport, PolicyUse
from shared.predicates import KEYRING, Keyring

_LOST = "restore a backup; carnet-receiver fsck says what else is gone"


def bundle_of(tx: Tx, workspace_id: str, passport_id: str) -> tuple[Bundle, Passport]:
    """Give the bundle of a passport, and what the passport says.

    Raises `StateError`: `not_found` without such a passport, `conflict` where something that it rests on is gone.
    """
    row = passports.get(tx, workspace_id, passport_id)
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, row.number))
    passport = Passport.from_wire(parse_payload(envelope.payload).get("predicate"))
    papers = passports.papers(tx, workspace_id, row.number)
    ids = [parse_digest(one.id) for one in passport.inputs]
    found = named.envelopes_of(tx, workspace_id, ids)
    if len(found) < len(ids):
        raise _gone(f"{len(ids) - len(found)} of the {len(ids)} envelopes")
    inputs = tuple(found[one] for one in ids)
    keyrings = tuple(row.parts.envelope() for row in register.rows(tx, workspace_id, KEYRING))
    bundle = Bundle(
        passport=envelope,
        request=parse_object(papers.request),
        facts=_facts(papers),
        policies=tuple(_text(tx, workspace_id, one) for one in passport.policies),
        inputs=inputs,
        keys=_keys(tx, workspace_id, passport, inputs),
        keyrings=keyrings[: passport.keyring_version],
        root=_root(tx, workspace_id, keyrings, passport.keyring_version),
    )
    return bundle, passport


def _facts(papers: Papers) -> JsonObject:
    try:
        return parse_object(unpack(papers.docket))
    except ValueError:
        raise _gone("the facts") from None


def _text(tx: Tx, workspace_id: str, use: PolicyUse) -> str:
    if use.version == baseline.VERSION:
        return baseline.TEXT.decode()
    if policies.find(tx, workspace_id, use.name, use.version) is None:
        raise _gone(f"version {use.version} of the policy {use.name}")
    return policies.text_of(tx, workspace_id, use.name, use.version)


def _root(tx: Tx, workspace_id: str, keyrings: Sequence[Envelope], count: int) -> PublicKey:
    """Give the root that the first so many keyrings end under: a later one may have brought another."""
    root = first_root(keyrings, PublicKey(workspaces.get(tx, workspace_id).root_key))
    for envelope in keyrings[:count]:
        content = Keyring.from_wire(parse_payload(envelope.payload).get("predicate"))
        if content.roots is not None:
            root = key_from_spki(b64decode(content.roots[-1]))
    return root


def _keys(tx: Tx, workspace_id: str, passport: Passport, inputs: Iterable[Envelope]) -> tuple[Envelope, ...]:
    """Give the rotations that the passport names, and the enrolments of the collectors that signed, sorted by id."""
    needed = {one.id: one for one in introductions.enrolments_of(tx, workspace_id, {one.key_id for one in inputs})}
    for one in passport.rotations:
        row = rotations.find(tx, workspace_id, parse_digest(one.id))
        if row is None:
            raise _gone(f"the rotation {one.id}")
        needed[row.id] = row.envelope
    return tuple(needed[one] for one in sorted(needed))


def _gone(what: str) -> StateError:
    return StateError(Code.CONFLICT, f"{what} that this passport rests on: no longer here", _LOST)
