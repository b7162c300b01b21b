"""Somebody who asks the gate of a receiver in memory one question, and green evidence about what they ask."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from receiver import decide, keys_at_hand, passports
from receiver.core.posting import Record
from receiver.core.tokens import Scope
from receiver.decide import Asking, Decided
from receiver.gather import Memory
from receiver.issuing import PassportCache
from receiver.policies import PolicyCache
from shared import dsse
from shared.judging.values import Mode, Request, Target
from tests.helpers import build
from tests.helpers.fleet import Receiver
from tests.helpers.posts import COMMIT, DIGEST, Pipeline


@dataclass
class Asker:
    """Somebody who asks one gate one question."""

    receiver: Receiver
    digest: str = DIGEST
    cache: PolicyCache = field(default_factory=PolicyCache)
    memory: Memory = field(default_factory=Memory)
    passports: PassportCache = field(default_factory=PassportCache)
    failures: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(self.receiver, (Scope.ADMIN,))
        fields = {"name": "api", "sha256": self.digest, "repositoryFullName": "acme/payments-api", "commitSha": COMMIT}
        self.pipeline.post(Record.ARTIFACT, {**fields, "artifactType": "binary"})

    def ask(self, **changes: object) -> Decided:
        signers = keys_at_hand.load(self.receiver.store, self.receiver.master, self.receiver.workspace_id)
        return decide.decide(self.receiver.store, signers, self.asking(**changes))

    def asking(self, **changes: object) -> Asking:
        question = Request(
            target=Target("payments-api", None, "production"),
            digest=self.digest,
            mode=Mode.ENFORCE,
            ready=True,
            rollback_available=True,
            rollback_verified=True,
        )
        question = replace(question, **changes)  # type: ignore[arg-type]
        return Asking(
            caller=self.pipeline.caller,
            request=question,
            said={"artifact": self.digest, **{name: str(value) for name, value in changes.items()}},
            now=self.receiver.now,
            random=self.receiver.random,
            cache=self.cache,
            memory=self.memory,
            passports=self.passports,
            report=self.failures.append,
        )

    def bundle(self, decided: Decided) -> bytes:
        return passports.bundle(self.receiver.store, self.receiver.workspace_id, decided.passport.passport_id)


def green() -> dict[str, Any]:
    counts = {"totalTests": 3, "passed": 3, "failed": 0, "errors": 0, "skipped": 0}
    claim = build.collected().claim.model_copy(update={"passed": True, "evidence": counts})
    return {"claim": claim}


def about(entry: bytes) -> str:
    """The file that an entry is about, which is the artifact here."""
    first: str = json.loads(dsse.parse(entry).payload)["subject"][0]["digest"]["sha256"]
    return first
