"""What holds for every test: root where it is asked for, and databases of both kinds."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.compiled import compile_once
from tests.helpers.databases import KINDS, Databases, PostgresDatabases, SqliteDatabases
from tests.helpers.postgres import PostgresServer

LONGEST = (
    "fault/test_kills.py",
    "fault/test_stop.py",
    "unit/formats/test_hostile.py",
    "unit/formats/test_json_items.py",
    "security/test_planted_secrets.py",
    "security/test_openapi_schemathesis.py",
    "fault/test_fleet_rotation_s4.py",
    "fault/test_rotation_kills.py",
    "fault/test_shipping_answers.py",
    "fault/test_shipping_outage.py",
)
"""Files of half a minute and more: begun first, so that none of them is what all other workers wait for at the end."""
_TESTS = Path(__file__).parent


def pytest_configure() -> None:
    compile_once()
    # As both programs do: nearly all that is made ends by itself, and is not looked for again and again.
    gc.set_threshold(50_000, 20, 50)
    # A busy machine is no fault of ours: no test asserts how long something takes.
    settings.register_profile("carnet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("carnet")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    is_root = sys.platform == "linux" and os.geteuid() == 0
    for item in items:
        if item.get_closest_marker("root") and not is_root:
            item.add_marker(pytest.mark.skip(reason="needs root on Linux"))
    places = {_TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    # Fourteen thousand tests stay to the end, and need not be looked at each time.
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of this process, started when the first asks for it."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("databases"))


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Databases for the receiver; a test that asks for them runs once on each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_databases")
        return
    made = PostgresDatabases(request.getfixturevalue("postgres_server"))
    yield made
    made.close()
