"""How evidence of one type and name is judged together, a sentence for each: what counts, what replaces what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.encoding import JsonObject
from shared.judging.ageing import skew
from shared.judging.grouping import Evidence
from shared.judging.values import Basis, Cause, Group, Piece
from tests.helpers.facts import (
    DIGEST,
    NOW,
    OTHER_COMMIT,
    ago,
    changed,
    facts,
    green_tests,
    link,
    piece,
    red_tests,
    stream,
)

KIND = "TEST_RESULTS"
SKIPPED: JsonObject = {"totalTests": 19, "passed": 10, "failed": 0, "errors": 0, "skipped": 9}


def green(id_: str, **changes: object) -> Piece:
    """A green file of its own stream; files are of one report unless they say otherwise."""
    return changed(green_tests(id=id_, content=id_, stream=f"str_{id_}"), changes)


def red(id_: str, **changes: object) -> Piece:
    return changed(red_tests(id=id_, content=id_, stream=f"str_{id_}"), changes)


def posted(made: Piece, **changes: object) -> Piece:
    post: dict[str, Any] = {"basis": Basis.POSTED, "collector": None, "stream": None, "sequence": None}
    return replace(made, **{**post, "source_key": f"post/{made.id}", **changes})


def at(minutes: int) -> dict[str, Any]:
    """Seen and received so many minutes ago."""
    return {"observed_at": ago(minutes=minutes), "received_at": ago(minutes=minutes)}


def group(*pieces: Piece, signed: bool = False, max_age: timedelta | None = None, **changes: object) -> Group:
    [found] = Evidence(facts(*pieces, **{"streams": (), **changes})).groups(
        pieces[0].type, signed=signed, max_age=max_age
    )
    return found


def ids(found: Group) -> list[str]:
    return sorted(one.id for one in found.members)


OLD, NEW = at(30), at(10)
RERUN = {"run": "run-2"}
MEMBERS: list[tuple[str, tuple[Piece, ...], list[str], bool]] = [
    ("files of one run stand side by side", (green("a", source_key="a"), red("b", source_key="b")), ["a", "b"], False),
    ("a newer state of a file replaces it", (red("a", **OLD), green("b", **NEW)), ["b"], True),
    ("a newer state that is red too", (green("a", **OLD), red("b", **NEW)), ["b"], False),
    ("a newer run of a file replaces it", (red("a", **OLD), green("b", **NEW, **RERUN)), ["b"], True),
    (
        "within a stream the sequence is the order, whatever came first",
        (red("a", stream="s", sequence=1, **NEW), green("b", stream="s", sequence=2, **OLD)),
        ["b"],
        True,
    ),
    (
        "what was seen earlier and came later replaces nothing",
        (red("a", **OLD), green("b", observed_at=ago(minutes=40), received_at=ago(minutes=5))),
        ["a", "b"],
        False,
    ),
    ("what was received at one time stands side by side", (red("a"), green("b")), ["a", "b"], False),
    (
        "of one time of receipt the order of storage counts",
        (red("a", arrival=1), green("b", arrival=2)),
        ["b"],
        True,
    ),
    (
        "another file of a newer run does not hide a red one",
        (red("a", source_key="a", **OLD), green("b", source_key="b", **NEW, **RERUN)),
        ["a", "b"],
        False,
    ),
    (
        "a newer run that is whole by its own count replaces an older one",
        (red("a", source_key="a", **OLD), green("b", source_key="b", **NEW, **RERUN, reports=1)),
        ["b"],
        True,
    ),
    (
        "only those of its files that are newer tell that it is whole",
        (
            red("a", source_key="a", **at(20)),
            green("b", source_key="b", **at(30), **RERUN, reports=2),
            green("c", source_key="c", **at(10), **RERUN, reports=2),
        ),
        ["a", "b", "c"],
        False,
    ),
    (
        "a post never replaces what a collector signed",
        (red("a", **OLD), posted(green("b", **NEW), source_key="TEST_RESULTS/Unit Tests")),
        ["a", "b"],
        False,
    ),
    ("a collector's newer word replaces a post", (posted(red("a", **OLD)), green("b", **NEW, **RERUN)), ["b"], True),
    ("but not one of the same run", (posted(red("a", **OLD)), green("b", **NEW)), ["a", "b"], False),
    (
        "a post of a newer run replaces a post",
        (posted(red("a", **OLD)), posted(green("b", **NEW, **RERUN))),
        ["b"],
        True,
    ),
    (
        "a post that names no run replaces none but its own",
        (posted(red("a", **OLD, run=None)), posted(green("b", **NEW, run=None))),
        ["a", "b"],
        False,
    ),
    (
        "a repeat keeps the place of its first",
        (green("a", **at(30)), red("b", **at(20)), green("c", repeat_of="a", content="a", **at(10))),
        ["b"],
        False,
    ),
    (
        "a repeat of what is not known replaces nothing",
        (red("b", **OLD), green("c", repeat_of="gone", **NEW)),
        ["b", "c"],
        False,
    ),
    (
        "the same content counts once",
        (green("a", source_key="a"), green("b", source_key="b", content="a")),
        ["a"],
        True,
    ),
    (
        "streams whose clocks went back make a ring: all of it stays",
        (
            green("a", stream="s", sequence=1, observed_at=ago(minutes=5), received_at=ago(minutes=5)),
            green("b", stream="s", sequence=2, **at(30)),
            red("c", **at(20)),
        ),
        ["a", "b", "c"],
        False,
    ),
]


@pytest.mark.parametrize(("pieces", "members", "passed"), [row[1:] for row in MEMBERS], ids=[row[0] for row in MEMBERS])
def test_what_takes_the_place_of_what(pieces: tuple[Piece, ...], members: list[str], *, passed: bool) -> None:
    for order in (pieces, pieces[::-1]):
        found = group(*order)
        assert (ids(found), found.passed, found.cause) == (members, passed, None)


# --- what does not help ---

DIRECT: dict[str, Any] = {"digests": frozenset({DIGEST})}
BESIDE: dict[str, Any] = {"source_key": "other"}
HELPLESS: list[tuple[str, Piece, dict[str, Any], Cause]] = [
    ("its key was revoked", green("x", held="key_revoked"), {}, Cause.REVOKED),
    ("it is held for another reason", green("x", held="forked"), {}, Cause.HELD),
    ("it has expired", green("x", expires_at=NOW), {}, Cause.STALE),
    ("it is too old", green("x", **at(20)), {"max_age": timedelta(minutes=19)}, Cause.STALE),
    (
        "its sender says that it is too old",
        green("x", observed_at=ago(days=2)),
        {"max_age": timedelta(days=1)},
        Cause.STALE,
    ),
    ("it is declared where a signature is due", green("x", basis=Basis.DECLARED), {"signed": True}, Cause.UNSIGNED),
    ("it is posted where a signature is due", posted(green("x")), {"signed": True}, Cause.UNSIGNED),
    ("it repeats what is not known", green("x", repeat_of="gone"), {"max_age": timedelta(days=1)}, Cause.STALE),
]


@pytest.mark.parametrize(("piece", "asked", "cause"), [row[1:] for row in HELPLESS], ids=[row[0] for row in HELPLESS])
def test_what_does_not_help_neither_passes_alone_nor_hurts_where_it_passed(
    piece: Piece, asked: dict[str, Any], cause: Cause
) -> None:
    alone = group(piece, **asked)
    assert (alone.cause, ids(alone)) == (cause, ["x"])
    assert [one.refused for one in alone.considered] == [cause]
    beside = group(piece, green("y", **at(1), **BESIDE), **asked)
    assert (beside.cause, beside.passed, ids(beside)) == (None, True, ["y"])
    assert [one.id for one in beside.doubted] == ["x"]


@pytest.mark.parametrize(("piece", "asked", "cause"), [row[1:] for row in HELPLESS], ids=[row[0] for row in HELPLESS])
def test_what_does_not_help_counts_where_it_failed_until_something_newer_of_its_kind_is_here(
    piece: Piece, asked: dict[str, Any], cause: Cause
) -> None:
    failed = replace(piece, passed=False, evidence=red("r").evidence)
    beside = group(failed, green("y", **at(1), **BESIDE), **asked)
    assert (beside.cause, beside.passed) == (None, False)
    assert [counts["failed"] for counts, _ in beside.readings] == [3]
    newer = green("y", source_key=failed.source_key, **at(1))
    if not failed.by_collector:
        newer = replace(newer, run="run-2")
    after = group(failed, newer, **asked)
    assert (after.cause, after.passed, ids(after), after.doubted) == (None, True, ["y"], ())
    assert cause


def test_what_is_held_is_read_as_if_it_counted_too() -> None:
    t, held = green("t", **OLD), green("h", held="forked", evidence=SKIPPED, **NEW)
    found = group(t, held)
    assert [(counts["skipped"], size) for counts, size in found.readings] == [(9, 2), (9, 1)]


# --- what speaks against a group ---


def test_contradictions_of_a_file_or_of_others_count_against_its_group_until_it_is_replaced() -> None:
    odd = green("a", evidence={"totalTests": 3, "passed": 4}, **OLD)
    said = green("a", against=("it was said worse",), **OLD)
    for against in (odd, said, replace(odd, held="forked")):
        found = group(against, green("b", source_key="b", **NEW))
        assert (found.cause, found.passed) == (Cause.CONTRADICTED, False)
        assert found.detail
        after = group(against, green("b", **NEW))
        assert (after.cause, after.passed) == (None, True)


def test_while_its_collector_has_entries_waiting_a_group_is_on_its_way() -> None:
    waiting = stream("ci-07", collector="col_1", waiting=14, delivered=False)
    found = group(green("a"), streams=(waiting,))
    assert (found.cause, found.detail) == (Cause.ON_ITS_WAY, "ci-07 has 14 reports waiting")
    other = replace(waiting, collector="col_2", brings=frozenset())
    assert group(green("a"), streams=(other,)).cause is None
    brings = replace(other, delivered=True, brings=frozenset({(KIND, "Unit Tests")}))
    assert group(green("a"), streams=(brings,)).cause is Cause.ON_ITS_WAY


def test_while_fewer_reports_are_here_than_the_run_says_a_group_is_on_its_way() -> None:
    a, b = green("a", source_key="a", reports=2), green("b", source_key="b", reports=2)
    found = group(a)
    assert (found.cause, found.detail) == (Cause.ON_ITS_WAY, "not here yet: 1 report")
    assert group(a, b).cause is None
    assert group(a, replace(b, content="a")).cause is Cause.ON_ITS_WAY
    assert group(a, replace(b, source_key="a", **NEW)).cause is Cause.ON_ITS_WAY
    assert group(a, replace(b, run="run-2")).cause is Cause.ON_ITS_WAY
    assert group(a, replace(b, held="forked")).cause is Cause.ON_ITS_WAY


def test_a_rerun_that_has_only_begun_takes_nothing_from_a_run_that_is_whole() -> None:
    first = (green("a", source_key="a", reports=2, **OLD), green("b", source_key="b", reports=2, **OLD))
    begun = green("c", source_key="a", reports=2, **NEW, **RERUN)
    assert group(*first).cause is None
    assert group(*first, begun).cause is None


# --- names, counts, ages ---


def test_each_name_is_a_group_and_one_can_be_asked_for() -> None:
    evidence = Evidence(facts(green("a"), red("b", name="Lint")))
    assert [(one.name, one.passed) for one in evidence.groups(KIND)] == [("Lint", False), ("Unit Tests", True)]
    assert [one.name for one in evidence.groups(KIND, "Lint")] == ["Lint"]
    assert evidence.groups(KIND, "lint") == ()
    assert evidence.groups("COVERAGE") == ()


COUNTS: list[tuple[str, str, list[JsonObject], JsonObject]] = [
    ("one member says what it says", "SBOM", [{"format": "spdx", "x": None}], {"format": "spdx", "x": None}),
    ("counts are sums", KIND, [{"failed": 1, "errors": 0}, {"failed": 2, "errors": 0}], {"failed": 3, "errors": 0}),
    ("what one does not say is missing", KIND, [{"failed": 0, "errors": 0}, {"errors": 0}], {"errors": 0}),
    ("what is no number is missing", KIND, [{"failed": 0}, {"failed": "0"}], {}),
    ("a sum that is too large is missing", KIND, [{"failed": 2**53}, {"failed": 1}], {}),
    ("other names of a field are that field", KIND, [{"failures": 1}, {"failed": 2}], {"failed": 3}),
    (
        "percentages are worked out anew, and not rounded up",
        "COVERAGE",
        [
            {"coverage": 100, "linesCovered": 1, "linesTotal": 1},
            {"coverage": 79.99, "linesCovered": 79_994, "linesTotal": 99_999},
        ],
        {"coverage": 79.99, "linesCovered": 79_995, "linesTotal": 100_000},
    ),
    ("a percentage without its lines is missing", "COVERAGE", [{"coverage": 90}, {"coverage": 95}], {}),
    ("lists are joined", "SBOM", [{"components": ["a"]}, {"components": ["b"]}], {"components": ["a", "b"]}),
    ("a list that one does not have is missing", "SBOM", [{"components": ["a"]}, {}], {}),
    (
        "what one list left out is left out of the whole",
        "SBOM",
        [{"components": ["a"], "componentsOmitted": 7}, {"components": ["b"]}],
        {"components": ["a", "b"], "componentsOmitted": 7},
    ),
    ("what all say alike stands", "SECURITY_SCAN", [{"tool": "a", "x": 1}, {"tool": "a", "x": 2}], {"tool": "a"}),
    ("true and 1 are not alike", "CUSTOM", [{"x": True}, {"x": 1}], {}),
    (
        "a flag must be true of each",
        "SECURITY_SCAN",
        [{"complete": True}, {"complete": False}],
        {"complete": False},
    ),
    ("a flag that one does not have is missing", "SECURITY_SCAN", [{"complete": True}, {}], {}),
]


@pytest.mark.parametrize(("kind", "each", "whole"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
def test_what_a_group_counts(kind: str, each: list[JsonObject], whole: JsonObject) -> None:
    pieces = [
        replace(piece(kind, "x", evidence), id=f"{n}", source_key=f"{n}", content=f"{n}")
        for n, evidence in enumerate(each)
    ]
    assert group(*pieces).counts == whole


def test_a_group_is_as_old_as_its_oldest_member_and_as_strong_as_its_weakest() -> None:
    a, b = green("a", source_key="a", **at(10)), green("b", source_key="b", basis=Basis.CARRIED, **at(20))
    found = group(a, replace(b, cut=("suites",)))
    assert (found.age, found.weakest, found.signed, found.size) == (timedelta(minutes=20), Basis.CARRIED, False, 2)
    assert found.cut == ("suites",)
    assert group(a).signed
    assert group(a, links=(link(signed=False),)).weakest is Basis.POSTED


def test_what_a_sender_says_about_time_makes_evidence_older_and_never_newer() -> None:
    assert group(green("a", observed_at=ago(hours=3), received_at=ago(hours=1))).age == timedelta(hours=3)
    ahead = green("a", observed_at=NOW + timedelta(hours=3), received_at=ago(hours=1))
    assert group(ahead).age == timedelta(hours=1)
    assert skew(ahead) == timedelta(hours=4)
    assert skew(green("a")) == timedelta(0)


def test_a_post_of_a_link_to_another_commit_does_not_let_its_green_tests_hide_red_ones() -> None:
    elsewhere = green("b", commits=frozenset({OTHER_COMMIT}), **NEW)
    links = (link(), link(id="sha256:post", signed=False, commit=OTHER_COMMIT))
    assert not group(red("a", **OLD), elsewhere, links=links).passed
    both = (link(signed=False), links[1])
    assert not group(red("a", **OLD), elsewhere, links=both).passed


def test_what_is_of_the_digest_itself_is_not_replaced_by_what_a_token_links_to_it() -> None:
    itself = red("a", digests=frozenset({DIGEST}), commits=frozenset(), **OLD)
    assert group(itself, green("b", **NEW)).passed
    assert not group(itself, green("b", **NEW), links=(link(signed=False),)).passed
    assert group(red("a", **OLD), replace(green("b", **NEW), digests=frozenset({DIGEST}), commits=frozenset())).passed


def test_a_link_that_is_held_brings_no_replaced_file_back_where_another_link_still_counts() -> None:
    links = (link(held="key_revoked"), link(id="sha256:post", signed=False))
    assert ids(group(red("a", **OLD), green("b", **NEW), links=links)) == ["b"]


def test_a_post_that_passed_is_no_reading_where_a_signature_is_due() -> None:
    said = posted(green("p", evidence=SKIPPED))
    assert group(green("a"), said, signed=True).readings == ()
    assert len(group(green("a"), replace(said, passed=False), signed=True).readings) == 1


def test_a_signature_that_is_lost_with_a_held_link_is_told_as_held() -> None:
    links = (link(held="key_revoked"), link(id="sha256:post", signed=False))
    found = group(green("a", evidence=SKIPPED), signed=True, links=links)
    assert found.cause is Cause.HELD
    beside = group(green("a"), green("b", digests=frozenset({DIGEST}), **BESIDE), signed=True, links=links)
    assert ([one.id for one in beside.doubted], len(beside.readings)) == (["a"], 1)
