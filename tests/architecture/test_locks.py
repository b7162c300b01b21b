"""The locks pin every package by hash, name no index, and cover what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
ENTRY = re.compile(r"^([a-z0-9][a-z0-9.-]*)==[^ ;\\]+(?: ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def locked(lock: str) -> set[str]:
    lines = (ROOT / lock).read_text().splitlines()
    return {match[1] for match in map(ENTRY.match, lines) if match}


def wanted(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0] for requirement in requirements}
    return {name.lower().replace("_", "-").replace(".", "-") for name in names}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pinned_package_or_its_hash(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if not (ENTRY.match(line) or HASH.match(line))] == []


def test_the_locks_cover_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    shipped = [*project["dependencies"], *(r for extra in extras if extra != "dev" for r in extras[extra])]
    assert wanted(shipped) <= locked("requirements.lock")
    assert wanted([*shipped, *extras["dev"]]) <= locked("requirements-dev.lock")


def test_tests_run_with_the_versions_that_are_shipped() -> None:
    def pins(lock: str) -> set[str]:
        # Without the markers: what ships on one platform alone may be wanted everywhere by a tool.
        lines = (ROOT / lock).read_text().splitlines()
        return {line.partition(" ")[0] for line in lines if ENTRY.match(line)}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
