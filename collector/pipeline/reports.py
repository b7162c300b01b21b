"""Reads a report as a collector would, at level verdict with secrets masked: in a child process, to a claim.

Wiring: joins what a collector captures files with. What is shown here is posted and nothing else of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.attest import shown
from collector.capture import Broken, Captured, begin, end
from collector.clock import monotonic
from collector.disclose import Level
from collector.masking import masked, masked_error
from collector.parsing import Parser
from collector.plans import loose_plan
from shared.errors import CarnetError, Code, MalformedError
from shared.secretrules import secret_rules

if TYPE_CHECKING:
    from pathlib import Path

    from collector.attest import Observation
    from shared.encoding import JsonObject
    from shared.redaction import Rules


def read_report(path: Path) -> tuple[JsonObject, tuple[str, ...]]:
    """Give the claim of a report, `{type, name, basis, passed, evidence}`, and the digests in hex that it is about.

    Raises `ConfigError` where the packages of a collector are missing, `MalformedError` for a file of no known format
    or one that cannot be read to its end, and whatever else says that there is no report. No error tells a secret.
    """
    secrets = secret_rules()
    try:
        seen = _observed(path, secrets)
    except CarnetError as error:
        raise masked_error(error, secrets) from None
    predicate = shown(seen)["predicate"]
    claim = predicate.get("claim") if isinstance(predicate, dict) else None
    if not isinstance(claim, dict):
        msg = "a statement has a claim"
        raise TypeError(msg)
    return claim, tuple(dict.fromkeys(digest for _, digest in seen.claim.subjects if digest.strip("0")))


def _observed(path: Path, secrets: Rules) -> Observation:
    plan = loose_plan(path.parent.resolve(), Level.VERDICT, secrets)
    with Parser(monotonic, lambda *_, **__: None) as parser:
        found = end(begin(plan, parser, path.name, None, as_artifact=False), parser, final=False)
    if isinstance(found, Broken):
        raise found.error
    if not isinstance(found, Captured):
        raise MalformedError(
            Code.UNKNOWN_FORMAT,
            f"{masked(path.name, secrets)} is of no known format",
            "carnet-collector formats explain FILE says why; or give --type, --name and --passed or --failed",
        )
    return found.seen
