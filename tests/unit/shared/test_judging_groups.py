"""How evidence of one type and name is judged together, a sentence for each: what counts, what replaces what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.encoding import JsonObject
from shared.errors import MalformedError
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


def speaking(found: Group) -> list[str]:
    return sorted(one.id for one in (*found.members, *found.doubted))


OLD, NEW = at(30), at(10)
RERUN = {"run": "run-2"}
MEMBERS: list[tuple[str, tuple[Piece, ...], list[str], bool]] = [
    ("files of one run stand side by side", (green("a", source_key="a"), red("b", source_key="b")), ["a", "b"], False),
    ("a newer state of a file replaces it", (red("a", **OLD), green("b", **NEW)), ["b"], True),
    ("a newer state that is red too", (green("a", **OLD), red("b", **NEW)), ["b"], False),
    ("a newer run of a file replaces it", (red("a", **OLD), green("b", **NEW, **RERUN)), ["b"], True),
    (
        "within a stream the sequence is the order, whatever came first",
        (red("a", stream="s", sequence=1, **OLD), green("b", stream="s", sequence=2, arrival=0, **OLD)),
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
        "of one time of receipt a source's posts stand in the order of storage",
        (posted(red("a", arrival=1), source_key="p"), posted(green("b", arrival=2), source_key="p")),
        ["b"],
        True,
    ),
    (
        "a copy that was made before the red one was here does not hide it, though it came later",
        (red("a", **at(20)), green("b", observed_at=ago(minutes=25), received_at=ago(minutes=10))),
        ["a", "b"],
        False,
    ),
    (
        "nor if the red one's clock is behind",
        (
            red("a", observed_at=ago(minutes=60), received_at=ago(minutes=20)),
            green("b", observed_at=ago(minutes=25), received_at=ago(minutes=10)),
        ),
        ["a", "b"],
        False,
    ),
    (
        "a later run of another job replaces nothing",
        (
            red("a", source_key="unit/a", reports=2, **OLD),
            green("b", source_key="unit/b", reports=2, **OLD),
            green("c", source_key="win/a", reports=1, job="win", **NEW, **RERUN),
        ),
        ["a", "b", "c"],
        False,
    ),
    (
        "nor does one of another repository",
        (red("a", source_key="a", **OLD), green("b", source_key="b", repository="x", reports=1, **NEW, **RERUN)),
        ["a", "b"],
        False,
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
    ("nor one that names no run", (posted(red("a", **OLD)), green("b", run=None, **NEW)), ["a", "b"], False),
    (
        "a newer run that another source posts does not",
        (posted(red("a", source="x", **OLD)), posted(green("b", source="y", **NEW, **RERUN))),
        ["a", "b"],
        False,
    ),
    (
        "a post never replaces what another voice posted",
        (
            posted(red("a", **OLD), source_key="post", source="ci", voice="one"),
            posted(green("b", **NEW, **RERUN), source_key="post", source="ci", voice="two"),
        ),
        ["a", "b"],
        False,
    ),
    (
        "but what its own voice posted",
        (
            posted(red("a", **OLD), source_key="post", source="ci", voice="one"),
            posted(green("b", **NEW), source_key="post", source="ci", voice="one"),
        ),
        ["b"],
        True,
    ),
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
        "a repeat of a repeat keeps the place of the first of all",
        (
            green("a", stream="s", sequence=1, **at(30)),
            red("b", stream="s", sequence=2, **at(20)),
            green("c", stream="s", sequence=3, repeat_of="a", content="a", **at(10)),
            green("d", stream="s", sequence=4, repeat_of="c", content="a", **at(5)),
        ),
        ["b"],
        False,
    ),
]


@pytest.mark.parametrize(("pieces", "members", "passed"), [row[1:] for row in MEMBERS], ids=[row[0] for row in MEMBERS])
def test_what_takes_the_place_of_what(pieces: tuple[Piece, ...], members: list[str], *, passed: bool) -> None:
    for order in (pieces, pieces[::-1]):
        found = group(*order)
        assert (speaking(found), found.passed, found.cause) == (members, passed, None)


# --- what does not help ---

DIRECT: dict[str, Any] = {"digests": frozenset({DIGEST})}
BESIDE: dict[str, Any] = {"source_key": "other"}
IDLE: list[tuple[str, Piece, dict[str, Any], Cause]] = [
    ("its key was revoked", green("x", held="key_revoked"), {}, Cause.REVOKED),
    ("it is held for another reason", green("x", held="forked"), {}, Cause.HELD),
    ("it is posted where a signature is due", posted(green("x")), {"signed": True}, Cause.UNSIGNED),
]
"""What neither helps nor hurts if it passed: nobody that is trusted said it."""
UNFIT: list[tuple[str, Piece, dict[str, Any], Cause]] = [
    ("it has expired", green("x", expires_at=NOW), {}, Cause.STALE),
    ("it is too old", green("x", observed_at=ago(minutes=20)), {"max_age": timedelta(minutes=19)}, Cause.STALE),
    (
        "its sender says that it is too old",
        green("x", observed_at=ago(days=2)),
        {"max_age": timedelta(days=1)},
        Cause.STALE,
    ),
    ("it is declared where a signature is due", green("x", basis=Basis.DECLARED), {"signed": True}, Cause.UNSIGNED),
    ("it repeats what is not known", green("x", repeat_of="gone"), {"max_age": timedelta(days=1)}, Cause.STALE),
]
"""What fails a test of the rule: it is selected first, and nothing stands in for it."""
HELPLESS = [*IDLE, *UNFIT]


@pytest.mark.parametrize(("piece", "asked", "cause"), [row[1:] for row in IDLE], ids=[row[0] for row in IDLE])
def test_what_does_not_help_neither_passes_alone_nor_hurts_where_it_passed(
    piece: Piece, asked: dict[str, Any], cause: Cause
) -> None:
    alone = group(piece, **asked)
    assert (alone.cause, ids(alone)) == (cause, ["x"])
    assert [one.refused for one in alone.considered] == [cause]
    beside = group(piece, green("y", **at(1), **BESIDE), **asked)
    assert (beside.cause, beside.passed, ids(beside)) == (None, True, ["y"])
    assert [one.id for one in beside.doubted] == ["x"]


@pytest.mark.parametrize(("piece", "asked", "cause"), [row[1:] for row in UNFIT], ids=[row[0] for row in UNFIT])
def test_what_is_selected_and_fails_a_test_is_not_covered_by_others_nor_replaced_by_something_older(
    piece: Piece, asked: dict[str, Any], cause: Cause
) -> None:
    assert group(piece, **asked).cause is cause
    for other in (green("y", **at(1), **BESIDE), green("y", **at(19))):
        for of_it in (piece, replace(piece, held="forked")):
            assert group(of_it, other, **asked).cause is cause
    newer = green("z", **at(1))
    assert group(piece, newer, **asked).cause is None


@pytest.mark.parametrize(("piece", "asked", "cause"), [row[1:] for row in HELPLESS], ids=[row[0] for row in HELPLESS])
def test_what_does_not_help_counts_where_it_failed_until_something_newer_of_its_kind_is_here(
    piece: Piece, asked: dict[str, Any], cause: Cause
) -> None:
    failed = replace(piece, passed=False, evidence=red("r").evidence)
    beside = group(failed, green("y", **at(1), **BESIDE), **asked)
    assert beside.cause is (cause if (piece, asked, cause) in [row[1:] for row in UNFIT] else None)
    assert not beside.passed
    assert [one.counts["failed"] for one in beside.readings if one.counts["failed"]] == [3]
    newer = green("y", source_key=failed.source_key, **at(1))
    if not failed.by_collector:
        newer = replace(newer, run="run-2")
    after = group(failed, newer, **asked)
    assert (after.cause, after.passed, ids(after), after.doubted) == (None, True, ["y"], ())


def test_what_is_held_is_read_as_if_it_counted_too() -> None:
    t, held = green("t", **OLD), green("h", held="forked", evidence=SKIPPED, **NEW)
    found = group(t, held)
    assert [(one.counts["skipped"], one.size) for one in found.readings] == [(0, 1), (9, 1)]


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


def test_a_rerun_that_has_only_begun_is_waited_for() -> None:
    first = (green("a", source_key="a", reports=2, **OLD), green("b", source_key="b", reports=2, **OLD))
    begun = green("c", source_key="a", reports=2, **NEW, **RERUN)
    assert group(*first).cause is None
    found = group(*first, begun)
    assert (found.cause, found.detail) == (Cause.ON_ITS_WAY, "not here yet: 1 report")
    assert group(*first, begun, green("d", source_key="b", reports=2, **NEW, **RERUN)).cause is None


def test_reports_are_counted_by_run_and_job_and_none_of_another_makes_up_for_what_one_lacks() -> None:
    a, b = green("a", source_key="a", reports=2, **OLD), green("b", source_key="b", reports=2, **OLD)
    alone = group(a)
    assert (alone.cause, alone.detail) == (Cause.ON_ITS_WAY, "not here yet: 1 report")
    others = [
        green("c", source_key="c", **NEW, **RERUN),
        green("c", source_key="c", job="win", reports=1, **NEW),
        posted(green("c", **NEW)),
        posted(green("c", reports=1, **NEW, **RERUN)),
        green("c", source_key="c", repository="acme/other", reports=1, **NEW, **RERUN),
    ]
    for other in others:
        assert group(a, other).cause is Cause.ON_ITS_WAY
        assert group(a, b, other).cause is None
    most = group(a, replace(b, reports=400))
    assert (most.cause, most.detail) == (Cause.ON_ITS_WAY, "not here yet: 398 reports")
    whole_rerun = [green(one, source_key=one, reports=2, **NEW, **RERUN) for one in ("c", "d")]
    assert group(a, *whole_rerun).cause is None
    assert group(a, replace(b, job="win", source_key="b"), *whole_rerun).cause is Cause.ON_ITS_WAY


def test_what_a_later_run_of_the_job_left_behind_grows_old_without_harm_and_still_counts_where_it_failed() -> None:
    day = timedelta(days=1)
    nightly = green("a", source_key="scan-1", **at(3 * 24 * 60)), green("b", source_key="scan-2", **NEW, **RERUN)
    assert group(nightly[0], max_age=day).cause is Cause.STALE
    found = group(*nightly, max_age=day)
    assert (found.cause, found.passed, ids(found)) == (None, True, ["b"])
    failed = replace(nightly[0], passed=False, evidence=red("r").evidence)
    found = group(failed, nightly[1], max_age=day)
    assert (found.passed, [one.counts["failed"] for one in found.readings]) == (False, [0, 3])


def test_a_stream_that_is_told_out_of_its_order_is_not_judged() -> None:
    late, early = green("a", stream="s", sequence=1, **NEW), red("b", stream="s", sequence=2, **OLD)
    with pytest.raises(MalformedError, match="known since later"):
        group(late, early)


def test_what_tokens_bring_lends_no_weight_to_what_collectors_signed() -> None:
    half: JsonObject = {"coverage": 50.0, "linesCovered": 500, "linesTotal": 1000}
    full: JsonObject = {"coverage": 100.0, "linesCovered": 10**6, "linesTotal": 10**6}
    made = piece("COVERAGE", "cov", half)
    post = replace(posted(piece("COVERAGE", "cov", full, id="sha256:p")), content="p")
    found = group(made, post)
    assert (found.counts["coverage"], found.size, found.weakest) == (50.0, 1, Basis.MEASURED)
    assert [one.size for one in found.readings] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("SBOM", {"componentCount": 3, "vulnerabilities": -5}),
        ("SECURITY_SCAN", {"high": 0, "suppressed": -1}),
        ("SECURITY_SCAN", {"high": 0, "rules": [], "rulesOmitted": -3}),
        ("TEST_RESULTS", {"failedTests": [], "failedTestsOmitted": "none"}),
    ],
)
def test_a_count_below_zero_is_a_contradiction_wherever_it_stands(kind: str, evidence: JsonObject) -> None:
    found = group(piece(kind, "x", evidence))
    assert (found.cause, found.passed) == (Cause.CONTRADICTED, False)


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
    assert group(green("a"), said, signed=True).others == ()
    assert len(group(green("a"), replace(said, passed=False), signed=True).others) == 1


def test_a_signature_that_is_lost_with_a_held_link_is_told_as_held() -> None:
    links = (link(held="key_revoked"), link(id="sha256:post", signed=False))
    found = group(green("a", evidence=SKIPPED), signed=True, links=links)
    assert found.cause is Cause.HELD
    beside = group(green("a"), green("b", digests=frozenset({DIGEST}), **BESIDE), signed=True, links=links)
    assert ([one.id for one in beside.doubted], len(beside.others)) == (["a"], 1)


# --- what was worked out of a piece before ---


def test_a_copy_of_a_piece_that_was_judged_is_judged_by_its_own_fields() -> None:
    before = green("sha256:a")
    assert group(before).passed
    assert not group(replace(before, passed=False)).passed
    assert group(replace(before, against=("it says worse elsewhere",))).cause is Cause.CONTRADICTED
    assert group(replace(before, evidence=SKIPPED)).counts["skipped"] == 9


@pytest.mark.parametrize("signed", [False, True])
def test_a_group_reads_the_same_whether_or_not_something_older_was_there(signed: bool) -> None:  # noqa: FBT001
    files = [green(f"sha256:{key}", source_key=key, reports=4, **at(20)) for key in "abc"]
    files[1] = replace(files[1], passed=False, cut=("suites",))
    older = replace(files[0], id="sha256:older", content="older", sequence=0, **at(30))
    plain, sorted_out = group(*files, signed=signed), group(*files, older, signed=signed)
    assert plain == sorted_out
    assert (plain.cause, plain.passed, plain.size) == (Cause.ON_ITS_WAY, False, 3)
