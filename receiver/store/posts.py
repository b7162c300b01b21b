"""Store one thing that came with a token: wrapped and signed, judged against what is known, and put in its record.

The way of every post, whatever it is about. Invariants: one transaction; the same content again is what is there
already; other content is a correction that names what it corrects, and both stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.core import posted as builders
from receiver.core.authorizing import Authorization, is_deployment, release_of
from receiver.core.deployments import AWAITED, awaited_until, follows, target
from receiver.core.holding import Standing
from receiver.core.placing import Status
from receiver.core.posting import Posted, Record, Wrapping, voice, wrap
from receiver.store import attestations, claims, contradictions, deployed, passports, records, tokens, triggered, words
from receiver.store.contradictions import Found
from receiver.store.engine import Tx
from receiver.store.records import RecordRow
from shared import dsse, statement
from shared.encoding import base32_id, digest_text, parse_payload
from shared.keys import Signer
from shared.predicates import Audience, Claimed, Token

_SALT_BYTES = 16
_ID_BYTES = 16
_PREFIXES = {Record.RUN: "run_", Record.ARTIFACT: "art_", Record.DEPLOYMENT: "dep_"}


@dataclass(frozen=True, slots=True)
class Hand:
    """With whose token, for which workspace, under which key, and when something is stored."""

    workspace_id: str
    token_id: str
    audience: Audience
    signer: Signer
    now: datetime
    random: Callable[[int], bytes]
    owner: str | None = None
    """Whom the token was given to, where that is known."""

    @property
    def voice(self) -> str:
        """Who speaks, as it is signed."""
        return voice(self.workspace_id, self.token_id, self.owner)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is there after a post: its record, its attestation's id (32 bytes), what speaks against it, how it stands.

    `cut` names the fields in which secrets were masked, `authorized` says of a deployment whether it was allowed.
    """

    record: RecordRow
    attestation_id: bytes
    created: bool
    against: tuple[Found, ...]
    standing: Standing
    cut: tuple[str, ...] = ()
    authorized: Authorization | None = None


def put(tx: Tx, hand: Hand, posted: Posted) -> Stored:
    """Store a post that is new or a correction; find it again where the same was there before."""
    key = posted.natural_key
    before = None if key is None else records.newest(tx, hand.workspace_id, posted.record, key)
    if before is not None and before.content == posted.content and _says_it_again(tx, hand, before):
        there = found(tx, hand.workspace_id, before)
        # What is held came with a token that was revoked: the same from another one is a word of its own.
        if there.standing.status is not Status.HELD:
            return there
    n, id_ = _attest(tx, hand, posted, None if before is None else _attestation_id(tx, hand.workspace_id, before.n))
    prefix = _PREFIXES.get(posted.record)
    row = RecordRow(
        r=records.next_number(tx),
        kind=posted.record,
        record_id=digest_text(id_) if prefix is None else base32_id(prefix, hand.random(_ID_BYTES)),
        natural_key=key,
        version=1 if before is None else before.version + 1,
        supersedes=None if before is None else before.record_id,
        superseded_by=None,
        content=posted.content,
        n=n,
        token_id=hand.token_id,
        status=posted.status,
        name=posted.label,
        repository=posted.context.repository,
        commit=posted.context.commit,
        digest=None if posted.digest is None else bytes.fromhex(posted.digest),
        pr_number=posted.context.pr_number,
        run=posted.context.run,
        service=posted.context.service,
        environment=posted.context.environment,
        target=target(posted.fields) if posted.record is Record.DEPLOYMENT else None,
        awaited_until=awaited_until(posted.fields, hand.now) if posted.record is Record.DEPLOYMENT else None,
        created_at=hand.now,
        updated_at=hand.now,
        fields=posted.fields,
        passport=_in_force(tx, hand.workspace_id, posted),
    )
    records.add(tx, hand.workspace_id, row)
    if row.kind is Record.RUN:
        _keep_who(tx, hand.workspace_id, row, posted)
    if row.kind is Record.DEPLOYMENT:
        _end_waiting(tx, hand.workspace_id, row)
    against = _against(tx, hand.workspace_id, row)
    return Stored(row, id_, created=True, against=against, standing=Standing(Status.ACCEPTED), cut=posted.cut)


def _keep_who(tx: Tx, workspace_id: str, row: RecordRow, posted: Posted) -> None:
    for table, values in triggered.rows_of(triggered.said_by(row, posted)):
        triggered.keep(tx, workspace_id, table, values)


def _says_it_again(tx: Tx, hand: Hand, before: RecordRow) -> bool:
    """Say whether the same content is a replay: of a claim it is that of the same voice alone.

    Another one's is a word of its own, which stays when the first takes theirs back.
    """
    return before.kind is not Record.ATTESTATION or speaks(tx, hand, before.token_id)


def speaks(tx: Tx, hand: Hand, token_id: str) -> bool:
    """Say whether who posts now also speaks with that token."""
    if token_id == hand.token_id:
        return True
    token = tokens.find(tx, token_id)
    return token is not None and voice(hand.workspace_id, token.token_id, token.owner) == hand.voice


def is_beside(tx: Tx, workspace_id: str, row: RecordRow) -> str | None:
    """Say of a run whose it is, beside that of another voice (`core.posted.run`); None for any other."""
    if row.natural_key is None or builders.run(row.fields).natural_key == row.natural_key:
        return None
    payload = attestations.parts_of_numbers(tx, workspace_id, [row.n])[row.n].payload
    claimed = Claimed.from_wire(parse_payload(payload).get("predicate"))
    return builders.is_beside(claimed.details)


def go_on(tx: Tx, hand: Hand, before: RecordRow, posted: Posted) -> Stored:
    """Let a record go on as what was posted says: the same record, with a new signed word on it."""
    if before.content == posted.content:
        return found(tx, hand.workspace_id, before)
    n, _ = _attest(tx, hand, posted, _attestation_id(tx, hand.workspace_id, before.n))
    row = replace(
        before,
        content=posted.content,
        n=n,
        token_id=hand.token_id,
        status=posted.status,
        name=posted.label,
        repository=posted.context.repository,
        commit=posted.context.commit,
        pr_number=posted.context.pr_number,
        run=posted.context.run,
        updated_at=hand.now,
        fields=posted.fields,
    )
    records.change(tx, hand.workspace_id, row)
    _keep_who(tx, hand.workspace_id, row, posted)
    return replace(found(tx, hand.workspace_id, row), cut=posted.cut)


def row_of(stored: RecordRow, posted: Posted, claimed: Claimed) -> RecordRow:
    """Give the row that a record must have by what was signed of it; what only the store knows is kept.

    A run that went on keeps when it was first received, and a deployment whether it has come if it was announced, and
    which passport was in force of it.
    """
    received_at = stored.created_at if stored.kind is Record.RUN else claimed.received_at
    deploys = posted.record is Record.DEPLOYMENT
    awaited = awaited_until(posted.fields, received_at) if deploys else None
    return replace(
        stored,
        kind=Record(claimed.record),
        natural_key=posted.natural_key,
        content=posted.content,
        token_id=claimed.token.id,
        status=posted.status,
        name=posted.label,
        repository=posted.context.repository,
        commit=posted.context.commit,
        digest=None if posted.digest is None else bytes.fromhex(posted.digest),
        pr_number=posted.context.pr_number,
        run=posted.context.run,
        service=posted.context.service,
        environment=posted.context.environment,
        target=target(posted.fields) if deploys else None,
        awaited_until=None if stored.awaited_until is None or stored.superseded_by is not None else awaited,
        created_at=received_at,
        updated_at=claimed.received_at,
        fields=posted.fields,
    )


def found(tx: Tx, workspace_id: str, row: RecordRow) -> Stored:
    """Give a record that is there."""
    (said,) = attestations.numbered(tx, workspace_id, [row.n])
    stood = words.standings(tx, workspace_id, [said])[row.n]
    return Stored(row, said.id, created=False, against=_against(tx, workspace_id, row), standing=stood)


def _in_force(tx: Tx, workspace_id: str, posted: Posted) -> int | None:
    """Name the passport in force of what is deployed: by its place, since clocks of several machines do not agree."""
    release = release_of(posted.fields)
    if posted.record is not Record.DEPLOYMENT or release is None or not is_deployment(posted.fields):
        return None
    then = passports.in_force(tx, workspace_id, release)
    return None if then is None else then.number


def _end_waiting(tx: Tx, workspace_id: str, row: RecordRow) -> None:
    """Note which announced deployments a deployment is."""
    waiting = deployed.still_awaited(tx, workspace_id, row.environment or "", AWAITED)
    come = [one.r for one in waiting if one.r != row.r and follows(one.fields, row.fields)]
    if come:
        deployed.has_come(tx, workspace_id, come)


def _attest(tx: Tx, hand: Hand, posted: Posted, supersedes: bytes | None) -> tuple[int, bytes]:
    token = tokens.find(tx, hand.token_id)
    around = Wrapping(
        hand.audience,
        Token(id=hand.token_id, label=(token.label if token is not None else "") or hand.token_id, voice=hand.voice),
        hand.now,
        hand.random(_SALT_BYTES),
        supersedes,
    )
    envelope = wrap(posted, around, hand.signer)
    new = claims.new_of(
        attestations.next_number(tx), statement.read(dsse.verify(envelope, hand.signer.public)), envelope
    )
    attestations.add(tx, hand.workspace_id, [new])
    contradictions.look_around(tx, hand.workspace_id, [new], hand.now)
    return new.row.n, envelope.id


def _attestation_id(tx: Tx, workspace_id: str, n: int) -> bytes:
    return attestations.id_of(tx, workspace_id, n)


def _against(tx: Tx, workspace_id: str, row: RecordRow) -> tuple[Found, ...]:
    return tuple(contradictions.of(tx, workspace_id, [row.n], records.deployed([row])).get(row.n, ()))
