"""Enrolment by files: the request waits in the state directory, and only the response to it is ever taken."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector import enrolment, waiting
from collector.commands.program import program
from collector.enrolling import Offered, Waiting, enrolment_request, pin, take_response
from collector.requested import departures
from shared import dsse, statement
from shared.encoding import digest_text, sha256
from shared.errors import CarnetError, ConfigError
from shared.joining import KeyringAnswer
from shared.keyfile import load_key, write_secret
from shared.offline import OfflineInvitation, OfflineResponse, emit_invitation, emit_response
from shared.predicates import EnrolmentRequest
from tests.helpers import build

ROOT = build.root_signer().public
FIRST = build.keyring()
SECOND = build.keyring(version=2, previous=FIRST.id)
THIRD = build.keyring(version=3, previous=SECOND.id)
TOKEN = "ce_once_abc"
KEY = build.signer()


def keyrings(*versions: dsse.Envelope) -> KeyringAnswer:
    return KeyringAnswer(tuple(one.to_bytes() for one in versions), ROOT.spki)


def made() -> Waiting:
    """A request of the test collector, made when version 2 was the newest keyring."""
    answer = keyrings(FIRST, SECOND)
    believed = pin(Offered(ROOT.key_id, answer.root_spki, answer.versions), ROOT.key_id)
    request = enrolment_request(TOKEN, believed, KEY, now=build.NOW, random=os.urandom)
    return Waiting("ci-07", digest_text(sha256(TOKEN.encode())), build.NOW, *believed, request)


def response(to: Waiting, *versions: dsse.Envelope, **changes: object) -> OfflineResponse:
    fields: dict[str, Any] = {"request": digest_text(to.request.id), **changes}
    return OfflineResponse(build.enrolment_envelope(**fields).to_bytes(), keyrings(*versions or (FIRST, SECOND)))


# --- what is believed ---


def test_the_response_to_the_request_is_taken_with_the_newest_keyring() -> None:
    asked = made()
    enrolled = take_response(asked, response(asked, FIRST, SECOND, THIRD), KEY.public, ROOT.key_id)
    assert (enrolled.collector_id, enrolled.keyring.content.version) == (build.COLLECTOR_ID, 3)
    assert enrolled.envelope == THIRD.to_bytes()
    assert take_response(asked, response(asked), KEY.public).envelope == SECOND.to_bytes()


def other(asked: Waiting) -> dict[str, OfflineResponse]:
    good = response(asked)
    stranger = build.signer(5)
    bent = bytearray(good.enrolment)
    bent[200] ^= 1
    return {
        "of another collector": response(asked, collector=stranger),
        "to another request": response(made()),
        "to a request that asked online": response(asked, request=None),
        "of another workspace": response(asked, audience=build.OTHER_AUDIENCE),
        "signed by a stranger": replace(
            good,
            enrolment=build.signed(
                "urn:carnet:enrolment:v1", build.enrolment(request=digest_text(asked.request.id)), stranger
            ).to_bytes(),
        ),
        "changed by a byte": replace(good, enrolment=bytes(bent)),
        "with an older keyring": response(asked, FIRST),
        "with a hole in the keyrings": response(asked, SECOND, build.keyring(version=4, previous=THIRD.id)),
        "with a keyring under another root": response(
            asked, SECOND, build.keyring(stranger, version=3, previous=SECOND.id)
        ),
        "a receipt": replace(good, enrolment=build.receipt_for([]).to_bytes()),
    }


@pytest.mark.parametrize("what", other(made()))
def test_no_other_response_is_ever_taken(what: str) -> None:
    asked = made()
    with pytest.raises(CarnetError):
        take_response(asked, other(asked)[what], KEY.public)


def test_a_root_that_is_said_once_more_must_be_the_pinned_one() -> None:
    asked = made()
    with pytest.raises(CarnetError, match="nothing was written"):
        take_response(asked, response(asked), KEY.public, build.signer(5).public.key_id)


# --- the file that waits ---


def test_a_request_that_waits_is_kept_privately_and_without_the_token(tmp_path: Path) -> None:
    asked = made()
    waiting.save(tmp_path, asked)
    path = tmp_path / waiting.FILE_NAME
    assert waiting.load(tmp_path) == (asked,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert TOKEN.encode() not in path.read_bytes()
    waiting.forget(tmp_path)
    waiting.forget(tmp_path)
    assert waiting.load(tmp_path) == ()


def test_a_damaged_file_or_one_under_another_root_is_told(tmp_path: Path) -> None:
    waiting.save(tmp_path, made())
    path = tmp_path / waiting.FILE_NAME
    (fields,) = json.loads(path.read_bytes())["requests"]
    for changed in ({**fields, "rootKey": "AA=="}, {**fields, "request": "{}"}, {"name": "x"}, "x"):
        path.unlink()
        write_secret(path, json.dumps({"requests": [changed]}).encode())
        with pytest.raises(ConfigError, match="damaged"):
            waiting.load(tmp_path)


# --- the commands ---


def enrol(*words: str | Path) -> Result:
    return CliRunner().invoke(program, ["enrol", "--output", "json", *map(str, words)])


def invitation(folder: Path, token: str = TOKEN, root: str = ROOT.key_id) -> list[str | Path]:
    path = folder / f"{token}.invitation.json"
    path.write_bytes(emit_invitation(OfflineInvitation("ci-07", token, build.NOW, keyrings(FIRST))))
    return ["--state-dir", folder / "state", "--receiver-key", root, "--invitation", path]


def test_the_request_proves_the_new_key_for_the_invitation_and_its_workspace(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = enrol(*invitation(tmp_path), "--request", out)
    assert done.exit_code == 0, done.output
    key = load_key(tmp_path / "state" / "key.pem").public
    told = json.loads(done.stdout)
    assert (told["keyId"], told["rootKey"], told["name"]) == (key.key_id, ROOT.key_id, "ci-07")
    envelope = dsse.parse(out.read_bytes())
    said = statement.read(dsse.verify(envelope, key)).as_(EnrolmentRequest)
    assert said.audience == build.AUDIENCE
    assert said.token_digest == digest_text(sha256(TOKEN.encode()))
    (left,) = departures(tmp_path / "state")
    assert (left.what.id, left.to.origin, left.outcome) == (envelope.id, "file:", None)


def test_the_same_invitation_gives_the_same_request_and_another_one_a_new_one(tmp_path: Path) -> None:
    words = invitation(tmp_path)
    written = []
    for number, given in enumerate((words, words, invitation(tmp_path, "ce_once_def"))):
        assert enrol(*given, "--request", tmp_path / f"{number}.json").exit_code == 0
        written.append((tmp_path / f"{number}.json").read_bytes())
    assert written[0] == written[1] != written[2]
    assert [one.times for one in departures(tmp_path / "state")] == [2, 1]


def test_under_another_root_or_over_a_file_nothing_is_made(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    refused = enrol(*invitation(tmp_path, root=build.signer(5).public.key_id), "--request", out)
    assert isinstance(refused.exception, CarnetError)
    assert not out.exists()
    out.write_bytes(b"mine")
    assert isinstance(enrol(*invitation(tmp_path), "--request", out).exception, ConfigError)
    assert out.read_bytes() == b"mine"
    assert not (tmp_path / "state" / "key.pem").exists()


def test_nobody_at_a_terminal_and_no_root_to_pin_is_refused(tmp_path: Path) -> None:
    words = [one for one in invitation(tmp_path) if one not in {"--receiver-key", ROOT.key_id}]
    refused = enrol(*words, "--request", tmp_path / "out.json")
    assert isinstance(refused.exception, CarnetError)
    assert "--receiver-key" in str(refused.exception)


def test_a_response_that_nothing_waits_for_or_that_is_another_hosts_enrols_nobody(tmp_path: Path) -> None:
    state, path = tmp_path / "state", tmp_path / "response.json"
    enrol(*invitation(tmp_path), "--request", tmp_path / "out.json")
    path.write_bytes(emit_response(response(made())))
    refused = enrol("--state-dir", state, "--response", path)
    assert isinstance(refused.exception, CarnetError)
    assert enrolment.load(state) is None
    waiting.forget(state)
    assert isinstance(enrol("--state-dir", state, "--response", path).exception, CarnetError)


def test_a_pipe_or_nothing_in_place_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nothing"):
        done = enrol("--state-dir", tmp_path, "--invitation", tmp_path / name, "--request", tmp_path / "out")
        assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--invitation", "a"),
        ("--request", "a"),
        ("--invitation", "a", "--request", "b", "--response", "c"),
        ("--response", "a", "--url", "https://a"),
        ("--response", "a", "--token-file", "b"),
        ("--invitation", "a", "--request", "b", "--name", "c"),
    ],
)
def test_ways_that_do_not_go_together_are_wrong_usage(words: tuple[str, ...]) -> None:
    assert enrol(*words).exit_code == 2
