from __future__ import annotations

import itertools
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Code, StateError
from shared.judging.scope import Scope, choose, matches, nearest, refuse_conflicts, strictest
from shared.judging.values import Mode, Target

TEXTS = ["".join(chars) for length in range(5) for chars in itertools.product("ab", repeat=length)]
GLOBS = st.text("ab*", min_size=1, max_size=4)


@dataclass(frozen=True)
class Named:
    name: str
    scope: Scope
    mode: Mode = Mode.SHADOW


def policy(name: str, services: str, environments: str = "*", mode: Mode = Mode.SHADOW) -> Named:
    return Named(name, Scope(tuple(services.split()), tuple(environments.split())), mode)


def spelt(name: str, scope: str) -> Named:
    services, environments = scope.split()
    return policy(name, services, environments)


def at(service: str, environment: str = "production") -> Target:
    return Target(service, None, environment)


def chosen(policies: list[Named], target: Target, named: str | None = None) -> list[str]:
    return [one.name for one in choose(policies, target, named)]


@given(GLOBS)
def test_a_glob_matches_what_the_shell_would_match(glob: str) -> None:
    assert [matches(glob, text) for text in TEXTS] == [fnmatchcase(text, glob) for text in TEXTS]


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("checkout-api *", "checkout-* production"),
        ("checkout-* *", "* production"),
        ("checkout-api production", "checkout-api *"),
        ("checkout-api production", "checkout-api prod*"),
        ("*-api *", "* *"),
        ("checkout-*-api *", "checkout-* *"),
    ],
)
def test_the_more_specific_wins_the_service_before_the_environment(more: str, less: str) -> None:
    policies = [spelt("less", less), spelt("more", more)]

    assert chosen(policies, at("checkout-x-api" if "-*-" in more else "checkout-api")) == ["more"]
    refuse_conflicts(policies[0], policies[1:])
    refuse_conflicts(policies[1], policies[:1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("checkout-* *", "*-api *"),
        ("checkout-api production", "checkout-api production"),
        ("checkout-api prod*", "checkout-api *tion"),
        ("* *", "** *"),
        ("a* x", "*b *"),
    ],
)
def test_two_that_are_equally_specific_somewhere_are_refused(one: str, other: str) -> None:
    with pytest.raises(StateError) as caught:
        refuse_conflicts(spelt("one", one), [spelt("other", other)])

    assert caught.value.code is Code.CONFLICT
    assert "'other'" in caught.value.detail


@pytest.mark.parametrize(("one", "other"), [("a* x", "b* x"), ("a* x", "a* y"), ("*a *", "*b *"), ("ab *", "a *")])
def test_two_that_never_match_the_same_do_not_conflict(one: str, other: str) -> None:
    refuse_conflicts(spelt("one", one), [spelt("other", other)])


def test_a_new_version_of_a_policy_does_not_conflict_with_the_old_one() -> None:
    refuse_conflicts(policy("one", "a*"), [policy("one", "a*")])


def scoped(name: str) -> st.SearchStrategy[Named]:
    globs = st.lists(GLOBS, min_size=1, max_size=2).map(tuple)
    return st.builds(lambda services, environments: Named(name, Scope(services, environments)), globs, globs)


def agree(one: Named, other: Named) -> bool:
    try:
        refuse_conflicts(one, [other])
    except StateError:
        return False
    return True


@given(scoped("one"), scoped("other"), scoped("third"))
def test_of_policies_that_were_taken_one_and_the_same_wins_whatever_their_order(
    one: Named, other: Named, third: Named
) -> None:
    taken = [one]
    for new in (other, third):
        if all(agree(new, old) for old in taken):
            taken.append(new)
    for service, environment in itertools.product(["", "a", "ab", "bba", "abab"], repeat=2):
        target = at(service, environment)
        winners = {tuple(chosen(list(order), target)) for order in itertools.permutations(taken)}

        assert len(winners) == 1
        covered = any(policy.scope.covers(service, environment) for policy in taken)
        assert len(winners.pop()) == int(covered)


def test_two_equally_specific_ones_that_slipped_in_are_an_error_and_no_coin_is_tossed() -> None:
    with pytest.raises(StateError, match="equally specific"):
        choose([policy("one", "checkout-*"), policy("other", "*-api")], at("checkout-api"))


def test_a_named_policy_is_judged_besides_the_configured_one() -> None:
    policies = [policy("configured", "checkout-api"), policy("named", "*"), policy("elsewhere", "search")]

    assert chosen(policies, at("checkout-api"), "named") == ["configured", "named"]
    assert chosen(policies, at("checkout-api"), "configured") == ["configured"]
    assert chosen(policies, at("billing"), "named") == ["named"]
    assert chosen([], at("billing")) == []


@pytest.mark.parametrize("named", ["elsewhere", "nowhere"])
def test_a_named_policy_that_does_not_cover_the_target_is_refused(named: str) -> None:
    policies = [policy("configured", "checkout-api"), policy("elsewhere", "search")]

    with pytest.raises(StateError) as caught:
        choose(policies, at("checkout-api"), named)

    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.hint == "name one that does: configured"


def test_without_a_policy_the_mode_is_no_weaker_than_any_policys_for_that_environment() -> None:
    policies = [policy("p", "search", "prod*", Mode.ENFORCE), policy("q", "search", "staging", Mode.ADVISORY)]

    assert strictest(policies, "production", Mode.SHADOW) is Mode.ENFORCE
    assert strictest(policies, "staging", Mode.SHADOW) is Mode.ADVISORY
    assert strictest(policies, "staging", Mode.ENFORCE) is Mode.ENFORCE
    assert strictest(policies, "test", Mode.SHADOW) is Mode.SHADOW


def test_a_misspelt_service_is_answered_with_the_nearest_known_ones() -> None:
    known = [at("checkout-api"), at("checkout-web"), at("billing"), at("checkout-api", "staging")]

    assert nearest(at("chekout-api"), known)[0] == at("checkout-api")
    assert at("billing") not in nearest(at("chekout-api"), known)
    assert nearest(at("zzz"), known) == ()
