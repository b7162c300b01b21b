"""What `enrol` tells a person to do next fits the key that is configured, and no way out of it is lost."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector import enrolment, waiting
from collector.commands.program import program
from collector.enrolling import Offered, Waiting, enrolment_request, pin
from shared import dsse
from shared.encoding import digest_text, sha256
from shared.errors import CarnetError, ConfigError
from shared.joining import EnrolAnswer, KeyringAnswer, emit_enrol_answer
from shared.keyfile import load_key, write_key
from shared.offline import OfflineInvitation, OfflineResponse, emit_invitation, emit_response
from shared.wire import ENROL_PATH
from tests.fakes import faults
from tests.fakes.receiver import ReceiverSimulator
from tests.fakes.time import SimulatedTime
from tests.helpers import build
from tests.helpers.collecting import collector, configured

ROOT = build.root_signer().public
RING = KeyringAnswer((build.keyring().to_bytes(),), ROOT.spki)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    host = tmp_path / "a host"
    (host / "inbox").mkdir(parents=True)
    return configured(host, "http://127.0.0.1:9")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(program, [*map(str, words)])


def hint(done: Result) -> str:
    assert isinstance(done.exception, CarnetError), done.output
    return str(done.exception.hint)


def ask(config: Path, letter: str, out: Path) -> Result:
    path = config.parent / f"{letter}.invitation.json"
    path.write_bytes(emit_invitation(OfflineInvitation("ci-07", f"ce_once_{letter}", build.NOW, RING)))
    return run(
        "enrol", "--config", config, "--receiver-key", ROOT.key_id, "--invitation", path, "--request", out
    )  # fmt: skip


def respond(config: Path, request: Path) -> Result:
    """What an admin sends back who confirmed this request."""
    envelope = dsse.parse(request.read_bytes())
    key = load_key(config.parent / "state" / "key.pem")
    record = build.enrolment_envelope(key, request=digest_text(envelope.id)).to_bytes()
    response = config.parent / "response.json"
    response.write_bytes(emit_response(OfflineResponse(record, RING)))
    return run("enrol", "--config", config, "--response", response)


# --- what is said ---


def test_a_host_that_is_not_enrolled_is_told_the_command_with_its_own_configuration(config: Path) -> None:
    wanted = f"carnet-collector enrol --config '{config}' --token-file FILE"
    assert hint(run("once", "--config", config)) == wanted
    assert wanted in run("status", "--config", config).output


def test_while_a_request_waits_every_command_says_so_and_what_comes_next(config: Path, tmp_path: Path) -> None:
    wanted = f"carnet-collector enrol --config '{config}' --response FILE"
    assert f"then: {wanted}" in ask(config, "A", tmp_path / "a.json").output
    done = run("once", "--config", config)
    assert hint(done) == wanted
    assert "waits for its response" in str(done.exception)
    assert wanted in run("status", "--config", config).output


def test_without_a_configuration_the_next_command_names_what_was_given(tmp_path: Path) -> None:
    state, key = tmp_path / "state", tmp_path / "my key.pem"
    path = tmp_path / "invitation.json"
    path.write_bytes(emit_invitation(OfflineInvitation("ci-07", "ce_once_A", build.NOW, RING)))
    given: list[str | Path] = ["--state-dir", state, "--key-file", key]
    done = run(
        "enrol", *given, "--receiver-key", ROOT.key_id, "--invitation", path, "--request", tmp_path / "r.json"
    )  # fmt: skip
    assert f"then: carnet-collector enrol --state-dir {state} --key-file '{key}' --response FILE" in done.output


def test_a_response_without_a_request_makes_no_directory_and_names_the_right_one(config: Path) -> None:
    done = run("enrol", "--config", config, "--response", config)
    assert f"--config '{config}' --invitation FILE" in hint(done)
    assert not (config.parent / "state").exists()


def test_a_clear_key_is_not_enrolled_where_a_passphrase_is_configured(config: Path, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open sesame\n")
    passphrase.chmod(0o600)
    config.write_text(f'key_passphrase_file = "{passphrase}"\n' + config.read_text())
    (config.parent / "state").mkdir(mode=0o700)
    write_key(config.parent / "state" / "key.pem", build.seed(1))
    done = ask(config, "A", tmp_path / "a.json")
    assert isinstance(done.exception, ConfigError)
    assert "is not encrypted" in done.exception.detail
    assert not (tmp_path / "a.json").exists()


def test_while_a_person_must_confirm_what_was_asked_online_the_status_says_so(config: Path) -> None:
    answer = pin(Offered(ROOT.key_id, RING.root_spki, RING.versions), ROOT.key_id)
    request = enrolment_request("ce_once_A", answer, build.signer(), now=build.NOW, random=os.urandom)
    (config.parent / "state").mkdir(mode=0o700)
    asked = Waiting("ci-07", digest_text(sha256(b"A")), build.NOW, *answer, request, "https://carnet.example")
    waiting.save(config.parent / "state", asked)
    shown = json.loads(run("status", "--config", config, "--output", "json").output)
    (said,) = [one for one in shown["wrong"] if "https://carnet.example" in one]
    assert "a person there must confirm the key " + build.signer().public.key_id in said
    assert shown["enrolmentRequests"][0]["url"] == "https://carnet.example"
    assert "must confirm" in str(run("once", "--config", config).exception)
    assert "no request of this host waits" in str(run("enrol", "--config", config, "--response", config).exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [("ci-07\tce_once_abc\tuntil 2026-03-03\n", "more than the token"), ("ce_once_a\nce_once_b\n", "more than"),
     ("mw_live_abc\n", "no invitation"), ("", "no invitation")],
)  # fmt: skip
def test_a_file_with_more_than_the_token_or_without_one_is_told_before_anybody_is_asked(
    config: Path, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "token").write_text(content)
    done = run("enrol", "--config", config, "--token-file", tmp_path / "token")
    assert isinstance(done.exception, ConfigError)
    assert said in done.exception.detail
    assert "ce_once_a" not in str(done.exception)
    assert not (config.parent / "state").exists()


# --- requests that wait side by side ---


def test_the_response_to_an_earlier_request_is_taken_as_well(config: Path, tmp_path: Path) -> None:
    for letter in "AB":
        assert ask(config, letter, tmp_path / f"{letter}.json").exit_code == 0
    assert respond(config, tmp_path / "A.json").exit_code == 0
    assert enrolment.load(config.parent / "state") is not None
    assert waiting.load(config.parent / "state") == ()


def test_a_repeated_invitation_finds_its_own_request_again(config: Path, tmp_path: Path) -> None:
    for number, letter in enumerate("ABA"):
        assert ask(config, letter, tmp_path / f"{number}.json").exit_code == 0
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert [len(waiting.load(config.parent / "state"))] == [2]


def test_a_request_is_readable_for_whoever_carries_it(config: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        ask(config, "A", tmp_path / "a.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o644


# --- online ---


async def test_an_enrolment_that_waits_for_a_person_is_remembered_until_it_is_done(
    config: Path, tmp_path: Path
) -> None:
    async with ReceiverSimulator(SimulatedTime().monotonic) as simulator:
        (tmp_path / "token").write_text(f"{simulator.invite('ci-07')}\n")
        configured(config.parent, simulator.url)
        pending = emit_enrol_answer(EnrolAnswer(build.COLLECTOR_ID, "pending", None))
        simulator.next(faults.answer(pending, 202), on=lambda call: call.path == ENROL_PATH)
        words: list[str | Path] = [
            "--token-file",
            tmp_path / "token",
            "--name",
            "ci-07",
            "--receiver-key",
            simulator.fingerprint,
        ]
        assert (await collector("enrol", "--config", config, *words))[0] == 75
        _, told = await collector("status", "--config", config)
        assert any(f"{simulator.url} was asked" in one and "--name ci-07" in one for one in told["wrong"])
        assert (await collector("enrol", "--config", config, *words))[0] == 0
        assert waiting.load(config.parent / "state") == ()
