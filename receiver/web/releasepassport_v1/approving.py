"""What people do about a decision: approve a release, waive a rule for it, and write under its passport."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import StringConstraints

from receiver import approve, comment, persons, waive
from receiver.core.accounts import Role
from receiver.persons import Doing
from receiver.record import Once
from receiver.web.acting import act_once
from receiver.web.answers import AnswerModel
from receiver.web.bodies import FieldsError, RequestModel, read_body, read_model
from receiver.web.releasepassport_v1.asked import AskedArtifact, AskedService
from receiver.web.routes import acts
from receiver.web.state import ask_signed, caller, services
from shared.encoding import compact, digest_text
from shared.errors import Code
from shared.fields import Count, DigestText, Id, LongName, Name, Timestamp
from shared.judging.values import Target
from shared.problems import FieldProblem
from shared.wire import GATE_API

_PASSPORT = f"{GATE_API}/passports/{{passport_id}}"
MAX_COMMENT_CHARS = 4000


class ApprovalRequest(RequestModel):
    """A yes to what the passport says now."""

    comment: LongName | None = None
    """It stands in the signed statement; one that holds what looks like a secret is refused."""
    expires_at: Timestamp | None = None
    """At most 90 days from now; three days without."""


class ApprovalAnswer(AnswerModel):
    """An approval: whose yes to what, and until when."""

    id: DigestText
    """The attestation id of its statement."""
    number: Count
    """The statement's number in the register."""
    passport_id: Id
    rules: tuple[str, ...]
    """What it was given on: another passport's findings of these rules may be others."""
    by: Name
    approved_at: Timestamp
    expires_at: Timestamp
    successor: Id | None
    """The passport that superseded this one already, where there is one: look whether it finds the same."""


class WaiverRequest(RequestModel):
    """Which rule is not to count for which artifact where, why, and until when."""

    rule: Name
    service: AskedService
    artifact: AskedArtifact
    reason: LongName
    """It shows on the passport for ever; one that holds what looks like a secret is refused."""
    expires_at: Timestamp | None = None
    """At most 90 days from now; a day without."""


class WaiverAnswer(AnswerModel):
    """A waiver: whose, of what, and whether enough people waived."""

    id: DigestText
    """The attestation id of its statement."""
    number: Count
    """The statement's number in the register."""
    passport_id: Id
    """The passport in force, whose finding it is about."""
    rule: str
    by: Name
    reason: str
    waived_at: Timestamp
    expires_at: Timestamp
    needed: Count
    """How many people are needed: two for what blocks or recommends to roll back, one more while no author is known."""
    given: tuple[str, ...]
    """Who waived it so far, each for the same rule, artifact and target."""
    waived_until: Timestamp | None
    """Until when enough people waived it; null while too few did."""


class CommentRequest(RequestModel):
    """Something to be written under a passport."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_COMMENT_CHARS, pattern=r"\A[^\x00]+\z")]


class CommentAnswer(AnswerModel):
    """What somebody wrote under a passport."""

    id: Id
    passport_id: Id
    by: Name
    at: Timestamp
    text: str


async def approve_release(request: web.Request) -> web.Response:
    """Approve a release on its passport: 201, or 200 where the same person did so before and it still holds.

    Nobody approves their own release: author and requester are known by every identity of the account. It lifts the
    findings of this passport that wait for people, and no others.
    """
    raw = await read_body(request)
    asked = read_model(ApprovalRequest, raw)
    await _without_secrets(request, "comment", asked.comment)
    yes = approve.Yes(request.match_info["passport_id"], asked.comment, asked.expires_at)

    async def act(once: Once | None) -> approve.Answered:
        return await ask_signed(request, approve.approve, yes, _doing(request), approve.Reply(once, _approved))

    return await act_once(request, raw, act)


async def waive_rule(request: web.Request) -> web.Response:
    """Waive a rule for one artifact at one target: 201, or 200 where the same person did so before for as long.

    What blocks or recommends to roll back needs two people, who each say so. What asks for people, what is about
    collection, what contradicts itself, and what its policy calls not waivable is lifted by nobody. Nobody waives for
    their own release.
    """
    raw = await read_body(request)
    asked = read_model(WaiverRequest, raw)
    await _without_secrets(request, "reason", asked.reason)
    target = Target(asked.service.name, asked.service.namespace, asked.service.environment)
    wanted = waive.Wanted(asked.rule, target, asked.artifact.digest, asked.reason, asked.expires_at)

    async def act(once: Once | None) -> waive.Answered:
        return await ask_signed(request, waive.waive, wanted, _doing(request), waive.Reply(once, _waived))

    return await act_once(request, raw, act)


async def comment_on(request: web.Request) -> web.Response:
    """Write something under a passport; it changes no decision."""
    raw = await read_body(request)
    text = read_model(CommentRequest, raw).text
    await _without_secrets(request, "text", text)
    passport_id = request.match_info["passport_id"]

    async def act(once: Once | None) -> comment.Answered:
        reply = comment.Reply(once, partial(_commented, passport_id))
        return await services(request).desk.change(comment.comment, passport_id, text, _doing(request), reply)

    return await act_once(request, raw, act)


async def _without_secrets(request: web.Request, field: str, text: str | None) -> None:
    """Refuse what would be kept for ever and should not; raises `FieldsError`, which quotes nothing of it."""
    if text is None:
        return
    at_hand = services(request)
    found = await at_hand.desk.ask(persons.secrets_in, {field: text}, at_hand.secrets)
    if found:
        said = f"holds what looks like a secret ({found[field]}); it would be kept for ever, say it otherwise"
        raise FieldsError(Code.INVALID_FIELD, (FieldProblem(field=field, message=said),))


def _doing(request: web.Request) -> Doing:
    desk = services(request).desk
    return Doing(caller(request), desk.now(), desk.random, request.remote)


def _approved(done: approve.Approved) -> approve.Answered:
    row = done.row
    answer = ApprovalAnswer(
        id=digest_text(row.id),
        number=row.number,
        passport_id=row.passport_id,
        rules=row.rules,
        by=row.email,
        approved_at=row.approved_at,
        expires_at=row.expires_at,
        successor=done.successor,
    )
    return approve.Answered(_status(created=done.created), compact(answer.to_wire()))


def _waived(done: waive.Waived) -> waive.Answered:
    row = done.row
    answer = WaiverAnswer(
        id=digest_text(row.id),
        number=row.number,
        passport_id=done.passport_id,
        rule=row.rule,
        by=row.by[0].subject,
        reason=row.reason,
        waived_at=row.waived_at,
        expires_at=row.expires_at,
        needed=done.needed,
        given=done.by,
        waived_until=done.until,
    )
    return waive.Answered(_status(created=done.created), compact(answer.to_wire()))


def _commented(passport_id: str, row: comment.CommentRow) -> comment.Answered:
    named = f"{passport_id}.{row.number}"
    answer = CommentAnswer(id=named, passport_id=passport_id, by=row.email, at=row.at, text=row.text)
    return comment.Answered(HTTPStatus.CREATED, compact(answer.to_wire()))


def _status(*, created: bool) -> HTTPStatus:
    return HTTPStatus.CREATED if created else HTTPStatus.OK


ROUTES = (
    acts(
        f"{_PASSPORT}/approvals",
        approve_release,
        Role.APPROVER,
        takes=ApprovalRequest,
        gives={HTTPStatus.CREATED: ApprovalAnswer, HTTPStatus.OK: ApprovalAnswer},
        may={HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT},
        once=True,
    ),
    acts(
        f"{GATE_API}/waivers",
        waive_rule,
        Role.APPROVER,
        takes=WaiverRequest,
        gives={HTTPStatus.CREATED: WaiverAnswer, HTTPStatus.OK: WaiverAnswer},
        may={HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT},
        once=True,
    ),
    acts(
        f"{_PASSPORT}/comments",
        comment_on,
        Role.OPERATOR,
        takes=CommentRequest,
        gives=CommentAnswer,
        may={HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT},
        once=True,
    ),
)
