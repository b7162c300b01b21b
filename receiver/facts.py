"""From the database to all that is known when the gate is asked: the one way to `shared.judging.values.Facts`.

Invariant: whether something counts is worked out now; what is read without the time is read once of one state of the
database.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from receiver.core.approving import authors_of
from receiver.core.passport import release_key
from receiver.gather import Found, Memory, gather
from receiver.store import gate_people, gate_streams, gate_targets, passports, triggered
from receiver.store.engine import Tx
from receiver.store.gate_streams import Asked
from receiver.store.unchanged import once, rows
from shared.judging.identities import identities_of
from shared.judging.policy import APPROVAL_AGE
from shared.judging.values import Facts, Request
from shared.passports import Input

_QUESTIONS = 20
"""Of how many earlier passports of the release it is looked at whom their requests named."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and the ids of the keys that signed the evidence among them."""

    facts: Facts
    signed_by: frozenset[str]


def facts_of(
    tx: Tx,
    workspace_id: str,
    request: Request,
    now: datetime,
    *,
    owner: str | None = None,
    memory: Memory | None = None,
    collectors: Collection[str] | None = None,
) -> Gathered:
    """Gather what is known of a release.

    `owner` is whose token asks. `memory` is what the process remembers; without one everything is read. `collectors`
    are the globs of collectors' names that policies ask for; None where that is not known, then all are looked at.

    Raises `StateError` (`conflict`) where more is about the release than can be judged, and `MalformedError` for
    something stored that cannot be read.
    """
    at_hand = Memory() if memory is None else memory
    found = gather(tx, workspace_id, request, at_hand)
    target = request.target
    brought = [one.brought(now) for one in found.feeds]
    kinds: dict[bytes, frozenset[tuple[str, str]]] = {}
    for stream_id, brings in chain.from_iterable(one.items() for one in brought):
        kinds[stream_id] = kinds.get(stream_id, frozenset()) | brings
    streams = gate_streams.facts(tx, workspace_id, now, Asked(found.delivered, kinds, target, collectors))
    digest = bytes.fromhex(request.digest)
    facts = Facts(
        request=request,
        now=now,
        evidence=found.evidence,
        links=found.links,
        streams=streams,
        approvals=gate_people.approvals(tx, workspace_id, digest, now),
        waivers=gate_people.waivers(tx, workspace_id, digest, now),
        deployed=once(
            tx,
            (gate_targets.deployed_at, workspace_id, target, request.digest),
            lambda: gate_targets.deployed_at(tx, workspace_id, target, request.digest),
        ),
        authors=_authors(tx, workspace_id, request, found, now, owner),
    )
    return Gathered(facts, found.signed_by)


def _authors(
    tx: Tx, workspace_id: str, request: Request, found: Found, now: datetime, owner: str | None
) -> frozenset[str]:
    """Name everybody who made this release or had it made, as far as anybody says so; nobody where that is unknown.

    Runs and tokens tell whose it is. What requests alone say is known where an account has such a name: with an
    invented one nobody would be its author. Whom an earlier request named stays one, whatever a later one says.
    """
    release = release_key(request.target, request.digest)
    before = gate_people.asked(tx, workspace_id, release, now - APPROVAL_AGE, _QUESTIONS)
    runs = once(
        tx,
        (triggered.of_commits, workspace_id, found.commits),
        lambda: triggered.of_commits(tx, workspace_id, found.commits),
        rows,
    )
    known = identities_of(owner, *(one.owner for one in before), *runs, *found.built_by)
    if len(before) == _QUESTIONS:
        # Its authors are those of all that was asked before it, too.
        known |= authors_of(passports.papers(tx, workspace_id, before[-1].number).docket)
    said = identities_of(request.author, request.requested_by, *(name for one in before for name in one.named))
    if known or not said.isdisjoint(gate_people.names(tx, workspace_id) if said else ()):
        return known | said
    return frozenset()


def inputs_of(facts: Facts) -> tuple[Input, ...]:
    """Name the envelopes that facts are of, as a passport does."""
    pieces = [Input(id=one.id, received_at=one.received_at, held=one.held) for one in facts.evidence]
    acts = (one.id for acts in (facts.approvals, facts.waivers) for one in acts)
    return (*pieces, *(Input(id=one) for one in acts))
