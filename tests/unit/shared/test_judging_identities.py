"""Whom a text names, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.judging.identities import identities_of, same_person

WAYS = [
    *("octo", "OCTO", "octo ", " octo", "\tocto\n", "@octo", " @ octo", "@@octo", '"octo"', "<octo>", "octo <x@y>"),
    *("o\u200bcto", "\u200b octo", "octo\ufeff", "\u2060octo\u00ad", "\u202eocto", "octo\x00", "o\u034fcto"),
    *("octo\ufe0f", "\uff4f\uff43\uff54\uff4f", "\u3164octo\u2800", "Octo Cat <@octo>", "Octo Cat (@octo)"),
]
MAILS = [
    *("anna@acme.example", "Octo Cat <Anna@acme.example>", "anna@acme.example (Octo Cat)", "<anna@acme.example>"),
    *("mailto:anna@acme.example", "Octo <o@x>, Anna <anna@acme.example>", "Octo Cat <anna@acme.example"),
    *("Octo Cat anna@acme.example>", "\u200bOcto<anna\u200b@acme.example>"),
]


@pytest.mark.parametrize("text", WAYS)
def test_however_a_name_is_written_it_names_the_same_person(text: str) -> None:
    assert same_person([text], ["Octo"]) == {"octo"}


@pytest.mark.parametrize("text", MAILS)
def test_the_mail_that_a_text_holds_is_an_identity(text: str) -> None:
    assert "anna@acme.example" in identities_of(text)


def test_of_a_name_with_a_mail_both_are_identities() -> None:
    assert identities_of("Octo  Cat <anna@acme.example>") == {"octo cat", "anna@acme.example"}


@pytest.mark.parametrize("text", [None, "", " ", "@", "\u200b", "<>", '" "', "\u3164"])
def test_what_names_nobody_is_no_identity(text: str | None) -> None:
    assert identities_of(text) == frozenset()


def test_different_people_stay_different() -> None:
    assert not same_person(["octo", "octo@acme.example"], ["octo2", "octo-cat", "octo@other.example", "to"])
    assert identities_of("dependabot[bot]", "a|b") == {"dependabot[bot]", "a|b"}


@settings(max_examples=60)
@given(st.text(st.sampled_from("aB@<> \u200b\"'(),;:\n\u00df\u0130\uff20"), max_size=12) | st.text(max_size=12))
def test_what_was_spelled_once_stays_as_it_is(text: str) -> None:
    once = identities_of(text)
    assert identities_of(*once) == once
