"""Passports straight in the database, of whatever facts and policy a test wants: what people then decide about."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import datetime

from receiver.core.passport import Issued, Judged, facts_key, pack, passport_of, release_key
from receiver.core.ulids import RANDOM_BYTES, ulid
from receiver.keys_at_hand import RoleSigners
from receiver.store import passports, policies, register
from receiver.store.engine import Store, Tx
from receiver.store.parts import parts_of
from receiver.store.passports import Papers, PassportRow
from receiver.store.policies import PolicyRow
from shared import statement
from shared.encoding import canonical, digest_text
from shared.judging.docket import Docket
from shared.judging.judge import judge
from shared.judging.policyfile import read_policy
from shared.judging.text import page
from shared.judging.values import Facts, Mode, Request, Target
from shared.passports import PASSPORT, SUMMARY, summary_of
from shared.statement import subject_sha256

DIGEST = "d" * 64
TARGET = Target("checkout-api", "apps", "production")
AUTHOR = "author@acme.example"
POLICY = """\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: production}
scope: {services: ["*"], environments: ["*"]}
mode: enforce
rules:
  - {id: tests, require: {type: TEST_RESULTS}, otherwise: HOLD}
  - {id: findings, require: {type: SECURITY_SCAN}, otherwise: BLOCK}
  - {id: fixed, require: {type: SBOM}, otherwise: HOLD, waivable: false}
  - {id: two-people, approvals: {count: 2}, otherwise: REQUIRE_APPROVAL}
  - {id: nothing-missing, collection: {maxHeartbeatAge: 15m, gaps: none}, otherwise: HOLD}
  - {id: by-hand, expect: "context.signedOff == true", otherwise: REQUIRE_APPROVAL}
  - {id: enforced, expect: "true", otherwise: HOLD}
"""


def facts(now: datetime, *authors: str, target: Target = TARGET, digest: str = DIGEST) -> Facts:
    """A release of which nothing is known but whose it is."""
    request = Request(target, digest, Mode.ENFORCE, release_id="2.18.4")
    return Facts(request, now, authors=frozenset(authors or (AUTHOR,)))


def decided(
    store: Store,
    signers: RoleSigners,
    known: Facts,
    text: str = POLICY,
    random: Callable[[int], bytes] = os.urandom,
) -> PassportRow:
    """Judge by a policy, which becomes the workspace's, and keep the passport as the one in force."""
    workspace_id, policy = signers.workspace_id, read_policy(text.encode(), 1)
    judgement = judge(known, (policy,))
    judged = Judged(Docket(known), {"service": known.request.target.service}, judgement)

    def act(tx: Tx) -> PassportRow:
        if policies.find(tx, workspace_id, policy.name, 1) is None:
            digest = hashlib.sha256(text.encode()).digest()
            version = PolicyRow(policy.name, 1, digest, policy.mode.value, "operator", known.now)
            policies.add(tx, workspace_id, version, text)
        release = release_key(known.request.target, known.request.digest)
        before = passports.in_force(tx, workspace_id, release)
        place = register.next_place(tx, workspace_id)
        issued = Issued(
            passport_id="pp_" + ulid(known.now, random(RANDOM_BYTES)),
            place=place,
            audience=signers.audience,
            key_id=signers.decision.public.key_id,
            salt=random(16).hex(),
            keyring_version=signers.keyring_version,
            supersedes=None if before is None else before.passport_id,
        )
        passport = passport_of(judged, issued)
        subject = (subject_sha256(known.request.digest),)
        envelope = statement.sign(PASSPORT, subject, passport, signers.decision)
        register.add(tx, workspace_id, place.number, PASSPORT, envelope, known.now)
        summary = summary_of(passport, digest_text(envelope.id), "urn:carnet:receiver", random(16).hex())
        row = PassportRow(
            number=place.number,
            passport_id=issued.passport_id,
            release_key=release,
            place=0 if before is None else before.place + 1,
            supersedes=issued.supersedes,
            facts_key=facts_key(judged),
            service=known.request.target.service,
            namespace=known.request.target.namespace,
            environment=known.request.target.environment,
            digest=bytes.fromhex(known.request.digest),
            mode=passport.mode,
            decision=passport.decision,
            proceed=passport.proceed,
            headline=passport.headline,
            evaluated_at=passport.evaluated_at,
            valid_until=passport.valid_until,
            release_id=known.request.release_id,
            source_sha=known.request.source_sha,
            token_id="tok_test",
            owner=None,
            policies=canonical([one.to_wire() for one in passport.policies]).decode(),
        )
        papers = Papers(
            parts_of(statement.sign(SUMMARY, subject, summary, signers.decision)),
            page(known.request, judgement, issued.passport_id),
            canonical(judged.said),
            pack(judged),
        )
        passports.add(tx, workspace_id, row, papers)
        return row

    return store.write(act)
