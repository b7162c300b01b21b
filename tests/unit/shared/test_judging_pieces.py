"""What judging knows of evidence, links and people's acts is what was signed, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared import dsse, predicates, statement
from shared.encoding import digest_text, format_time
from shared.errors import Code, MalformedError
from shared.judging.alone import alone
from shared.judging.consents import approval_of, waiver_of
from shared.judging.pieces import Told, heard, is_evidence, links_of, nameless, piece_of
from shared.judging.values import Actor, Basis, Link, Target
from shared.statement import Subject, subject_commit, subject_sha256
from tests.helpers import build
from tests.helpers.build import COMMIT, NOW, claim_signer, decision_signer, digest, signer
from tests.helpers.build_acts import ALICE, BOB
from tests.helpers.build_passports import ARTIFACT, TARGET, approval, waiver

if TYPE_CHECKING:
    from shared.judging.values import Piece
    from shared.keys import Ed25519Signer
    from shared.predicates import Predicate
    from shared.statement import Statement

DIGITS = ARTIFACT.removeprefix("sha256:")
FILE = (subject_sha256(DIGITS),)
TOLD = Told(NOW + timedelta(minutes=1), "forked", 7, digest("first"), ("said worse elsewhere",))
PROVENANCE = {"type": "BUILD_PROVENANCE", "name": "Artifact", "basis": "measured", "passed": True, "evidence": {}}
POSTED = {"type": "CUSTOM", "name": "health", "passed": True, "evidence": {"status": "passed", "metrics": {}}}
INGESTED = {
    "source": "kubernetes",
    "externalId": "pod-1",
    "type": "health",
    "namespace": "apps-checkout",
    "releaseId": "gh-1",
    "observedAt": format_time(NOW - timedelta(minutes=3)),
    "expiresAt": format_time(NOW + timedelta(hours=1)),
}


def read(uri: str, predicate: Predicate, key: Ed25519Signer, subjects: tuple[Subject, ...] = FILE) -> Statement:
    return statement.read(dsse.verify(statement.sign(uri, subjects, predicate, key), key.public))


def collected(subjects: tuple[Subject, ...] = FILE, /, **overrides: object) -> Statement:
    return read(predicates.COLLECTED, build.collected(None, **overrides), signer(), subjects)


def claimed(subjects: tuple[Subject, ...] = FILE, /, **overrides: object) -> Statement:
    return read(predicates.CLAIMED, build.claimed(None, **overrides), claim_signer(), subjects)


def ingested(**details: str) -> Piece:
    context = {"service": "checkout-api", "environment": "production"}
    about = (Subject((("sha256", nameless(predicates.Context.model_validate(context)).hex()),)),)
    said = {"record": "ingested", "context": context, "claim": POSTED, "source_key": digest("any")}
    return piece_of(claimed(about, **said, details=INGESTED | details), Told(None))


def test_of_what_a_collector_signed_all_but_the_receivers_word_is_its_own() -> None:
    context = {
        "repository": "acme/shop", "commit": COMMIT, "run": "17", "job": "unit", "reports": 4,
        "service": "shop", "environment": "test",
    }  # fmt: skip
    cut = {"level": "summary", "cut": ("suites",)}
    one = collected(context=context, disclosure=cut)
    piece, content = piece_of(one, TOLD), one.as_(predicates.Collected)
    assert (piece.id, piece.type, piece.name, piece.basis, piece.passed) == (
        one.verified.id_text, "TEST_RESULTS", content.claim.name, Basis.MEASURED, True,
    )  # fmt: skip
    assert (piece.evidence, piece.observed_at, piece.source_key) == (content.claim.evidence, NOW, content.source.key)
    assert (piece.digests, piece.commits) == (frozenset({DIGITS}), frozenset({COMMIT}))
    assert (piece.repository, piece.run, piece.job, piece.reports) == ("acme/shop", "17", "unit", 4)
    assert (piece.service, piece.namespace, piece.environment) == ("shop", None, "test")
    assert (piece.collector, piece.stream, piece.sequence) == (content.collector.id, content.stream.id, 0)
    assert (piece.cut, piece.source, piece.expires_at) == (("suites",), None, None)
    assert (piece.received_at, piece.held, piece.arrival) == (TOLD.received_at, "forked", 7)
    assert (piece.repeat_of, piece.against) == (TOLD.repeat_of, TOLD.against)


def test_the_same_file_that_says_the_same_has_the_same_content_and_one_that_says_otherwise_has_another() -> None:
    one = collected()
    source, claim = one.as_(predicates.Collected).source, one.as_(predicates.Collected).claim
    again = collected(stream=build.link(1, digest("x")), source=source)
    red = collected(stream=build.link(1, digest("x")), source=source, claim=claim.model_copy(update={"passed": False}))
    contents = [
        piece_of(each, TOLD).content for each in (one, again, red, collected(stream=build.link(2, digest("x"))))
    ]
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3
    posts = [
        claimed(),
        claimed(salt="ab" * 16),
        claimed(details={"resourceId": "2"}),
        claimed((subject_commit(COMMIT),)),
    ]
    contents = [piece_of(each, TOLD).content for each in posts]
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3


def test_a_short_commit_links_nothing_and_a_full_one_counts_wherever_it_stands() -> None:
    short = collected(context={"commit": COMMIT[:12]})
    assert piece_of(short, TOLD).commits == frozenset()
    named = collected((subject_commit(COMMIT),), context={})
    assert (piece_of(named, TOLD).commits, piece_of(named, TOLD).digests) == (frozenset({COMMIT}), frozenset())


def test_what_came_with_a_token_is_posted_and_was_received_when_the_receiver_signed_it() -> None:
    piece = piece_of(claimed(details={"source": "ci", "resourceId": "9"}), TOLD)
    assert (piece.basis, piece.collector, piece.stream, piece.sequence) == (Basis.POSTED, None, None, None)
    assert piece.received_at == piece.observed_at == NOW + timedelta(seconds=2)
    assert (piece.source, piece.run, piece.held) == ("ci", None, "forked")


def test_posts_of_one_source_external_id_and_type_are_states_of_one_report() -> None:
    found = {"source_key": digest("natural")}
    said = {"source": "ci", "resourceId": "9"}
    one = piece_of(claimed(details=said, **found), TOLD)
    assert one.source_key == piece_of(claimed(details=said, source_key=digest("of another commit")), TOLD).source_key
    others = (said | {"source": "cd"}, said | {"resourceId": "8"})
    assert one.source_key not in {piece_of(claimed(details=each, **found), TOLD).source_key for each in others}
    alone = claimed(details=said)
    assert piece_of(alone, TOLD).source_key == alone.verified.id_text, "what its receiver finds again by nothing"
    assert piece_of(claimed(**found), TOLD).source_key == digest("natural")


@pytest.mark.parametrize("record", ["attestation", "artifact", "ingested"])
def test_posts_of_two_voices_are_states_of_two_reports_whatever_they_name(record: str) -> None:
    def by(voice: str, **details: str) -> Piece:
        token = {"id": "tok_1", "label": "ci", "voice": digest(voice)}
        return piece_of(claimed(record=record, token=token, details=details, source_key=digest("natural")), TOLD)

    for said in ({"source": "ci", "resourceId": "9", "externalId": "9"}, {}):
        assert by("one", **said).source_key == by("one", **said).source_key != by("two", **said).source_key
        assert by("one", **said).voice == digest("one")


def test_a_run_that_was_posted_is_found_by_its_own_fields() -> None:
    fields = {"externalId": "17", "source": "ci", "workflowName": "build"}
    said = {"type": "CUSTOM", "name": "build", "passed": True, "evidence": fields}
    one = {"record": "pipeline-run", "claim": said, "context": {"run": "17"}, "source_key": digest("n")}
    piece = piece_of(claimed(**one), TOLD)
    assert (piece.run, piece.source) == ("17", "ci")
    assert piece.source_key not in {digest("n"), piece.id}


def test_what_was_ingested_has_the_type_place_and_times_that_it_names() -> None:
    piece = ingested()
    assert (piece.type, piece.name, piece.source, piece.run) == ("health", "health", "kubernetes", "gh-1")
    assert (piece.service, piece.namespace, piece.environment) == (TARGET["service"], "apps-checkout", "production")
    assert piece.digests == frozenset(), "the subject of what names no file links nothing"
    assert (piece.observed_at, piece.expires_at) == (NOW - timedelta(minutes=3), NOW + timedelta(hours=1))
    assert ingested(externalId="pod-2").source_key != piece.source_key == ingested(namespace="other").source_key
    with pytest.raises(MalformedError):
        ingested(expiresAt="tomorrow")


def test_a_post_that_calls_itself_ingested_in_its_details_is_none() -> None:
    piece = piece_of(claimed(details=INGESTED), TOLD)
    assert (piece.type, piece.run, piece.expires_at) == ("TEST_RESULTS", None, None)


def test_what_says_that_something_was_built_links_it_to_its_commit() -> None:
    one = collected(claim=PROVENANCE)
    link = Link(
        one.verified.id_text, DIGITS, COMMIT, signed=True, received_at=NOW + timedelta(minutes=1), held="forked"
    )
    assert links_of(one, TOLD) == (link,)
    posted = {"claim": {k: v for k, v in PROVENANCE.items() if k != "basis"}, "context": {"commit": COMMIT}}
    for record in ("artifact", "attestation"):
        (link,) = links_of(claimed(record=record, **posted), TOLD)
        assert (link.signed, link.received_at) == (False, NOW + timedelta(seconds=2))
    for basis in ("carried", "declared"):
        (link,) = links_of(collected(claim=PROVENANCE | {"basis": basis}), TOLD)
        assert not link.signed


def test_nothing_else_links() -> None:
    short = {"commit": COMMIT[:12]}
    others = (
        collected(),
        collected(claim=PROVENANCE, context=short),
        collected((subject_commit(COMMIT),), claim=PROVENANCE),
        claimed(context={"commit": COMMIT}),
        claimed(
            record="ingested", claim=PROVENANCE | {"basis": "posted"}, details=INGESTED, context={"commit": COMMIT}
        ),
        read(predicates.WAIVER, waiver(), decision_signer()),
    )
    for one in others:
        assert links_of(one, TOLD) == ()


def test_what_is_no_evidence_and_what_nobody_received_is_refused() -> None:
    act = read(predicates.WAIVER, waiver(), decision_signer())
    assert (is_evidence(act), is_evidence(collected()), is_evidence(claimed())) == (False, True, True)
    with pytest.raises(MalformedError) as refused:
        piece_of(act, TOLD)
    assert refused.value.code is Code.WRONG_TYPE
    with pytest.raises(MalformedError, match="was received"):
        piece_of(collected(), Told(None))


def test_an_approval_and_a_waiver_are_what_was_signed_and_who_they_are_known_to_be() -> None:
    names = frozenset({"bob"})
    act = read(predicates.APPROVAL, approval(), decision_signer())
    found, content = approval_of(act, names), approval()
    assert (found.id, found.by) == (act.verified.id_text, Actor(BOB.subject, BOB.role, names))
    assert (found.target, found.digest) == (Target(**TARGET), DIGITS)
    assert (found.rules, found.findings) == (frozenset(content.rules), frozenset(content.findings))
    assert (found.at, found.expires_at) == (content.approved_at, content.expires_at)
    act = read(predicates.WAIVER, waiver(by=(ALICE, BOB)), decision_signer())
    both, excepted = waiver_of(act, (frozenset(), names)), waiver()
    assert (both.rule, both.reason, both.target, both.digest) == (
        "unit-tests",
        excepted.reason,
        Target(**TARGET),
        DIGITS,
    )
    assert [one.subject for one in both.by] == [ALICE.subject, BOB.subject]
    assert (both.at, both.expires_at, both.by[1].identities) == (excepted.waived_at, excepted.expires_at, names)
    with pytest.raises(MalformedError, match="names 2"):
        waiver_of(act, (names,))
    with pytest.raises(MalformedError):
        approval_of(act, names)
    assert digest_text(act.verified.id) == both.id


@pytest.mark.parametrize(
    "changed", [{}, {"arrival": 9}, {"held": None}, {"against": ()}, {"repeat_of": None}, {"received_at": NOW}]
)
def test_what_was_heard_before_is_told_anew_as_it_would_be_read(changed: dict[str, object]) -> None:
    for one in (collected(claim=PROVENANCE), claimed()):
        before, now = heard(one, TOLD), replace(TOLD, **changed)  # type: ignore[arg-type]
        alone(before.piece)
        again, read_again = before.again(now), heard(one, now)
        assert again == read_again
        assert alone(again.piece) == alone(read_again.piece)
        assert (alone(again.piece) is alone(before.piece)) == (changed.keys() <= {"arrival"})


def test_nobody_forgets_who_says_when_something_was_received() -> None:
    with pytest.raises(MalformedError, match="nobody says when"):
        heard(collected(), TOLD).again(Told(None))
