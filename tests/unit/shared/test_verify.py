"""A passport is believed under the pinned root alone, with all of its envelopes, each by a key that was good then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared import dsse, predicates
from shared.bundle import Bundle
from shared.dsse import Envelope
from shared.encoding import b64encode, digest_text
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.passports import MAX_INPUTS, Input, Looked, Passport, name_inputs
from shared.predicates import Register
from shared.verify import Authentic, Wanted, authenticate, objections
from tests.helpers import build
from tests.helpers.build import NOW, OTHER_AUDIENCE, Row, decision_signer, digest, root_signer, signer
from tests.helpers.build_passports import (
    ARTIFACT,
    TURNED_AT,
    WANTED,
    World,
    held_passport,
    keyring_that_revokes,
    passport,
    resigned,
    summary,
    turned,
    waiver,
    world,
)

PINNED = root_signer().public.key_id
SECOND, THIEF = signer(9), signer(66)
EARLY, LATE = NOW - timedelta(days=2), NOW - timedelta(days=1)


def check(bundle: Bundle, *newer: Envelope) -> Authentic:
    return authenticate(bundle, PINNED, newer)


def refusal(act: Callable[[], object]) -> CarnetError:
    with pytest.raises((UntrustedError, MalformedError)) as refused:
        act()
    return refused.value


def refused(bundle: Bundle, *newer: Envelope) -> CarnetError:
    return refusal(lambda: check(bundle, *newer))


# --- what is believed ---


def test_a_good_bundle_is_authentic_and_says_what_was_checked() -> None:
    made = world()
    found = check(made.bundle())
    assert found.passport == made.passport()
    assert (len(found.inputs), found.by_collectors) == (2, 1)
    assert (found.keyring.version, found.roots) == (1, (PINNED,))


def test_a_passport_that_rests_on_nothing_needs_no_keys() -> None:
    made = World()
    made.keys.clear()
    assert check(made.bundle()).inputs == ()


def test_a_rotated_key_is_followed_to_the_one_that_was_enrolled() -> None:
    made = World()
    turned(made, SECOND, 5)
    made.report(sequence=4)
    made.report(key=SECOND, sequence=6)
    assert check(made.bundle()).by_collectors == 2


def test_a_passport_is_good_under_every_root_that_led_to_its_keyring_and_under_no_other() -> None:
    made = World()
    roots = (b64encode(root_signer().public.spki), b64encode(SECOND.public.spki))
    both = made.keyring(kept=False, roots=roots)
    both = dsse.sign(both.payload, root_signer(), SECOND)
    made.keyrings.append(both)
    made.register.append(both)
    made.root = SECOND
    made.report()
    for pinned in (root_signer(), SECOND):
        assert authenticate(made.bundle(), pinned.public.key_id).roots == (PINNED, SECOND.public.key_id)
    assert refusal(lambda: authenticate(made.bundle(), THIEF.public.key_id)).code is Code.UNKNOWN_KEY


def test_evidence_for_a_former_audience_counts_if_the_passport_names_it() -> None:
    made = World()
    made.report(audience=OTHER_AUDIENCE)
    assert refused(made.bundle()).code is Code.WRONG_AUDIENCE
    assert check(made.bundle(audiences=(OTHER_AUDIENCE,))).by_collectors == 1


# --- what is not ---


def test_another_root_is_refused() -> None:
    assert refusal(lambda: authenticate(world().bundle(), THIEF.public.key_id)).code is Code.UNKNOWN_KEY
    stolen = replace(world().bundle(), root=THIEF.public)
    assert refused(stolen).code is Code.BAD_SIGNATURE
    assert refusal(lambda: authenticate(stolen, THIEF.public.key_id)).code is Code.BAD_SIGNATURE


def test_a_foreign_workspace_with_the_same_names_is_refused() -> None:
    foreign = World(root=THIEF, decision=signer(67))
    foreign.report()
    bundle = foreign.bundle()
    assert authenticate(bundle, THIEF.public.key_id).passport.target == passport().target
    assert refused(bundle).code is Code.UNKNOWN_KEY
    ours = world().bundle()
    mixed = replace(bundle, keyrings=ours.keyrings, root=ours.root, keys=ours.keys)
    assert refused(mixed).code is Code.UNKNOWN_KEY


def test_a_passport_for_another_workspace_is_refused_though_the_same_keys_signed_it() -> None:
    assert refused(world().bundle(audience=OTHER_AUDIENCE)).code is Code.WRONG_AUDIENCE


def test_evidence_of_another_workspace_is_refused() -> None:
    made = World()
    made.report(audience=OTHER_AUDIENCE)
    assert refused(made.bundle()).code is Code.WRONG_AUDIENCE
    made = World()
    made.keys.clear()
    made.claim(audience=OTHER_AUDIENCE)
    assert refused(made.bundle()).code is Code.WRONG_AUDIENCE


@pytest.mark.parametrize("part", ["inputs", "keys", "keyrings", "policies"])
def test_whatever_is_taken_away_from_a_bundle_or_put_there_twice_is_refused(part: str) -> None:
    made = world()
    made.keyring()
    turned(made, SECOND, 5)
    made.report(key=SECOND, sequence=6)
    bundle = made.bundle()
    check(bundle)
    have: tuple[Any, ...] = getattr(bundle, part)
    for index in range(len(have)):
        refused(other(bundle, part, have[:index] + have[index + 1 :]))
        refused(other(bundle, part, have[: index + 1] + have[index:]))
    if len(have) > 1:
        refused(other(bundle, part, have[::-1]))


def other(bundle: Bundle, part: str, value: Any) -> Bundle:  # noqa: ANN401 - one of several parts
    parts: dict[str, Any] = {part: value}
    return replace(bundle, **parts)


def test_an_envelope_that_the_passport_does_not_name_is_refused() -> None:
    bundle = world().bundle()
    more = sorted([*bundle.inputs, build.collected_envelope(sequence=3, previous=digest("x"))], key=lambda one: one.id)
    assert "does not fit together" in str(refused(replace(bundle, inputs=tuple(more))))


def test_a_statement_of_a_key_that_signed_nothing_here_is_refused() -> None:
    made = World()
    made.claim()
    assert "signed nothing" in str(refused(made.bundle()))


def test_request_facts_and_policies_are_what_the_passport_names() -> None:
    bundle = world().bundle()
    assert "request" in str(refused(replace(bundle, request={"mode": "shadow"})))
    assert "facts" in str(refused(replace(bundle, facts={})))
    assert "policies" in str(refused(replace(bundle, policies=("mode: shadow\n",))))


def test_a_passport_that_no_decision_key_signed_is_refused() -> None:
    made = world()
    for key, code in ((THIEF, Code.UNKNOWN_KEY), (signer(), Code.UNKNOWN_KEY), (decision_signer(), None)):
        bundle = resigned(made.bundle(key_id=key.public.key_id), key)
        assert (None if code is None else refused(bundle).code) == code
    receipt = build.receipt_signer()
    assert refused(resigned(made.bundle(key_id=receipt.public.key_id), receipt)).code is Code.WRONG_TYPE


def test_a_passport_is_read_and_nothing_else_in_its_place() -> None:
    made = world()
    bundle = made.bundle()
    assert refused(replace(bundle, passport=made.keys[0])).code is Code.WRONG_TYPE


def test_a_decision_key_that_was_not_good_when_the_passport_was_evaluated_is_refused() -> None:
    made = world()
    ended = Row(decision_signer(), predicates.Role.DECISION, valid_until=NOW + timedelta(minutes=1))
    newer = build.keyring(
        version=2,
        previous=made.keyrings[-1].id,
        rows=(ended, Row(build.claim_signer(), predicates.Role.CLAIM)),
        register_=Register(number=99, previous=digest("register 98")),
    )
    check(made.bundle())
    assert refused(made.bundle(), newer).code is Code.UNKNOWN_KEY
    assert check(made.bundle(evaluated_at=NOW), newer).keyring.version == 2
    assert refused(made.bundle(evaluated_at=NOW - timedelta(days=40))).code is Code.UNKNOWN_KEY


def test_a_passport_about_another_artifact_than_its_subject_is_refused() -> None:
    bundle = world().bundle()
    other = build.signed(predicates.PASSPORT, world().passport(), decision_signer())
    assert "subject" in str(refused(replace(bundle, passport=other)))


def test_what_crit_names_and_nobody_here_knows_is_refused() -> None:
    assert refused(world().bundle(crit=("new",))).code is Code.NOT_UNDERSTOOD
    made = World()
    made.report(crit=("new",))
    assert refused(made.bundle()).code is Code.NOT_UNDERSTOOD
    made = World()
    made.report(crit=("new",), held="not_understood")
    check(made.bundle())


def test_a_report_of_another_collectors_name_is_refused() -> None:
    made = World()
    made.report(collector={"id": "col_other", "version": "1", "config_digest": digest("config")})
    assert refused(made.bundle()).code is Code.WRONG_COLLECTOR


def test_a_report_under_a_key_that_nobody_introduced_is_refused() -> None:
    made = World()
    made.report(key=THIEF)
    made.report()
    assert refused(made.bundle()).code is Code.UNKNOWN_KEY


def test_a_collectors_key_signs_no_word_of_the_receivers() -> None:
    made = World()
    made.report()
    forged = build.signed(predicates.WAIVER, waiver(key_id=signer().public.key_id), signer())
    made.inputs.append((forged, NOW, None))
    assert refused(made.bundle()).code is Code.WRONG_TYPE


def test_counted_evidence_without_a_time_of_receipt_is_refused() -> None:
    made = World()
    made.report()
    envelope, _, held = made.inputs.pop()
    made.inputs.append((envelope, None, held))
    assert "when it received" in str(refused(made.bundle()))


def test_what_is_no_part_of_a_bundle_is_refused_though_the_receiver_signed_it() -> None:
    made = World()
    made.keys.clear()
    made.inputs.append((build.signed(predicates.SUMMARY, summary(), decision_signer()), None, None))
    assert refused(made.bundle()).code is Code.WRONG_TYPE


def test_a_passport_that_names_an_input_twice_or_out_of_order_is_refused() -> None:
    made = world()
    bundle = made.bundle(inputs=made.passport().inputs[::-1])
    turned_round = replace(bundle, inputs=bundle.inputs[::-1])
    assert "unsorted or twice" in str(refused(turned_round))


def test_a_rotation_in_the_name_of_another_collector_introduces_nobody() -> None:
    other = {"id": "col_other", "version": "1", "config_digest": digest("config")}
    for overrides, code in (
        ({"collector": other}, Code.WRONG_COLLECTOR),
        ({"new_key_id": THIEF.public.key_id}, Code.MALFORMED_STATEMENT),
        ({"audience": OTHER_AUDIENCE}, Code.WRONG_AUDIENCE),
        ({"crit": ("new",)}, Code.NOT_UNDERSTOOD),
    ):
        made = World()
        turned(made, SECOND, 5, **overrides)
        made.report(key=SECOND, sequence=6)
        assert refused(made.bundle()).code is code


def test_a_key_is_introduced_once() -> None:
    made = World()
    made.enrol(signer(), name="ci-08")
    made.report()
    assert "introduced twice" in str(refused(made.bundle()))


def test_keyrings_lead_from_the_first_to_the_root_key_beside_them() -> None:
    made = World()
    made.keys.clear()
    bundle = made.bundle()
    assert "no keyring" in str(refused(replace(bundle, keyrings=())))
    both = dsse.sign(
        made.keyring(kept=False, roots=(b64encode(root_signer().public.spki), b64encode(SECOND.public.spki))).payload,
        root_signer(),
        SECOND,
    )
    made.keyrings.append(both)
    made.register.append(both)
    assert "do not lead to its root key" in str(refused(made.bundle()))


# --- the register ---


def test_two_acts_at_one_place_and_neighbours_that_are_not_linked_are_refused() -> None:
    made = world()
    number = len(made.register) + 1
    assert "register" in str(refused(made.bundle(register_=Register(number=1, previous=None))))
    assert "register" in str(refused(made.bundle(register_=Register(number=2, previous=digest("x")))))
    assert "not linked" in str(refused(made.bundle(register_=Register(number=number, previous=digest("x")))))
    check(made.bundle(register_=Register(number=number + 1, previous=digest("x"))))


# --- keys that end ---


def test_a_key_that_a_newer_keyring_calls_compromised_before_the_evaluation_is_refused() -> None:
    made = world()
    bundle, evaluated_at = made.bundle(), made.passport().evaluated_at
    for since in (None, EARLY, NOW, evaluated_at):
        assert refused(bundle, keyring_that_revokes(made, since)).code is Code.KEY_REVOKED
    found = check(bundle, keyring_that_revokes(made, evaluated_at + timedelta(seconds=1)))
    assert found.keyring.version == 2


def test_a_newer_keyring_may_bring_those_along_that_the_bundle_has() -> None:
    made = world()
    newer = keyring_that_revokes(made, None)
    assert refused(made.bundle(), *made.keyrings, newer).code is Code.KEY_REVOKED
    check(made.bundle(), *made.keyrings)


def test_a_keyring_that_says_of_a_revoked_key_nothing_but_that_is_enough_to_refuse() -> None:
    made = world()
    later = Register(number=99, previous=digest("register 98"))
    newer = made.keyring(kept=False, register_=later, revocations=(signer().public.key_id,))
    assert refused(made.bundle(), newer).code is Code.KEY_REVOKED


def test_a_keyring_that_does_not_follow_the_bundles_is_refused() -> None:
    made = world()
    forked = build.keyring(version=2, previous=build.keyring(signer(3)).id)
    other_first = build.keyring(register_=Register(number=1, previous=None), issued_at=NOW)
    foreign = build.keyring(THIEF, version=2, previous=made.keyrings[0].id)
    for keyring in (forked, other_first, foreign):
        refused(made.bundle(), keyring)


def test_evidence_from_before_a_revocation_that_the_passport_knew_counts_and_from_after_it_does_not() -> None:
    for received_at, good in ((EARLY, True), (LATE, False), (NOW, False)):
        made = World()
        made.report(received_at)
        made.revoke(since=LATE)
        if good:
            check(made.bundle())
        else:
            assert refused(made.bundle()).code is Code.KEY_REVOKED
        made.inputs[0] = (made.inputs[0][0], received_at, "key_revoked")
        check(made.bundle())


def test_a_known_revocation_stands_though_the_newest_keyring_names_it_too() -> None:
    made = World()
    made.report(EARLY)
    made.revoke(since=LATE)
    number = len(made.register)
    ended = ({"key_id": signer().public.key_id, "number": number, "since": LATE},)
    made.keyring(revocations=(signer().public.key_id,), ended=ended)
    assert check(made.bundle()).keyring.version == 2


@pytest.mark.parametrize("what", ["evidence", "revocation"])
def test_two_people_let_revoked_evidence_count_and_a_later_revocation_ends_that(what: str) -> None:
    made = World()
    report = made.report()
    made.revoke(since=LATE)
    number = len(made.register)
    if what == "evidence":
        made.release(attestations=(digest_text(report.id),))
    else:
        made.release(attestations=(), revocation=number)
    check(made.bundle())
    made.revoke(since=LATE)
    assert refused(made.bundle()).code is Code.KEY_REVOKED


def test_what_a_revoked_token_posted_since_does_not_count() -> None:
    token = {"what": "token", "id": "tok_aaaabbbbccccdddd", "keys": ()}
    made = World()
    made.claim()
    made.keys.clear()
    made.revoke(**token, since=NOW + timedelta(hours=1))
    check(made.bundle())
    made.revoke(**token, since=LATE)
    assert refused(made.bundle()).code is Code.KEY_REVOKED


def test_a_key_is_not_good_from_where_another_one_follows_it() -> None:
    made = World()
    turned(made, SECOND, 5)
    made.report(key=SECOND, sequence=6)
    made.report(sequence=4)
    check(made.bundle())
    late = made.report(sequence=5)
    assert refused(made.bundle()).code is Code.KEY_RETIRED
    made.release(attestations=(digest("something else"),))
    assert refused(made.bundle()).code is Code.KEY_RETIRED, "a release of something else lets nothing else in"
    made.release(attestations=(digest_text(late.id),))
    check(made.bundle())


def test_a_rotation_that_the_old_key_did_not_sign_introduces_nobody() -> None:
    made = World()
    turned(made, SECOND, 5, old=THIEF)
    made.report(key=SECOND, sequence=6)
    assert refused(made.bundle()).code is Code.UNKNOWN_KEY


# --- keys that come in by others ---


def test_rotations_are_those_that_the_passport_names_each_with_its_time_of_receipt() -> None:
    made = World()
    turned(made, SECOND, 5)
    made.report(key=SECOND, sequence=6)
    assert "rotations" in str(refused(made.bundle(rotations=())))
    unknown = ({"id": digest("x"), "received_at": NOW},)
    assert "rotations" in str(refused(made.bundle(rotations=unknown)))
    untimed = tuple(one.model_copy(update={"received_at": None}) for one in made.passport().rotations)
    assert "when the rotation" in str(refused(made.bundle(rotations=untimed)))


def test_a_key_that_another_one_follows_already_introduces_nobody() -> None:
    made = World()
    turned(made, SECOND, 1)
    turned(made, THIEF, 9, received_at=EARLY)
    made.report()
    made.report(key=SECOND, sequence=2)
    made.report(key=THIEF, sequence=10)
    assert refused(made.bundle()).code is Code.KEY_RETIRED


def test_a_rotation_that_is_held_introduces_nobody_and_two_people_may_let_in_what_its_key_signed() -> None:
    made = World()
    turned(made, SECOND, 1)
    turned(made, THIEF, 9, received_at=EARLY, held="key_retired")
    made.report(key=SECOND, sequence=2)
    report = made.report(key=THIEF, sequence=10)
    assert refused(made.bundle()).code is Code.KEY_REVOKED
    made.release(attestations=(digest_text(report.id),))
    check(made.bundle())
    del made.inputs[-1]
    made.register.pop()
    made.inputs[-1] = (report, NOW, "key_revoked")
    assert check(made.bundle()).by_collectors == 2, "what is held is named, and counts for nothing"


def test_what_came_in_by_a_held_rotation_in_between_is_no_better() -> None:
    made, third = World(), signer(10)
    turned(made, SECOND, 1, held="forked")
    turned(made, third, 3, old=SECOND, received_at=EARLY)
    made.report(key=third, sequence=4)
    assert refused(made.bundle()).code is Code.KEY_REVOKED


@pytest.mark.parametrize("sequence", [0, 3, 5])
def test_a_key_signs_behind_the_rotation_that_introduced_it(sequence: int) -> None:
    made = World()
    turned(made, SECOND, 5)
    made.report(key=SECOND, sequence=6)
    made.report(key=SECOND, sequence=sequence)
    assert refused(made.bundle()).code is Code.UNKNOWN_KEY


def test_a_key_introduces_the_next_one_behind_where_it_came_in_itself() -> None:
    for sequence, received_at, good in ((6, EARLY, True), (5, EARLY, False), (6, TURNED_AT - timedelta(1), False)):
        made, third = World(), signer(10)
        turned(made, SECOND, 5)
        turned(made, third, sequence, old=SECOND, received_at=received_at)
        made.report(key=third, sequence=7)
        if good:
            check(made.bundle())
        else:
            assert refused(made.bundle()).code is Code.UNKNOWN_KEY


def test_a_key_signs_other_streams_from_its_rotation_on_and_until_the_next_one_came() -> None:
    elsewhere: dict[str, Any] = {"stream": build.link(7, digest("before"), id="ab" * 16)}
    for key, received_at, code in (
        (SECOND, EARLY, None),
        (SECOND, TURNED_AT - timedelta(seconds=1), Code.UNKNOWN_KEY),
        (signer(), TURNED_AT - timedelta(seconds=1), None),
        (signer(), EARLY, Code.KEY_RETIRED),
    ):
        made = World()
        turned(made, SECOND, 5)
        made.report(key=SECOND, sequence=6)
        other = made.report(received_at, key=key, **elsewhere)
        if code is None:
            check(made.bundle())
        else:
            assert refused(made.bundle()).code is code
            made.release(attestations=(digest_text(other.id),))
            check(made.bundle())


def test_a_thiefs_rotation_does_not_outlive_the_revocation_in_a_newer_keyring() -> None:
    made, third = World(), signer(10)
    turned(made, SECOND, 1)
    turned(made, third, 3, old=SECOND, received_at=EARLY)
    made.report(key=third, sequence=4)
    bundle = made.bundle()
    for since in (None, TURNED_AT - timedelta(seconds=1), TURNED_AT):
        assert refused(bundle, keyring_that_revokes(made, since)).code is Code.KEY_REVOKED
    assert refused(bundle, keyring_that_revokes(made, EARLY, SECOND)).code is Code.KEY_REVOKED
    check(bundle, keyring_that_revokes(made, TURNED_AT + timedelta(seconds=1)))
    check(bundle, keyring_that_revokes(made, EARLY + timedelta(seconds=1), SECOND))


def test_a_thiefs_rotation_does_not_outlive_a_revocation_that_the_passport_knew_until_that_is_taken_back() -> None:
    made = World()
    turned(made, SECOND, 1, received_at=LATE)
    made.report(key=SECOND, sequence=2)
    made.revoke(since=LATE)
    number = len(made.register)
    assert refused(made.bundle()).code is Code.KEY_REVOKED
    made.release(attestations=(), revocation=number)
    check(made.bundle())


# --- what it allows ---


def allowed(wanted: Wanted = WANTED, minutes: int = 60, **overrides: object) -> tuple[str, ...]:
    return objections(passport(**overrides), wanted, NOW + timedelta(minutes=minutes))


def test_allow_for_exactly_these_is_enough_until_it_ends() -> None:
    assert allowed() == ()
    assert allowed(minutes=5) == ()
    assert allowed(minutes=24 * 60 - 1) == ()
    assert allowed(proceed=False) == ()


@pytest.mark.parametrize(
    "wanted",
    [
        replace(WANTED, service="checkout"),
        replace(WANTED, environment="staging"),
        replace(WANTED, artifact=digest("another")),
        replace(WANTED, namespace="apps-other"),
    ],
)
def test_for_anything_else_it_is_not(wanted: Wanted) -> None:
    assert len(allowed(wanted)) == 1


def test_a_namespace_is_compared_where_one_is_said() -> None:
    assert allowed(replace(WANTED, namespace="apps-checkout")) == ()
    bare = {"service": "checkout-api", "environment": "production"}
    assert allowed(target=bare) == ()
    assert len(allowed(replace(WANTED, namespace="apps-checkout"), target=bare)) == 1


@pytest.mark.parametrize("decision", ["BLOCK", "ROLLBACK_RECOMMENDED", "HOLD", "REQUIRE_APPROVAL"])
def test_no_other_decision_allows_though_the_pipeline_may_proceed(decision: str) -> None:
    for canary in (False, True):
        (said,) = allowed(replace(WANTED, canary=canary), decision=decision, proceed=True, mode="shadow")
        assert decision in said


def test_a_canary_is_allowed_where_it_is_one() -> None:
    assert len(allowed(decision="ALLOW_WITH_CANARY")) == 1
    assert allowed(replace(WANTED, canary=True), decision="ALLOW_WITH_CANARY") == ()


def test_what_does_not_name_all_of_its_inputs_allows_nothing() -> None:
    (said,) = allowed(inputs_omitted=3)
    assert "3 of its inputs" in said


def test_it_counts_neither_before_it_was_evaluated_nor_from_its_end_on() -> None:
    assert "has not come yet" in allowed(minutes=4)[0]
    assert "ended" in allowed(minutes=24 * 60)[0]


# --- its words ---


def test_a_passport_gives_back_what_judging_said() -> None:
    said = held_passport().verdict
    assert (said.decision, said.findings, said.confidence) == ("HOLD", held_passport().findings, 0.67)
    assert not isinstance(said, Passport)


def test_the_summary_for_others_passes_for_allow_alone() -> None:
    for decision in ("BLOCK", "ROLLBACK_RECOMMENDED", "HOLD", "REQUIRE_APPROVAL", "ALLOW_WITH_CANARY", "ALLOW"):
        made = summary(passport(decision=decision))
        assert made.verification_result == ("PASSED" if decision == "ALLOW" else "FAILED")
        assert (made.verified_levels == ("FAILED",)) == (decision != "ALLOW")
    made = summary()
    assert made.verifier.id == f"https://carnet.acme.example/{build.AUDIENCE.workspace}"
    assert made.resource_uri.endswith(ARTIFACT)


def test_a_passport_names_its_inputs_sorted_each_once_acts_before_evidence_and_counts_the_rest() -> None:
    evidence = [Input(id=digest(f"piece {number}"), received_at=NOW) for number in range(MAX_INPUTS)]
    act = Input(id="sha256:" + "ff" * 32)
    named, omitted = name_inputs([*evidence, act, *evidence[:5]])
    assert [one.id for one in named] == sorted({one.id for one in named})
    assert (len(named), omitted, act in named) == (MAX_INPUTS, 1, True)
    assert name_inputs([act, act]) == ((act,), 0)


def test_the_largest_passport_fits_into_a_payload() -> None:
    evidence = [Input(id=digest(f"piece {number}"), received_at=NOW, held="key_revoked") for number in range(9000)]
    named, omitted = name_inputs(evidence)
    looked = tuple(
        {"id": one.id, "refused": "contradicted", "detail": "totals against cases, here and there"}
        for one in named[:2000]
    )
    found = held_passport().findings[0].model_copy(update={"reason": "x" * 1000, "considered": ()})
    first = found.model_copy(update={"considered": tuple(Looked.model_validate(one) for one in looked)})
    rotations = named[:500]
    made = passport(inputs=named, inputs_omitted=omitted, findings=(first, *([found] * 49)), rotations=rotations)
    build.signed(predicates.PASSPORT, made, decision_signer())
