"""What speaks against evidence is found at the door, whichever of the two comes first, kept, and never helps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck, lookup
from receiver.core.posting import Record
from shared.encoding import JsonValue, digest_text, parse_digest
from shared.judging.contradictions import Kind
from shared.predicates import ClaimType
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import COMMIT, DIGEST, Pipeline

OTHER_COMMIT = "b" * 40


@pytest.fixture
def receiver(databases: Databases, tmp_path: Path) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    assert fsck.check(made.store) == []
    made.store.close()


def against(receiver: Receiver, attestation_id: str) -> list[tuple[str, str | None]]:
    """The kinds of what speaks against an attestation, and the other one where it is another one."""
    view = lookup.attestation(receiver.store, receiver.workspace_id, parse_digest(attestation_id))
    return [(one.said.kind, None if one.other is None else digest_text(one.other)) for one in view.against]


def deliver(receiver: Receiver, seed: int = 1, **changes: object) -> str:
    """Let a collector deliver one attestation; gives its id."""
    spool, caller = receiver.enrol(seed)
    envelope = spool.envelope(None, **changes)
    answer = receiver.take(caller, f"b{seed}", [envelope.to_bytes()])
    assert answer.counts == {"accepted": 1}
    return digest_text(envelope.id)


def test_what_a_claim_says_against_itself_is_kept_with_it(receiver: Receiver) -> None:
    posted = Pipeline(receiver).attest(evidence={"totalTests": 1234, "passed": 1230, "failed": 4})
    signed = deliver(receiver, claim=build.claim(name="Other Tests", evidence={"totalTests": 0, "passed": 0}))
    assert posted["against"] == [Kind.PASSED_WITH_FAILURES]
    assert against(receiver, str(posted["attestationId"])) == [(Kind.PASSED_WITH_FAILURES, None)]
    assert {kind for kind, _ in against(receiver, signed)} == {Kind.NOTHING_RAN}


@pytest.mark.parametrize("signed_first", [True, False])
def test_a_posted_claim_that_says_worse_counts_against_the_signed_one(
    receiver: Receiver, *, signed_first: bool
) -> None:
    pipeline = Pipeline(receiver)
    signed = deliver(receiver) if signed_first else ""
    posted = str(pipeline.attest(passed=False, evidence={"failed": 1})["attestationId"])
    signed = signed or deliver(receiver)
    assert against(receiver, signed) == [(Kind.SAID_WORSE, posted)]
    assert against(receiver, posted) == []


def test_a_posted_claim_that_contradicts_itself_says_worse_too(receiver: Receiver) -> None:
    signed = deliver(receiver)
    posted = str(Pipeline(receiver).attest(evidence={"failed": 1})["attestationId"])
    assert against(receiver, signed) == [(Kind.SAID_WORSE, posted)]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other Tests"},
        {"type": "COVERAGE"},
        {"commitSha": OTHER_COMMIT},
        {"commitSha": COMMIT[:12]},
        {"passed": True},
    ],
    ids=["another name", "another type", "another commit", "an abbreviated commit", "it passed"],
)
def test_a_post_about_something_else_counts_against_nothing(receiver: Receiver, changes: dict[str, str]) -> None:
    signed = deliver(receiver)
    said: dict[str, JsonValue] = {"passed": False, "evidence": {}, **changes}
    Pipeline(receiver).attest(**said)
    assert against(receiver, signed) == []


def test_a_build_that_is_signed_under_two_commits_counts_against_both(receiver: Receiver) -> None:
    built = build.claim(type=ClaimType.BUILD_PROVENANCE, name="Artifact", evidence={"sha256": DIGEST, "size": 1})
    source = build.collected().source.model_copy(update={"sha256": f"sha256:{DIGEST}"})
    one = deliver(receiver, 1, claim=built, source=source)
    other = build.collected().context.model_copy(update={"commit": OTHER_COMMIT})
    two = deliver(receiver, 2, claim=built, source=source, context=other)
    assert against(receiver, one) == [(Kind.TWO_COMMITS, two)]
    assert against(receiver, two) == [(Kind.TWO_COMMITS, one)]


@pytest.mark.parametrize(("reported", "expected"), [("2026-01-31T09:30:00Z", [Kind.TWO_COMMITS]), (None, [])])
def test_one_report_for_two_commits_is_noticed_where_it_tells_its_own_time(
    receiver: Receiver, reported: str | None, expected: list[Kind]
) -> None:
    said = {"totalTests": 4, "passed": 4} | ({} if reported is None else {"reportedAt": reported})
    source = build.collected().source.model_copy(update={"sha256": build.digest("report")})
    first = deliver(receiver, 1, claim=build.claim(evidence=said), source=source)
    other = build.collected().context.model_copy(update={"commit": OTHER_COMMIT})
    second = deliver(receiver, 2, claim=build.claim(evidence=said), source=source, context=other)
    assert [kind for kind, _ in against(receiver, first)] == expected
    assert [kind for kind, _ in against(receiver, second)] == expected


def test_an_artifact_posted_under_another_commit_than_its_build_counts_against_the_post_alone(
    receiver: Receiver,
) -> None:
    built = build.claim(type=ClaimType.BUILD_PROVENANCE, name="Artifact", evidence={"sha256": DIGEST, "size": 1})
    source = build.collected().source.model_copy(update={"sha256": f"sha256:{DIGEST}"})
    signed = deliver(receiver, claim=built, source=source)
    fields = {"sha256": DIGEST, "name": "payments-api", "version": "2.1.0", "commitSha": OTHER_COMMIT}
    posted = Pipeline(receiver).post(Record.ARTIFACT, {**fields, "repositoryFullName": "acme/payments-api"})
    assert b"two_commits" in posted.body
    assert against(receiver, signed) == []


def test_a_deployment_of_what_nobody_built_is_noticed(receiver: Receiver) -> None:
    pipeline = Pipeline(receiver)
    fields = {"environment": "production", "status": "SUCCESS", "artifactSha256": DIGEST}
    assert b"not_built" in pipeline.post(Record.DEPLOYMENT, {**fields, "service": "unbuilt"}).body
    pipeline.post(Record.ARTIFACT, {"sha256": DIGEST, "name": "payments-api"})
    assert b"not_built" not in pipeline.post(Record.DEPLOYMENT, {**fields, "service": "built"}).body
