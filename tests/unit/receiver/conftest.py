"""An empty, migrated database of either kind, and the store that is opened on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.store.engine import Store
from tests.helpers.databases import Databases


@pytest.fixture
def url(databases: Databases, tmp_path: Path) -> str:
    return databases.migrated(tmp_path / "data")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url)
    yield opened
    opened.close()
