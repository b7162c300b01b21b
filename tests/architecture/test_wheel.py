"""The wheel is the product: three packages, three scripts, and nothing of the workshop."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_carries_the_three_packages_and_their_metadata_and_nothing_else(
    wheel: zipfile.ZipFile,
) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"collector", "receiver", "shared", metadata}


def test_the_wheel_tells_type_checkers_that_all_three_packages_are_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"{package}/py.typed" for package in ("collector", "receiver", "shared")} <= set(wheel.namelist())


def test_the_wheel_carries_every_module_of_the_tree(wheel: zipfile.ZipFile) -> None:
    here = {
        path.relative_to(ROOT).as_posix()
        for package in ("collector", "receiver", "shared")
        for path in (ROOT / package).rglob("*.py")
    }
    assert here == {name for name in wheel.namelist() if name.endswith(".py")}


def test_the_wheel_carries_the_pages_that_are_filled_in(wheel: zipfile.ZipFile) -> None:
    folder = "receiver/web/templates"
    here = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()}
    assert here == {name for name in wheel.namelist() if name.startswith(f"{folder}/")} != set()


def test_the_wheel_installs_the_three_scripts(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    scripts = configparser.ConfigParser()
    scripts.read_string(wheel.read(name).decode())
    assert dict(scripts["console_scripts"]) == {
        "carnet": "collector.pipeline.cli:main",
        "carnet-collector": "collector.cli:main",
        "carnet-receiver": "receiver.cli:main",
    }
