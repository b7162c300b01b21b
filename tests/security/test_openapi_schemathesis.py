"""Whatever the OpenAPI document allows or forbids, the receiver does as the document says, and never answers 500.

`make fault T=S16` asks more.
"""

import json

import pytest

from shared.wire import API, GATE_API
from tests.helpers.asked_by_document import ask

MAX_EXAMPLES = 10
"""Of the phases that draw at random; the phase that walks the document asks about a hundred of each operation."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("root", [API, GATE_API])
async def test_schemathesis_finds_nothing_with_every_check_on(root: str) -> None:
    ran = await ask(MAX_EXAMPLES, seed=16, root=root)
    assert ran.good, ran.said
    assert "No issues found" in ran.said
    events = {json.loads(line)["event"] for line in ran.log.splitlines()}
    assert events <= {"request_refused"}
