"""Pipeline runs: registered, going on, read back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Self

from aiohttp import web
from pydantic import BeforeValidator, Field, model_validator

from receiver import lookup
from receiver.core.posting import Record
from receiver.core.runs import Conclusion, EarlyConclusionError, RunStatus, StepStatus
from receiver.core.tokens import Scope
from receiver.record import Stored
from receiver.web import answers
from receiver.web.answers import Listed
from receiver.web.api_v1.fields import AnyCommit, PrNumber, Repository, Seconds, Url, either, upper
from receiver.web.api_v1.recorded import Run, shown_run, view_of, with_cut
from receiver.web.bodies import FieldsError, RequestModel, read_body, read_model
from receiver.web.queries import Page, Query, read_query
from receiver.web.recording import take, take_change
from receiver.web.routes import changes, reads, writes
from receiver.web.state import caller, services
from shared.encoding import MAX_INTEGER, JsonObject
from shared.errors import Code
from shared.fields import LongName, Name, Timestamp
from shared.problems import FieldProblem
from shared.wire import API

_RUNS = f"{API}/pipeline-runs"
_RUN = f"{_RUNS}/{{run_id}}"
_MAX_STEPS = 500
_Status = Annotated[RunStatus, Field(strict=False), BeforeValidator(upper)]


class StepRequest(RequestModel):
    """A step of a run."""

    name: Name
    status: Annotated[StepStatus, Field(strict=False), BeforeValidator(upper)]
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    duration_seconds: Seconds | None = None
    number: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    """Tells steps of one name apart; where both have one, it alone says which step it is."""


class RunFields(RequestModel):
    """What may be said of a run whenever it goes on."""

    external_id: Name | None = None
    """With source, names the run."""
    source: Name | None = None
    status: _Status | None = None
    """Only forward. A finished run is closed."""
    conclusion: Annotated[Conclusion, Field(strict=False), BeforeValidator(upper)] | None = None
    """Only of a run that is COMPLETED, FAILED or CANCELLED."""
    repository_full_name: Repository | None = None
    """The owner and the name."""
    repository_name: Repository | None = None
    """Another name of repositoryFullName."""
    head_sha: AnyCommit = None
    """A full commit links; at least 7 digits of one are kept and shown, and link nothing."""
    head_branch: LongName | None = None
    pr_number: PrNumber | None = None
    event: Name | None = None
    triggered_by: Name | None = None
    run_url: Url | None = None
    """Kept as text, never fetched."""
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    duration_seconds: Seconds | None = None
    """Worked out where both times are there; one that disagrees with them speaks against the run."""
    steps: Annotated[tuple[StepRequest, ...], Field(max_length=_MAX_STEPS, strict=False)] | None = None

    @model_validator(mode="after")
    def _one_repository(self) -> Self:
        return either("repository_full_name", "repository_name")(self)

    def said(self) -> JsonObject:
        """Give what was said, under the names that count."""
        fields = self.to_wire()
        fields.pop("repositoryName", None)
        return fields


class RunRequest(RunFields):
    """A pipeline run: which one it is, how far, and of which commit."""

    workflow_name: Name


class RunChange(RunFields):
    """What changes of a run: what is not said stays, steps are merged by number, else by name."""

    workflow_name: Name | None = None


class RunsQuery(Page):
    """What a list of runs is narrowed by."""

    repository: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """The owner and the name."""
    commit: AnyCommit = None
    """As it was posted: the full commit, or the same abbreviation."""
    pr: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    status: Annotated[RunStatus, BeforeValidator(upper)] | None = None
    workflow: Name | None = None
    since: Timestamp | None = None
    """Received at this time or later."""
    until: Timestamp | None = None
    """Received before this time."""


async def register(request: web.Request) -> web.Response:
    """Register a pipeline run, or let it go on.

    A run with the source and externalId of one that is there is that run: it goes on as the request says. Without a
    status it is QUEUED.
    """
    body = await read_body(request)
    fields = read_model(RunRequest, body).said()
    try:
        return await take(request, body, fields, Record.RUN, _answered)
    except EarlyConclusionError as error:
        raise _early(error) from None


async def go_on(request: web.Request) -> web.Response:
    """Let a pipeline run go on: what is said changes, everything else stays.

    Only forward: a run does not go back, and a finished one is closed; the same said again changes nothing.
    """
    body = await read_body(request)
    fields = read_model(RunChange, body).said()
    try:
        return await take_change(request, body, fields, request.match_info["run_id"], _answered)
    except EarlyConclusionError as error:
        raise _early(error) from None


async def runs(request: web.Request) -> web.Response:
    """List pipeline runs, newest first."""
    asked = read_query(RunsQuery, request)
    filters = lookup.RecordFilters(
        repository=asked.repository,
        commit=asked.commit,
        pr_number=asked.pr,
        status=None if asked.status is None else asked.status.value,
        name=asked.workflow,
        since=asked.since,
        until=asked.until,
    )
    found = await services(request).desk.ask(
        lookup.records, caller(request).workspace_id, Record.RUN, filters, asked.limit, asked.cursor
    )
    return answers.model(Listed[Run](items=tuple(shown_run(one) for one in found.items), next_cursor=found.next_cursor))


async def run(request: web.Request) -> web.Response:
    """Show one pipeline run."""
    read_query(Query, request)
    found = await services(request).desk.ask(
        lookup.record, caller(request).workspace_id, Record.RUN, request.match_info["run_id"]
    )
    return answers.model(shown_run(found))


def _answered(stored: Stored) -> Run:
    return with_cut(shown_run(view_of(stored)), stored)


def _early(error: EarlyConclusionError) -> FieldsError:
    _, _, message = error.detail.partition(": ")
    return FieldsError(Code.INVALID_FIELD, (FieldProblem(field="conclusion", message=message),))


ROUTES = (
    writes(
        _RUNS,
        register,
        Scope.PIPELINES_WRITE,
        Scope.ADMIN,
        takes=RunRequest,
        gives={200: Run, 201: Run},
        may={HTTPStatus.CONFLICT},
        once=True,
    ),
    changes(_RUN, go_on, Scope.PIPELINES_WRITE, Scope.ADMIN, takes=RunChange, gives=Run, may={HTTPStatus.CONFLICT}),
    reads(_RUNS, runs, Scope.READ, Scope.ADMIN, asks=RunsQuery, gives=Listed[Run]),
    reads(_RUN, run, Scope.READ, Scope.ADMIN, gives=Run),
)
