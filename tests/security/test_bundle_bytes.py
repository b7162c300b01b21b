"""No byte of a bundle can be changed, left out or put in without its being refused: not one, whatever it becomes."""

import random
from functools import cache

import pytest

from shared.bundle import emit_bundle, parse_bundle
from shared.errors import MalformedError, UntrustedError
from shared.verify import authenticate
from tests.helpers.build import root_signer
from tests.helpers.build_passports import World

PINNED = root_signer().public.key_id
PARTS = 8


@cache
def small_bundle() -> bytes:
    made = World()
    made.report()
    return emit_bundle(made.bundle())


def is_authentic(data: bytes) -> bool:
    try:
        authenticate(parse_bundle(data), PINNED)
    except (MalformedError, UntrustedError):
        return False
    return True


def test_the_bundle_as_it_is_is_authentic() -> None:
    assert is_authentic(small_bundle())


@pytest.mark.parametrize("part", range(PARTS))
def test_every_byte_matters(part: int) -> None:
    data = small_bundle()
    chance = random.Random(part)  # noqa: S311 - the same in every run
    for index in range(part, len(data), PARTS):
        other = chance.choice([byte for byte in range(256) if byte != data[index]])
        for byte in (data[index] ^ 1, other):
            assert not is_authentic(data[:index] + bytes([byte]) + data[index + 1 :]), index


def test_what_is_cut_short_left_out_or_put_in_is_refused() -> None:
    data = small_bundle()
    for index in range(0, len(data), 37):
        assert not is_authentic(data[:index])
        assert not is_authentic(data[:index] + data[index + 1 :])
        assert not is_authentic(data[:index] + data[index : index + 1] + data[index:])
