"""From what was seen to what is signed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.attest import Identity, Observation, observation_id, seal, shown, source_key, subjects
from collector.disclose import Level
from collector.formats.claim import Basis, Claim, ClaimType
from shared import dsse, statement
from shared.encoding import JsonValue, b64encode, digest_text, parse_payload, sha256
from shared.predicates import Collected, Context
from tests.helpers import build

IDENTITY = Identity(build.AUDIENCE, build.COLLECTOR_ID, "0.1.0", sha256(b"config"))
SALT = bytes(16)
UNKNOWN = {"audience", "keyId", "salt", "collector", "stream", "observationId", "observedAt"}


def observation(**changes: object) -> Observation:
    base = Observation(
        root="reports",
        path="run-1/unit/junit.xml",
        job_folder="run-1/unit",
        sha256=sha256(b"content"),
        size=7,
        mtime_ns=1_700_000_000_000_000_001,
        format="junit",
        claim=claim(),
        level=Level.VERDICT,
        cut=("evidence.suites",),
        context=Context(repository="acme/checkout-api", commit=build.COMMIT, run="4711", job="unit"),
        context_from={"repository": "config", "commit": "git", "run": "file", "job": "file"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def claim(**changes: object) -> Claim:
    base = Claim(ClaimType.TEST_RESULTS, "unit", Basis.MEASURED, passed=True, evidence={"totalTests": 4})
    return replace(base, **changes)  # type: ignore[arg-type]


def sealed(seen: Observation, sequence: int = 0) -> dsse.Envelope:
    link = build.link(sequence, None if sequence == 0 else build.digest("before"))
    return seal(IDENTITY, seen, link, observed_at=build.NOW, salt=SALT, signer=build.signer())


def predicate_of(envelope: dsse.Envelope) -> dict[str, JsonValue]:
    found = parse_payload(envelope.payload)["predicate"]
    assert isinstance(found, dict)
    return found


def with_context(**changes: object) -> Context:
    return observation().context.model_copy(update=changes)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(observation(root="others"), id="root"),
        pytest.param(observation(path="run-2/unit/junit.xml"), id="path"),
        pytest.param(observation(sha256=sha256(b"other")), id="content"),
        pytest.param(observation(context=with_context(repository="acme/other")), id="repository"),
        pytest.param(observation(context=with_context(commit="0" * 39 + "1")), id="commit"),
        pytest.param(observation(context=with_context(run="4712")), id="run"),
        pytest.param(observation(context=with_context(run=None)), id="no run"),
        pytest.param(observation(context=with_context(run=None), mtime_ns=4711), id="an mtime as the run"),
        pytest.param(observation(path="run-1/unit/junit.xml\udcff"), id="a name that is no UTF-8"),
    ],
)
def test_another_observation_has_another_id(other: Observation) -> None:
    assert observation_id(build.COLLECTOR_ID, other) != observation_id(build.COLLECTOR_ID, observation())


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(observation(mtime_ns=5), id="mtime, as the run is known"),
        pytest.param(observation(context=with_context(branch="main", job="other", service="s")), id="other context"),
        pytest.param(observation(claim=claim(passed=False)), id="claim"),
        pytest.param(observation(level=Level.SUMMARY, cut=()), id="level"),
    ],
)
def test_what_is_no_part_of_an_observation_does_not_change_its_id(same: Observation) -> None:
    assert observation_id(build.COLLECTOR_ID, same) == observation_id(build.COLLECTOR_ID, observation())


def test_where_no_run_is_known_the_mtime_tells_two_observations_apart() -> None:
    context = with_context(run=None)
    first, second = observation(context=context, mtime_ns=1), observation(context=context, mtime_ns=2)
    assert observation_id(build.COLLECTOR_ID, first) != observation_id(build.COLLECTOR_ID, second)


def test_another_collector_makes_another_observation() -> None:
    assert observation_id("col_a", observation()) != observation_id("col_b", observation())


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=2, max_size=2, unique=True))
def test_no_two_pairs_of_root_and_path_share_an_id(pairs: list[tuple[str, str]]) -> None:
    first, second = (observation(root=root, path=path) for root, path in pairs)
    assert observation_id("col", first) != observation_id("col", second)


def test_reports_of_two_runs_are_versions_of_one_where_repository_job_and_place_agree() -> None:
    again = observation(path="run-2/unit/junit.xml", job_folder="run-2/unit", root="elsewhere", sha256=sha256(b"2"))
    assert source_key(again) == source_key(observation())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(observation(path="run-1/unit/other.xml"), id="place"),
        pytest.param(observation(context=with_context(job="integration")), id="job"),
        pytest.param(observation(context=with_context(repository="acme/other")), id="repository"),
        pytest.param(observation(job_folder=""), id="no job folder"),
        pytest.param(observation(job_folder="run-1/un"), id="a folder whose name only begins the same"),
    ],
)
def test_reports_that_differ_in_one_of_these_are_no_versions_of_each_other(other: Observation) -> None:
    assert source_key(other) != source_key(observation())


ZERO, ONE, TWO = "0" * 64, "1" * 64, "2" * 64


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (
            observation(claim=claim(subjects=(("app", ONE), (None, TWO)))),
            [("sha256", ONE, "app"), ("sha256", TWO, None)],
        ),
        (observation(claim=claim(subjects=(("app", ONE), ("app", ONE)))), [("sha256", ONE, "app")]),
        (observation(claim=claim(subjects=(("app", ZERO), (None, TWO)))), [("sha256", TWO, None)]),
        (observation(claim=claim(subjects=(("app", ZERO),))), [("gitCommit", build.COMMIT, None)]),
        (observation(), [("gitCommit", build.COMMIT, None)]),
        (observation(context=with_context(commit="a" * 64)), [("gitCommit", "a" * 64, None)]),
        (observation(context=with_context(commit="abc1234")), [("sha256", sha256(b"content").hex(), None)]),
        (observation(context=with_context(commit=None)), [("sha256", sha256(b"content").hex(), None)]),
    ],
)
def test_the_subject_is_artifacts_else_the_full_commit_else_the_file(
    seen: Observation, expected: list[tuple[str, str, str | None]]
) -> None:
    assert [(*one.digest[0], one.name) for one in subjects(seen)] == expected


def test_what_is_sealed_verifies_and_reads_back_as_what_was_seen() -> None:
    envelope = sealed(observation(), 3)
    read = statement.read(dsse.verify(dsse.parse(envelope.to_bytes()), build.signer().public))
    found = read.as_(Collected)
    assert found.stream == build.link(3, build.digest("before"))
    assert found.observation_id == digest_text(observation_id(build.COLLECTOR_ID, observation()))
    assert found.source.key == digest_text(source_key(observation()))
    assert (found.source.format, found.source.bytes) == ("junit", 7)
    assert found.context == observation().context
    assert found.claim.evidence == {"totalTests": 4}
    assert (found.disclosure.level, found.disclosure.cut) == ("verdict", ("evidence.suites",))
    assert found.audience == build.AUDIENCE
    assert found.observed_at == build.NOW
    assert read.not_understood == ()


def test_no_path_and_no_root_of_the_host_is_in_the_payload() -> None:
    payload = sealed(observation(root="secret-root", path="secret-folder/secret.xml", job_folder="")).payload
    assert b"secret" not in payload


def test_a_file_whose_name_is_no_utf8_is_sealed_like_any_other() -> None:
    assert predicate_of(sealed(observation(path="caf\udce9/junit.xml")))["source"]


def test_an_sbom_names_the_digest_of_the_document_itself() -> None:
    claimed = predicate_of(sealed(observation(claim=claim(type=ClaimType.SBOM))))["claim"]
    assert isinstance(claimed, dict)
    assert claimed["evidence"] == {"totalTests": 4, "documentSha256": sha256(b"content").hex()}


def test_a_payload_too_large_loses_the_ends_of_its_longest_lists_and_says_how_many() -> None:
    names: list[JsonValue] = [f"test {number} " + "x" * 280 for number in range(6_000)]
    seen = observation(claim=claim(evidence={"failedTests": names, "failedTestsOmitted": 9, "suites": ["a"] * 50}))
    payload = sealed(seen).payload
    assert len(payload) <= dsse.MAX_PAYLOAD_BYTES
    claimed = predicate_of(sealed(seen))["claim"]
    assert isinstance(claimed, dict)
    evidence = claimed["evidence"]
    assert isinstance(evidence, dict)
    kept = evidence["failedTests"]
    assert isinstance(kept, list)
    assert kept == names[: len(kept)]
    assert evidence["failedTestsOmitted"] == 9 + len(names) - len(kept)
    assert evidence["suites"] == ["a"] * 50
    assert "suitesOmitted" not in evidence
    assert len(kept) > 1_000


def test_a_count_of_omitted_names_that_is_no_number_does_not_stop_the_cut() -> None:
    names: list[JsonValue] = ["x" * 300] * 6_000
    seen = observation(claim=claim(evidence={"failedTests": names, "failedTestsOmitted": "not a number"}))
    claimed = predicate_of(sealed(seen))["claim"]
    assert isinstance(claimed, dict)
    assert isinstance(claimed["evidence"], dict)
    assert isinstance(claimed["evidence"]["failedTestsOmitted"], int)


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NAMES | st.floats(allow_nan=False).filter(math.isfinite)
)
EVIDENCE = st.dictionaries(
    NAMES,
    SCALARS | st.lists(NAMES, max_size=5) | st.builds(lambda name, n: [name] * n, NAMES, st.integers(0, 60_000)),
    max_size=4,
)


@settings(max_examples=60)
@given(EVIDENCE, st.lists(NAMES, max_size=3), st.integers(0, 2**53))
def test_what_is_shown_is_what_is_sealed_but_for_what_only_a_capture_has(
    evidence: dict[str, JsonValue], cut: list[str], sequence: int
) -> None:
    seen = observation(claim=claim(evidence=evidence), cut=tuple(cut))
    envelope = sealed(seen, sequence)
    assert len(envelope.payload) <= dsse.MAX_PAYLOAD_BYTES

    real, preview = parse_payload(envelope.payload), shown(seen)
    parts, previewed = real["predicate"], preview["predicate"]
    assert isinstance(parts, dict)
    assert isinstance(previewed, dict)
    assert {name for name, value in previewed.items() if value is None} == UNKNOWN
    assert {**parts, **dict.fromkeys(UNKNOWN)} == previewed
    assert {**real, "predicate": None} == {**preview, "predicate": None}

    read = statement.read(dsse.verify(dsse.parse(envelope.to_bytes()), build.signer().public))
    assert read.as_(Collected).to_wire() == parts


def test_the_largest_unknown_fields_still_fit_beside_evidence_that_just_fits() -> None:
    audience = build.AUDIENCE.model_copy(update={"receiver": "r" * 100, "workspace": "w" * 100})
    identity = Identity(audience, "c" * 100, "\U0001f600" * 200, sha256(b"config"))
    seen = observation(claim=claim(evidence={"failedTests": ["x" * 99] * 40_000}))
    link = build.link(2**53, build.digest("before"))
    envelope = seal(identity, seen, link, observed_at=build.NOW, salt=SALT, signer=build.signer())
    assert len(envelope.payload) <= dsse.MAX_PAYLOAD_BYTES
    assert predicate_of(envelope)["claim"] == shown(seen)["predicate"]["claim"]  # type: ignore[index,call-overload]
    assert b64encode(envelope.payload)
