"""Past decisions in a workspace: each judged from facts, signed and kept as the gate keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from receiver.core.passport import Issued, Judged, facts_key, pack, passport_of, release_key
from receiver.store import collectors, passports, register
from receiver.store.engine import Tx
from receiver.store.parts import parts_of
from receiver.store.passports import Papers, PassportRow
from shared import dsse, statement
from shared.dsse import Verified
from shared.encoding import canonical, digest_text
from shared.judging.baseline import baseline
from shared.judging.docket import Docket
from shared.judging.judge import judge
from shared.judging.pieces import Told, links_of, piece_of
from shared.judging.policy import Policy
from shared.judging.text import page
from shared.judging.values import Facts, Link, Mode, Piece, Request, Target
from shared.passports import PASSPORT, SUMMARY, Input, summary_of
from shared.statement import Statement, subject_sha256
from tests.helpers.fleet import Receiver


@dataclass
class Past:
    """Makes decisions in a receiver, one after the other; by the baseline where no policy is given."""

    receiver: Receiver
    numbers: count[int] = field(default_factory=lambda: count(1))
    read: dict[Mode, Policy] = field(default_factory=dict)

    def decide(
        self,
        service: str = "checkout-api",
        environment: str = "production",
        evidence: tuple[bytes, ...] = (),
        by: Policy | None = None,
        digest: str | None = None,
        days_ago: float = 1,
        **asked: object,
    ) -> str:
        """Judge a release of a digest of its own, or of the first that evidence names; gives the passport."""
        number, pieces, links = next(self.numbers), list[Piece](), list[Link]()
        now = self.receiver.now - timedelta(days=days_ago)
        for one in evidence:
            read = self._statement(one)
            pieces.append(piece_of(read, Told(now)))
            links += links_of(read, Told(now))
        found = [digits for one in pieces for digits in sorted(one.digests)]
        request = Request(
            Target(service, None, environment), digest or next(iter(found), f"{number:064x}"), Mode.SHADOW
        )
        request = replace(request, **asked)  # type: ignore[arg-type]
        facts = Facts(request, now, evidence=tuple(pieces), links=tuple(links))
        mode = None if by is not None else request.mode
        judgement = judge(facts, (self._baseline(request.mode) if by is None else by,))
        inputs = tuple(Input(id=one.id, received_at=one.received_at) for one in pieces)
        judged = Judged(Docket(facts, (), mode), {"service": service}, judgement, inputs)
        return self.receiver.store.write(lambda tx: self._keep(tx, judged, number))

    def _statement(self, entry: bytes) -> Statement:
        """What a collector of this receiver delivered."""
        envelope = dsse.parse(entry)
        owner = self.receiver.store.read(lambda tx: collectors.key_owner(tx, envelope.key_id))
        assert owner is not None
        known = self.receiver.store.read(lambda tx: collectors.keys(tx, *owner))
        keys = tuple(one.key.public for one in known if one.key.public.key_id == envelope.key_id)
        return statement.read(Verified(envelope.payload, keys, envelope.id))

    def _baseline(self, mode: Mode) -> Policy:
        """The baseline, read once: that takes as long as ten releases."""
        if mode not in self.read:
            self.read[mode] = baseline(mode)
        return self.read[mode]

    def _keep(self, tx: Tx, judged: Judged, number: int) -> str:
        signers, workspace_id, request = self.receiver.signers, self.receiver.workspace_id, judged.facts.request
        before = passports.in_force(tx, workspace_id, release_key(request.target, request.digest))
        place = register.next_place(tx, workspace_id)
        key_id, salt = signers.decision.public.key_id, self.receiver.random(16).hex()
        supersedes = None if before is None else before.passport_id
        issued = Issued(f"pp_{number:026}", place, signers.audience, key_id, salt, 1, supersedes)
        passport = passport_of(judged, issued)
        envelope = statement.sign(PASSPORT, (subject_sha256(request.digest),), passport, signers.decision)
        register.add(tx, workspace_id, place.number, PASSPORT, envelope, passport.evaluated_at)
        row = PassportRow(
            number=place.number,
            passport_id=passport.passport_id,
            release_key=release_key(request.target, request.digest),
            place=0 if before is None else before.place + 1,
            supersedes=supersedes,
            facts_key=facts_key(judged),
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
            release_id=None,
            source_sha=None,
            token_id="tok_test",
            owner=None,
            policies=canonical([one.to_wire() for one in passport.policies]).decode(),
        )
        summary = summary_of(passport, digest_text(envelope.id), "urn:carnet:receiver:test", salt)
        said = statement.sign(SUMMARY, (subject_sha256(request.digest),), summary, signers.decision)
        papers = Papers(
            parts_of(said),
            page(request, judged.judgement, row.passport_id),
            canonical(judged.said),
            pack(judged),
        )
        passports.add(tx, workspace_id, row, papers)
        return passport.passport_id
