"""A passport stands as it was signed: fsck names every altered column of one, and one that is gone."""

# ruff: noqa: S608 - the statements are made of the columns below

from pathlib import Path

import pytest

from receiver import fsck
from tests.helpers.fleet import Receiver, make_receiver
from tests.helpers.past import Past

ALTERED = {
    "passport_id": "'pp_other'",
    "release_key": "zeroblob(32)",
    "place": "place + 1",
    "supersedes": "'pp_other'",
    "service": "'other'",
    "namespace": "'other'",
    "environment": "'other'",
    "digest": "zeroblob(32)",
    "mode": "'enforce'",
    "decision": "'ALLOW'",
    "proceed": "0",
    "headline": "'All is well.'",
    "evaluated_at": "evaluated_at - 1",
    "valid_until": "valid_until + 1",
    "release_id": "'other'",
    "source_sha": "'abcdef0'",
    "policies": "'[]'",
    "page": "'ALLOW ' || page",
    "request": "x'7b7d'",
    "docket": "x'00'",
    "summary_payload": "x'7b7d'",
    "summary_signature": "zeroblob(64)",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    receiver = make_receiver(tmp_path_factory.mktemp("judged"))
    past = Past(receiver)
    past.decide(digest="ab" * 32)
    past.decide(digest="ab" * 32, days_ago=0.5)
    assert fsck.check(receiver.store) == []
    receiver.store.close()
    return receiver


@pytest.mark.parametrize("column", ALTERED)
def test_an_altered_column_of_a_passport_is_found(judged: Receiver, tmp_path: Path, column: str) -> None:
    receiver = judged.copied(tmp_path / "data")
    with receiver.behind_its_back() as database:
        last = "(SELECT MAX(number) FROM passports)"
        database.execute(f"UPDATE passports SET {column} = {ALTERED[column]} WHERE number = {last}")
    found = fsck.check(receiver.store)
    receiver.store.close()
    assert [one for one in found if one.where.startswith("passport ")] != [], found


def test_a_passport_that_is_gone_is_missed(judged: Receiver, tmp_path: Path) -> None:
    receiver = judged.copied(tmp_path / "data")
    with receiver.behind_its_back() as database:
        database.execute("DELETE FROM passports WHERE place = 1")
    found = [one.problem for one in fsck.check(receiver.store)]
    receiver.store.close()
    assert found == ["this passport was signed, and its row is gone"]
