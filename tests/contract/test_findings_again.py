"""Old findings that were withdrawn are looked at again where what had withdrawn them may be held, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, event

from receiver import expect
from receiver.caller import Caller
from receiver.core.expectations import After, Expectation
from receiver.core.posting import Record
from receiver.core.revocation import What
from receiver.store import suspects
from receiver.web.desk import Desk
from receiver.web.metrics import Metrics
from receiver.web.rounds import Rounds
from shared.dsse import Envelope
from shared.predicates import ClaimType
from tests.helpers import build
from tests.helpers.databases import Databases
from tests.helpers.fleet import Receiver, Spool, make_receiver
from tests.helpers.held import HOUR, end, take_back
from tests.helpers.posts import Pipeline

DAY = timedelta(days=1)
TESTS = Expectation("tests of every run", (ClaimType.TEST_RESULTS,), After.RUN, timedelta(minutes=1))


@pytest.fixture
def receiver(tmp_path: Path, databases: Databases) -> Iterator[Receiver]:
    made = make_receiver(tmp_path, databases=databases)
    yield made
    made.store.close()


@pytest.fixture
def findings_read() -> Iterator[list[str]]:
    """The queries for findings that were withdrawn, without a bound."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
        unbound = "withdrawn_at IS NOT NULL" in statement and "anchor_at >=" not in statement
        found.extend([statement] if unbound else [])

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def revoked(receiver: Receiver, spool: Spool, _caller: Caller, _turn: Envelope) -> None:
    end(receiver, What.KEY, spool.key.public.key_id)


def forked(receiver: Receiver, spool: Spool, caller: Caller, turn: Envelope) -> None:
    receiver.take(caller, "fork", [spool.entry(spool.link(1, turn.id))])


def retired(receiver: Receiver, _spool: Spool, caller: Caller, turn: Envelope) -> None:
    receiver.take(caller, "turn", [turn.to_bytes()])


@pytest.mark.parametrize("happens", [revoked, forked, retired])
async def test_what_is_revoked_parts_or_is_retired_has_old_findings_looked_at_once(
    receiver: Receiver, findings_read: list[str], happens: Callable[[Receiver, Spool, Caller, Envelope], None]
) -> None:
    desk = Desk(receiver.store, now=lambda: receiver.now, random=receiver.random, threads=1, max_waiting=4)
    journal = structlog.get_logger()
    rounds = Rounds(desk, lambda *_: receiver.signers, (TESTS,), Metrics(), journal)

    async def stand(after: timedelta = timedelta(minutes=1)) -> int:
        receiver.now += after
        await rounds.make()
        return len(expect.missing(receiver.store, receiver.workspace_id))

    spool, caller = receiver.enrol()
    await rounds.make()
    run = {"repositoryFullName": "acme/a", "headSha": build.COMMIT, "workflowName": "ci"}
    Pipeline(receiver).post(Record.RUN, {**run, "status": "COMPLETED", "conclusion": "SUCCESS"})
    assert [await stand() for _ in range(3)][-1] == 1
    # A rotation below what comes, which the old key still signed: it is not here yet.
    turn = spool.rotation(build.signer(71))
    receiver.take(caller, "a", [spool.entry()])
    assert await stand() == 0
    assert await stand(30 * DAY) == 0
    assert findings_read == []
    happens(receiver, spool, caller, turn)
    assert await stand() == 1
    seen = len(findings_read)
    assert seen > 0
    assert [await stand(HOUR) for _ in range(3)] == [1] * 3
    assert len(findings_read) == seen
    # A process that has just started does not know what was looked at before.
    expect.check(receiver.store, receiver.signers, [TESTS], receiver.now, receiver.random)
    assert len(findings_read) == seen + 1
    desk.close()


def test_taking_a_revocation_back_is_a_change_too_since_it_may_bring_a_fork_back(receiver: Receiver) -> None:
    def mark() -> suspects.Mark:
        return receiver.store.read(lambda tx: suspects.mark(tx, receiver.workspace_id))

    spool, _ = receiver.enrol()
    assert mark() == suspects.NOTHING_ENDED
    done = end(receiver, What.KEY, spool.key.public.key_id)
    revoked = mark()
    take_back(receiver, done.revocation)
    assert len({suspects.NOTHING_ENDED, revoked, mark()}) == 3
