"""One error tree, a closed list of codes, and a status and a remedy for each."""

from http import HTTPStatus

import pytest

from shared.encoding import compact
from shared.errors import (
    FILE_CODES,
    HELD_CODES,
    REFUSED_CODES,
    CarnetError,
    Code,
    ConfigError,
    MalformedError,
    StateError,
    TryLaterError,
    UntrustedError,
)
from shared.problems import STATUS, error_for, problem_for, status_of

FAMILIES: dict[type[CarnetError], int] = {
    ConfigError: 78,
    MalformedError: 65,
    UntrustedError: 77,
    StateError: 1,
    TryLaterError: 75,
    CarnetError: 70,
}

# What a whole request is answered with: status, and the family that the collector then raises.
REQUEST_CODES: dict[Code, tuple[int, type[CarnetError]]] = {
    Code.BAD_JSON: (400, MalformedError),
    Code.DUPLICATE_KEY: (400, MalformedError),
    Code.METHOD_NOT_ALLOWED: (405, MalformedError),
    Code.BODY_TOO_LARGE: (413, MalformedError),
    Code.TOO_LARGE: (413, MalformedError),
    Code.UNSUPPORTED_MEDIA_TYPE: (415, MalformedError),
    Code.INVALID_FIELD: (422, MalformedError),
    Code.UNKNOWN_FIELD: (422, MalformedError),
    Code.IDEMPOTENCY_MISMATCH: (422, MalformedError),
    Code.UNAUTHORIZED: (401, UntrustedError),
    Code.FORBIDDEN: (403, UntrustedError),
    Code.NOT_FOUND: (404, StateError),
    Code.CONFLICT: (409, StateError),
    Code.RATE_LIMITED: (429, TryLaterError),
    Code.UNAVAILABLE: (503, TryLaterError),
    Code.INTERNAL: (500, CarnetError),
}


def raised(family: type[CarnetError], code: Code) -> CarnetError:
    return ConfigError("detail") if family is ConfigError else family(code, "detail", "hint")


def test_every_code_belongs_to_files_entries_or_requests() -> None:
    assert set(Code) == FILE_CODES | HELD_CODES | REFUSED_CODES | set(REQUEST_CODES)
    assert not HELD_CODES & (REFUSED_CODES | FILE_CODES)
    assert set(STATUS) == set(REQUEST_CODES)


@pytest.mark.parametrize(("family", "status"), FAMILIES.items())
def test_each_family_ends_a_command_with_its_own_status(family: type[CarnetError], status: int) -> None:
    assert family.exit_status == status
    assert list(FAMILIES.values()).count(status) == 1
    assert issubclass(family, CarnetError)


@pytest.mark.parametrize(("code", "expected"), REQUEST_CODES.items())
def test_what_a_request_is_answered_with_arrives_as_the_family_that_was_raised(
    code: Code, expected: tuple[int, type[CarnetError]]
) -> None:
    status, family = expected
    sent = raised(family, code)
    assert status_of(sent) == status
    body = problem_for(sent, "req_1").to_wire()
    assert body["code"] == code.value
    assert body["status"] == status
    assert body["title"] == HTTPStatus(status).phrase
    assert body["error"] == body["detail"] == "detail"
    got = error_for(status, compact(body))
    assert type(got) is family
    assert got.code is code
    assert "detail" in got.detail
    assert got.hint == "hint"


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("family", [family for family in FAMILIES if family is not ConfigError])
def test_every_code_in_every_family_has_a_status_that_is_no_success(family: type[CarnetError], code: Code) -> None:
    status = status_of(raised(family, code))
    assert 400 <= status <= 503
    if code in REQUEST_CODES:
        assert status == REQUEST_CODES[code][0]


@pytest.mark.parametrize("code", sorted(set(Code) - set(REQUEST_CODES)))
@pytest.mark.parametrize("family", [MalformedError, UntrustedError, StateError, TryLaterError])
def test_an_entry_code_answers_a_whole_request_with_a_status_of_its_family(
    family: type[CarnetError], code: Code
) -> None:
    assert type(error_for(status_of(raised(family, code)), b"")) is family


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    assert str(MalformedError(Code.BAD_JSON, "no JSON", "send JSON")) == "no JSON (send JSON)"
    assert str(MalformedError(Code.BAD_JSON, "no JSON")) == "no JSON"
    assert ConfigError("x is 0", "use 1").code is Code.INVALID_FIELD
    assert TryLaterError(Code.UNAVAILABLE, "full", delay_seconds=3).delay_seconds == 3
