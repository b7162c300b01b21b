"""Passports over what collectors signed: bundles introduce their keys, and stand when evidence was let count again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver import activate, decide, fsck, lookup, passports, rekey
from receiver.caller import operator
from receiver.core.passport import unpack
from receiver.core.revocation import Loss, What
from receiver.core.tokens import Scope
from receiver.policies import PolicyCache
from receiver.store import passports as rows
from shared import dsse
from shared.bundle import parse_bundle
from shared.errors import UntrustedError
from shared.judging.values import Mode, Target
from shared.predicates import Limits, Role
from shared.verify import authenticate
from tests.helpers import build
from tests.helpers.asking import Asker, about, green
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.held import end, let_go


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    return make_receiver(tmp_path)


def test_a_collectors_evidence_makes_an_allow_that_verifies_from_its_bundle(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(1)
    entry = spool.entry(**green())
    asker = Asker(receiver, about(entry))
    assert asker.ask().passport.decision == "HOLD"
    receiver.take(caller, "a", [entry])
    turned = spool.rotate(build.signer(9))
    receiver.take(caller, "b", [turned, spool.entry(**green())], spool.heartbeat())
    receiver.now += timedelta(seconds=5)
    decided = asker.ask()
    assert (decided.passport.decision, asker.failures) == ("ALLOW", []), decided.page
    bundle = parse_bundle(asker.bundle(decided))
    authentic = authenticate(bundle, receiver.root.public.key_id)
    assert authentic.by_collectors == 2
    assert len(bundle.keys) == 2
    again = passports.judge_again(receiver.store, receiver.workspace_id, decided.passport.passport_id)
    assert again.differences == ()
    assert fsck.check(receiver.store) == []


def test_a_bundle_is_the_same_after_a_new_root_key_and_stands_under_the_old_one(receiver: Receiver) -> None:
    asker = Asker(receiver)
    decided = asker.ask()
    before = asker.bundle(decided)
    new_root = build.signer(77)
    receiver.now += timedelta(minutes=1)
    rekey.rotate_root(receiver.store, receiver.root, new_root, receiver.workspace_id, receiver.now, receiver.random)
    assert asker.bundle(decided) == before
    authenticate(parse_bundle(before), receiver.root.public.key_id)
    later = asker.ask(canary=True)
    under_both = parse_bundle(asker.bundle(later))
    for root in (receiver.root, new_root):
        authenticate(under_both, root.public.key_id)


def test_evidence_that_two_people_let_count_again_verifies_under_a_keyring_that_knows_of_the_loss(
    receiver: Receiver,
) -> None:
    spool, caller = receiver.enrol(1)
    entry = spool.entry(**green())
    asker = Asker(receiver, about(entry))
    receiver.take(caller, "a", [entry], spool.heartbeat())
    receiver.now += timedelta(minutes=1)
    end(receiver, What.COLLECTOR, spool.collector_id, Loss.COMPROMISED, None)
    assert asker.ask().passport.decision == "HOLD"
    let_go(receiver, entry)
    receiver.now += timedelta(minutes=1)
    decided = asker.ask()
    assert decided.passport.decision == "ALLOW"
    bundle = parse_bundle(asker.bundle(decided))
    authentic = authenticate(bundle, receiver.root.public.key_id)
    assert any(one.kind.uri == "urn:carnet:release:v1" for one in authentic.inputs)
    receiver.now += timedelta(minutes=1)
    rekey.rotate_roles(
        receiver.store,
        receiver.master,
        receiver.root,
        receiver.workspace_id,
        [Role.CLAIM],
        receiver.now,
        receiver.random,
    )
    versions = lookup.keyring(receiver.store, receiver.workspace_id).versions
    authenticate(bundle, receiver.root.public.key_id, [dsse.parse(one) for one in versions])


def test_what_goes_wrong_while_judging_is_a_hold_with_the_reason(receiver: Receiver) -> None:
    asker = Asker(receiver)

    class Broken(PolicyCache):
        def baseline(self, mode: Mode) -> object:  # type: ignore[override]
            raise RuntimeError(mode)

    asker.cache = Broken()
    decided = asker.ask()
    assert (decided.passport.decision, decided.passport.proceed) == ("HOLD", False)
    (finding,) = decided.passport.findings
    assert (finding.rule, finding.cause) == ("judging", "error")
    assert "RuntimeError" in finding.reason
    assert len(asker.failures) == 1
    assert asker.ask().passport.passport_id == decided.passport.passport_id
    bundle = parse_bundle(asker.bundle(decided))
    authenticate(bundle, receiver.root.public.key_id)


def test_a_configured_policy_is_judged_by_and_goes_into_the_bundle(receiver: Receiver) -> None:
    store, now = receiver.store, receiver.now
    text = b"""\
apiVersion: carnet/v1
kind: GatePolicy
metadata: {name: strict}
scope: {services: ["payments-*"], environments: [production]}
mode: advisory
rules:
  - id: ready
    title: The target is ready
    expect: "health.ready"
    otherwise: BLOCK
"""
    by = operator(receiver.audience)
    activate.upload(store, receiver.audience, text, by, now)
    activate.activate(store, receiver.signers, activate.Wanted("strict"), by, now, receiver.random)
    asker = Asker(receiver)
    decided = asker.ask(mode=Mode.SHADOW)
    assert (decided.passport.decision, decided.passport.mode) == ("ALLOW", "advisory")
    assert decided.passport.warnings == ("weaker_mode: shadow was asked for, advisory is configured",)
    bundle = parse_bundle(asker.bundle(decided))
    assert bundle.policies == (text.decode(),)
    authenticate(bundle, receiver.root.public.key_id)
    again = passports.judge_again(store, receiver.workspace_id, decided.passport.passport_id)
    assert again.differences == ()


def test_the_page_keeps_a_line_for_the_address_that_is_put_below_it(receiver: Receiver) -> None:
    rules = "".join(
        f"  - id: r{at}\n    title: Rule {at}\n    expect: 'rollback.verified && {at} < 0'\n    otherwise: HOLD\n"
        for at in range(40)
    )
    text = (
        "apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {name: many}\n"
        f"scope: {{services: ['*'], environments: ['*']}}\nmode: shadow\nrules:\n{rules}"
    )
    by = operator(receiver.audience)
    activate.upload(receiver.store, receiver.audience, text.encode(), by, receiver.now)
    activate.activate(receiver.store, receiver.signers, activate.Wanted("many"), by, receiver.now, receiver.random)
    assert len(Asker(receiver).ask().page.splitlines()) == 24


def test_a_token_asks_within_its_limits_and_needs_a_policy_where_it_says_so(receiver: Receiver) -> None:
    asker = Asker(receiver)
    whole = asker.pipeline.caller
    asker.pipeline.caller = replace(whole, limits=Limits(services=("checkout-*",)))
    with pytest.raises(UntrustedError):
        asker.ask()
    asker.pipeline.caller = replace(whole, scopes=frozenset({Scope.EVIDENCE_WRITE}))
    with pytest.raises(UntrustedError):
        asker.ask()
    assert passports.page(receiver.store, receiver.workspace_id, passports.Filters(), 10).items == ()
    asker.pipeline.caller = replace(whole, require_policy=True)
    held = asker.ask(mode=Mode.SHADOW).passport
    assert (held.decision, held.proceed, held.policies) == ("HOLD", False, ())
    assert held.warnings[0].startswith("no_policy")
    asker.pipeline.caller = whole
    assert asker.ask(mode=Mode.SHADOW).passport.policies != ()


def test_a_passport_is_renewed_once_half_of_its_time_is_over(receiver: Receiver) -> None:
    asker = Asker(receiver)
    first = asker.ask().passport
    receiver.now = first.evaluated_at + (first.valid_until - first.evaluated_at) / 2 - timedelta(seconds=1)
    assert asker.ask().passport == first
    receiver.now += timedelta(seconds=1)
    second = asker.ask().passport
    assert (second.supersedes, second.evaluated_at) == (first.passport_id, receiver.now)
    # A clock that is set back makes no older passport the latest one.
    receiver.now -= timedelta(hours=6)
    third = asker.ask(canary=True).passport
    assert (third.supersedes, third.evaluated_at) == (second.passport_id, second.evaluated_at)


def test_a_row_that_nobody_can_read_holds_the_release_however_it_is_met(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(1)
    entry = spool.entry(**green())
    receiver.take(caller, "a", [entry])
    asker = Asker(receiver, about(entry))
    with receiver.behind_its_back() as rows:
        rows.execute("UPDATE attestations SET code = 'nobody_knows'")
    receiver.reopen()
    assert decide.in_force(receiver.store, asker.asking()) is None
    held = asker.ask()
    assert (held.passport.decision, len(asker.failures)) == ("HOLD", 1)


def test_a_passport_rests_on_the_streams_and_targets_that_its_policies_can_ask_for(receiver: Receiver) -> None:
    spool, caller = receiver.enrol(1)
    receiver.take(caller, "a", [spool.entry(**green())], spool.heartbeat())
    asker = Asker(receiver)

    def known() -> tuple[int, int]:
        asker.ask(context={"at": str(receiver.now)})
        (row,) = receiver.store.read(lambda tx: rows.page(tx, receiver.workspace_id, rows.Filters(), 1, None))
        papers = receiver.store.read(lambda tx: rows.papers(tx, receiver.workspace_id, row.number))
        facts = json.loads(unpack(papers.docket))["facts"]
        return len(facts["streams"]), len(facts["known_targets"])

    for service in ("payments-api", "payments-apo"):
        asker.ask(target=Target(service, None, "production"))
    receiver.now += timedelta(minutes=2)
    assert known() == (0, 1), "the baseline names no collectors, and tells of other targets that are spelt alike"
    receiver.now += timedelta(minutes=2)
    (said,) = asker.ask().passport.warnings
    assert said.endswith("spelt alike: payments-apo in production"), "and never of the one that is asked for"
    for collectors, found in ((["nobody-*"], 0), (["*"], 1)):
        rule = f"{{id: whole, collection: {{collectors: {collectors}}}, otherwise: HOLD}}"
        put_policy(receiver, rule)
        receiver.now += timedelta(minutes=2)
        assert known() == (found, 0)


def put_policy(receiver: Receiver, rule: str) -> None:
    text = (
        "apiVersion: carnet/v1\nkind: GatePolicy\nmetadata: {name: p}\n"
        f"scope: {{services: ['*'], environments: ['*']}}\nmode: enforce\nrules: [{rule}]\n"
    )
    by = operator(receiver.audience)
    activate.upload(receiver.store, receiver.audience, text.encode(), by, receiver.now)
    wanted = activate.Wanted("p", None, "tried elsewhere")
    activate.activate(receiver.store, receiver.signers, wanted, by, receiver.now, receiver.random)
