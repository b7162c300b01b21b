"""What is in each sample of a statement."""

from shared.encoding import JsonValue
from tests.unit.formats.expected import Expected

_SLSA_02 = "https://slsa.dev/provenance/v0.2"
_GENERATOR = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows"


def carried(key: str, predicate: str, signatures: int, *, subjects: int = 1, parts: int | None = None) -> Expected:
    """Foreign statements, one of them: what kind of predicate, how many signatures, subjects, and those of SHA-256."""
    return Expected(
        key,
        passed=True,
        evidence={
            "predicateType": predicate,
            "statements": 1,
            "subjects": subjects,
            "signatures": signatures,
            "signaturesChecked": False,
        },
        lengths={} if parts is None else {"parts": parts},
    )


def provenance(key: str, commit: str, builder: str, **more: JsonValue) -> Expected:
    """SLSA provenance of one subject with one signature."""
    evidence: dict[str, JsonValue] = {"sourceCommit": commit, "builder": builder, "signatures": 1, "statements": 1}
    return Expected(key, passed=True, evidence={**evidence, **more})


SAMPLES: dict[str, Expected] = {
    "attest/second-pair-of-eyes.attest.json": Expected(
        "attest", passed=True, evidence={"reviewers": 2, "note": "café"}, lengths={"parts": 3}
    ),
    "in-toto/clone-dsse.776a00e2.link": carried("dsse", "in-toto link", 1, subjects=0),
    "in-toto/package.2f89b927.link": carried("dsse", "in-toto link", 1, subjects=0),
    "in-toto/write-code.776a00e2.link": carried("dsse", "in-toto link", 1, subjects=0),
    "in-toto/provenance-v0.2.json": provenance(
        "in-toto",
        "d37a7f740ee7404914456f24dcd90e865a0509e8",
        f"{_GENERATOR}/generator_generic_slsa3.yml@refs/tags/v1.10.0",
        signatures=0,
    ),
    "in-toto/provenance-v1.json": provenance(
        "in-toto", "5f2d" * 10, "https://example.com/builders/hosted@v3", signatures=0, subjects=2
    ),
    "slsa-provenance/07d77c-binary-linux-amd64-workflow_dispatch.intoto.jsonl": provenance(
        "dsse", "d0f79bd981a2199e59053d7fdaf3dc01438797cb", f"{_GENERATOR}/builder_go_slsa3.yml@refs/tags/v1.2.1"
    ),
    "slsa-provenance/6e3b9b-binary-linux-amd64-push-v14.intoto.jsonl": provenance(
        "dsse", "16fd7557ee886bdc622b95e6eb3b44de3ebf56df", f"{_GENERATOR}/builder_go_slsa3.yml@refs/tags/v1.2.1"
    ),
    "slsa-provenance/binary-linux-amd64-push-v14.2.intoto.jsonl": provenance(
        "dsse", "16fd7557ee886bdc622b95e6eb3b44de3ebf56df", f"{_GENERATOR}/builder_go_slsa3.yml@refs/tags/v1.2.1"
    ),
    "slsa-provenance/binary-linux-amd64-push-v14.intoto.jsonl": provenance(
        "dsse",
        "d37a7f740ee7404914456f24dcd90e865a0509e8",
        f"{_GENERATOR}/generator_generic_slsa3.yml@refs/tags/v1.10.0",
        predicateType=_SLSA_02,
    ),
    "slsa-provenance/binary-linux-amd64-workflow_dispatch.intoto.jsonl": provenance(
        "dsse", "02b5d0f71cdd13f5b3e8f30fb7a5c35acccc1051", f"{_GENERATOR}/generator_generic_slsa3.yml@refs/tags/v1.2.1"
    ),
    "slsa-provenance/two.intoto.jsonl": Expected(
        "dsse",
        passed=True,
        evidence={"statements": 2, "signatures": 2, "subjects": 2, "sourceCommit": None, "predicateType": _SLSA_02},
    ),
    "slsa-provenance/provenance-npm-test-ossf.tgz.json": Expected(
        "sigstore-bundle",
        passed=True,
        evidence={
            "statements": 2,
            "signatures": 2,
            "subjects": 2,
            "sourceCommit": "34490b44db557f009617bcb92b8780f972c189ab",
        },
    ),
    "slsa-provenance/supreme-googles-cli-v02-tag.tgz.json": Expected(
        "sigstore-bundle",
        passed=True,
        evidence={"statements": 2, "signatures": 2, "builder": "https://github.com/actions/runner"},
    ),
    "sigstore/npm-provenance.sigstore.json": provenance(
        "sigstore-bundle",
        "34490b44db557f009617bcb92b8780f972c189ab",
        f"{_GENERATOR}/builder_nodejs_slsa3.yml@refs/tags/v1.6.0",
    ),
    "openvex/app.openvex.json": Expected(
        "openvex",
        passed=True,
        evidence={
            "statements": 4,
            "notAffected": 2,
            "affected": 0,
            "fixed": 1,
            "underInvestigation": 1,
            "reportedAt": "2026-01-15T08:30:00.000000Z",
        },
    ),
    "openvex/attested.json": Expected(
        "in-toto", passed=True, evidence={"statements": 1, "notAffected": 2, "fixed": 1, "underInvestigation": 1}
    ),
    "csaf/acme-2026-3.json": Expected(
        "csaf",
        passed=True,
        evidence={
            "vulnerabilities": 3,
            "notAffected": 1,
            "affected": 2,
            "fixed": 1,
            "underInvestigation": 0,
            "specVersion": "2.0",
            "tool": "Secvisogram",
            "reportedAt": "2026-01-20T12:00:00.000000Z",
        },
    ),
}
