"""The gate does as its OpenAPI document says, too; a file of its own, so that both are asked at once.

`make fault T=S16` asks more.
"""

import pytest

from shared.wire import GATE_API
from tests.helpers.asked_by_document import finds_nothing


@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing_in_the_gate_with_every_check_on() -> None:
    await finds_nothing(GATE_API)
