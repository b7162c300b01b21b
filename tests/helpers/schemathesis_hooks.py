"""Rules that OpenAPI has no words for, kept by what schemathesis sends as valid; the invalid stays as it is.

Loaded by schemathesis itself (`SCHEMATHESIS_HOOKS`).
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.generation.meta import CoveragePhaseData

from receiver.core.tokens import parse_token
from shared.encoding import MAX_INTEGER

TWO_NAMES = (
    ("repositoryFullName", "repositoryName"),
    ("evidence", "data"),
    ("version", "tag"),
    ("environment", "environmentName"),
)
ABOUT = ("repositoryFullName", "repositoryName", "artifactSha256")
"""What a claim is about: one of these is needed."""
_NOBODYS = "tok_aaaaaaaaaaaaaaaa"
LONG_AGO = "2020-01-01T00:00:00Z"
FINISHED = ("COMPLETED", "FAILED", "CANCELLED")


_OF_EACH_KIND = int(os.environ.get("CARNET_OF_EACH_KIND", MAX_INTEGER))
_asked: Counter[tuple[object, ...]] = Counter()


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Bound the phase that walks the document: so many cases of each kind (which field is bent, how) an operation.

    Schemathesis has no size for it, and walks all again with every answer that taught it something.
    """
    del context
    walked = case.meta.phase.data if case.meta is not None else None
    if not isinstance(walked, CoveragePhaseData):
        return True
    kind = (case.operation.label, walked.scenario, walked.parameter_location, walked.parameter, walked.location)
    _asked[kind] += 1
    return _asked[kind] <= _OF_EACH_KIND


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Mend a case that is valid by the document alone; leave the token alone that all of them are sent with."""
    del context, kwargs
    parameters: Any = case.path_parameters
    own = os.environ.get("CARNET_TOKEN")
    if own and isinstance(parameters, dict) and parameters.get("token_id") == parse_token(own).token_id:
        parameters["token_id"] = _NOBODYS
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query: Any = case.query
    body: Any = case.body
    if isinstance(query, dict):
        # Opaque: only what an answer gave is good, and a made-up one is 422 (tests/contract/test_http_errors.py).
        query.pop("cursor", None)
        # One of the two, not both.
        if "commit" in query:
            query.pop("artifact", None)
        if query.get("since") and case.operation.path.endswith("/impact"):
            query["since"] = LONG_AGO
    headers: Any = case.headers
    if headers and "Idempotency-Key" in headers:
        # A key that came before with another body is refused, and rightly.
        headers["Idempotency-Key"] = uuid.uuid4().hex
    if isinstance(body, dict):
        _mend(case.operation.path, body)
        case.body = _bounded(body)


def _mend(path: str, body: dict[str, Any]) -> None:
    if path == "/api/v1/collectors/invitations":
        # Printable is what the tables of Unicode say; JSON Schema's patterns do not know them.
        body["names"] = [_printable(name, place) for place, name in enumerate(body["names"])]
    for name, other in TWO_NAMES:
        # Two names of one field may both be there where they say the same.
        if body.get(name) is not None and body.get(other) is not None:
            del body[other]
    if path == "/api/v1/attestations" and not any(body.get(name) for name in ABOUT):
        body["repositoryFullName"] = "acme/checkout-api"
    if isinstance(body.get("reason"), str):
        body["reason"] = _printable(body["reason"], 0)
    _mend_for_the_gate(path, body)
    if path.endswith("/revoke"):
        # What is lost ends now, and nothing ended in the future.
        if str(body.get("kind", "lost")).lower() == "lost":
            body.pop("since", None)
        else:
            # Null is always, and has to be said.
            body["since"] = LONG_AGO if body.get("since") else None
    if path == "/api/v1/held/release":
        # Attestations, or a revocation: one of both.
        if body.get("attestations"):
            body.pop("revocation", None)
            # Each once, in either case of its digits.
            body["attestations"] = list({one.lower(): one for one in body["attestations"]}.values())
        elif body.get("revocation") is None:
            body["revocation"] = 1
    if path.startswith("/api/v1/pipeline-runs") and body.get("status") not in FINISHED:
        # Only a finished run says how it ended.
        body.pop("conclusion", None)


def _mend_for_the_gate(path: str, body: dict[str, Any]) -> None:
    if path.endswith("/gate/evaluate"):
        # Only a policy that there is can be asked for, and only for what it covers.
        body.pop("policy", None)
    if path.endswith("/evidence/ingest"):
        # What expires does so after it was observed.
        for one in body["evidence"]:
            one.pop("expiresAt", None)
    if path.endswith(("/approvals", "/waivers")):
        # Now or in the past it has ended already, and what is far away is too long.
        body.pop("expiresAt", None)


def _printable(name: str, place: int) -> str:
    return name if name.isprintable() else f"ci-{place}-{name.encode().hex()}"[:200]


def _bounded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON there is, as the same
    """Keep integers of free JSON to those that every reader of JSON has."""
    if isinstance(value, dict):
        return {name: _bounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_bounded(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-MAX_INTEGER, min(value, MAX_INTEGER))
    return value
