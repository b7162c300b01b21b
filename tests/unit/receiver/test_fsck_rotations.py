"""fsck follows a collector's keys from the enrolled one by the rotations; what was altered in either of them shows."""

# ruff: noqa: S608 - the statements are made of the tables below

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver import fsck
from tests.helpers import build
from tests.helpers.fleet import Receiver, Spool, make_receiver, told

FIRST, SECOND, THIRD, STOLEN = (build.signer(number) for number in (1, 9, 10, 11))
FIRST_KEY, SECOND_KEY, THIRD_KEY, STOLEN_KEY = (
    f"key_id = x'{one.public.key_id.removeprefix('sha256:')}'" for one in (FIRST, SECOND, THIRD, STOLEN)
)
ALTERED = (
    ("collector_keys", "state", "'active'", FIRST_KEY),
    ("collector_keys", "state", "'active'", STOLEN_KEY),
    ("collector_keys", "state", "'retired'", THIRD_KEY),
    ("collector_keys", "retired_from", "retired_from + 1", FIRST_KEY),
    ("collector_keys", "retired_from", "9", THIRD_KEY),
    ("collector_keys", "retired_stream", "x'00'", SECOND_KEY),
    ("collector_keys", "introduced_by", "NULL", SECOND_KEY),
    ("collector_keys", "introduced_by", "key_id", FIRST_KEY),
    ("rotations", "status", "'held'", "status = 'accepted' AND sequence = 2"),
    ("rotations", "status", "'accepted'", "status = 'held'"),
    ("rotations", "code", "'forked'", "status = 'held'"),
    ("rotations", "sequence", "sequence + 1", "sequence = 2"),
    ("rotations", "received_at", "received_at + 1", "sequence = 2"),
    ("rotations", "collector_id", "'col_other'", "sequence = 2"),
    ("rotations", "new_key_id", "old_key_id", "sequence = 2"),
)
SIGNED = ("id", "stream_id", "old_key_id", "new_key_id", "payload", "signature", "second_signature")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """One collector that rotated twice, and a thief with its first key who tried."""
    receiver = make_receiver(tmp_path_factory.mktemp("healthy"))
    spool, caller = receiver.enrol()
    thief = Spool(spool.audience, spool.key, spool.collector_id, spool.random, "d4" * 16)
    entries = [*spool.entries(2), spool.rotate(SECOND), spool.entry(), spool.rotate(THIRD), spool.entry()]
    assert {status for status, _ in told(receiver.take(caller, "b1", entries, spool.heartbeat()))} == {"accepted"}
    stolen = [thief.rotate(STOLEN), thief.entry()]
    assert {status for status, _ in told(receiver.take(caller, "b2", stolen))} == {"held"}
    receiver.store.close()
    return receiver


@pytest.fixture
def receiver(healthy: Receiver, tmp_path: Path) -> Iterator[Receiver]:
    """A copy of the healthy database, to be damaged."""
    copy = healthy.copied(tmp_path / "copy")
    yield copy
    copy.store.close()


def test_keys_that_turned_over_as_they_were_signed_to_have_no_findings(receiver: Receiver) -> None:
    assert fsck.check(receiver.store) == []


@pytest.mark.parametrize(("table", "column", "value", "where"), ALTERED)
def test_an_altered_column_is_found(receiver: Receiver, table: str, column: str, value: str, where: str) -> None:
    with receiver.behind_its_back() as connection:
        assert connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}").rowcount == 1
    assert fsck.check(receiver.store) != []


@pytest.mark.parametrize("column", SIGNED)
def test_one_flipped_bit_in_a_rotation_is_found(receiver: Receiver, column: str) -> None:
    chance = random.Random(column)  # noqa: S311 - the same in every run
    for _ in range(3):
        with receiver.behind_its_back() as connection:
            rows = [row for (row,) in connection.execute(f"SELECT {column} FROM rotations WHERE sequence > 0")]
            victim = chance.choice(rows)
            flipped = bytearray(victim)
            at = chance.randrange(8 * len(flipped))
            flipped[at // 8] ^= 1 << (at % 8)
            change = f"UPDATE rotations SET {column} = ? WHERE {column} = ? AND sequence > 0"
            connection.execute(change, (bytes(flipped), victim))
        assert fsck.check(receiver.store) != [], at
        with receiver.behind_its_back() as connection:
            connection.execute(change, (victim, bytes(flipped)))
        assert fsck.check(receiver.store) == []


@pytest.mark.parametrize(
    ("table", "where"),
    [("rotations", "sequence = 2"), ("rotations", "status = 'held'"), ("places", "sequence = 2")]
    + [("collector_keys", key) for key in (FIRST_KEY, SECOND_KEY, THIRD_KEY, STOLEN_KEY)],
)
def test_a_row_that_was_taken_out_is_found(receiver: Receiver, table: str, where: str) -> None:
    with receiver.behind_its_back() as connection:
        assert connection.execute(f"DELETE FROM {table} WHERE {where}").rowcount == 1
    assert fsck.check(receiver.store) != []


def test_a_key_that_somebody_put_into_the_table_is_found(receiver: Receiver) -> None:
    stranger = build.signer(77).public
    with receiver.behind_its_back() as connection:
        connection.execute(
            "INSERT INTO collector_keys"
            " (key_id, workspace_id, collector_id, public_key, state, added_at, introduced_by)"
            " SELECT ?, workspace_id, collector_id, ?, 'active', added_at, key_id"
            f" FROM collector_keys WHERE {FIRST_KEY}",
            (bytes.fromhex(stranger.key_id.removeprefix("sha256:")), stranger.raw),
        )
    assert any("no rotation introduced it" in one.problem for one in fsck.check(receiver.store))
