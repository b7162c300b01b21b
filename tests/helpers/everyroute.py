"""A workspace that holds one of everything, and how each row of the table of routes is called with it.

A row that needs what is not made here fails the tests that walk the table: it says so by name.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select

from receiver import access, clock
from receiver.commands.embedded import ADMIN_EMAIL
from receiver.core.tokens import IssuedToken, Kind, Scope, parse_token
from receiver.store.schema import METADATA
from receiver.web.routes import Body, Proof, Route
from tests.helpers import build
from tests.helpers.receiving import JSON, UNLIMITED, Answer, Receiver, Sender
from tests.helpers.signed_in import SignedIn

DIGEST = build.digest("artifact").removeprefix("sha256:")
REPOSITORY = "acme/payments-api"
BODIES: dict[str, dict[str, object]] = {
    "AttestationRequest": {
        "repositoryFullName": REPOSITORY,
        "commitSha": build.COMMIT,
        "artifactSha256": DIGEST,
        "type": "TEST_RESULTS",
        "name": "Unit Tests",
        "passed": True,
    },
    "RunRequest": {
        "repositoryFullName": REPOSITORY,
        "headSha": build.COMMIT,
        "workflowName": "CI",
        "externalId": "run-1",
        "status": "QUEUED",
    },
    "RunChange": {"status": "IN_PROGRESS"},
    "ArtifactRequest": {
        "repositoryFullName": REPOSITORY,
        "name": "payments",
        "version": "1.0.0",
        "sha256": DIGEST,
        "commitSha": build.COMMIT,
    },
    "DeploymentRequest": {
        "repositoryFullName": REPOSITORY,
        "environment": "production",
        "service": "payments",
        "status": "SUCCESS",
        "artifactSha256": DIGEST,
        "externalId": "deploy-1",
    },
    "InvitationsRequest": {"names": ["ci-99"], "approve": True},
    "RevocationRequest": {"kind": "lost", "reason": "its host is gone", "dryRun": True},
    "TokenRevocationRequest": {"reason": "its owner has left"},
    "EvaluationRequest": {
        "mode": "shadow",
        "service": {"name": "payments", "environment": "production"},
        "artifact": {"digest": DIGEST},
    },
    "IngestRequest": {
        "source": "ci",
        "externalId": "run-1",
        "service": {"name": "payments", "environment": "production"},
        "artifact": {"digest": DIGEST},
        "evidence": [{"type": "smoke", "status": "passed"}],
    },
    "ApprovalRequest": {"comment": "seen"},
    "WaiverRequest": {
        "rule": "tests",
        "service": {"name": "payments", "environment": "production"},
        "artifact": {"digest": DIGEST},
        "reason": "known",
    },
    "CommentRequest": {"text": "is this ready?"},
}
"""A body that is taken, by the name of its model."""
QUERIES = {"SearchQuery": f"?q={DIGEST}"}
"""What has to stand behind the question mark, by the name of its model."""


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def parameters_of(route: Route) -> list[str]:
    return re.findall(r"\{([a-z_0-9]+)\}", route.path)


@dataclass
class Everything:
    """A receiver, and the ids of what its workspace holds, by the name that the parameters of paths have."""

    receiver: Receiver
    sender: Sender
    ids: dict[str, str] = field(default_factory=dict)
    held: str = ""

    @classmethod
    async def of(cls, receiver: Receiver) -> Everything:
        """Post and enrol one of everything."""
        made = cls(receiver, await Sender(receiver).join())
        key = receiver.token(*Scope)
        stored = await made.sender.deliver(made.sender.capture(1))
        victim = receiver.token(Scope.READ)

        async def post(path: str, model: str) -> str:
            answer = await receiver.post(path, json.dumps(BODIES[model]).encode(), key)
            assert answer.status == 201, answer.body
            return str(answer.json["id"])

        made.ids = {
            "attestation_id": stored.json["results"][0]["attestationId"],
            "collector_id": made.sender.id,
            "token_id": parse_token(victim).token_id,
            "run_id": await post("/api/v1/pipeline-runs", "RunRequest"),
            "artifact_id": await post("/api/v1/artifacts", "ArtifactRequest"),
            "deployment_id": await post("/api/v1/deployments", "DeploymentRequest"),
            "environment_name": "production",
            "key_id": made.sender.key.public.key_id,
        }
        made.ids["passport_id"] = await made.judge(key)
        await post("/api/v1/attestations", "AttestationRequest")
        made.held = await made.hold(key)
        return made

    async def judge(self, admin: str) -> str:
        """Ask the gate about the artifact; gives the passport."""
        fields = json.dumps(BODIES["EvaluationRequest"]).encode()
        answer = await self.receiver.post("/releasepassport/v1/gate/evaluate", fields, admin)
        assert answer.status == 200, answer.body
        return str(answer.json["passportId"])

    async def hold(self, admin: str) -> str:
        """Post something with a token that is then revoked as if it had always been in other hands."""
        stolen = self.receiver.token(Scope.ATTESTATIONS_WRITE)
        fields = json.dumps(BODIES["AttestationRequest"] | {"name": "Held Tests"}).encode()
        posted = await self.receiver.post("/api/v1/attestations", fields, stolen)
        path = f"/api/v1/tokens/{parse_token(stolen).token_id}/revoke"
        ended = await self.receiver.post(path, b'{"kind": "compromised", "since": null, "reason": "stolen"}', admin)
        assert (posted.status, ended.status) == (201, 200), ended.body
        return str(posted.json["attestationId"])

    def path(self, route: Route) -> str:
        """The row's path with ids of this workspace; fails for a parameter of which there is none here."""
        path = route.path
        for name in parameters_of(route):
            assert name in self.ids, f"{name_of(route)}: tests/helpers/everyroute.py makes nothing that is a {name}"
            path = path.replace(f"{{{name}}}", self.ids[name])
        return path + QUERIES.get(route.asks.__name__ if route.asks is not None else "", "")

    def body(self, route: Route, invitation: str) -> bytes | None:
        """A body that the row takes; fails for a model of which none is known here."""
        model: type[BaseModel] | None = route.takes
        if model is not None and model.__name__ == "ReleaseRequest":
            return json.dumps({"attestations": [self.held], "reason": "it was not"}).encode()
        if model is not None and model.__name__ == "SignInRequest":
            return json.dumps({"email": ADMIN_EMAIL, "password": self.receiver.secrets.admin_password}).encode()
        if model is None:
            assert route.body is Body.NONE, f"{name_of(route)}: a row that takes a body names its model"
            return None
        made = self._signed(model.__name__, invitation)
        if made is None:
            known = model.__name__ in BODIES
            assert known, f"{name_of(route)}: tests/helpers/everyroute.py knows no {model.__name__}"
            made = json.dumps(BODIES[model.__name__]).encode()
        return made

    def _signed(self, model: str, invitation: str) -> bytes | None:
        """Bodies that a collector signs: each is new, since most are good once."""
        sender, audience = self.sender, self.receiver.audience
        if model == "BatchRequest":
            return sender.batch(sender.capture(1), f"batch_{os.urandom(4).hex()}")
        if model == "HeartbeatRequest":
            beat = build.heartbeat_envelope(sender.key, audience=audience, collector=sender.about())
            return b'{"collectorId":"%b","heartbeat":%b}' % (sender.id.encode(), beat.to_bytes())
        if model == "EnrolRequest":
            return Sender(self.receiver).request(invitation, "ci-100")
        if model == "AccessRequest":
            nonce = os.urandom(16).hex()
            return build.access_envelope(sender.key, audience=audience, collector_id=sender.id, nonce=nonce).to_bytes()
        return None

    async def call(
        self,
        route: Route,
        token: str | None,
        *,
        invitation: str = "ce_once_none",
        session: SignedIn | None = None,
    ) -> Answer:
        """Ask what a row asks, in full, with a token or a session."""
        body = self.body(route, invitation)
        headers = ({} if body is None else JSON) | ({} if session is None else session.headers)
        return await self.receiver.ask(route.method, self.path(route), token, body, headers)


@dataclass
class Tokens:
    """Tokens of one workspace, each made once."""

    receiver: Receiver
    workspace_id: str
    made: dict[tuple[frozenset[Scope], Kind], str] = field(default_factory=dict)

    def of(self, *scopes: Scope, kind: Kind = Kind.API_KEY) -> str:
        key = (frozenset(scopes), kind)
        if key not in self.made:
            self.made[key] = self.fresh(*scopes, kind=kind).token
        return self.made[key]

    def fresh(self, *scopes: Scope, kind: Kind = Kind.API_KEY, days_ago: float = 0) -> IssuedToken:
        with self.receiver.store() as store:
            return access.issue(
                store,
                self.workspace_id,
                kind,
                scopes,
                "test",
                clock.utcnow() - timedelta(days=days_ago),
                os.urandom,
                1,
                UNLIMITED,
            )


def lesser(route: Route) -> frozenset[Scope]:
    """Every scope that does not open a row."""
    return frozenset(Scope) - route.scopes


def is_open(route: Route) -> bool:
    """Say whether no token and no session is asked for."""
    return route.proof in (Proof.NOTHING, Proof.SIGNED_BODY, Proof.PASSWORD)


def is_for_people(route: Route) -> bool:
    """Say whether people alone may do it: no token opens it."""
    return route.proof is Proof.SESSION


def all_rows(receiver: Receiver) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, without when a token was last used: that is noted of lesser ones too."""

    def read(tx: Any) -> dict[str, list[tuple[Any, ...]]]:  # noqa: ANN401 - a transaction of the store
        return {
            table.name: sorted(
                (tuple(row) for row in tx.execute(select(*(one for one in table.c if one.name != "last_used_at")))),
                key=repr,
            )
            for table in METADATA.sorted_tables
        }

    with receiver.store() as store:
        return store.read(read)
