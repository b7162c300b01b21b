"""What makes two decisions the same: all that they rest on, and no clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from receiver.core.passport import Judged, facts_key, half_over, release_key
from shared.judging.docket import Docket
from shared.judging.judge import judge
from shared.judging.values import Facts, Target
from tests.helpers.facts import actor, approval, green_tests, waiver
from tests.helpers.worlds import POLICY, good, with_, without

SAID = {"artifact": "one"}


def key(known: Facts, **said: str) -> bytes:
    return facts_key(Judged(Docket(known), {**SAID, **said}, judge(known, (POLICY,))))


def test_the_same_a_minute_later_is_the_same() -> None:
    known = good()
    later = replace(known, now=known.now + timedelta(minutes=1))
    reordered = replace(known, evidence=tuple(reversed(known.evidence)))
    assert key(known) == key(later) == key(reordered)


CHANGES: dict[str, Callable[[Facts], Facts]] = {
    "a piece of evidence is gone": lambda w: without(w, "COVERAGE"),
    "another report of the same": lambda w: with_(w, green_tests(id="sha256:another", content="another")),
    "an approval more": lambda w: replace(w, approvals=(*w.approvals, approval(actor("carl"), "two-people"))),
    "a waiver": lambda w: replace(w, waivers=(waiver("unit-tests", actor("anne")),)),
    "somebody else asks for it": lambda w: replace(w, authors=w.authors | {"mallory@example.com"}),
    "a key is revoked": lambda w: with_(w, green_tests(held="key_revoked")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_it_rests_on_makes_it_another(change: Callable[[Facts], Facts]) -> None:
    assert key(change(good())) != key(good())


def test_another_question_is_another() -> None:
    assert key(good(), canary="yes") != key(good())


def test_a_release_is_service_namespace_environment_and_digest() -> None:
    target, digest = Target("a", None, "b"), "c" * 64
    others = [Target("a", "n", "b"), Target("b", None, "b"), Target("a", None, "c")]
    keys = {release_key(one, digest) for one in (target, *others)} | {release_key(target, "d" * 64)}
    assert len(keys) == 5


def test_half_is_over_from_its_middle_on() -> None:
    begun = good().now
    ends = begun + timedelta(hours=2)
    assert not half_over(begun, ends, begun + timedelta(minutes=59))
    assert half_over(begun, ends, begun + timedelta(hours=1))
