"""A database full of what pipelines post: written through the use cases' own store functions, a thousand at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from receiver import access, keys_at_hand
from receiver.core import posted
from receiver.core.posting import Posted, Wrapping, wrap
from receiver.core.tokens import Kind, Scope
from receiver.named_secrets import read_master_key
from receiver.store import attestations, claims, posts, workspaces
from receiver.store.attestations import New
from receiver.store.engine import Store, Tx
from receiver.store.posts import Hand
from shared import dsse, statement
from shared.encoding import JsonObject, digest_text, sha256
from shared.predicates import Token

_AT_ONCE = 1_000
_UNLIMITED = 1_000_000
_REPOSITORIES = 50
EACH = 20
"""Attestations of one commit, which has a run, an artifact and a deployment."""


@dataclass(frozen=True)
class Filled:
    """What the database can be asked for: a token, and one thing of each kind that stands in its middle."""

    token: str
    attestation: str
    digest: str
    commit: str
    repository: str
    artifact: str


def fill(data: Path, url: str, count: int, now: datetime) -> Filled:
    """Store so many attestations, beside them a run, an artifact and a deployment for every twenty; issue a token."""
    store = Store.open(url)
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        signers = keys_at_hand.load(store, read_master_key(data / "master.key"), workspace_id)
        token = access.issue(
            store, workspace_id, Kind.API_KEY, list(Scope), "bench", now, os.urandom, limit_per_minute=_UNLIMITED
        )
        hand = Hand(workspace_id, token.id, signers.audience, signers.claim, now, os.urandom)
        middle = count // 2
        asked: dict[str, str] = {}
        for first in range(0, count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count))

            def act(tx: Tx, numbers: range = numbers) -> dict[str, str]:
                found = {}
                for number in numbers[::EACH]:
                    for one in _beside(number):
                        stored = posts.put(tx, hand, one)
                        if number <= middle < number + EACH:
                            found[one.record.value] = stored.record.record_id
                first = attestations.next_number(tx)
                new = [_new(first + at, hand, number) for at, number in enumerate(numbers)]
                attestations.add(tx, workspace_id, new)
                if middle in numbers:
                    found["attestation"] = digest_text(new[middle - numbers[0]].row.id)
                return found

            asked |= store.write(act)
    finally:
        store.close()
    return Filled(
        token.token,
        asked["attestation"],
        _digest(middle // EACH * EACH),
        _commit(middle // EACH * EACH),
        _repository(middle),
        asked["artifact"],
    )


def attestation(number: int) -> JsonObject:
    """The fields of an attestation that a pipeline posts."""
    return {
        "repositoryFullName": _repository(number),
        "commitSha": _commit(number // EACH * EACH),
        "prNumber": number // EACH % 5_000 + 1,
        "type": ("TEST_RESULTS", "COVERAGE", "SECURITY_SCAN")[number % 3],
        "name": f"check {number % 7}",
        "passed": True,
        "evidence": {"totalTests": 1_234, "passed": 1_234, "failed": 0, "durationSeconds": 12.5, "number": number},
    }


def artifact(number: int) -> JsonObject:
    """The fields of an artifact."""
    return {
        "repositoryFullName": _repository(number),
        "commitSha": _commit(number),
        "name": "payments-api",
        "version": f"2.1.{number}",
        "sha256": _digest(number),
        "artifactType": "docker-image",
    }


def run(number: int) -> JsonObject:
    """The fields of a pipeline run."""
    return {
        "externalId": f"run-{number}",
        "source": "jenkins",
        "workflowName": "build",
        "status": "COMPLETED",
        "conclusion": "SUCCESS",
        "repositoryFullName": _repository(number),
        "headSha": _commit(number),
    }


def deployment(number: int) -> JsonObject:
    """The fields of a deployment."""
    return {
        "environment": ("production", "staging", "test")[number % 3],
        "service": f"service-{number % 40}",
        "status": "SUCCESS",
        "artifactSha256": _digest(number),
    }


def _beside(number: int) -> list[Posted]:
    return [posted.artifact(artifact(number)), posted.run(run(number)), posted.deployment(deployment(number))]


def _new(n: int, hand: Hand, number: int) -> New:
    """An attestation as it is stored, but for the row that a post has beside: as many as collectors send."""
    around = Wrapping(hand.audience, Token(id=hand.token_id, label="bench"), hand.now, os.urandom(16))
    envelope = wrap(posted.attestation(attestation(number)), around, hand.signer)
    return claims.new_of(n, statement.read(dsse.verify(envelope, hand.signer.public)), envelope)


def _repository(number: int) -> str:
    return f"acme/service-{number % _REPOSITORIES}"


def _digest(number: int) -> str:
    return sha256(f"artifact {number}".encode()).hex()


def _commit(number: int) -> str:
    return sha256(f"commit {number}".encode()).hex()[:40]
