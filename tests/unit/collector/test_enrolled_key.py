"""The key that signs is the enrolled one, or came from it by rotations: with any other nothing is captured or lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector import enrolment, succession
from collector.commands.program import program
from collector.config import load_config
from collector.instance import SPOOL_NAME, open_instance
from collector.trust import Enrolled
from shared.errors import ConfigError
from shared.keyfile import write_key
from shared.keyring import open_keyring
from tests.helpers import build, reports
from tests.helpers.collecting import configured
from tests.helpers.spools import settle

KEYRING = build.keyring()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An enrolled host with a report in its folder, and without a key."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.xml").write_bytes(reports.junit(1))
    record = build.enrolment_envelope().to_bytes()
    trusted = open_keyring(KEYRING, build.root_signer().public)
    enrolment.save(state, Enrolled(build.COLLECTOR_ID, trusted, KEYRING.to_bytes(), record))
    return configured(tmp_path, "http://127.0.0.1:9", "[spool]\nballast_bytes = 65536\n")


def key_of(config: Path) -> Path:
    return config.parent / "state" / "key.pem"


def refused(config: Path, *words: str) -> ConfigError:
    done = CliRunner().invoke(program, [*(words or ["once"]), "--config", str(config)])
    assert isinstance(done.exception, ConfigError), done.output
    assert done.exception.exit_status == 78
    return done.exception


def status(config: Path) -> dict[str, Any]:
    done = CliRunner().invoke(program, ["status", "--config", str(config), "--output", "json"])
    return dict(json.loads(done.stdout))


def turned(config: Path) -> None:
    """The key is rotated, and the receiver says that it goes by the new one."""
    with open_instance(load_config(config, {}), "") as instance:
        rotator = instance.rotator(lambda *_, **__: None)
        done = rotator.rotate()
        settle(instance.spool, [done.place])
        rotator.introduced()


def test_without_its_key_an_enrolled_host_is_told_to_restore_it_and_never_to_make_one(config: Path) -> None:
    error = refused(config)
    assert "put that key back" in str(error.hint)
    assert "keygen" not in str(error)


def test_with_another_key_than_the_enrolled_one_nothing_is_captured(config: Path) -> None:
    write_key(key_of(config), build.seed(5))
    error = refused(config)
    assert build.signer().public.key_id in error.detail
    assert "put that key back" in str(error.hint)
    told = status(config)
    assert any(build.signer(5).public.key_id in one for one in told["wrong"])
    assert told["spool"]["pending"] == 0
    key_of(config).unlink()
    write_key(key_of(config), build.seed(build.COLLECTOR_SEED))
    with open_instance(load_config(config, {}), "") as instance:
        assert instance.keys.now.signing.public == build.signer().public


def test_a_rotated_key_goes_on_and_the_one_before_it_does_not(config: Path) -> None:
    write_key(key_of(config), build.seed(build.COLLECTOR_SEED))
    before = key_of(config).read_bytes()
    turned(config)
    turned(config)
    with open_instance(load_config(config, {}), "") as instance:
        signing = instance.keys.now.signing.public
    assert status(config)["keyId"] == signing.key_id
    assert succession.load(key_of(config).parent)[-1] == signing.key_id
    for path in key_of(config).parent.glob(f"{SPOOL_NAME}*"):
        path.unlink()
    with open_instance(load_config(config, {}), "") as instance:
        assert instance.keys.now.signing.public == signing, "the spool is lost: the file beside it knows the key"
    turned(config)
    key_of(config).write_bytes(before)
    for path in key_of(config).parent.glob(f"{SPOOL_NAME}*"):
        path.unlink()
    assert "which was rotated to" in refused(config).detail


def test_an_enrolment_that_names_no_key_is_damaged(config: Path) -> None:
    write_key(key_of(config), build.seed(build.COLLECTOR_SEED))
    trusted = open_keyring(KEYRING, build.root_signer().public)
    record = build.receipt_for([]).to_bytes()
    enrolment.save(key_of(config).parent, Enrolled(build.COLLECTOR_ID, trusted, KEYRING.to_bytes(), record))
    assert "is damaged" in refused(config).detail


def test_a_damaged_note_of_what_came_after_is_as_none(tmp_path: Path) -> None:
    (tmp_path / succession.FILE_NAME).write_bytes(b"[")
    assert succession.load(tmp_path) == ()


def test_a_pass_that_the_receiver_did_not_hear_exits_as_one_that_waits(config: Path) -> None:
    write_key(key_of(config), build.seed(build.COLLECTOR_SEED))
    (config.parent / "inbox" / "a.xml").unlink()
    config.write_text(config.read_text() + "[ship]\nretry_first_seconds = 0.01\nretry_cap_seconds = 0.05\n")
    done = CliRunner().invoke(program, ["once", "--config", str(config), "--output", "json"])
    assert (done.exit_code, json.loads(done.stdout.splitlines()[-1])["letIn"]) == (75, True)
