"""What a passport decided is judged again from its bundle alone, and anything else than that shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared import predicates
from shared.bundle import Bundle, emit_bundle, parse_bundle
from shared.encoding import canonical, digest_text, sha256
from shared.errors import CarnetError, MalformedError, TryLaterError
from shared.judging.consents import approval_of, waiver_of
from shared.judging.docket import Docket, emit_docket, read_docket
from shared.judging.judge import judge, undecided
from shared.judging.policyfile import read_policy
from shared.judging.recorded import verdict_of
from shared.judging.replay import UNDECIDED, differences, replay
from shared.judging.values import Basis, Considered, Deployed, Mode, StreamFact
from shared.passports import Verdict
from shared.verify import authenticate
from tests.helpers import build_acts
from tests.helpers.build import COMMIT, NOW, digest, root_signer
from tests.helpers.build_acts import ALICE
from tests.helpers.build_passports import ARTIFACT, approval, waiver
from tests.helpers.facts import changed
from tests.helpers.replayable import ASKED, MEASURED, POLICY, RED, Judged

PINNED = root_signer().public.key_id
NAMES = frozenset({"bob@acme.example", "bob"})
TWO_PEOPLE = """\
  - id: two-people
    title: Somebody said yes
    approvals: {count: 1, maxAge: 72h}
    otherwise: REQUIRE_APPROVAL
"""


def replayed(bundle: Bundle) -> tuple[Verdict, Verdict]:
    """The verdict on the passport, and the one that is judged from its file."""
    read = parse_bundle(emit_bundle(bundle))
    authentic = authenticate(read, PINNED)
    return authentic.passport.verdict, replay(read, authentic)


def full(judged: Judged) -> None:
    """Put something of everything into the facts."""
    approved = judged.world.acted(predicates.APPROVAL, approval())
    waived = judged.world.acted(predicates.WAIVER, waiver(by=(ALICE, build_acts.BOB)))
    judged.gather()
    judged.facts = replace(
        judged.facts,
        request=replace(ASKED, context={"a": [1, 2.5, None, {"b": "c"}]}),
        streams=(
            StreamFact(
                stream="5a", collector="col_ci07", name="ci-07", heard_at=NOW, waiting=0, oldest_waiting_at=None,
                silent=False, forked=False, abandoned=False, retired=False, lacking=0, closed=1, delivered=True,
                bound=False, recent=True, brings=frozenset({("TEST_RESULTS", "Unit Tests"), ("SBOM", "syft")}),
            ),
        ),
        approvals=(approval_of(judged.read(approved), NAMES),),
        waivers=(waiver_of(judged.read(waived), (NAMES, frozenset())),),
        deployed=Deployed(NOW, timedelta(minutes=30, microseconds=7)),
        known_targets=(ASKED.target,),
    )  # fmt: skip


def test_the_same_facts_give_the_same_answer() -> None:
    recorded, again = replayed(Judged().bundle())
    assert (recorded.decision, differences(recorded, again)) == ("ALLOW", ())
    assert recorded == again


def other_tests() -> Judged:
    return Judged(text=POLICY.replace('"Unit Tests"', '"Other Tests"'))


def test_a_hold_is_judged_again_as_a_hold() -> None:
    recorded, again = replayed(other_tests().bundle())
    assert (recorded.decision, recorded) == ("HOLD", again)
    assert recorded.findings[0].cause == "near_miss"


@pytest.mark.parametrize("mode", list(Mode))
def test_what_the_baseline_judged_is_judged_by_it_again(mode: Mode) -> None:
    recorded, again = replayed(Judged(baseline=mode).bundle())
    assert (recorded.policies[0].version, recorded) == (0, again)


def test_a_passport_that_says_otherwise_than_its_facts_shows() -> None:
    recorded, again = replayed(other_tests().bundle(decision="ALLOW", headline="Nothing has failed."))
    assert set(differences(recorded, again)) == {"decision", "headline"}


# --- nothing is told of an envelope that it does not say ---


def posted_alone(judged: Judged) -> None:
    del judged.world.inputs[0]


def red_report(judged: Judged) -> None:
    judged.world.inputs[0] = (judged.world.report(claim=RED), NOW, None)
    del judged.world.inputs[2:]


def of_another_commit(judged: Judged) -> None:
    other = {"repository": "acme/other", "commit": "ab" * 20, "run": "1", "job": "unit"}
    judged.world.inputs[0] = (judged.world.report(claim=MEASURED, context=other), NOW, None)
    del judged.world.inputs[2:]


def declared(judged: Judged) -> None:
    judged.world.inputs[0] = (judged.world.report(claim=MEASURED | {"basis": "declared"}), NOW, None)
    del judged.world.inputs[2:]


def held(judged: Judged) -> None:
    envelope, received_at, _ = judged.world.inputs[0]
    judged.world.inputs[0] = (envelope, received_at, "forked")
    del judged.world.inputs[2:]


def unlinked(judged: Judged) -> None:
    del judged.world.inputs[1]


@pytest.mark.parametrize("honest", [posted_alone, red_report, of_another_commit, declared, held, unlinked])
def test_whoever_judged_by_more_than_the_envelopes_say_is_found_out(honest: Callable[[Judged], None]) -> None:
    judged = Judged()
    believed = judged.facts
    honest(judged)
    judged.gather()
    lies = {"type": "TEST_RESULTS", "name": "Unit Tests", "basis": Basis.MEASURED, "passed": True, "held": None}
    said = {"commits": frozenset({COMMIT}), "digests": frozenset(), "collector": "c", "evidence": MEASURED["evidence"]}
    told = tuple(changed(one, {**lies, **said}) if one.type == "TEST_RESULTS" else one for one in judged.facts.evidence)
    judged.facts = replace(judged.facts, evidence=told, links=believed.links)
    recorded, again = replayed(judged.bundle())
    assert (recorded.decision, again.decision) == ("ALLOW", "HOLD")


def test_all_evidence_that_the_passport_names_is_judged_each_once_and_none_besides() -> None:
    judged = Judged()
    judged.world.report(sequence=2, claim=RED)
    for named in (judged.facts.evidence, judged.facts.evidence[:-1]):
        judged.facts = replace(judged.facts, evidence=named)
        with pytest.raises(MalformedError, match="each once"):
            replayed(judged.bundle())
    judged.gather()
    judged.facts = replace(judged.facts, evidence=(*judged.facts.evidence, judged.facts.evidence[0]))
    with pytest.raises(MalformedError, match="each once"):
        replayed(judged.bundle())
    judged.gather()
    judged.world.inputs.pop()
    with pytest.raises(MalformedError, match="each once"):
        replayed(judged.bundle())


def test_approvals_and_waivers_are_what_was_signed() -> None:
    judged = Judged()
    full(judged)
    stated, written = judged.stated(), emit_docket(Docket(judged.facts))
    lies = {"digest": "ab" * 32, "expires_at": NOW + timedelta(days=900)}
    forged = replace(
        judged.facts,
        approvals=tuple(changed(one, {**lies, "rules": frozenset({"any"})}) for one in judged.facts.approvals),
        waivers=tuple(changed(one, {**lies, "rule": "another"}) for one in judged.facts.waivers),
    )
    assert emit_docket(Docket(forged)) == written
    assert read_docket(written, stated).facts == judged.facts
    for kind in ("approvals", "waivers"):
        swapped: Any = emit_docket(Docket(judged.facts))
        for wrong in (digest("nobody's"), judged.facts.evidence[0].id):
            swapped["facts"][kind][0]["id"] = wrong
            with pytest.raises(MalformedError):
                read_docket(swapped, stated)
        fewer: Any = emit_docket(Docket(judged.facts))
        fewer["facts"][kind][0]["identities"].append([])
        with pytest.raises(MalformedError):
            read_docket(fewer, stated)


@pytest.mark.parametrize(("artifact", "decision"), [(ARTIFACT, "ALLOW"), (digest("another"), "REQUIRE_APPROVAL")])
def test_an_approval_that_lifts_a_finding_is_judged_again_by_what_was_signed(artifact: str, decision: str) -> None:
    judged = Judged(text=POLICY + TWO_PEOPLE)
    finding = judge(judged.facts, (read_policy(judged.text.encode(), 3),)).findings[1]
    lifted = {"rules": ("two-people",), "findings": (finding.fingerprint or digest("finding"),)}
    act = judged.world.acted(predicates.APPROVAL, approval(artifact=artifact, **lifted))
    believed = replace(approval_of(judged.read(act), NAMES), digest=ASKED.digest)
    judged.facts = replace(judged.facts, approvals=(believed,))
    recorded, again = replayed(judged.bundle())
    assert (recorded.decision, again.decision) == ("ALLOW", decision)


def test_every_kind_of_fact_is_read_as_it_was_written() -> None:
    judged = Judged()
    full(judged)
    docket = Docket(judged.facts, ("one", "two"), Mode.SHADOW)
    assert read_docket(emit_docket(docket), judged.stated()) == docket
    assert emit_docket(read_docket(emit_docket(docket), judged.stated())) == emit_docket(docket)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("format"),
        lambda one: one.update(format=2),
        lambda one: one.update(more=1),
        lambda one: one.pop("facts"),
        lambda one: one.update(facts=[]),
        lambda one: one.update(warnings="none"),
        lambda one: one.update(warnings=[1]),
        lambda one: one.update(baseline="always"),
        lambda one: one["facts"].update(now=1),
        lambda one: one["facts"].update(now="yesterday"),
        lambda one: one["facts"].update(evidence={}),
        lambda one: one["facts"].update(evidence=[1]),
        lambda one: one["facts"].update(links=[]),
        lambda one: one["facts"].update(authors=[1]),
        lambda one: one["facts"]["evidence"][0].pop("against"),
        lambda one: one["facts"]["evidence"][0].update(arrival=True),
        lambda one: one["facts"]["evidence"][0].update(basis="measured"),
        lambda one: one["facts"]["evidence"][0].update(collector=None),
        lambda one: one["facts"]["evidence"][0].update(extra=1),
        lambda one: one["facts"]["approvals"][0].update(identities=[[1]]),
        lambda one: one["facts"]["waivers"][0].update(rule="another"),
        lambda one: one["facts"]["request"].update(context=[]),
        lambda one: one["facts"]["streams"][0].update(brings=[["TEST_RESULTS"]]),
        lambda one: one["facts"]["deployed"].update(window=1.5),
        lambda one: one["facts"]["deployed"].update(window=10**30),
    ],
)
def test_what_is_no_docket_is_refused(change: Callable[[Any], None]) -> None:
    judged = Judged()
    full(judged)
    docket = emit_docket(Docket(judged.facts))
    change(docket)
    with pytest.raises(MalformedError):
        read_docket(docket, judged.stated())


def test_another_engine_says_so() -> None:
    refusals = (
        Judged().bundle(engine="1"),
        Judged().bundle(inputs_omitted=1),
        Judged().bundle(findings=verdict_of(undecided(Judged().facts, (), "a bug")).findings),
    )
    for bundle in refusals:
        with pytest.raises(TryLaterError, match="cannot be judged again"):
            replayed(bundle)
    assert undecided(Judged().facts, (), "a bug").findings[0].rule == UNDECIDED


def test_facts_about_another_request_than_the_passports_are_refused() -> None:
    for other in ({"release": {"release_id": "another"}}, {"target": {"service": "x", "environment": "y"}}):
        with pytest.raises(MalformedError, match="another request"):
            replayed(Judged().bundle(**other))


def test_facts_by_which_nothing_can_be_decided_are_refused() -> None:
    for wrong in ({"now": NOW.replace(year=9999, month=12, day=31)}, {"request": replace(ASKED, release_id="")}):
        judged = Judged()
        docket = emit_docket(Docket(changed(judged.facts, wrong)))
        made = judged.bundle(facts=digest_text(sha256(canonical(docket))))
        with pytest.raises(MalformedError, match="nothing can be decided"):
            replayed(replace(made, facts=docket))


def test_long_lists_of_what_was_considered_are_cut_and_say_so() -> None:
    judged = Judged()
    found = undecided(judged.facts, (), "x")
    looked = tuple(Considered(digest_text(number.to_bytes(32))) for number in range(3000))
    finding = replace(found.findings[0], considered=looked)
    verdict = verdict_of(replace(found, findings=(finding,)))
    assert len(verdict.findings[0].considered) + verdict.findings[0].considered_omitted == 3000
    assert len(verdict.findings[0].considered) == 2000


def test_it_is_an_error_of_ours_for_whatever_is_wrong() -> None:
    bundle = replace(Judged().bundle(), facts={})
    with pytest.raises(CarnetError):
        replayed(bundle)
