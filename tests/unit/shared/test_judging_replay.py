"""What a passport decided is judged again from its bundle alone, and anything else than that shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.bundle import Bundle, emit_bundle, parse_bundle
from shared.encoding import JsonObject, digest_text
from shared.errors import CarnetError, MalformedError, TryLaterError
from shared.judging.docket import Docket, Said, emit_docket, read_docket
from shared.judging.judge import undecided
from shared.judging.recorded import verdict_of
from shared.judging.replay import UNDECIDED, differences, replay
from shared.judging.values import Actor, Approval, Considered, Deployed, Mode, StreamFact, Waiver
from shared.passports import Verdict
from shared.verify import authenticate
from tests.helpers.build import NOW, root_signer
from tests.helpers.replayable import ASKED, POLICY, Judged

PINNED = root_signer().public.key_id
BOB = Actor("bob", "approver", frozenset({"bob@acme.example", "bob"}))


def replayed(bundle: Bundle) -> tuple[Verdict, Verdict]:
    """The verdict on the passport, and the one that is judged from its file."""
    read = parse_bundle(emit_bundle(bundle))
    authentic = authenticate(read, PINNED)
    return authentic.passport.verdict, replay(read, authentic)


def said(judged: Judged) -> dict[str, Said]:
    return {
        one.id: {
            "received_at": "2026-03-02T17:24:30.250000Z",
            "held": one.held,
            "type": one.type,
            "name": one.name,
            "basis": one.basis.value,
            "passed": one.passed,
            "evidence": one.evidence,
        }
        for one in judged.facts.evidence
    }


def full_facts(judged: Judged) -> None:
    """Put something of everything into the facts."""
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
        approvals=(Approval("a", ASKED.target, ASKED.digest, frozenset({"b", "a"}), BOB, NOW, NOW),),
        waivers=(Waiver("w", "r", ASKED.target, ASKED.digest, "why", (BOB, BOB), NOW, NOW),),
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


def test_evidence_is_what_its_envelope_says_and_no_docket_tells_it_otherwise() -> None:
    judged = Judged()
    docket: Any = emit_docket(Docket(judged.facts))
    known = said(judged)
    assert read_docket(docket, known).facts == judged.facts
    mine = docket["facts"]["evidence"][0]
    for name in ("evidence", "passed", "basis", "held", "received_at"):
        worse: Any = emit_docket(Docket(judged.facts))
        assert name not in mine
        worse["facts"]["evidence"][0][name] = None
        with pytest.raises(MalformedError, match="says what its envelope says"):
            read_docket(worse, known)


def test_a_piece_without_an_envelope_is_refused() -> None:
    judged = Judged()
    with pytest.raises(MalformedError, match="no envelope"):
        read_docket(emit_docket(Docket(judged.facts)), {})


def test_every_kind_of_fact_is_read_as_it_was_written() -> None:
    judged = Judged()
    full_facts(judged)
    docket = Docket(judged.facts, ("one", "two"), Mode.SHADOW)
    assert read_docket(emit_docket(docket), said(judged)) == docket
    assert emit_docket(read_docket(emit_docket(docket), said(judged))) == emit_docket(docket)


def spoiled(change: Callable[[Any], None]) -> JsonObject:
    judged = Judged()
    full_facts(judged)
    docket = emit_docket(Docket(judged.facts))
    change(docket)
    return docket


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
        lambda one: one["facts"].update(links=[[]]),
        lambda one: one["facts"].update(authors=[1]),
        lambda one: one["facts"]["evidence"][0].pop("commits"),
        lambda one: one["facts"]["evidence"][0].update(sequence=True),
        lambda one: one["facts"]["evidence"][0].update(extra=1),
        lambda one: one["facts"]["links"][0].update(signed=1),
        lambda one: one["facts"]["request"].update(context=[]),
        lambda one: one["facts"]["streams"][0].update(brings=[["TEST_RESULTS"]]),
        lambda one: one["facts"]["deployed"].update(window=1.5),
    ],
)
def test_what_is_no_docket_is_refused(change: Callable[[Any], None]) -> None:
    judged = Judged()
    with pytest.raises(MalformedError):
        read_docket(spoiled(change), said(judged))


def test_another_engine_says_so() -> None:
    refusals = (
        Judged().bundle(engine="0"),
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
