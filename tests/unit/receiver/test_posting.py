"""What is signed of a post: its subject, its key, and nothing that it did not say."""

import pytest

from receiver.core import posted
from receiver.core.posting import Posted, Wrapping, components, subjects, wrap
from shared import dsse, statement
from shared.encoding import JsonObject, canonical, sha256
from shared.predicates import CLAIMED, Claimed, ClaimType, Token
from tests.helpers import build

COMMIT, DIGEST = "9f" * 20, "ab" * 32
ATTESTATION: JsonObject = {"type": "TEST_RESULTS", "name": "Unit Tests", "passed": True, "evidence": {"failed": 0}}


def attested(**changes: object) -> Posted:
    return posted.attestation(ATTESTATION | changes)  # type: ignore[arg-type] # whatever a test says


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"artifactSha256": DIGEST, "commitSha": COMMIT}, [("sha256", DIGEST), ("gitCommit", COMMIT)]),
        ({"commitSha": COMMIT, "repositoryFullName": "acme/a"}, [("gitCommit", COMMIT)]),
        ({"artifactSha256": DIGEST, "commitSha": COMMIT[:12]}, [("sha256", DIGEST)]),
    ],
)
def test_the_subject_is_the_artifact_and_the_full_commit(
    changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    made = attested(**changes)
    assert [pair for subject in subjects(made) for pair in subject.digest] == expected
    assert {digest.hex() for digest in made.digests} == {digits for _, digits in expected}


def test_a_post_that_links_nothing_has_a_subject_that_everybody_can_compute() -> None:
    made = attested(repositoryFullName="acme/a", prNumber=42)
    expected = sha256(canonical({"repository": "acme/a", "prNumber": 42})).hex()
    assert [subject.digest for subject in subjects(made)] == [(("sha256", expected),)]
    assert made.digests == ()


def test_what_is_wrapped_verifies_as_the_receivers_own_word() -> None:
    key = build.claim_signer()
    made = attested(repositoryFullName="acme/a", commitSha=COMMIT, source="jenkins", resourceId="7")
    around = Wrapping(build.AUDIENCE, Token(id="tok_a", label="ci"), build.NOW, bytes(16), sha256(b"before"))
    read = statement.read(dsse.verify(wrap(made, around, key), key.public))
    claimed = read.as_(Claimed)
    assert read.kind.uri == CLAIMED
    assert (claimed.claim.basis, claimed.claim.evidence, claimed.details["source"]) == (
        "posted",
        {"failed": 0},
        "jenkins",
    )
    assert claimed.supersedes == "sha256:" + sha256(b"before").hex()
    assert made.natural_key is not None
    assert claimed.source_key == "sha256:" + made.natural_key.hex()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"resourceType": "build"}, {"resourceType": "build"}, True),
        ({"resourceType": "build"}, {"resourceType": "scan"}, False),
        ({"name": "A"}, {"name": "B"}, False),
        ({"commitSha": COMMIT}, {"commitSha": "8e" * 20}, False),
        ({"prNumber": 1}, {"prNumber": 2}, False),
        ({"passed": True}, {"passed": False}, True),
        ({"branch": "main"}, {"branch": "other"}, True),
    ],
)
def test_posts_are_about_the_same_by_what_names_them(
    one: dict[str, object], other: dict[str, object], *, same: bool
) -> None:
    named = {"source": "jenkins", "resourceId": "7"}
    assert (attested(**named, **one).natural_key == attested(**named, **other).natural_key) is same


def test_a_post_that_nothing_names_is_never_a_repeat() -> None:
    assert attested().natural_key is None
    assert attested(source="jenkins").natural_key is None
    assert posted.run({"status": "QUEUED", "workflowName": "build"}).natural_key is None


def test_the_same_content_is_known_whatever_its_spelling_was() -> None:
    fields: JsonObject = {"a": 1, **ATTESTATION}
    assert posted.attestation(fields).content == posted.attestation(dict(reversed(fields.items()))).content
    assert posted.attestation(fields).content != attested(a=2).content


@pytest.mark.parametrize(
    ("status", "conclusion", "passed"),
    [("COMPLETED", "SUCCESS", True), ("COMPLETED", None, False), ("COMPLETED", "FAILURE", False),
     ("FAILED", "SUCCESS", False), ("IN_PROGRESS", None, False), ("CANCELLED", "CANCELLED", False)],
)  # fmt: skip
def test_a_run_passed_only_if_it_completed_and_says_so(status: str, conclusion: str | None, *, passed: bool) -> None:
    fields: JsonObject = {"status": status, "workflowName": "build"}
    assert posted.run(fields if conclusion is None else fields | {"conclusion": conclusion}).passed is passed


def test_only_parts_lists_have_components() -> None:
    listed = {"components": ["pkg:a", "pkg:b", "pkg:a", 7, "", "x" * 601, "pkg:\0", "two\nlines"]}
    assert components(ClaimType.SBOM, listed) == ("pkg:a", "pkg:b")
    assert components(ClaimType.TEST_RESULTS, listed) == ()
    assert components(ClaimType.SBOM, {"components": "pkg:a"}) == ()
