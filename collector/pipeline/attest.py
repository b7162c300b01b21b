"""`carnet attest`: a claim about a commit, a pull request or an artifact, said by the pipeline or by a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from collector.pipeline.files import read_json, sha256_of
from collector.pipeline.options import FILE, SHA256, about_options, kept, posting_options
from collector.pipeline.telling import missing, post
from shared.predicates import ClaimType
from shared.wire import API

if TYPE_CHECKING:
    from pathlib import Path

    from collector.pipeline.access import Destination
    from collector.pipeline.options import About
    from shared.encoding import JsonObject, JsonValue

ATTESTATIONS = f"{API}/attestations"


@dataclass(frozen=True, slots=True)
class _Said:
    """What the command line says besides where it goes and what it is about."""

    claim_type: str | None
    name: str | None
    passed: bool | None
    evidence: str | None
    report: Path | None
    artifact: Path | None
    artifact_sha256: str | None
    evidence_url: str | None
    source: str | None
    resource_type: str | None
    resource_id: str | None


@click.command(short_help="Post that tests, a scan or anything else passed or failed.")
@click.option(
    "--type",
    "claim_type",
    type=click.Choice([one.value for one in ClaimType], case_sensitive=False),
    help="What kind of evidence it is.",
)
@click.option("--name", help="What policies know it by, such as 'Unit Tests'; a report has one of its own.")
@click.option("--passed/--failed", default=None, help="The outcome, as you say it.")
@click.option("--evidence", metavar="FILE|-", help="A JSON object with counts and whatever else there is to know.")
@click.option("--report", type=FILE, help="Read type, name, outcome and counts from a report instead.")
@click.option("--artifact-sha256", type=SHA256, metavar="HEX", help="The artifact that it is about, by its digest.")
@click.option("--artifact", type=FILE, help="The artifact that it is about: a file, which is hashed.")
@click.option("--evidence-url", metavar="URL", help="Where to look it up; else the build's address.")
@click.option("--source", help="Who says so; else the CI system.")
@click.option("--resource-type", help="What kind of other thing it is about.")
@click.option("--resource-id", help="And which one.")
@about_options
@posting_options
def attest(to: Destination, about: About, **given: Any) -> None:  # noqa: ANN401 - click's way
    """Post an attestation: that tests, a scan or anything else passed or failed.

    Say it yourself (--type, --name, --passed or --failed, --evidence), or have it read from a report in any format
    that a collector reads (--report FILE): its outcome is recomputed from its counts, no name, path or text of it
    leaves, and secrets are masked. Either way its basis is `posted`: a key vouches for it, and no collector does. A
    policy that asks for `signed: true` does not take it.
    """
    said = _Said(**given)
    digest = _digest(said)
    claim = _said_claim(said) if said.report is None else None
    if claim is None:
        claim, found = _read_claim(said)
        digest = digest or found
    if about.repository is None and digest is None:
        msg = "give --repository or --artifact-sha256: no CI system says which repository this is"
        raise click.UsageError(msg)
    body = kept(
        {
            "repositoryFullName": about.repository,
            "prNumber": about.pr_number,
            "commitSha": about.commit,
            "branch": about.branch,
            "artifactSha256": digest,
            **claim,
            "evidenceUrl": said.evidence_url or (about.ci.build_url if about.ci else None),
            "source": said.source or about.source,
            "resourceType": said.resource_type,
            "resourceId": said.resource_id,
        }
    )
    outcome = "passed" if claim["passed"] else "failed"
    post(to, ATTESTATIONS, body, f"{claim['type']} {claim['name']!r} {outcome}")


def _digest(said: _Said) -> str | None:
    if said.artifact is not None and said.artifact_sha256 is not None:
        msg = "--artifact and --artifact-sha256 are two ways to say the same: give one"
        raise click.UsageError(msg)
    return said.artifact_sha256 if said.artifact is None else sha256_of(said.artifact)


def _said_claim(said: _Said) -> dict[str, JsonValue]:
    absent = [
        name
        for name, value in (("--type", said.claim_type), ("--name", said.name), ("--passed or --failed", said.passed))
        if value is None
    ]
    if absent:
        msg = f"give {', '.join(absent)}, or --report"
        raise click.UsageError(msg)
    evidence: JsonObject | None = None if said.evidence is None else read_json(said.evidence, "--evidence")
    return {"type": said.claim_type, "name": said.name, "passed": said.passed, "evidence": evidence}


def _read_claim(said: _Said) -> tuple[dict[str, JsonValue], str | None]:
    """Give the claim of the report, and the digest of the artifact that it is about if it is about just one."""
    if said.report is None:
        msg = "no report was named"
        raise TypeError(msg)
    if (said.claim_type, said.passed, said.evidence) != (None, None, None):
        msg = "--report says type, outcome and evidence: leave --type, --passed, --failed and --evidence out"
        raise click.UsageError(msg)
    try:
        from collector.pipeline.reports import read_report  # noqa: PLC0415 - only this needs a collector's packages
    except ModuleNotFoundError as error:
        raise missing(error, "carnet[collector] to read reports") from None
    claim, digests = read_report(said.report)
    name = said.name or claim["name"]
    posted = {"type": claim["type"], "name": name, "passed": claim["passed"], "evidence": claim["evidence"]}
    return posted, digests[0] if len(digests) == 1 else None
