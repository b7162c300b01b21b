"""Posts with a token, straight into the use case: what tests of contradictions and records start from."""

from __future__ import annotations

import json
from dataclasses import dataclass

from receiver import access, record
from receiver.core.posting import Record
from receiver.core.tokens import Kind, Scope
from receiver.record import Done, Once, Stored
from shared.encoding import JsonObject, JsonValue, compact, digest_text
from tests.helpers import build
from tests.helpers.fleet import Receiver

DIGEST = build.digest("artifact").removeprefix("sha256:")
COMMIT = build.COMMIT


@dataclass
class Pipeline:
    """Somebody with a token for one workspace."""

    receiver: Receiver
    scopes: tuple[Scope, ...] = (Scope.ADMIN,)

    def __post_init__(self) -> None:
        made = access.issue(
            self.receiver.store,
            self.receiver.workspace_id,
            Kind.API_KEY,
            self.scopes,
            "a pipeline",
            self.receiver.now,
            self.receiver.random,
        )
        self.caller = access.authenticate(self.receiver.store, made.token, self.receiver.now)

    def post(self, kind: Record, fields: JsonObject, once: Once | None = None) -> Done:
        """Post the fields as the web hands them on; the answer is what is stored, in short."""
        asking = record.Asking(self.caller, once, _short, self.receiver.now, self.receiver.random)
        return record.post(self.receiver.store, self.receiver.signers, asking, kind, record.Cut(fields, ()))

    def attest(self, **changes: JsonValue) -> JsonObject:
        """Post an attestation of unit tests that passed, with changes; gives the answer."""
        fields: JsonObject = {
            "repositoryFullName": "acme/payments-api",
            "commitSha": COMMIT,
            "type": "TEST_RESULTS",
            "name": "Unit Tests",
            "passed": True,
            "evidence": {"totalTests": 4, "passed": 4, "failed": 0},
            **changes,
        }
        answer: JsonObject = json.loads(self.post(Record.ATTESTATION, fields).body)
        return answer


def _short(stored: Stored) -> tuple[int, bytes]:
    said: JsonObject = {
        "id": stored.record.record_id,
        "attestationId": digest_text(stored.attestation_id),
        "against": [one.said.kind.value for one in stored.against],
    }
    return 201 if stored.created else 200, compact(said)
