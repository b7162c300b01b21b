"""S4: a collector that is killed around rotations of its key loses nothing, and signs with the right key alone."""

import random
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.spool import State
from shared import dsse, statement
from shared.encoding import digest_text
from shared.keyfile import load_key
from shared.keys import PublicKey, key_from_spki
from shared.predicates import Collected, KeyRotation
from tests.helpers import programs
from tests.helpers.rig import Rig, eventually

KILLS = 4
FILES = 4


def _report(number: int) -> str:
    return f'<testsuite name="s{number}" tests="1" failures="0"><testcase name="t"/></testsuite>'


def _rotations(rig: Rig) -> list[tuple[int, PublicKey, PublicKey]]:
    with rig.reader() as reader:
        return [(one.place, one.old, one.new) for one in reader.rotations()]


def _check_stream(rig: Rig, first: PublicKey) -> None:
    """Below a rotation the key before it signed, the rotation itself both, and the new one what follows."""
    turns = _rotations(rig)
    by_place = {place: (old, new) for place, old, new in turns}
    assert all(before[2] == after[1] for before, after in pairwise(turns))
    signing, previous = first, None
    entries = sorted(rig.spooled(), key=lambda one: one.sequence)
    assert [one.sequence for one in entries] == list(range(len(entries))), "no hole"
    for entry in entries:
        with rig.reader() as reader:
            raw = reader.show(entry.sequence).envelope
        assert raw is not None
        turn = by_place.get(entry.sequence)
        verified = dsse.verify(dsse.parse(raw), *(turn or (signing,)))
        said = statement.read(verified).predicate
        assert isinstance(said, Collected | KeyRotation)
        assert said.stream.previous == previous
        previous = digest_text(entry.id)
        signing = signing if turn is None else turn[1]


@pytest.mark.timeout(240)
def test_s4_killed_around_rotations_no_entry_is_lost_or_signed_by_the_wrong_key(tmp_path: Path) -> None:
    chance = random.Random(20_261_122)  # noqa: S311 - no secrets here
    rig = Rig(tmp_path)
    try:
        rig.start_receiver()
        first, dropped = rig.key, 0
        words = [programs.command("carnet-collector"), "rotate-key", "--config", str(rig.config)]
        for _ in range(KILLS):
            rig.start_collector()
            for number in range(FILES):
                rig.drop(f"r{dropped + number}.xml", _report(dropped + number))
            dropped += FILES
            with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asking:
                seconds = chance.uniform(0.2, 1.6)  # the command's own start takes most of it
                with_it = chance.random() < 0.5
                try:
                    asking.wait(seconds)
                except subprocess.TimeoutExpired:
                    if with_it:
                        asking.kill()
                rig.kill(rig.collector)
        rig.start_collector()
        eventually("everything is delivered", lambda: rig.count() >= dropped and rig.pending() == 0)
        before = rig.status()["keyId"]
        assert rig.ask("rotate-key")["oldKeyId"] == before
        eventually("the last key is known", lambda: rig.status()["keyKnownToReceiver"])
        assert rig.stop_collector() == 0
        assert rig.spooled(State.QUARANTINED) == []
        _check_stream(rig, first)
        last = _rotations(rig)[-1][2]
        assert load_key(rig.state / "key.pem").public == last
        kept = {path.name for path in rig.state.glob("key*") if not path.name.split(".")[-1].startswith("unused")}
        assert kept == {"key.pem"}
    finally:
        rig.close()


@pytest.mark.timeout(120)
def test_rotate_key_works_with_and_without_a_running_collector_and_once_introduces_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    try:
        rig.start_receiver()
        rig.write_config()
        first = rig.key
        rig.drop("before.xml", _report(1))
        rig.ask("once")
        found = rig.ask("rotate-key")
        assert found["oldKeyId"] == first.key_id
        assert found["sequence"] == 1
        assert rig.ask("status")["keyId"] == found["newKeyId"]
        assert rig.ask("status")["keyKnownToReceiver"] is False
        rig.drop("after.xml", _report(2))
        rig.ask("once")
        assert rig.key.key_id == found["newKeyId"]
        ledger = rig.ask("ledger", "--kind", "key-rotation")["items"]
        assert [(one["sequence"], one["receipt"]) for one in ledger] == [(1, "accepted")]
        shown = rig.ask("spool", "show", "1")
        assert len(dsse.parse(shown["envelope"].encode()).signatures) == 2

        rig.start_collector()
        again = rig.ask("rotate-key")
        assert again["oldKeyId"] == found["newKeyId"]
        known = {"keyId": again["newKeyId"], "keyKnownToReceiver": True}
        eventually("the new key is known", lambda: known.items() <= rig.status().items())
        assert rig.key.key_id == again["newKeyId"]
    finally:
        rig.close()


@pytest.mark.timeout(120)
def test_a_key_that_is_older_than_configured_is_rotated_without_anybody(tmp_path: Path) -> None:
    rig = Rig(tmp_path, settings={"keys": {"rotate_after_days": 0.000_001}})
    try:
        rig.start_receiver()
        rig.write_config()
        first = rig.key
        rig.drop("r.xml", _report(1))
        assert rig.ask("once")["done"]
        assert [old for _, old, _ in _rotations(rig)] == [first]
        assert rig.key == _rotations(rig)[-1][2]
    finally:
        rig.close()


def _ask(*words: str) -> str:
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done.stdout


@pytest.mark.timeout(120)
def test_an_encrypted_key_is_used_with_the_passphrase_of_the_configuration_or_of_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    passphrase = tmp_path / "credentials" / "key-passphrase"
    passphrase.write_text("open sesame\n")
    passphrase.chmod(0o400)
    with programs.receiver(tmp_path / "r", tmp_path / "r.log") as receiver:
        state = tmp_path / "s"
        made = _ask("keygen", "--state-dir", str(state), "--passphrase-file", str(passphrase))
        assert b"ENCRYPTED" in (state / "key.pem").read_bytes()
        config = tmp_path / "c.toml"
        (tmp_path / "inbox").mkdir()
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
        programs.enrol(receiver, state, "encrypted")
        monkeypatch.delenv("CREDENTIALS_DIRECTORY")
        lines = [f'state_dir = "{state}"', "[receiver]", f'url = "{receiver.url}"', "[[roots]]", 'name = "inbox"']
        config.write_text("\n".join([*lines, f'path = "{tmp_path / "inbox"}"\n']))
        refused = programs.call("carnet-collector", "once", "--config", str(config), ok=(78,))
        assert made not in refused
        config.write_text(f'key_passphrase_file = "{passphrase}"\n' + config.read_text())
        _ask("rotate-key", "--config", str(config))
        _ask("once", "--config", str(config))
        assert b"ENCRYPTED" in (state / "key.pem").read_bytes()
        key = load_key(state / "key.pem", b"open sesame").public
        assert key_from_spki(key.spki) == key
        assert key.key_id not in made
