"""The files that an offline enrolment carries: what was written is read, and nothing else is one of them."""

import pytest

from shared.encoding import compact
from shared.errors import MalformedError
from shared.joining import KeyringAnswer
from shared.offline import (
    OfflineInvitation,
    OfflineResponse,
    emit_invitation,
    emit_response,
    parse_invitation,
    parse_response,
)
from tests.helpers import build

KEYRING = KeyringAnswer((build.keyring().to_bytes(),), build.root_signer().public.spki)
INVITATION = OfflineInvitation("ci-07", "ce_once_abc", build.NOW, KEYRING)
RESPONSE = OfflineResponse(build.enrolment_envelope().to_bytes(), KEYRING)


def test_an_invitation_is_read_as_it_was_written_and_its_representation_hides_the_token() -> None:
    assert parse_invitation(emit_invitation(INVITATION)) == INVITATION
    assert "ce_once_abc" not in repr(INVITATION)


def test_a_response_keeps_the_exact_bytes_of_its_envelopes() -> None:
    assert parse_response(emit_response(RESPONSE)) == RESPONSE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        emit_response(RESPONSE),
        emit_invitation(INVITATION)[:-1],
        emit_invitation(INVITATION).replace(b"invitation/v1", b"invitation/v2"),
        emit_invitation(OfflineInvitation("ci\x07", "ce_once_abc", build.NOW, KEYRING)),
        emit_invitation(OfflineInvitation("ci-07", "two words", build.NOW, KEYRING)),
        compact({"carnet": "invitation/v1", "name": "ci-07", "token": "t", "expiresAt": "2026-01-01T00:00:00Z"}),
    ],
)
def test_what_is_no_invitation_is_refused_without_its_token(content: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_invitation(content)
    assert "ce_once_abc" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{}", emit_invitation(INVITATION), emit_response(RESPONSE) + b"x"])
def test_what_is_no_response_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_response(content)
