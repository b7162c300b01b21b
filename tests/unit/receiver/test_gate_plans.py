"""A question of the gate is answered by indexes: nothing that grows with what is stored is searched or sorted."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from receiver.facts import facts_of
from receiver.store.schema import METADATA
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.posts import Pipeline
from tests.helpers.releases import REQUEST, Sends, ingest

SMALL = ("streams", "collectors", "collector_requests", "heartbeats", "presence", "stream_notes", "closed_gaps")
"""What grows with the fleet alone."""
SORTED = ("FROM contradictions", "lag(", *(f"FROM {name}" for name in SMALL))
"""Of what is sorted there are few rows: of the evidence that was found, of one stretch of a stream, of the fleet."""


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    made = make_receiver(tmp_path_factory.mktemp("plans"))
    yield made
    made.store.close()


def plans(receiver: Receiver) -> dict[str, list[str]]:
    """How SQLite says that it answers each query of a question."""

    def act(tx: Any) -> dict[str, list[str]]:  # noqa: ANN401 - a transaction of the store
        asked: dict[str, Any] = {}

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:  # noqa: ANN401, FBT001 - SQLAlchemy's signature
            asked.setdefault(statement, parameters)

        event.listen(tx, "before_cursor_execute", note)
        facts_of(tx, receiver.workspace_id, REQUEST, receiver.now)
        event.remove(tx, "before_cursor_execute", note)
        return {
            statement: [str(row[3]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in asked.items()
        }

    return receiver.store.read(act)


def test_a_question_goes_by_indexes_and_asks_few_of_them(receiver: Receiver) -> None:
    sends = Sends(receiver)
    sends.deliver(sends.built(), *(sends.captured() for _ in range(30)))
    ingest(Pipeline(receiver), {"type": "health", "status": "passed"}, {"type": "smoke", "status": "passed"})
    found = plans(receiver)
    scanned = [
        (step, statement)
        for statement, steps in found.items()
        for step in steps
        if step.startswith("SCAN ") and step.split()[1] in METADATA.tables and step.split()[1] not in SMALL
    ]
    assert scanned == []
    by_hand = [statement for statement, steps in found.items() if any("ORDER BY" in step for step in steps)]
    assert [one for one in by_hand if not any(name in one for name in SORTED)] == []
    before = len(found)
    sends.deliver(*(sends.captured() for _ in range(60)))
    assert len(plans(receiver)) == before, "no more queries for more evidence"
