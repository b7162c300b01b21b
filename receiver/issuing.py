"""Sign and keep a passport as the one in force of its release, and give one again as it was made.

Invariants: only what is committed is remembered, by an id that is never another passport's; a release's passports have
places without a hole, which the database keeps unique.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from receiver.core.passport import Issued, Judged, pack, passport_of, release_key
from receiver.core.trail import Act
from receiver.core.ulids import RANDOM_BYTES, ulid
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, introductions, passports, register, workspaces
from receiver.store.engine import Tx
from receiver.store.parts import parts_of
from receiver.store.passports import Papers, PassportRow
from shared import dsse, statement
from shared.dsse import Envelope
from shared.encoding import JsonObject, canonical, digest_text, parse_payload
from shared.judging.text import page
from shared.judging.values import Judgement, Request
from shared.passports import PASSPORT, SUMMARY, Input, Passport, summary_of
from shared.statement import subject_sha256

SALT_BYTES = 16
_ADDRESS = "https://"
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Decided:
    """A passport as it was signed, and the page as it was shown without its last line; `created` where it is new."""

    passport: Passport
    envelope: Envelope
    page: str
    created: bool
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Hand:
    """Who signs, for which token, with which random bytes, and from where it was asked."""

    signers: RoleSigners
    random: Callable[[int], bytes]
    token_id: str
    owner: str | None
    origin: str | None


class PassportCache:
    """Passports that were given before, by id, the last used 256; safe to use from several threads.

    A passport never changes, and to read one takes longer than to judge the release again.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Decided] = OrderedDict()

    def given(self, tx: Tx, workspace_id: str, row: PassportRow) -> Decided:
        """Give a decision as it was made; raises `StateError` where the register lost it."""
        key = (workspace_id, row.passport_id)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        found = _read(tx, workspace_id, row)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return found


def issue(
    tx: Tx,
    workspace_id: str,
    hand: Hand,
    judged: Judged,
    key: bytes,
    before: PassportRow | None,
    signed_by: Collection[str],
) -> Decided:
    """Sign and keep a passport, with its summary for others, as the one in force.

    `key` is that of its facts, `before` what was in force, `signed_by` the ids of the keys that signed its evidence.
    """
    request, judgement, signers = judged.facts.request, judged.judgement, hand.signers
    place = register.next_place(tx, workspace_id)
    workspace = workspaces.get(tx, workspace_id)
    issued = Issued(
        passport_id="pp_" + ulid(judgement.evaluated_at, hand.random(RANDOM_BYTES)),
        place=place,
        audience=signers.audience,
        key_id=signers.decision.public.key_id,
        salt=hand.random(SALT_BYTES).hex(),
        keyring_version=signers.keyring_version,
        supersedes=None if before is None else before.passport_id,
        former=workspaces.accepted_audiences(tx, workspace)[1:],
        rotations=tuple(named_rotations(tx, workspace_id, signed_by)),
    )
    passport = passport_of(judged, issued)
    subject = (subject_sha256(request.digest),)
    envelope = statement.sign(PASSPORT, subject, passport, signers.decision)
    register.add(tx, workspace_id, place.number, PASSPORT, envelope, judgement.evaluated_at)
    verifier = f"urn:carnet:receiver:{signers.audience.receiver}"
    summary = summary_of(passport, digest_text(envelope.id), verifier, hand.random(SALT_BYTES).hex())
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
        token_id=hand.token_id,
        owner=hand.owner,
        policies=canonical([one.to_wire() for one in passport.policies]).decode(),
    )
    papers = Papers(
        parts_of(statement.sign(SUMMARY, subject, summary, signers.decision)),
        _page(request, judgement, issued.passport_id),
        canonical(judged.said),
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
    audit.add(tx, workspace_id, Act(passport.evaluated_at, hand.token_id, "gate.decide", detail, hand.origin))
    return Decided(passport, envelope, papers.page, created=True)


def named_rotations(tx: Tx, workspace_id: str, signed_by: Collection[str]) -> Iterator[Input]:
    """Name the rotations by which the keys came in that signed the evidence: whoever checks it needs their times."""
    for row in introductions.rotations_to(tx, workspace_id, signed_by):
        held = None if row.counts or row.code is None else row.code.value
        yield Input(id=digest_text(row.id), received_at=row.received_at, held=held)


def _page(request: Request, judgement: Judgement, passport_id: str) -> str:
    """Write the page without its last line, the address, which may be another one when it is shown again."""
    return page(request, judgement, passport_id, _ADDRESS).rpartition("\n")[0]


def _read(tx: Tx, workspace_id: str, row: PassportRow) -> Decided:
    envelope = dsse.parse(register.envelope_at(tx, workspace_id, row.number))
    passport = Passport.from_wire(parse_payload(envelope.payload).get("predicate"))
    return Decided(passport, envelope, passports.papers(tx, workspace_id, row.number).page, created=False)
