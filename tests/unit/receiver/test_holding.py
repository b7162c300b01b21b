"""Why an entry is held apart from revocations, as a table: what its receipt said, and what is known by now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.core.admit import KeyState, KnownKey
from receiver.core.holding import Case, Standing, Turn, hold, in_vain, standing
from receiver.core.placing import Status
from shared.errors import Code
from tests.helpers.build import NOW, signer

STREAM, ELSEWHERE = bytes(16), bytes(15) + b"\x01"
ACTIVE = KnownKey(signer().public, KeyState.ACTIVE)
RETIRED = KnownKey(signer().public, KeyState.RETIRED, 7, STREAM)
EARLY = replace(ACTIVE, introduced_at=5, introduced_stream=STREAM)
GOOD = Case(None, (STREAM, 5), has_place=True, key=ACTIVE, forked_from=None)
ENDED = replace(GOOD, code=Code.KEY_REVOKED)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(GOOD, None, id="nothing is known of it"),
        pytest.param(replace(GOOD, forked_from=5), Code.FORKED, id="where its stream parts"),
        pytest.param(replace(GOOD, forked_from=6), None, id="below where its stream parts"),
        pytest.param(replace(GOOD, key=RETIRED), None, id="below its key's rotation"),
        pytest.param(replace(GOOD, key=RETIRED, spot=(STREAM, 7)), Code.KEY_RETIRED, id="above its key's rotation"),
        pytest.param(replace(GOOD, key=RETIRED, spot=(ELSEWHERE, 7)), None, id="in another stream, before that"),
        pytest.param(replace(GOOD, key=None), Code.KEY_REVOKED, id="its key never was good"),
        pytest.param(replace(GOOD, code=Code.NOT_UNDERSTOOD, forked_from=5), Code.NOT_UNDERSTOOD, id="held before"),
        pytest.param(replace(GOOD, code=Code.KEY_RETIRED), Code.KEY_RETIRED, id="held as retired"),
        pytest.param(ENDED, None, id="its key is good again"),
        pytest.param(replace(ENDED, forked_from=0), Code.FORKED, id="good again, on a branch"),
        pytest.param(replace(ENDED, has_place=False), Code.FORKED, id="good again, where another one stands"),
        pytest.param(replace(ENDED, key=RETIRED), None, id="retired, and it fits"),
        pytest.param(replace(ENDED, key=RETIRED, has_place=False), Code.KEY_RETIRED, id="retired, and it does not fit"),
        pytest.param(replace(ENDED, key=RETIRED, spot=(ELSEWHERE, 5)), Code.KEY_RETIRED, id="retired, elsewhere"),
        pytest.param(replace(ENDED, key=EARLY), Code.KEY_RETIRED, id="before its key was introduced"),
        pytest.param(replace(ENDED, key=EARLY, spot=(STREAM, 6)), None, id="behind where its key was introduced"),
        pytest.param(replace(ENDED, key=None), Code.KEY_REVOKED, id="its key was revoked for ever"),
    ],
)
def test_an_entry_is_held_for_all_that_is_known_by_now(case: Case, expected: Code | None) -> None:
    assert hold(case, lambda: True) == expected


def test_what_was_held_for_its_key_alone_is_asked_anew_whether_it_is_understood() -> None:
    assert hold(ENDED, lambda: False) is Code.NOT_UNDERSTOOD
    assert hold(GOOD, lambda: False) is None


def test_a_rotation_on_a_branch_introduces_nobody_nor_do_those_whom_it_brought() -> None:
    turns = [
        Turn("a", "b", 3, forked_from=None),
        Turn("c", "d", 2, forked_from=None),
        Turn("b", "c", 6, forked_from=6, forked_after=4),
        Turn("x", "y", 5, forked_from=6),
    ]
    assert in_vain(turns) == {"c": 4, "d": 4}
    assert in_vain(turns[:2]) == {}


def test_a_release_frees_from_what_was_known_when_it_was_signed() -> None:
    assert standing(Code.FORKED, NOW, (), released=6, known_after=5) == Standing(Status.ACCEPTED, None, 6)
    assert standing(Code.FORKED, NOW, (), released=6, known_after=6) == Standing(Status.HELD, Code.FORKED)
