"""The page of text and the headline: whether anything is wrong first, never wider or longer than a screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.judging.headline import confidence, headline, severity
from shared.judging.text import LINES, WIDTH, page
from shared.judging.values import Basis, Cause, Decision, Finding, Judgement, Mode, PolicyRef
from tests.helpers.facts import NOW, request

ID = "pp_01J0P9HOLD7"
URL = f"https://carnet.acme.internal/p/{ID}"


def met(rule: str, basis: Basis = Basis.MEASURED, otherwise: Decision = Decision.HOLD) -> Finding:
    return Finding(rule, rule, met=True, otherwise=otherwise, slots={basis: 1})


def unmet(rule: str, cause: Cause, otherwise: Decision = Decision.HOLD, **more: object) -> Finding:
    return replace(Finding(rule, rule, met=False, otherwise=otherwise, cause=cause), **more)  # type: ignore[arg-type]


SHIP = "a rule for this digest until tomorrow 18:00; it shows on the passport for ever."
SAMPLE = (
    unmet(
        "unit-tests",
        Cause.ON_ITS_WAY,
        reason='no "Unit Tests" for 9f3c8b7; ci-07 has 14 reports waiting since 17:22, last heard 17:24',
        next_action="restart carnet-collector on ci-07",
        who="platform@acme",
        waivers_needed=1,
    ),
    unmet(
        "two-people",
        Cause.WAITING_FOR_PERSON,
        Decision.REQUIRE_APPROVAL,
        reason="1 of 2 approvals (approver1@acme 17:41)",
        next_action="approve on the page below",
        who="an approver other than author@acme",
    ),
    unmet("rollback-verified", Cause.FAILED, Decision.ALLOW_WITH_CANARY, reason="rollback is available, not verified"),
    met("artifact-linked"),
    met("no-critical-findings"),
    met("target-healthy", Basis.POSTED),
    met("rollback"),
    met("nothing-missing"),
)


def judged(*findings: Finding, **more: object) -> Judgement:
    share, words = confidence(findings)
    made = Judgement(
        decision=Decision.HOLD,
        proceed=False,
        mode=Mode.ENFORCE,
        requested_mode=Mode.ENFORCE,
        headline=headline(findings),
        severity="medium",
        confidence=share,
        confidence_words=words,
        findings=findings,
        warnings=(),
        policies=(PolicyRef("p", 1, "sha256:00"),),
        oldest_evidence_seconds=None,
        stale=(),
        evaluated_at=NOW.replace(hour=18, minute=0),
        valid_until=NOW,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_the_page_of_the_contract_looks_as_printed_there() -> None:
    assert page(request(), judged(*SAMPLE), ID, URL).split("\n") == [
        "HOLD   checkout-api 2.18.4 -> production     enforce     pp_01J0P9HOLD7",
        "Nothing has failed. 2 of 7 proofs are not here yet.",
        "",
        f"  unit-tests   on its way   {SAMPLE[0].reason}",
        "               do           restart carnet-collector on ci-07" + 18 * " " + "  who: platform@acme",
        "  two-people   waiting      1 of 2 approvals (approver1@acme 17:41)",
        "               do           approve on the page below"
        + 26 * " "
        + "  who: an approver other than author@acme",
        "  met: artifact-linked  no-critical-findings  target-healthy  rollback  nothing-missing",
        "When both are done: ALLOW_WITH_CANARY (rollback is available, not verified).",
        f"Ship anyway: an approver can waive {SHIP}",
        URL,
    ]


def test_the_confidence_of_the_contract_comes_out() -> None:
    assert confidence(SAMPLE) == (0.67, "5 of 7 proofs, 4 signed")


def test_a_slot_counts_as_its_weakest_basis() -> None:
    both = replace(met("r"), slots={Basis.MEASURED: 3, Basis.ASSERTED: 1})
    assert confidence((both,)) == (0.4, "1 of 1 proof, 0 signed")


def test_a_page_of_an_allow_has_nothing_to_do() -> None:
    text = page(request(), judged(met("a"), met("b"), decision=Decision.ALLOW), ID, URL)
    assert "All 2 proofs are here." in text
    assert "When" not in text
    assert "waive" not in text


def test_a_canary_alone_is_what_there_is_to_do() -> None:
    canary = unmet("verified", Cause.FAILED, Decision.ALLOW_WITH_CANARY, reason="not verified", next_action="verify it")
    text = page(request(), judged(met("a"), canary, decision=Decision.ALLOW_WITH_CANARY), ID)
    assert "verify it" in text
    assert "When this is done: ALLOW." in text


def test_ten_unmet_rules_with_all_there_is_to_say_fit_on_a_screen() -> None:
    rules = [
        unmet(
            f"rule-{number}",
            Cause.FAILED,
            reason="r " * 90,
            next_action=f"do {number} " * 40,
            who="w" * 80,
            waivers_needed=1,
        )
        for number in range(10)
    ]
    text = page(request(), judged(*rules, warnings=("w" * 300,) * 5), ID, URL)
    lines = text.split("\n")
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert all(f"rule-{number}" in text for number in range(10))
    assert lines[-1] == URL


def test_rules_that_do_not_fit_are_counted() -> None:
    rules = [unmet(f"rule-{number}", Cause.FAILED, next_action="mend it") for number in range(60)]
    passed = [met(f"a-rather-long-name-{number}") for number in range(30)]
    lines = page(request(), judged(*rules, *passed), ID, URL).split("\n")
    assert len(lines) == LINES
    assert any(line.startswith("  and 42 rules more: rule-18, rule-19, rule-20 and 39 more") for line in lines)
    assert any(line.endswith("and 26 more") for line in lines if line.startswith("  met:"))


def test_of_a_rule_of_another_policy_the_id_is_seen_however_long_the_name_of_the_policy_is() -> None:
    long = unmet(f"{'production-' * 3}readiness/unit-tests", Cause.MISSING)
    shown = page(request(), judged(long, unmet("q/unit-tests", Cause.MISSING)), ID).split("\n")
    assert [line.split()[0] for line in shown if "missing" in line] == [".../unit-tests", "q/unit-tests"]


def test_a_long_action_is_wrapped_and_not_cut_where_there_is_room() -> None:
    command = "carnet-receiver streams close STREAM RANGE --reason TEXT " * 4
    text = page(request(), judged(unmet("r", Cause.MISSING, next_action=command, who="platform@acme")), ID)
    assert text.count("--reason TEXT") == 4


def test_of_findings_that_are_alike_each_has_its_own_place_on_the_screen() -> None:
    alike = [unmet("r", Cause.FAILED, next_action="run it again")] * 13
    assert len(page(request(), judged(*alike, warnings=("one note",)), ID, URL).split("\n")) <= LINES


def test_what_does_not_print_never_reaches_the_terminal() -> None:
    bad = unmet("r", Cause.FAILED, reason="\x1b[31mred\nnew line\x00", next_action="\x1b]0;title\x07", who="w\x9b")
    text = page(request(), judged(bad), ID)
    assert not any(one for one in text if not one.isprintable() and one != "\n")
    assert len(text.split("\n")) == 6


def test_a_stricter_mode_than_asked_for_is_said() -> None:
    assert "enforce (asked: shadow)" in page(request(), judged(requested_mode=Mode.SHADOW), ID)


_CAUSES = [one for one in Cause if one is not Cause.WAIVED]


@given(
    st.lists(
        st.builds(
            unmet,
            st.text(min_size=1, max_size=60),
            st.sampled_from(_CAUSES),
            st.sampled_from([one for one in Decision if one is not Decision.ALLOW]),
            reason=st.text(max_size=200),
            next_action=st.text(max_size=300),
            who=st.text(max_size=80),
            waivers_needed=st.integers(0, 3),
        )
        | st.builds(met, st.text(min_size=1, max_size=60)),
        max_size=40,
    ),
    st.lists(st.text(max_size=150), max_size=4),
)
def test_no_page_is_ever_wider_or_longer_than_a_screen(findings: list[Finding], warnings: list[str]) -> None:
    lines = page(request(), judged(*findings, warnings=tuple(warnings)), ID, URL).split("\n")
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("HOLD   checkout-api 2.18.4 -> production")


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (Cause.ON_ITS_WAY, "Nothing has failed. 1 of 2 proofs is not here yet: on its way."),
        (Cause.NOT_REPORTED, "Nothing has failed. 1 of 2 proofs is not here yet: its collector has not reported one."),
        (Cause.MISSING, "Nothing has failed. 1 of 2 proofs is not here yet: nobody has sent one."),
        (Cause.NEAR_MISS, "Nothing has failed. 1 of 2 proofs is not here yet: there is one for something else."),
        (Cause.WAITING_FOR_PERSON, "Nothing has failed. 1 of 2 proofs is not here yet: a person has to say yes."),
        (Cause.STALE, "Nothing has failed. 1 of 2 proofs is too old."),
        (Cause.UNSIGNED, "Nothing has failed. 1 of 2 proofs is not signed."),
        (Cause.HELD, "Nothing has failed. 1 of 2 proofs is held back."),
        (Cause.REVOKED, "Nothing has failed. 1 of 2 proofs rests on a revoked key."),
        (Cause.ERROR, "A rule could not be judged."),
        (Cause.FAILED, "3 tests failed."),
        (Cause.CONTRADICTED, "3 tests failed."),
    ],
)
def test_a_headline_names_the_cause(cause: Cause, says: str) -> None:
    brief = "3 tests failed" if cause in {Cause.FAILED, Cause.CONTRADICTED} else ""
    assert headline([unmet("r", cause, brief=brief), met("s")]) == says


def test_a_headline_says_first_what_failed_and_then_what_is_not_here() -> None:
    found = [unmet("a", Cause.MISSING), unmet("b", Cause.FAILED, brief="3 tests failed"), unmet("c", Cause.STALE)]
    assert headline(found) == "3 tests failed. 1 of 3 proofs is not here yet: nobody has sent one; 1 is too old."


def test_a_failure_that_was_waived_is_still_said_first() -> None:
    waived = unmet("a", Cause.WAIVED, brief="3 tests failed", waived_by=("anne@acme",))
    assert headline([waived, met("b")]) == "3 tests failed, lifted by anne@acme. 1 rule is lifted by a person."


def test_no_rules_are_said_to_be_none() -> None:
    assert headline([]) == "No rule judges this release."


def test_a_failure_makes_a_hold_graver_than_a_gap() -> None:
    assert severity(Decision.HOLD, [unmet("a", Cause.FAILED)]) == "high"
    assert severity(Decision.HOLD, [unmet("a", Cause.ON_ITS_WAY)]) == "medium"
    assert severity(Decision.BLOCK, []) == "critical"
    assert severity(Decision.ALLOW, []) == "none"
