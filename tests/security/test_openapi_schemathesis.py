"""Whatever the OpenAPI document allows or forbids, the receiver does as the document says, and never answers 500.

`make fault T=S16` asks more.
"""

import pytest

from shared.wire import API
from tests.helpers.asked_by_document import finds_nothing


@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing_with_every_check_on() -> None:
    await finds_nothing(API)
