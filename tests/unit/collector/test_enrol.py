"""Enrolment: nothing is believed before the pinned root vouches for it, and nothing is written before that."""

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector import enrolment
from collector.client import Client, ClientSettings
from collector.enrol import ask_keyring, enrol, parse_token
from collector.enrolling import Offered, enrolment_request, pin
from collector.trust import Enrolled, follow
from shared.errors import CarnetError, ConfigError, MalformedError, StateError, TryLaterError, UntrustedError
from shared.joining import EnrolAnswer, emit_enrol_answer
from shared.keyring import open_keyring
from shared.predicates import Role
from shared.wire import ENROL_PATH
from tests.fakes import faults
from tests.fakes.receiver import ReceiverSimulator
from tests.fakes.time import SimulatedTime
from tests.helpers import build

ROOT = build.root_signer().public
FIRST = build.keyring()
SECOND = build.keyring(version=2, previous=FIRST.id)
THIRD = build.keyring(version=3, previous=SECOND.id)


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[ReceiverSimulator, Client]]:
    async with (
        ReceiverSimulator(SimulatedTime().monotonic) as simulator,
        Client(ClientSettings(simulator.url)) as client,
    ):
        yield simulator, client


async def enrolled(simulator: ReceiverSimulator, client: Client, token: str) -> Enrolled:
    believed = pin(await ask_keyring(client, token), simulator.fingerprint)
    request = enrolment_request(token, believed, build.signer(), now=build.NOW, random=os.urandom)
    return await enrol(client, token, "ci-07", believed, build.signer(), request)


async def test_a_new_key_that_proves_itself_is_enrolled_under_the_pinned_root() -> None:
    async with receiver() as (simulator, client):
        token = simulator.invite("ci-07")
        found = await enrolled(simulator, client, token)
        assert found.collector_id == build.COLLECTOR_ID
        assert found.audience == build.AUDIENCE
        assert found.keyring.root == ROOT
        assert all(token.encode() not in call.body for call in simulator.calls)
        assert simulator.objections == []


async def test_under_another_root_nothing_is_believed_and_nothing_is_sent() -> None:
    async with receiver() as (simulator, client):
        offered = await ask_keyring(client, simulator.invite("ci-07"))
        with pytest.raises(UntrustedError, match="nothing was sent"):
            pin(offered, build.signer(5).public.key_id)
        assert [call.path for call in simulator.calls] == ["/api/v1/keyring"]


def offered(*versions: bytes) -> Offered:
    return Offered(ROOT.key_id, ROOT.spki, versions)


def test_the_newest_keyring_of_a_whole_chain_is_taken_with_its_envelope() -> None:
    keyring, envelope = pin(offered(FIRST.to_bytes(), SECOND.to_bytes(), THIRD.to_bytes()), ROOT.key_id)
    assert keyring.content.version == 3
    assert envelope == THIRD.to_bytes()


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param((FIRST.to_bytes(), THIRD.to_bytes()), id="one is missing"),
        pytest.param((FIRST.to_bytes(), build.keyring(version=2, previous=THIRD.id).to_bytes()), id="another link"),
        pytest.param((FIRST.to_bytes(), build.keyring(build.signer(5), version=2).to_bytes()), id="another root"),
        pytest.param((build.keyring(build.signer(5)).to_bytes(),), id="another root from the start"),
        pytest.param((FIRST.to_bytes(), build.keyring(audience=build.OTHER_AUDIENCE).to_bytes()), id="workspace"),
        pytest.param((b"{}",), id="no envelope"),
        pytest.param((build.receipt_for([]).to_bytes(),), id="no keyring"),
    ],
)
def test_a_chain_that_does_not_prove_itself_is_not_taken(versions: tuple[bytes, ...]) -> None:
    with pytest.raises(CarnetError):
        pin(offered(*versions), ROOT.key_id)


def test_older_keyrings_are_passed_over_and_nothing_newer_is_said_so() -> None:
    held = open_keyring(FIRST, ROOT)
    held, newest = follow(held, [FIRST.to_bytes(), SECOND.to_bytes()])
    assert (held.content.version, newest) == (2, SECOND.to_bytes())
    assert follow(held, [FIRST.to_bytes(), SECOND.to_bytes()]) == (held, None)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(build.enrolment_envelope(build.signer(5)), id="for another key"),
        pytest.param(build.enrolment_envelope(collector_id="col_other"), id="for another id"),
        pytest.param(build.receipt_for([]), id="a receipt"),
        pytest.param(build.signed("urn:carnet:enrolment:v1", build.enrolment(), build.signer(7)), id="by a stranger"),
        pytest.param(build.enrolment_envelope(audience=build.OTHER_AUDIENCE), id="of another workspace"),
    ],
)
async def test_an_enrolment_that_does_not_prove_itself_is_not_believed(record: object) -> None:
    async with receiver() as (simulator, client):
        answer = emit_enrol_answer(EnrolAnswer(build.COLLECTOR_ID, "active", record.to_bytes()))  # type: ignore[attr-defined]
        simulator.next(faults.answer(answer, 201), on=lambda call: call.path == ENROL_PATH)
        with pytest.raises((UntrustedError, MalformedError)):
            await enrolled(simulator, client, simulator.invite("ci-07"))


async def test_while_a_person_must_confirm_first_the_command_is_run_again_later() -> None:
    async with receiver() as (simulator, client):
        answer = emit_enrol_answer(EnrolAnswer(build.COLLECTOR_ID, "pending", None))
        simulator.next(faults.answer(answer, 202), on=lambda call: call.path == ENROL_PATH)
        token = simulator.invite("ci-07")
        with pytest.raises(TryLaterError, match=build.signer().public.key_id):
            await enrolled(simulator, client, token)
        assert (await enrolled(simulator, client, token)).collector_id == build.COLLECTOR_ID


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedError),
        (b"[]", MalformedError),
        (b"{}", StateError),
        (b'{"token":5}', StateError),
        (b'{"token":""}', StateError),
        (b'{"token":"a b"}', StateError),
        (b'{"token":"a\\nb: c"}', StateError),
        (b'{"token":"\\u00e9"}', StateError),
    ],
)
def test_an_answer_without_a_token_gives_none(body: bytes, error: type[CarnetError]) -> None:
    with pytest.raises(error):
        parse_token(body)


async def test_what_was_enrolled_is_kept_for_its_owner_alone_and_loads_as_it_was(tmp_path: Path) -> None:
    async with receiver() as (simulator, client):
        found = await enrolled(simulator, client, simulator.invite("ci-07"))
    enrolment.save(tmp_path, found)
    enrolment.save(tmp_path, found)
    assert enrolment.load(tmp_path) == found
    assert stat.S_IMODE((tmp_path / enrolment.FILE_NAME).stat().st_mode) == 0o600
    assert names_in(tmp_path) == [enrolment.FILE_NAME]


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def test_a_host_that_is_not_enrolled_has_nothing_to_load(tmp_path: Path) -> None:
    assert enrolment.load(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"rootKey":"x","keyring":"y","collectorId":"z","enrolment":"w"}',
        b'{"rootKey":"\xc3\xa9"}',
    ],
)
def test_a_damaged_enrolment_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / enrolment.FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="put it back from a backup"):
        enrolment.load(tmp_path)


def test_a_keyring_in_the_file_that_its_root_did_not_sign_is_refused(tmp_path: Path) -> None:
    forged = build.keyring(build.signer(5), rows=(build.Row(build.signer(6), Role.RECEIPT),))
    held = Enrolled(build.COLLECTOR_ID, open_keyring(FIRST, ROOT), forged.to_bytes(), b"{}")
    enrolment.save(tmp_path, held)
    with pytest.raises(ConfigError, match="damaged"):
        enrolment.load(tmp_path)


def test_an_enrolment_that_others_can_read_is_refused(tmp_path: Path) -> None:
    held = Enrolled(build.COLLECTOR_ID, open_keyring(FIRST, ROOT), FIRST.to_bytes(), b"{}")
    enrolment.save(tmp_path, held)
    (tmp_path / enrolment.FILE_NAME).chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        enrolment.load(tmp_path)
