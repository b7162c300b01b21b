"""The files that the tests begin with are files that there are."""

from pathlib import Path

import pytest

from tests.conftest import LONGEST

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", LONGEST)
def test_what_is_begun_first_is_there(name: str) -> None:
    assert (TESTS / name).is_file()
