"""Judge once more what a passport judged, from a verified bundle alone, and say in what the answers differ.

Pure. Invariants: evidence, links, approvals and waivers are what their verified envelopes say; all evidence that the
passport names is judged; nothing is judged whose bundle was not authentic.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.bundle import Bundle
from shared.encoding import digest_text, sha256
from shared.errors import Code, MalformedError, TryLaterError
from shared.judging import baseline
from shared.judging.docket import Docket, Stated, read_docket
from shared.judging.judge import judge
from shared.judging.policy import Policy
from shared.judging.policyfile import read_policy
from shared.judging.recorded import ENGINE, verdict_of
from shared.judging.values import Request
from shared.passports import Input, Place, PolicyUse, ReleaseAsked, Verdict
from shared.statement import Statement
from shared.verify import Authentic

UNDECIDED = "judging"
"""The rule of the one finding of what could not be judged (`shared.judging.judge.undecided`)."""


def replay(bundle: Bundle, authentic: Authentic) -> Verdict:
    """Judge again, and give what judging says now.

    Raises `TryLaterError` where another engine judged, or inputs were left out; `MalformedError` where facts or
    policies are none, or are such that nothing can be decided by them.
    """
    passport = authentic.passport
    if passport.engine != ENGINE:
        raise _cannot(f"version {passport.engine} of the engine judged, this is version {ENGINE}", "use that version")
    if passport.inputs_omitted:
        raise _cannot(f"the passport names {passport.inputs_omitted} of its inputs by number alone", "ask the receiver")
    if any(one.rule == UNDECIDED for one in passport.findings):
        raise _cannot("an error kept the receiver from judging", "there is nothing to compare with")
    docket = read_docket(bundle.facts, _stated(passport.inputs, authentic.inputs))
    policies = tuple(_policy(text, use, docket) for text, use in zip(bundle.policies, passport.policies, strict=True))
    try:
        if asked_of(docket.facts.request) != (passport.target, passport.artifact, passport.release):
            raise MalformedError(Code.INVALID_FIELD, "its facts are about another request than the passport", None)
        return verdict_of(judge(docket.facts, policies, docket.warnings))
    except (ArithmeticError, TypeError, ValueError) as error:
        # Then the engine that the passport names did not decide by these either.
        detail = f"nothing can be decided by its facts: {type(error).__name__}"
        raise MalformedError(Code.INVALID_FIELD, detail, "tell the workspace's owner") from error


def differences(recorded: Verdict, replayed: Verdict) -> tuple[str, ...]:
    """Name the fields in which two verdicts differ, as they are on the wire."""
    one, other = recorded.to_wire(), replayed.to_wire()
    return tuple(name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name))


def asked_of(request: Request) -> tuple[Place, str, ReleaseAsked]:
    """Give target, artifact and release of a request, as its passport names them."""
    target = request.target
    return (
        Place(service=target.service, namespace=target.namespace, environment=target.environment),
        f"sha256:{request.digest}",
        ReleaseAsked(
            release_id=request.release_id,
            source_sha=request.source_sha,
            author=request.author,
            requested_by=request.requested_by,
        ),
    )


def _stated(inputs: Iterable[Input], statements: Iterable[Statement]) -> dict[str, Stated]:
    return {
        entry.id: Stated(read, entry.received_at, entry.held) for entry, read in zip(inputs, statements, strict=True)
    }


def _policy(text: str, use: PolicyUse, docket: Docket) -> Policy:
    if use.version != baseline.VERSION:
        return read_policy(text.encode(), use.version)
    if docket.baseline is None or digest_text(sha256(baseline.TEXT)) != use.digest:
        raise _cannot(f"the baseline {use.name} is another one here", "use the version that judged")
    return baseline.baseline(docket.baseline)


def _cannot(detail: str, hint: str) -> TryLaterError:
    return TryLaterError(Code.UNAVAILABLE, f"this cannot be judged again here: {detail}", hint)
