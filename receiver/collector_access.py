"""A collector is given a token for an hour, for its key's signature under a request that was never used before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from receiver.core.rotation import led_to
from receiver.core.tokens import SECRET_BYTES, IssuedToken, Kind, Scope, make_token, parse_token
from receiver.core.trail import Act
from receiver.store import audit, collectors, intake, tokens, workspaces
from receiver.store.collectors import CollectorStatus
from receiver.store.engine import Store, Tx
from receiver.store.tokens import TokenRow
from shared import dsse, statement
from shared.errors import CarnetError, Code, UntrustedError
from shared.joining import parse_access
from shared.predicates import Access

VALID = timedelta(hours=1)
LIMIT_PER_MINUTE = 1200


def give(
    store: Store,
    collector_id: str,
    body: bytes,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> IssuedToken:
    """Give a collector a token for an hour, for a signed request that was never used before.

    Beside the request may stand the collector's key rotations (`shared.joining`): a receiver that was restored to
    before a rotation knows the older key alone, and learns of the newer one from the batch that the token is for.

    The collector's clock is not compared with ours: one that is wrong must not lock a collector out. Replay is
    excluded by the nonce, which is kept for 400 days. Raises `UntrustedError` (`unauthorized`) for every request that
    is not believed, and `MalformedError` for one that is no envelope.
    """
    envelope, rotations = parse_access(body)
    parsed = dsse.parse(envelope)
    first = dsse.parse(rotations[0]) if rotations else parsed

    def act(tx: Tx) -> IssuedToken:
        owner = collectors.key_owner(tx, parsed.key_id) or collectors.key_owner(tx, first.key_id)
        if owner is None or owner[1] != collector_id:
            raise _no_access("nobody introduced this key for this collector")
        workspace_id = owner[0]
        request = _believed(tx, workspace_id, collector_id, parsed, rotations)
        if not collectors.use_nonce(tx, workspace_id, collector_id, bytes.fromhex(request.nonce), now):
            raise _no_access("this request was used before")
        tokens.forget_expired_access(tx, workspace_id, collector_id, now)
        token = make_token(Kind.COLLECTOR_ACCESS, random(SECRET_BYTES))
        made = parse_token(token)
        row = TokenRow(
            made.token_id,
            workspace_id,
            Kind.COLLECTOR_ACCESS,
            made.digest,
            frozenset({Scope.COLLECTOR_WRITE}),
            "collector access",
            collector_id,
            LIMIT_PER_MINUTE,
            now,
            now + VALID,
        )
        tokens.add(tx, row)
        detail = {"token": made.token_id}
        audit.add(tx, workspace_id, Act(now, collector_id, "collector.access", detail, origin))
        return IssuedToken(token, made.token_id, row.expires_at)

    return store.write(act)


def _believed(
    tx: Tx, workspace_id: str, collector_id: str, envelope: dsse.Envelope, rotations: Sequence[bytes]
) -> Access:
    """Verify a request for access under the collector's active keys, or one that its rotations lead to from there."""
    if collectors.get(tx, workspace_id, collector_id).status is not CollectorStatus.ACTIVE:
        raise _no_access("this collector is not enrolled, or its enrolment has ended")
    sender = intake.sender(tx, workspaces.get(tx, workspace_id), collector_id)
    try:
        read = statement.read(dsse.verify_any(envelope, list(led_to(rotations, sender).values())))
        request = read.as_(Access)
        read.expect_audience(*sender.audiences)
        if read.not_understood or request.collector_id != collector_id:
            raise _no_access("the request is for another collector, or asks for what is not known here")
    except CarnetError as error:
        raise _no_access(error.detail) from None
    return request


def _no_access(detail: str) -> UntrustedError:
    return UntrustedError(
        Code.UNAUTHORIZED, detail, "sign a new request with the collector's enrolled key, or enrol it again"
    )
