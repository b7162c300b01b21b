"""Enrol collectors: invite by name, and take in a key that proves itself, at once or for a person to confirm.

Invariants: an invitation serves one key; a key belongs to one collector of one workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from receiver import joining
from receiver.caller import OPERATOR, Caller
from receiver.core.proof import prove
from receiver.core.tokens import SECRET_BYTES, Kind, make_token, parse_token, unauthorized
from receiver.core.trail import Act
from receiver.keys_at_hand import RoleSigners
from receiver.store import audit, collectors, invitations, register, tokens, workspaces
from receiver.store.engine import Store, Tx
from receiver.store.invitations import InvitationRow
from receiver.store.tokens import TokenRow
from shared.encoding import JsonObject, sha256
from shared.errors import Code, MalformedError, StateError, UntrustedError
from shared.joining import EnrolAnswer, parse_enrol_request
from shared.predicates import Limits

MIN_VALID_MINUTES = 15
MAX_VALID_MINUTES = 24 * 60
MAX_NAMES = 200
MAX_NAME_CHARS = 200
INVITATION_LIMIT_PER_MINUTE = 100


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation for one name, shown this once; its representation does not show the token."""

    name: str
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Invitation(name={self.name!r}, expires_at={self.expires_at!r})"


def invite(
    store: Store,
    who: Caller | str,
    names: Sequence[str],
    limits: Limits,
    approve: bool,  # noqa: FBT001 - the wire's own word
    valid_minutes: int,
    now: datetime,
    random: Callable[[int], bytes],
) -> list[Invitation]:
    """Invite one collector for each name; `who` is an admin's token, or the workspace id where the operator asks.

    Raises `MalformedError` (`invalid_field`) for a bad name or lifetime, `StateError` without such a workspace.
    """
    if not MIN_VALID_MINUTES <= valid_minutes <= MAX_VALID_MINUTES:
        raise _invalid(f"validMinutes: {valid_minutes}", f"{MIN_VALID_MINUTES} to {MAX_VALID_MINUTES} minutes")
    if not 1 <= len(names) <= MAX_NAMES or len(set(names)) != len(names):
        raise _invalid(f"names: {len(names)} names", f"1 to {MAX_NAMES} different names")
    for name in names:
        _check_name(name)
    workspace_id, invited_by = (who, OPERATOR) if isinstance(who, str) else (who.workspace_id, who.token_id)
    expires_at = now + timedelta(minutes=valid_minutes)

    def act(tx: Tx) -> list[Invitation]:
        workspaces.get(tx, workspace_id)
        made = [Invitation(name, make_token(Kind.INVITATION, random(SECRET_BYTES)), expires_at) for name in names]
        for one in made:
            parsed = parse_token(one.token)
            row = TokenRow(
                parsed.token_id,
                workspace_id,
                Kind.INVITATION,
                parsed.digest,
                frozenset(),
                one.name,
                None,
                INVITATION_LIMIT_PER_MINUTE,
                now,
                expires_at,
            )
            tokens.add(tx, row)
            invitation = InvitationRow(parsed.token_id, workspace_id, one.name, limits, approve, invited_by)
            invitations.add(tx, invitation)
        detail: JsonObject = {"names": [*names], "approve": approve, "limits": limits.to_wire()}
        audit.add(tx, workspace_id, Act(now, invited_by, "collector.invite", detail))
        return made

    return store.write(act)


def enrol(
    store: Store,
    signers: RoleSigners,
    token: str,
    body: bytes,
    now: datetime,
    random: Callable[[int], bytes],
    origin: str | None = None,
) -> EnrolAnswer:
    """Take up an invitation with a new key; asked again with the same key, answers how it stands.

    `token` is the invitation, `body` the request (`shared.wire`). The answer's status is `active`, or `pending` while
    a person must confirm the key. Raises `UntrustedError` for a token, key or signature that is not believed,
    `StateError` (`conflict`) for a key that is known already or an invitation that another key took up,
    `MalformedError` for a request that cannot be read.
    """
    parsed = parse_token(token)
    name, request = parse_enrol_request(body)
    proof = prove(request, sha256(token.encode("ascii")))

    def act(tx: Tx) -> EnrolAnswer:
        row = tokens.find(tx, parsed.token_id)
        if row is None or not parsed.matches(row.digest) or row.workspace_id != signers.workspace_id:
            raise unauthorized()
        invitation = invitations.find(tx, row.workspace_id, row.token_id)
        # Who took an invitation up and proves it may ask how it stands, as long as a person takes to confirm.
        if invitation is None or not (row.good(now) or invitation.collector_id is not None):
            raise unauthorized()
        workspace = workspaces.get(tx, row.workspace_id)
        proof.statement.expect_audience(*workspaces.accepted_audiences(tx, workspace))
        if invitation.name not in (joining.ANY_NAME, name):
            raise UntrustedError(
                Code.FORBIDDEN, f"this invitation is not for the name {name[:80]!r}", "use the name invited"
            )
        owner = collectors.key_owner(tx, proof.key.key_id)
        if invitation.collector_id is None:
            if owner is not None or workspaces.is_own_key(tx, proof.key.raw):
                raise _conflict("this key is known already", "make a new key with carnet-collector keygen")
            _check_name(name)
            collector_id = joining.take_in(tx, replace(invitation, name=name), proof.key, now, random, origin)
            if invitation.approve:
                by = joining.inviter(signers, invitation.invited_by)
                joining.approve(tx, signers, joining.Joining(collector_id, proof.key), by, now, random)
        elif owner == (row.workspace_id, invitation.collector_id):
            collector_id = invitation.collector_id
        else:
            raise _conflict("another key took this invitation up", "ask an admin for a new invitation")
        return _state(tx, row.workspace_id, collector_id)

    return store.write(act)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise _invalid(f"name: {name[:80]!r}", f"1 to {MAX_NAME_CHARS} printable characters")


def _state(tx: Tx, workspace_id: str, collector_id: str) -> EnrolAnswer:
    row = collectors.get(tx, workspace_id, collector_id)
    signed = None if row.enrolment is None else register.envelope_at(tx, workspace_id, row.enrolment)
    return EnrolAnswer(collector_id, row.status.value, signed)


def _invalid(detail: str, hint: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, detail, hint)


def _conflict(detail: str, hint: str) -> StateError:
    return StateError(Code.CONFLICT, detail, hint)
