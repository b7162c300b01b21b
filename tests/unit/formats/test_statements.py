"""Foreign statements: what is carried of them, and what makes them no statement at all."""

import base64
import json
import re

import pytest

from collector.disclose import Level, Why, disclose
from collector.formats import ClaimType
from shared.errors import Code, MalformedError
from shared.redaction import Pattern, Rules, unwrapped
from tests.unit.formats.reading import claim_of

SHA = "ab" * 32
RULES = Rules((Pattern("planted", ("hunter",), re.compile("hunter[0-9]{6}")),), lambda _text: ())


def statement(**changes: object) -> dict[str, object]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": SHA}}],
        "predicateType": "https://example.com/review/v1",
        "predicate": {"by": "somebody"},
    } | changes


def envelope(inner: object, **changes: object) -> dict[str, object]:
    payload = base64.b64encode(json.dumps(inner).encode()).decode()
    return {
        "payload": payload,
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": "", "sig": "c2ln"}],
    } | changes


def spelled(value: object) -> bytes:
    return json.dumps(value).encode()


VEX = {"predicateType": "https://openvex.dev/ns/v0.2.0"}


@pytest.mark.parametrize(
    ("changes", "passed", "kind"),
    [
        ({}, True, ClaimType.CUSTOM),
        ({"predicateType": "https://slsa.dev/provenance/v1"}, True, ClaimType.BUILD_PROVENANCE),
        ({"predicateType": "https://slsa.dev/verification_summary/v1"}, True, ClaimType.CUSTOM),
        ({"subject": []}, False, ClaimType.CUSTOM),
        ({"subject": [{"name": "app"}]}, False, ClaimType.CUSTOM),
        ({"subject": [{"digest": {"sha512": "cd" * 64}}]}, True, ClaimType.CUSTOM),
        ({"predicateType": "https://openvex.dev/ns/v0.2.0"}, False, ClaimType.VEX),
        (
            {"predicateType": "https://openvex.dev/ns/v0.2.0", "predicate": {"statements": [{"status": "unheard of"}]}},
            False,
            ClaimType.VEX,
        ),
        ({**VEX, "predicate": {"statements": [{"status": "fixed"}, {"status": "not_affected"}]}}, True, ClaimType.VEX),
        ({**VEX, "predicate": {"statements": [{"status": "fixed"}, {}]}}, False, ClaimType.VEX),
        ({**VEX, "predicate": {"statements": [{"status": "fixed"}, "fixed"]}}, False, ClaimType.VEX),
        ({**VEX, "predicate": {"statements": [{"status": "fixed"}, {"status": 7}]}}, False, ClaimType.VEX),
    ],
)
def test_a_statement_passes_if_it_names_something_by_a_digest(
    changes: dict[str, object], *, passed: bool, kind: ClaimType
) -> None:
    for data in (spelled(statement(**changes)), spelled(envelope(statement(**changes)))):
        claim = claim_of(data)
        assert (claim.passed, claim.type) == (passed, kind)
        assert claim.evidence["signaturesChecked"] is False


@pytest.mark.parametrize(
    "broken",
    [
        statement(_type="https://in-toto.io/Statement/v9"),
        statement(subject=[{"digest": {"sha256": "ab"}}]),
        statement(subject=[{"digest": {"sha256": "0" * 64}}]),
        statement(subject=["app"]),
        statement(predicateType=""),
        statement(predicate="text"),
        envelope(statement(_type="https://in-toto.io/Statement/v9")),
        envelope(statement(), payload="not base64"),
        envelope(statement(), signatures=[]),
        envelope(statement(), signatures=[{"keyid": "k"}]),
        envelope(statement(), payloadType=7),
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope(statement())},
        {"mediaType": "application/vnd.dev.sigstore.bundle.v9+json", "verificationMaterial": {}},
    ],
)
def test_what_is_no_whole_statement_is_refused_and_never_half_believed(broken: dict[str, object]) -> None:
    with pytest.raises(MalformedError) as refused:
        claim_of(spelled(broken))
    assert refused.value.code in (Code.BAD_SYNTAX, Code.TRUNCATED)


def test_statements_that_do_not_agree_are_custom_and_name_no_commit() -> None:
    provenance = statement(
        predicateType="https://slsa.dev/provenance/v1",
        predicate={"buildDefinition": {"resolvedDependencies": [{"digest": {"gitCommit": "ab" * 20}}]}},
    )
    one, both = (
        claim_of(spelled(envelope(provenance))),
        b"\n".join((spelled(envelope(provenance)), spelled(envelope(statement())))),
    )
    assert one.evidence["sourceCommit"] == "ab" * 20
    assert claim_of(both).type is ClaimType.CUSTOM
    assert claim_of(both).evidence["statements"] == 2


def test_a_signature_over_a_file_is_about_that_file() -> None:
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "k"}},
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256",
                "digest": base64.b64encode(bytes.fromhex(SHA)).decode(),
            },
            "signature": "c2ln",
        },
    }
    assert claim_of(spelled(bundle)).subjects == ((None, SHA),)


def test_the_document_leaves_at_full_only_exactly_or_not_at_all() -> None:
    data = spelled(envelope(statement()))
    claim = claim_of(data)
    kept, _ = disclose(claim, Level.FULL, RULES)
    assert base64.b64decode(str(kept.evidence["document"])) == data
    assert "document" not in disclose(claim, Level.SUMMARY, RULES)[0].evidence
    for hidden in (statement(predicate={"by": "hunter123456"}), statement(predicate={"by": envelope("hunter123456")})):
        for spelling in (hidden, envelope(hidden)):
            kept, cuts = disclose(claim_of(spelled(spelling)), Level.FULL, RULES)
            assert "document" not in kept.evidence
            assert ("evidence.document", Why.SECRET, "planted") in [(cut.field, cut.why, cut.kind) for cut in cuts]


def test_a_file_that_is_too_large_is_told_and_not_carried() -> None:
    large = claim_of(spelled(statement(predicate={"text": "x" * 300_000})))
    assert large.evidence["documentOmitted"] is True
    assert "document" not in large.evidence


def test_what_stands_in_base64_is_found_in_either_alphabet_and_any_length() -> None:
    for text in ("a secret of some length?>", "a secret of some length?>>", "a secret of some length?>~~"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            for spelling in (encode(text.encode()).decode(), encode(text.encode()).decode().rstrip("=")):
                assert text in list(unwrapped(f'{{"k":"{spelling}"}}'))


def test_what_stands_in_base64_of_json_is_found_without_its_escapes() -> None:
    document = base64.b64encode(rb'{"url":"https:\/\/u:pw@h","token":"\u0067hp_x","text":"a\nb"}').decode()
    assert '{"url":"https://u:pw@h","token":"ghp_x","text":"a b"}' in list(unwrapped(document))


def test_an_openvex_statement_that_is_no_object_is_refused() -> None:
    data = {"@context": "https://openvex.dev/ns/v0.2.0", "statements": [7, {"status": "fixed"}]}
    with pytest.raises(MalformedError, match="/statements/0 is not an object"):
        claim_of(spelled(data))


def test_of_more_than_one_commit_none_is_the_source_however_many_they_are() -> None:
    commits = [{"digest": {"gitCommit": f"{number:040x}"}} for number in range(5)]
    claim = claim_of(spelled(statement(predicate={"buildDefinition": {"resolvedDependencies": commits}})))
    assert "sourceCommit" not in claim.evidence


def test_a_document_with_a_secret_stays_for_that_one_reason() -> None:
    claim = claim_of(spelled(statement(predicate={"by": "hunter123456"})))
    _, cuts = disclose(claim, Level.FULL, RULES)
    assert [(cut.why, cut.kind) for cut in cuts if cut.field == "evidence.document"] == [(Why.SECRET, "planted")]
