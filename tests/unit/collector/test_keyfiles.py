"""Which key signs after a kill at any step of a rotation: the spool says it, and the files follow."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.keyfiles import new_path, put_away, retire
from collector.keys import Held, due_at, overdue
from collector.masking import PublicId
from collector.spool import State
from shared import dsse, statement
from shared.errors import ConfigError, StateError, TryLaterError
from shared.keyfile import load_key, write_key
from shared.predicates import KeyRotation
from tests.helpers import build
from tests.helpers.build_acts import key_rotation_envelope
from tests.helpers.spools import EPOCH, NOW, candidate, open_spool, pending, put, settle
from tests.helpers.turning import Collector


@pytest.fixture
def host(tmp_path: Path) -> Collector:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return Collector(folder)


def test_a_rotation_takes_the_next_place_signed_by_the_old_key_and_the_new_one(host: Collector) -> None:
    old = host.keys.now.signing.public
    done = host.rotator.rotate()
    assert done.place == 0
    assert host.spool.head().next_sequence == 1
    (told,) = [facts for event, facts in host.told if event == "key_rotated"]
    assert [type(told[name]) for name in ("old", "new")] == [PublicId] * 2, "an operator can read them in the log"
    shown = host.spool.show(0)
    assert shown.entry.state is State.PENDING
    envelope = dsse.parse(shown.envelope or b"")
    read = statement.read(dsse.verify(envelope, old, host.keys.now.signing.public)).as_(KeyRotation)
    assert (read.key_id, read.new_key_id, read.stream.sequence) == (old.key_id, host.signing, 0)


def test_s4_killed_before_the_new_file_is_there_the_old_key_signs(host: Collector) -> None:
    before = host.signing
    host.restart()
    assert host.signing == before
    assert host.files() == {"key.pem"}


def test_s4_killed_between_the_new_file_and_the_commit_the_old_key_signs_and_the_new_file_is_kept_aside(
    host: Collector,
) -> None:
    before = host.signing
    made = write_key(new_path(host.key, build.signer(9).public.key_id), build.seed(9))
    host.restart()
    assert host.signing == before
    aside = f"{new_path(host.key, made.public.key_id).name}.unused"
    assert host.files() == {"key.pem", aside}
    assert load_key(host.folder / aside).public == made.public
    assert [event for event, _ in host.told] == ["key_put_away"]


def test_s4_half_a_new_file_stands_in_nobodys_way(host: Collector) -> None:
    path = new_path(host.key, build.signer(9).public.key_id)
    path.write_bytes(b"-----BEGIN PRIV")
    path.chmod(0o600)
    before = host.signing
    host.restart()
    assert host.signing == before
    assert not path.exists()


def test_s4_killed_after_the_commit_the_new_key_signs_and_the_old_one_is_still_there(host: Collector) -> None:
    before = host.keys.now.signing.public
    new = host.rotator.rotate().new
    host.restart()
    assert host.signing == new.key_id
    assert host.files() == {"key.pem", new_path(host.key, new.key_id).name}
    assert [one.public for one in host.keys.now.asking] == [before, new]
    assert host.keys.now.introduced.public == before


def test_s4_killed_after_the_receipt_the_next_start_gives_the_new_key_the_configured_name(host: Collector) -> None:
    new = host.rotator.rotate().new
    settle(host.spool, [0])
    host.restart()
    assert host.signing == new.key_id
    assert host.files() == {"key.pem"}
    assert load_key(host.key).public == new
    host.restart()
    assert host.signing == new.key_id


def test_once_receipted_the_old_key_is_gone_and_only_then(host: Collector) -> None:
    old_file = host.key.read_bytes()
    new = host.rotator.rotate().new
    host.rotator.introduced()
    assert host.key.read_bytes() == old_file
    settle(host.spool, [0])
    host.rotator.introduced()
    assert load_key(host.key).public == new
    assert host.files() == {"key.pem"}
    assert host.keys.now.older == ()


def test_the_blocks_of_the_old_key_are_written_over(host: Collector) -> None:
    link = host.folder / "another name of the old file"
    link.hardlink_to(host.key)
    new = host.rotator.rotate()
    settle(host.spool, [new.place])
    host.rotator.introduced()
    assert not link.read_bytes().strip(b"\0")


def test_two_rotations_that_nobody_receipted_leave_all_keys_and_one_that_signs(host: Collector) -> None:
    first = host.rotator.rotate()
    second = host.rotator.rotate()
    host.restart()
    assert host.signing == second.new.key_id
    assert [one.public for one in host.keys.now.asking] == [first.old, first.new, second.new]
    settle(host.spool, [first.place])
    host.restart()
    assert [one.public for one in host.keys.now.asking] == [first.new, second.new]
    settle(host.spool, [second.place])
    host.restart()
    assert host.files() == {"key.pem"}
    assert load_key(host.key).public == second.new


def test_a_start_without_the_key_that_signs_says_which_file_is_missing(host: Collector) -> None:
    new = host.rotator.rotate().new
    path = new_path(host.key, new.key_id)
    path.unlink()
    with pytest.raises(ConfigError, match=f"no key file here holds {new.key_id}") as caught:
        host.restart()
    assert path.name in str(caught.value.hint)


def test_the_spool_takes_nothing_behind_a_rotation_that_the_old_key_signed(tmp_path: Path) -> None:
    from tests.helpers.spools import SIGNER  # noqa: PLC0415 - the signer of its candidates

    new = build.signer(9)
    with open_spool(tmp_path / "s") as spool:
        put(spool, 0)
        spool.rotate(
            SIGNER.public, new.public, lambda link: key_rotation_envelope(SIGNER, new, link), epoch=EPOCH, now=NOW
        )
        with pytest.raises(TryLaterError, match="was rotated"):
            spool.put([candidate(1)], epoch=EPOCH, now=NOW)
        assert spool.head().next_sequence == 2
        with pytest.raises(TryLaterError, match="was rotated"):
            spool.rotate(
                SIGNER.public, new.public, lambda link: key_rotation_envelope(SIGNER, new, link), epoch=EPOCH, now=NOW
            )


def test_nothing_behind_a_rotation_goes_before_its_receipt_and_the_rotation_goes_by_itself(host: Collector) -> None:
    from tests.helpers.spools import SIGNER  # noqa: PLC0415

    host.spool.close()
    with open_spool(host.folder) as spool:
        put(spool, 0, 1)
        new = build.signer(9)
        done = spool.rotate(
            SIGNER.public, new.public, lambda link: key_rotation_envelope(SIGNER, new, link), epoch=EPOCH, now=NOW
        )
        assert pending(spool) == [0, 1]
        with pytest.raises(StateError, match="introduces the key"):
            spool.drop(done.place, "no", "ana", NOW)
        settle(spool, [done.place])
        assert [one.delivered for one in spool.rotations()] == [True]
        assert spool.prune(now=NOW + timedelta(days=30)) == 1
        assert [one.envelope for one in spool.rotations()] == [done.envelope], "kept for ever"


def test_a_failed_rotation_leaves_no_file_and_the_old_key_in_force(host: Collector) -> None:
    before = host.signing
    host.spool.rotate(
        host.keys.now.signing.public,
        build.signer(9).public,
        lambda link: key_rotation_envelope(build.signer(1), build.signer(9), link),
        epoch=EPOCH,
        now=NOW,
    )
    with pytest.raises(TryLaterError):
        host.rotator.rotate()
    assert host.signing == before
    assert host.files() == {"key.pem"}


def test_a_spool_that_was_moved_aside_still_says_which_key_signs(host: Collector) -> None:
    new = host.rotator.rotate().new
    settle(host.spool, [0])
    host.rotator.introduced()
    newest = host.rotator.rotate().new
    host.spool.close()
    with (host.folder / "spool.db").open("r+b") as file:
        file.write(b"no header")
    host.start()
    assert host.signing == newest.key_id
    assert [(one.old, one.place < 0) for one in host.spool.rotations()][1:] == [(new, True)]
    done = host.rotator.rotate()
    assert (done.place, done.old) == (0, newest)


def test_under_a_passphrase_the_new_key_is_encrypted_as_the_old_one_was(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    host = Collector(folder, b"open sesame")
    new = host.rotator.rotate().new
    assert b"ENCRYPTED" in new_path(host.key, new.key_id).read_bytes()
    settle(host.spool, [0])
    host.restart()
    assert load_key(host.key, b"open sesame").public == new


def test_a_file_that_does_not_hold_what_its_name_says_ends_nothing(host: Collector) -> None:
    signing, other = host.keys.now.signing.public, build.signer(8).public
    write_key(new_path(host.key, other.key_id), build.seed(9))
    with pytest.raises(ConfigError, match="does not hold the key"):
        retire(host.key, None, other, [signing])
    assert load_key(host.key).public == signing


def test_what_is_put_away_twice_overwrites_nothing(host: Collector) -> None:
    path = new_path(host.key, build.signer(9).public.key_id)
    for content in (b"one", b"two"):
        path.write_bytes(content)
        put_away(host.key, host.keys.now)
    kept = [host.folder / f"{path.name}.unused", host.folder / f"{path.name}.unused-2"]
    assert [one.read_bytes() for one in kept] == [b"one", b"two"]


def test_other_files_beside_the_key_are_left_alone(host: Collector) -> None:
    (host.folder / "key-backup.pem").write_bytes(b"somebody's")
    (host.folder / "key-0123.pem").write_bytes(b"too")
    assert put_away(host.key, host.keys.now) == []


def _held(number: int) -> Held:
    return Held(build.signer(number), datetime(2026, 1, 1, tzinfo=UTC))


def test_a_key_is_due_in_the_last_fifth_of_its_span_each_at_its_own_time() -> None:
    times = {due_at(_held(number), 100) for number in range(20)}
    assert len(times) == 20
    assert all(timedelta(days=80) <= one - _held(0).made_at <= timedelta(days=100) for one in times)


@pytest.mark.parametrize(
    ("days", "after", "loud"),
    [(99, 100, False), (101, 100, True), (10_000, None, False)],
    ids=["in time", "overdue", "no schedule"],
)
def test_an_overdue_rotation_is_said_and_nothing_else(days: int, after: float | None, loud: bool) -> None:  # noqa: FBT001
    said = overdue(_held(1), after, _held(1).made_at + timedelta(days=days))
    assert (said is not None) is loud
    if said is not None:
        assert "rotate-key" in said
