"""S4 at CI size: a fleet under load gets new keys by one command, whoever is killed meanwhile."""

from pathlib import Path

import pytest

from tests.fault.turning import turn_over


@pytest.mark.timeout(240)
def test_s4_one_command_turns_the_keys_of_a_fleet_that_is_killed_at_random_and_nothing_is_lost(tmp_path: Path) -> None:
    turned = turn_over(tmp_path, collectors=5, kills=6, seed=20_261_122)
    assert turned.good, str(turned)
