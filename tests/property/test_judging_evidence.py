"""Whatever is known, in whatever order: nothing that is taken away, held or grows old makes a release look better."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.encoding import JsonObject
from shared.judging.ageing import Asked
from shared.judging.alone import alone
from shared.judging.counting import together
from shared.judging.grouping import _REPORT, _VOICE, Evidence
from shared.judging.one_group import _Judging, judged
from shared.judging.ordering import work
from shared.judging.plain import plain as plain_of
from shared.judging.values import Basis, Facts, Group, Link, Piece
from tests.helpers.facts import COMMIT, DIGEST, NOW, OTHER_COMMIT, TARGET, by_chain, facts, ingested, link, stream

START = NOW - timedelta(hours=10)
OTHER_DIGEST = "e" * 64
NAME = "Unit Tests"

FEW = settings(max_examples=40)


# --- what a rule may ask ---


@dataclass(frozen=True)
class Asks:
    """A rule's test: signed, not older than so many hours, and a condition on the counts."""

    signed: bool
    hours: int | None
    where: str


def at_most(name: str, most: int) -> Callable[[JsonObject, int], bool]:
    return lambda counts, _size: isinstance(value := counts.get(name), int) and value <= most


def at_least(name: str, least: int) -> Callable[[JsonObject, int], bool]:
    return lambda counts, _size: isinstance(value := counts.get(name), int) and value >= least


WHERE: dict[str, Callable[[JsonObject, int], bool]] = {
    "": lambda _counts, _size: True,
    "failed == 0": at_most("failed", 0),
    "skipped <= 2": at_most("skipped", 2),
    "totalTests >= 25": at_least("totalTests", 25),
    "group.size >= 2": lambda _counts, size: size >= 2,
}
SUMS = ("", "failed == 0")
"""What passed adds nothing to these sums that speaks against it."""


def holds(known: Facts, asks: Asks) -> bool:
    found = Evidence(known).groups("TEST_RESULTS", NAME, signed=asks.signed, max_age=hours(asks.hours))
    return bool(found) and all(met(group, asks) for group in found)


def met(group: Group, asks: Asks) -> bool:
    fits = all(WHERE[asks.where](one.counts, one.size) for one in group.readings)
    return group.cause is None and group.passed and fits and (group.signed or not asks.signed)


def fits(piece: Piece, asks: Asks) -> bool:
    """Whether a piece passed, and the tests of the rule: what fails one may hide something older that does not."""
    old = asks.hours is not None and NOW - min(piece.observed_at, piece.received_at) > timedelta(hours=asks.hours)
    return piece.passed and not old and (piece.signed or not asks.signed)


def hours(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(hours=number)


# --- worlds ---


@st.composite
def pieces(draw: st.DrawFn) -> tuple[Piece, ...]:
    """Files of a few reports and runs, seen by two collectors whose streams are late, and posts among them."""
    reports = draw(st.sampled_from([None, None, 1, 2]))
    made: list[Piece] = []
    sequences = {"one": 0, "two": 0}
    seen = {"one": START, "two": START}
    for index in range(draw(st.integers(1, 7))):
        voice = draw(st.sampled_from(["one", "one", "two", "post"]))
        key, passed = draw(st.sampled_from("ab")), draw(st.sampled_from([True, True, False]))
        skipped = draw(st.sampled_from([0, 0, 1, 3]))
        base = plain(index, passed=passed, skipped=skipped, key=key)
        run = draw(st.sampled_from([None, "run-1", "run-2"]))
        gap, late = draw(st.integers(1, 60)), draw(st.integers(0, 120))
        if voice == "post":
            at = START + timedelta(minutes=gap * 5)
            piece = replace(base, basis=Basis.POSTED, observed_at=at, received_at=at + timedelta(minutes=late))
            piece = replace(piece, source_key=f"post/{key}", run=run)
        else:
            seen[voice] += timedelta(minutes=gap)
            piece = replace(
                base,
                basis=draw(st.sampled_from([Basis.MEASURED, Basis.MEASURED, Basis.DECLARED])),
                collector=f"col_{voice}",
                stream=f"str_{voice}",
                sequence=sequences[voice],
                observed_at=seen[voice],
                received_at=seen[voice] + timedelta(minutes=late),
                run=run,
                reports=reports,
            )
            sequences[voice] += 1
        made.append(draw(changed(piece, made)))
    return by_chain(made)


@st.composite
def changed(draw: st.DrawFn, piece: Piece, before: list[Piece]) -> Piece:
    """Bind a piece in some way, hold it perhaps, or make it a repeat of an earlier one."""
    commits = draw(st.sampled_from([{COMMIT}, {COMMIT}, {OTHER_COMMIT}, set()]))
    direct = not commits or draw(st.booleans())
    piece = replace(piece, commits=frozenset(commits), digests=frozenset({DIGEST}) if direct else frozenset())
    piece = replace(piece, held=draw(st.sampled_from([None, None, None, "key_revoked", "forked"])))
    firsts = [one for one in before if one.by_collector and one.repeat_of is None]
    if firsts and piece.by_collector and draw(st.integers(0, 4)) == 0:
        first = draw(st.sampled_from(firsts))
        kept = {"source_key": first.source_key, "content": first.content, "evidence": first.evidence}
        return replace(piece, **kept, passed=first.passed, run=first.run, repeat_of=first.id)  # type: ignore[arg-type]
    return piece


def plain(index: int, *, passed: bool, skipped: int, key: str) -> Piece:
    failed = 0 if passed else 1
    counts: JsonObject = {"totalTests": 10 + skipped, "passed": 10 - failed, "failed": failed, "errors": 0}
    counts["skipped"] = skipped
    return Piece(
        id=f"sha256:{index:02}",
        type="TEST_RESULTS",
        name=NAME,
        basis=Basis.MEASURED,
        passed=passed,
        evidence=counts,
        received_at=START,
        observed_at=START,
        source_key=key,
        content=f"{key}/{index // 2}/{passed}/{skipped}",
        arrival=index,
    )


LINKS = st.lists(
    st.builds(
        lambda n, commit, signed, held: link(id=f"sha256:link-{n}", commit=commit, signed=signed, held=held),
        st.integers(0, 99),
        st.sampled_from([COMMIT, COMMIT, COMMIT, OTHER_COMMIT]),
        st.booleans(),
        st.sampled_from([None, None, None, "key_revoked"]),
    ),
    max_size=3,
    unique_by=lambda one: one.id,
).map(tuple)
ASKS = st.builds(Asks, st.booleans(), st.sampled_from([None, 4, 8]), st.sampled_from(sorted(WHERE)))


def world(made: tuple[Piece, ...], links: tuple[Link, ...], asked: str | None = None) -> Facts:
    known = facts(*made, links=links, streams=())
    return replace(known, request=replace(known.request, source_sha=asked))


WORLDS = st.builds(world, pieces(), LINKS, st.sampled_from([None, COMMIT[:7]]))


# --- order ---


@FEW
@given(WORLDS, ASKS, st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_given_means_nothing(known: Facts, asks: Asks, rng: random.Random) -> None:
    evidence, links = list(known.evidence), list(known.links)
    rng.shuffle(evidence)
    rng.shuffle(links)
    shuffled = replace(known, evidence=tuple(evidence), links=tuple(links))
    asked = {"signed": asks.signed, "max_age": hours(asks.hours)}
    assert Evidence(shuffled).groups("TEST_RESULTS", **asked) == Evidence(known).groups("TEST_RESULTS", **asked)  # type: ignore[arg-type]
    assert Evidence(shuffled).binding == Evidence(known).binding
    assert Evidence(shuffled).near("TEST_RESULTS", "x") == Evidence(known).near("TEST_RESULTS", "x")


@FEW
@given(pieces(), ASKS, st.randoms(use_true_random=False))
def test_within_a_stream_the_order_of_arrival_means_nothing(
    made: tuple[Piece, ...], asks: Asks, rng: random.Random
) -> None:
    alone = [one for one in made if one.stream == "str_one"]
    arrivals: list[tuple[datetime, int]] = [(NOW - timedelta(minutes=n), -n) for n in range(len(alone))]
    results = []
    for _ in range(2):
        rng.shuffle(arrivals)
        came = [replace(one, received_at=at, arrival=n) for one, (at, n) in zip(alone, arrivals, strict=True)]
        results.append(holds(world(by_chain(came), (link(),)), asks))
    assert results[0] == results[1]


# --- monotone ---


@FEW
@given(WORLDS, ASKS.filter(lambda asks: asks.where in SUMS), st.data())
def test_taking_away_what_passed_never_helps(known: Facts, asks: Asks, data: st.DataObject) -> None:
    passed = [one.id for one in known.evidence if fits(one, asks) and not alone(one).against]
    gone = data.draw(st.sets(st.sampled_from(passed)) if passed else st.just(set[str]())) - says_how_many(known)
    fewer = replace(known, evidence=tuple(one for one in known.evidence if one.id not in gone))
    assert holds(known, asks) or not holds(fewer, asks)


def says_how_many(known: Facts) -> set[str]:
    """The first piece of each run that is bound and says how many reports it has: without any nobody knows that it ran.

    What its stream then lacks is for `collection` to tell.
    """
    binds = Evidence(known).binding.of
    said = [one for one in known.evidence if one.reports is not None and binds(one) is not None]
    return set({made: one.id for one in reversed(said) if (made := work(one)) is not None}.values())


@FEW
@given(WORLDS, ASKS, st.data())
def test_holding_anything_never_helps(known: Facts, asks: Asks, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(["key_revoked", "forked"]))
    one = data.draw(st.sampled_from(known.evidence))
    evidence = tuple(replace(piece, held=code) if piece is one else piece for piece in known.evidence)
    links = known.links
    if data.draw(st.booleans()) and links:
        held = data.draw(st.sampled_from(links))
        links = tuple(replace(each, held=code) if each is held else each for each in links)
        evidence = data.draw(st.sampled_from([evidence, known.evidence]))
    worse = replace(known, evidence=evidence, links=links)
    assert holds(known, asks) or not holds(worse, asks)


@FEW
@given(WORLDS, ASKS, st.integers(0, 12), st.data())
def test_growing_old_never_helps(known: Facts, asks: Asks, later: int, data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(known.evidence))
    expiring = tuple(replace(each, expires_at=NOW) if each is one else each for each in known.evidence)
    older = replace(known, now=NOW + timedelta(hours=later), evidence=expiring)
    assert holds(known, asks) or not holds(older, asks)


@FEW
@given(WORLDS, ASKS, st.integers(0, 12), st.data())
def test_a_sender_who_says_that_it_is_older_never_helps(
    known: Facts, asks: Asks, earlier: int, data: st.DataObject
) -> None:
    ones = data.draw(st.sets(st.sampled_from([one.id for one in known.evidence])))
    back = timedelta(hours=earlier)
    older = (replace(one, observed_at=one.observed_at - back) if one.id in ones else one for one in known.evidence)
    assert holds(known, asks) or not holds(replace(known, evidence=tuple(older)), asks)


@FEW
@given(WORLDS, ASKS, st.data())
def test_what_a_collector_no_longer_measured_itself_never_helps(known: Facts, asks: Asks, data: st.DataObject) -> None:
    ones = data.draw(st.sets(st.sampled_from([one.id for one in known.evidence])))
    worse = (
        replace(one, basis=Basis.DECLARED) if one.id in ones and one.by_collector else one for one in known.evidence
    )
    assert holds(known, asks) or not holds(replace(known, evidence=tuple(worse)), asks)


# --- how a target stands ---


@st.composite
def voices(draw: st.DrawFn) -> Facts:
    """What a few probes say of a few pods, and a collector among them, some of it held, some long ago."""
    made = []
    for index in range(draw(st.integers(1, 6))):
        ready = draw(st.sampled_from([True, True, False]))
        minutes, late = draw(st.integers(0, 40)), draw(st.integers(0, 10))
        said = ingested(
            "health",
            {"metrics": {"ready": ready}},
            id=f"sha256:{index:02}",
            passed=ready,
            content=f"{index}",
            source=draw(st.sampled_from(["k8s", "mesh"])),
            source_key=draw(st.sampled_from(["pod-a", "pod-b"])),
            namespace=draw(st.sampled_from([TARGET.namespace, None])),
            run=draw(st.sampled_from([None, None, "gh-1", "gh-2"])),
            held=draw(st.sampled_from([None, None, None, "key_revoked"])),
            received_at=NOW - timedelta(minutes=minutes),
            observed_at=NOW - timedelta(minutes=minutes + late),
            arrival=index,
        )
        if draw(st.integers(0, 3)) == 0:
            said = replace(said, collector="col", stream="str", sequence=index, basis=Basis.CARRIED)
        made.append(said)
    return facts(*by_chain(made), streams=())


def is_ready(known: Facts) -> bool:
    found = Evidence(known).runtime("health", max_age=timedelta(minutes=15))
    return bool(found) and all(
        one.cause is None and one.passed and all(each.counts["ready"] is True for each in one.readings) for one in found
    )


@FEW
@given(voices(), st.sampled_from(["lose", "hold", "age", "wait", "expire"]), st.data())
def test_nothing_that_is_taken_away_held_or_grows_old_makes_a_target_look_better(
    known: Facts, how: str, data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(known.evidence))
    changes: dict[str, Callable[[Piece], tuple[Piece, ...]]] = {
        "lose": lambda piece: () if piece.passed else (piece,),
        "hold": lambda piece: (replace(piece, held="forked"),),
        "age": lambda piece: (replace(piece, observed_at=piece.observed_at - timedelta(minutes=20)),),
        "expire": lambda piece: (replace(piece, expires_at=NOW),),
        "wait": lambda piece: (piece,),
    }
    worse = [after for piece in known.evidence for after in (changes[how](piece) if piece is one else (piece,))]
    later = NOW + timedelta(minutes=10) if how == "wait" else NOW
    assert is_ready(known) or not is_ready(replace(known, evidence=tuple(worse), now=later))


# --- what never helps ---


@FEW
@given(WORLDS, pieces(), ASKS)
def test_evidence_of_another_digest_changes_nothing(known: Facts, others: tuple[Piece, ...], asks: Asks) -> None:
    foreign = tuple(
        replace(one, id=f"{one.id}-x", digests=frozenset({OTHER_DIGEST}), repeat_of=None, stream=f"{one.stream}-x")
        for one in others
    )
    links = tuple(replace(one, id=f"{one.id}-x", digest=OTHER_DIGEST) for one in known.links)
    more = replace(known, evidence=known.evidence + foreign, links=known.links + links)
    asked = {"signed": asks.signed, "max_age": hours(asks.hours)}
    assert Evidence(more).groups("TEST_RESULTS", **asked) == Evidence(known).groups("TEST_RESULTS", **asked)  # type: ignore[arg-type]


@FEW
@given(WORLDS, ASKS.filter(lambda asks: asks.signed), st.sampled_from([COMMIT, OTHER_COMMIT]))
def test_an_unsigned_link_never_helps_where_a_signature_is_due(known: Facts, asks: Asks, commit: str) -> None:
    more = replace(known, links=(*known.links, link(id="sha256:more", signed=False, commit=commit)))
    assert holds(known, asks) or not holds(more, asks)


@FEW
@given(WORLDS, ASKS)
def test_a_post_that_passed_changes_nothing_where_a_signature_is_due(known: Facts, asks: Asks) -> None:
    asks = replace(asks, signed=True)
    post = replace(plain(50, passed=True, skipped=3, key="c"), basis=Basis.POSTED, digests=frozenset({DIGEST}))
    more = replace(known, evidence=(*known.evidence, replace(post, received_at=NOW, observed_at=NOW)))
    assert holds(known, asks) == holds(more, asks)


# --- the quick way says what the long way says ---


@settings(max_examples=150, deadline=None)
@given(WORLDS | voices(), ASKS)
def test_a_plain_group_is_what_sorting_it_out_would_make_of_it(known: Facts, asks: Asks) -> None:
    evidence = Evidence(known)
    asked = Asked(NOW, signed=asks.signed, max_age=hours(asks.hours))
    for way, piles in ((_REPORT, evidence._bound), (_VOICE, evidence._there)):  # noqa: SLF001 - no rule asks for these
        for pile in (pile for named in piles.values() for pile in named.values()):
            if plain_of(pile, asked, fleeting=way.fleeting) is not None:
                sorted_out = _Judging(pile, asked, way).group((), ())
                assert in_one_order(judged(pile, asked, way)) == in_one_order(sorted_out)


def in_one_order(group: Group) -> object:
    """A group as rules see it: in which order its members are says nothing."""
    reading = group.reading
    members = sorted(one.id for one in reading.members)
    return group._replace(reading=reading._replace(members=())), members


def test_what_members_say_together_does_not_rest_on_the_order_in_which_they_are_given() -> None:
    said: list[JsonObject] = [
        {"totalTests": 3, "passed": 3, "suites": [{"name": "b"}], "durationSeconds": 0.1},
        {"totalTests": 2, "passed": 2, "suites": [{"name": "a"}], "durationSeconds": 0.2},
        {"totalTests": 1, "passed": 1, "suites": [{"name": "c"}], "durationSeconds": 0.3},
    ]
    pieces = [replace(plain(at, passed=True, skipped=0, key=f"{3 - at}"), evidence=one) for at, one in enumerate(said)]
    together_of = [together("TEST_RESULTS", [alone(one) for one in order]) for order in itertools.permutations(pieces)]
    assert all(one == together_of[0] for one in together_of)
    assert together_of[0] == {
        "totalTests": 6, "passed": 6, "suites": [{"name": "c"}, {"name": "a"}, {"name": "b"}], "durationSeconds": 0.6
    }  # fmt: skip


# --- red cannot hide ---


FILES = 400
RED = 13


@dataclass(frozen=True)
class Copy:
    """One observer's copy of a file."""

    file: int
    observer: str
    attempt: int


def copy(one: Copy, sequence: int, arrival: int, files: int = FILES) -> Piece:
    passed = one.file != RED or one.attempt == 2
    received = NOW - timedelta(hours=5) + timedelta(seconds=arrival)
    # The files of the first attempt lay about for hours; it was looked at before the second one was made.
    seen = START + timedelta(seconds=one.file) if one.attempt == 1 else received
    return replace(
        plain(one.file, passed=passed, skipped=0, key=f"file-{one.file}"),
        id=f"sha256:{one.observer}-{sequence}-{one.attempt}",
        content=f"{one.file}/{one.attempt if one.file == RED else 1}",
        collector=f"col_{one.observer}",
        stream=f"str_{one.observer}",
        sequence=sequence,
        run="run-1",
        reports=files,
        commits=frozenset({COMMIT}),
        observed_at=seen,
        received_at=received,
        arrival=arrival,
    )


def arriving(rng: random.Random, files: int) -> list[Piece]:
    """Give both observers' copies as they arrive: shuffled, some lost, the red one last of all half the time."""
    copies = [Copy(file, observer, 1) for observer in ("a", "b") for file in range(files)]
    sequences = {one: place for place, one in enumerate(rng.sample(copies, len(copies)))}
    came = [one for one in copies if rng.random() > 0.02 or one.file == RED]
    rng.shuffle(came)
    if rng.random() < 0.5:
        came.sort(key=lambda one: one.file == RED)
    return [copy(one, sequences[one], place, files) for place, one in enumerate(came)]


SIGNED = Asks(signed=True, hours=None, where="failed == 0")


@pytest.mark.parametrize("seed", range(20))
def test_one_red_file_of_400_is_never_hidden_by_the_others(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - orders of arrival, not secrets
    here = arriving(rng, FILES)
    again = [replace(one, id=f"{one.id}-again", repeat_of=one.id, arrival=9000) for one in rng.sample(here, 20)]
    for number in (rng.randrange(1, len(here)), len(here) - 1, len(here)):
        feeding = (stream("a", collector="col_a", waiting=rng.choice([0, len(here) - number])),)
        known = by_chain((*here[:number], *(again if number == len(here) else ())))
        assert not holds(facts(*known, streams=feeding), SIGNED)
    missing = sorted({f"file-{n}" for n in range(FILES)} - {one.source_key for one in here})
    filled = [copy(Copy(int(one.removeprefix("file-")), "a", 1), 6000 + n, 9002) for n, one in enumerate(missing)]
    assert not holds(facts(*by_chain((*here, *again, *filled)), streams=()), SIGNED)
    retried = copy(Copy(RED, "a", 2), 5000, 9001)
    assert holds(facts(*by_chain((*here, *again, *filled, retried)), streams=()), SIGNED)


def test_asked_after_each_file_the_answer_is_no_until_all_are_green() -> None:
    here = arriving(random.Random(7), 40)  # noqa: S311 - as above
    for number in range(len(here) + 1):
        assert not holds(facts(*by_chain(here[:number]), streams=()), SIGNED)


def test_a_late_copy_of_the_red_file_counts_until_that_observer_has_seen_the_green_one() -> None:
    red, green = copy(Copy(RED, "a", 1), 1, 1, 1), copy(Copy(RED, "a", 2), 2, 2, 1)
    late = copy(Copy(RED, "b", 1), 1, 3, 1)
    assert holds(facts(red, green, streams=()), SIGNED)
    assert not holds(facts(red, green, late, streams=()), SIGNED)
    assert holds(facts(red, green, late, copy(Copy(RED, "b", 2), 2, 4, 1), streams=()), SIGNED)


def test_a_late_copy_of_an_older_green_file_does_not_hide_the_red_one() -> None:
    red = replace(copy(Copy(RED, "a", 1), 2, 1, 1), observed_at=START + timedelta(hours=1))
    late = replace(copy(Copy(RED, "b", 2), 1, 2, 1), observed_at=START)
    assert not holds(facts(red, late, streams=()), SIGNED)
