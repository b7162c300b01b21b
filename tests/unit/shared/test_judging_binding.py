"""Which evidence is about a digest, a sentence for each: links are as strong as their weakest end, and not guessed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.judging.binding import Tie, bind
from shared.judging.grouping import Evidence
from shared.judging.near import Off
from shared.judging.values import Basis, Cause, Link, Piece
from tests.helpers.facts import (
    COMMIT,
    DIGEST,
    OTHER_COMMIT,
    ago,
    facts,
    green_tests,
    ingested,
    link,
    request,
)

OTHER_DIGEST = "e" * 64
NOTHING: frozenset[str] = frozenset()
POSTED = link(signed=False, id="sha256:posted")
HELD = link(held="key_revoked")

BOUND: list[tuple[str, Piece, tuple[Link, ...], Tie | None]] = [
    ("the digest is its subject", green_tests(digests=frozenset({DIGEST})), (), Tie.SUBJECT),
    ("the digest is one of its subjects", green_tests(digests=frozenset({DIGEST, OTHER_DIGEST})), (), Tie.SUBJECT),
    ("another digest of the same commit", green_tests(digests=frozenset({OTHER_DIGEST})), (link(),), None),
    ("its commit is linked by a collector", green_tests(), (link(),), Tie.SIGNED),
    ("its commit is linked with a token", green_tests(), (POSTED,), Tie.POSTED),
    ("what is held says the same as what counts", green_tests(), (link(), HELD), Tie.SIGNED),
    ("in whatever order", green_tests(), (HELD, link()), Tie.SIGNED),
    ("both link it", green_tests(), (POSTED, link()), Tie.SIGNED),
    ("what links it is held", green_tests(), (HELD,), Tie.HELD),
    ("what a collector says is held, a token says the same", green_tests(), (HELD, POSTED), Tie.POSTED),
    ("nothing links its commit", green_tests(), (), None),
    ("another digest is linked to its commit", green_tests(), (link(digest=OTHER_DIGEST),), None),
    ("another commit is linked", green_tests(), (link(commit=OTHER_COMMIT),), None),
    ("an abbreviated commit is no commit", green_tests(commits=frozenset({COMMIT[:12]})), (link(),), None),
    ("it names nothing", green_tests(commits=NOTHING), (link(),), None),
]


@pytest.mark.parametrize(("piece", "links", "tie"), [row[1:] for row in BOUND], ids=[row[0] for row in BOUND])
def test_what_binds_evidence_to_the_digest(piece: Piece, links: tuple[Link, ...], tie: Tie | None) -> None:
    linked = bind(facts(piece, links=links)).of(piece)
    assert (None if linked is None else linked.tie) == tie


ANOTHER = link(commit=OTHER_COMMIT, id="sha256:another")
AGAINST: list[tuple[str, str | None, tuple[Link, ...], bool]] = [
    ("the commit that was asked for is linked", COMMIT, (link(),), False),
    ("a prefix of it", COMMIT[:7], (link(),), False),
    ("in capitals", COMMIT.upper(), (link(),), False),
    ("no commit is asked for", None, (link(),), False),
    ("no commit is linked", COMMIT, (), False),
    ("another commit is linked", COMMIT, (ANOTHER,), True),
    ("a longer text than the commit", COMMIT + "0", (link(),), True),
    ("a token links another commit", COMMIT, (replace(ANOTHER, signed=False),), True),
    ("a token links another commit, a collector this one", COMMIT, (link(), replace(ANOTHER, signed=False)), False),
    ("a token links this one, a collector another", COMMIT, (POSTED, ANOTHER), True),
    ("collectors link two", COMMIT, (link(), ANOTHER), True),
    ("collectors link two, one of them is held", COMMIT, (link(), replace(ANOTHER, held="forked")), True),
    ("another digest is linked to another commit", COMMIT, (link(), replace(ANOTHER, digest=OTHER_DIGEST)), False),
    ("the same link twice", COMMIT, (link(), link(id="sha256:again")), False),
]


@pytest.mark.parametrize(("sha", "links", "against"), [row[1:] for row in AGAINST], ids=[row[0] for row in AGAINST])
def test_links_that_contradict_each_other_or_the_request_count_against_all_that_is_bound(
    sha: str | None, links: tuple[Link, ...], *, against: bool
) -> None:
    evidence = Evidence(facts(green_tests(digests=frozenset({DIGEST})), links=links, request=request(source_sha=sha)))
    assert bool(evidence.binding.contradictions) == against
    [group] = evidence.groups("TEST_RESULTS")
    assert group.cause == (Cause.CONTRADICTED if against else None)


def test_a_link_that_came_with_a_token_makes_nothing_signed() -> None:
    evidence = Evidence(facts(green_tests(), links=(POSTED,)))
    [plain] = evidence.groups("TEST_RESULTS")
    [signed] = evidence.groups("TEST_RESULTS", signed=True)
    assert (plain.cause, plain.signed, plain.weakest) == (None, False, Basis.POSTED)
    assert (signed.cause, signed.signed) == (Cause.UNSIGNED, False)


def test_a_held_link_helps_nothing_and_still_binds_what_failed() -> None:
    evidence = Evidence(facts(green_tests(passed=False), green_tests("Other"), links=(HELD,)))
    other, unit = evidence.groups("TEST_RESULTS")
    assert (other.cause, unit.cause) == (Cause.HELD, Cause.HELD)
    assert not unit.passed
    assert not evidence.binding.linked


# --- near misses ---


def test_the_nearest_miss_is_told_first() -> None:
    missed = (
        green_tests("unit tests"),
        green_tests("Unit Tests", id="c", commits=frozenset({OTHER_COMMIT})),
        green_tests("Unit Tests", id="d", digests=frozenset({OTHER_DIGEST})),
        green_tests("Lint", id="e"),
    )
    for order in (missed, missed[::-1]):
        near = Evidence(facts(*order)).near("TEST_RESULTS", "Unit Tests")
        assert [(one.off, one.instead) for one in near] == [
            (Off.NAME, '"unit tests"'),
            (Off.NAME, '"Lint"'),
            (Off.COMMIT, OTHER_COMMIT[:7]),
            (Off.DIGEST, f"sha256:{OTHER_DIGEST[:7]}"),
        ]


def test_what_names_no_full_commit_says_so() -> None:
    [near] = Evidence(facts(green_tests(commits=NOTHING))).near("TEST_RESULTS", None)
    assert (near.off, near.instead) == (Off.COMMIT, "no full commit")


# --- how the target is ---


def test_evidence_on_a_target_counts_for_that_target_alone() -> None:
    here = ingested("health", {"metrics": {"ready": True}})
    elsewhere = (
        replace(here, id="a", environment="staging", name="a"),
        replace(here, id="b", namespace="other", name="b"),
        replace(here, id="c", service="other", name="c"),
        replace(here, id="d", digests=frozenset({OTHER_DIGEST}), name="d"),
        replace(here, id="e", environment=None, name="e"),
    )
    anywhere = replace(here, id="f", namespace=None, name="f")
    groups = Evidence(facts(here, anywhere, *elsewhere)).runtime("health")
    assert [group.name for group in groups] == ["f", "health"]
    assert all(group.counts["ready"] is True for group in groups)


def test_the_newest_word_of_each_source_on_the_target_counts() -> None:
    said = ingested("health", {"ready": False}, passed=False, source="probe", source_key="run-1", arrival=1)
    newer = ingested("health", {"ready": True}, source="probe", source_key="run-1", arrival=2, id="newer")
    other = ingested("health", {"ready": False}, passed=False, source="mesh", source_key="run-3", arrival=1, id="other")
    [group] = Evidence(facts(said, newer)).runtime("health")
    assert (group.passed, group.counts["ready"]) == (True, True)
    [group] = Evidence(facts(said, newer, other)).runtime("health")
    assert (group.passed, [one.counts["ready"] for one in group.readings]) == (False, [False])


def pod(name: str, *, ready: bool, minutes: int, **changes: object) -> Piece:
    """What one probe says of one pod."""
    seen = {"received_at": ago(minutes=minutes), "observed_at": ago(minutes=minutes)}
    said: dict[str, object] = {"source": "k8s", "source_key": f"k8s/{name}", "id": f"{name}-{minutes}", "passed": ready}
    said["content"] = f"{name}{minutes}"
    return ingested("health", {"metrics": {"ready": ready}}, **{**said, **seen, **changes})


@pytest.mark.parametrize(
    "other",
    [
        pod("b", ready=True, minutes=4),
        pod("a", ready=True, minutes=4, namespace=None),
        pod("a", ready=True, minutes=4, source="mesh"),
        pod("a", ready=True, minutes=4, source_key="another"),
    ],
)
def test_one_that_is_not_ready_is_hidden_by_no_other_pod_namespace_or_source(other: Piece) -> None:
    no = pod("a", ready=False, minutes=5)
    [group] = Evidence(facts(no, other)).runtime("health")
    assert not group.passed
    [group] = Evidence(facts(no, other, pod("a", ready=True, minutes=3))).runtime("health")
    assert group.passed


def test_a_voice_that_fell_silent_says_nothing_more_but_a_no() -> None:
    limit = timedelta(minutes=15)
    old, fresh = pod("a", ready=True, minutes=60), pod("b", ready=True, minutes=1)
    [alone] = Evidence(facts(old)).runtime("health", max_age=limit)
    assert alone.cause is Cause.STALE
    [beside] = Evidence(facts(old, fresh)).runtime("health", max_age=limit)
    assert (beside.cause, beside.passed, beside.age) == (None, True, timedelta(minutes=1))
    [no] = Evidence(facts(pod("a", ready=False, minutes=60), fresh)).runtime("health", max_age=limit)
    assert not no.passed


def test_of_one_source_that_tells_by_releases_the_later_release_counts() -> None:
    before, after = pod("a", ready=False, minutes=5, run="gh-1"), pod("b", ready=True, minutes=4, run="gh-2")
    [group] = Evidence(facts(before, after)).runtime("health")
    assert group.passed
    [group] = Evidence(facts(before, replace(after, source="mesh"))).runtime("health")
    assert not group.passed
