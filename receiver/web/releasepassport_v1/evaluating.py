"""The question that pipelines ask: whether a release may go."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from receiver import changes, decide
from receiver.core.cutting import cut
from receiver.core.dossier import verdict_fields
from receiver.core.tokens import Scope
from receiver.decide import Asking, Decided, Once
from receiver.web import answers
from receiver.web.bodies import read_body, read_model
from receiver.web.gate import GATE
from receiver.web.journal import frames
from receiver.web.once import REPLAY_HEADER, read_once
from receiver.web.releasepassport_v1.answered import Evaluation
from receiver.web.releasepassport_v1.asked import EvaluationRequest
from receiver.web.releasepassport_v1.preferring import TEXT, console_url, read_wait, wants_text
from receiver.web.routes import writes
from receiver.web.state import REQUEST_ID, SERVICES, ask_signed, caller, services
from receiver.web.waiting import Asked, Question
from shared.encoding import canonical, compact, sha256
from shared.wire import GATE_API

PROCEED = "Carnet-Proceed"


async def evaluate(request: web.Request) -> web.Response:
    """Decide whether a release may go, and sign a passport that says so and why.

    The same question is answered with the same passport while nothing has changed and more than half of its time is
    left. `Prefer: wait=N` holds the answer until the pipeline may go on, for at most 30 seconds; `Accept: text/plain`
    answers a page for people. The header `Carnet-Proceed` says true or false in either case, and with an error false.
    """
    body = await read_body(request)
    asked = read_model(EvaluationRequest, body)
    at_hand, sender = services(request), caller(request)
    once = read_once(request, sender.token_id, body)
    # A few names are searched at once, which takes less than to hand them to a thread and back.
    free, masked = (
        cut(asked.free(), at_hand.secrets)
        if not asked.context
        else await at_hand.desk.ask(decide.without_secrets, asked.free(), at_hand.secrets)
    )
    asked = asked.masked(free)
    said, question = asked.said(), asked.asked()

    def report(error: Exception) -> None:
        at_hand.journal.error("judging_failed", requestId=request[REQUEST_ID], trace=frames(error))

    async def ask(key: Once | None) -> Decided:
        desk, kept = at_hand.desk, request.app[GATE]
        asking = Asking(
            caller=sender,
            request=question,
            said=said,
            now=desk.now(),
            random=desk.random,
            cache=kept.cache,
            memory=kept.memory,
            passports=kept.passports,
            report=report,
            once=key,
            origin=request.remote,
        )
        # Most questions are asked again: a read finds that, and no write waits for it.
        found = None
        if key is None:
            async with kept.turns.one():
                found = await desk.ask(decide.in_force, asking)
        return await ask_signed(request, decide.decide, asking) if found is None else found

    seconds = read_wait(request)
    with at_hand.running.alone(once):
        if not seconds:
            decided = await ask(once)
        else:
            outer = request.app[SERVICES]
            shared = Question(sender.workspace_id, sender.token_id, sha256(canonical(said)))
            held = Asked(
                lambda: ask(None),
                lambda: outer.desk.ask(changes.mark, sender.workspace_id),
                lambda found: found.passport.proceed,
                lambda: outer.guards.stopping,
            )
            decided = await request.app[GATE].changes.until(shared, seconds, held)
            if once is not None:
                decided = await ask(once)
    return _answer(request, decided, masked)


def _answer(request: web.Request, decided: Decided, masked: tuple[str, ...]) -> web.Response:
    url = console_url(request, decided.passport.passport_id)
    if wants_text(request):
        response = web.Response(text=f"{decided.page}\n{url}\n", content_type=TEXT)
    else:
        fields = (
            verdict_fields(decided.passport)
            | {"consoleUrl": url, "text": f"{decided.page}\n{url}"}
            | ({"cut": [*masked]} if masked else {})
        )
        # Signed bytes stay as they are: the envelope goes in behind the rest, and through no parser.
        response = answers.raw(compact(fields)[:-1] + b',"passport":' + decided.envelope.to_bytes() + b"}")
    response.headers[PROCEED] = "true" if decided.passport.proceed else "false"
    response.headers["Vary"] = "Accept"
    if decided.replayed:
        response.headers[REPLAY_HEADER] = "true"
    return response


_EVALUATE = writes(
    f"{GATE_API}/gate/evaluate",
    evaluate,
    Scope.GATE_EVALUATE,
    Scope.ADMIN,
    takes=EvaluationRequest,
    gives={HTTPStatus.OK: Evaluation},
    once=True,
)
ROUTES = (replace(_EVALUATE, or_text=TEXT, verdict=PROCEED),)
