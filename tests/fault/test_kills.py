"""R1 at CI size: whoever is killed, and whenever, nothing is missing and nothing is there twice."""

from pathlib import Path

import pytest

from tests.fault.scenarios import kill_and_restart


@pytest.mark.timeout(240)
def test_r1_1000_attestations_survive_20_kills_of_either_program(tmp_path: Path) -> None:
    survived = kill_and_restart(tmp_path, attestations=1_000, kills=20, seed=20_260_302)
    assert survived.good, str(survived)
