"""Secrets are found where they stand, and nothing of them is left."""

import base64
import random
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.redaction import (
    OVERLAP,
    Hit,
    Pattern,
    Rules,
    Span,
    find,
    kind_of,
    mark,
    redact,
    sparing,
    without_part_of_a_mark,
)
from shared.secretpatterns import PATTERNS
from tests.helpers.secrets import Planted, planted, rules

ALL = planted()
KINDS = [one.kind for one in ALL]
PLACES = (
    "{}",
    "before {} after",
    "test_login[{}]",
    "a.b.{}.c",
    "reports/{}/x",
    'said "{}", then left',
    "({}).",
    "<{}>",
)
NONE = Rules((), lambda _: ())
NONE_BUT_OURS = Rules(PATTERNS, lambda _: ())


def put(secret: Planted, place: str) -> str:
    return place.replace("{}", secret.text)


def scanning(*hits: Hit) -> Rules:
    """Rules whose scanner finds these where they stand."""
    return Rules((), lambda text: [hit for hit in hits if hit.value in text])


@pytest.mark.parametrize("secret", ALL, ids=KINDS)
def test_each_kind_is_found_wherever_it_stands_and_is_not_found_again(secret: Planted) -> None:
    for place in PLACES:
        text, kinds = redact(put(secret, place), rules())
        assert kinds, place
        assert [part for part in secret.parts if part in text] == []
        assert redact(text, rules()) == (text, ())


def test_what_stands_around_a_secret_stays() -> None:
    token = ALL[0].text
    assert redact(f"before {token}, after", rules()) == ("before [secret:github-pat], after", ("github-pat",))
    password = "postgres://app:Tr0ub4dor@db/orders"
    assert redact(password, rules())[0] == "postgres://app:[secret:uri-password]@db/orders"


def test_a_span_names_its_place_and_kind() -> None:
    token = ALL[0].text
    assert find(f"ab {token} cd {token}", rules()) == (
        Span(3, 3 + len(token), "github-pat"),
        Span(7 + len(token), 7 + 2 * len(token), "github-pat"),
    )


def test_a_found_value_is_masked_at_every_place_where_it_stands() -> None:
    pin = scanning(Hit("pin", "48151623"))
    assert redact("48151623 is the pin (48151623)", pin)[0] == "[secret:pin] is the pin ([secret:pin])"


def test_the_rest_of_a_word_of_which_a_rule_knows_the_beginning_is_masked_too() -> None:
    assert redact("x abc123defghi y", scanning(Hit("short", "abc123")))[0] == "x [secret:short] y"


def test_a_word_that_is_longer_than_rules_need_is_masked_to_its_end() -> None:
    long = "Zq9" + base64.b64encode(random.Random(3).randbytes(1_500)).decode()  # noqa: S311 - the same each time
    assert redact(f"x secret_key={long} y", NONE_BUT_OURS)[0] == "x secret_key=[secret:shared-key] y"
    assert redact(f"x {long} y", scanning(Hit("long", long[:299])))[0] == "x [secret:long] y"


def test_spans_that_overlap_are_one_and_called_by_what_says_more() -> None:
    both = scanning(Hit("generic-api-key", "one two"), Hit("acme-token", "two three"))
    assert find("-- one two three --", both) == (Span(3, 16, "acme-token"),)


def test_a_finding_that_stands_nowhere_masks_all_of_the_text() -> None:
    decoded = Rules((), lambda text: [Hit("hidden", "not in there")] if "plain" in text else [])
    assert redact("this is plain", decoded) == ("[secret:hidden]", ("hidden",))


def test_what_is_found_anew_each_time_is_masked_whole() -> None:
    one_word = Rules((), lambda text: [Hit("word", found[0])] if (found := re.search("[a-z]{2}", text)) else [])
    text, kinds = redact("there is no end of it at all", one_word)
    assert (text, kinds[-1]) == (mark("unclear"), "unclear")


def test_a_private_key_is_masked_from_either_end_that_is_there() -> None:
    begin, end = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"
    assert redact(f"a {begin}\nAAAA\n{end} b", NONE)[0] == "a [secret:private-key] b"
    assert redact(f"a {begin} AAAA", NONE)[0] == "a [secret:private-key]"
    assert redact(f"AAAA {end} b", NONE)[0] == "[secret:private-key] b"
    assert redact(f"a {begin}x{end} b {begin}y{end} c", NONE)[1] == ("private-key", "private-key")


def test_a_public_key_and_a_certificate_are_no_secrets() -> None:
    body = base64.b64encode(random.Random(4).randbytes(90)).decode()  # noqa: S311 - the same each time
    for label in ("PUBLIC KEY", "CERTIFICATE"):
        text = f"-----BEGIN {label}-----\n{body}\n-----END {label}-----"
        assert redact(text, rules()) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "pkg:npm/%40angular/core@12.3.1?vcs_url=git%2Bhttps%3A//github.com/angular/angular",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "tests.unit.test_login::test_password_is_required[key-secret-token]",
        "Should return 401 when the token is missing: no password",
        "https://github.com/acme/app/pull/12#issuecomment-1234567890",
        "MIT OR Apache-2.0 WITH LLVM-exception",
        "password=None",
        "com.acme.AuthorizationHeaderTest.bearerTokenIsRefused",
    ],
)
def test_names_digests_and_addresses_are_no_secrets(text: str) -> None:
    assert redact(text, rules()) == (text, ())


def test_words_that_tell_a_scanner_to_look_away_tell_ours_nothing() -> None:
    for word in ("gitleaks:allow", "betterleaks:allow"):
        assert redact(f"{ALL[0].text} # {word}", rules())[0] == f"[secret:github-pat] # {word}"


def test_what_ends_a_string_in_c_or_is_no_utf8_hides_nothing() -> None:
    assert redact(f"a\0b \ud800 {ALL[0].text}", rules())[0] == "a\0b \ud800 [secret:github-pat]"


def test_of_a_head_nothing_is_left_that_begins_in_it() -> None:
    token = ALL[0].text
    for start in range(90, 101):
        text, _ = redact("x " * (start // 2) + " " * (start % 2) + token + " y" * 2_000, rules(), head=100)
        assert token[:8] not in text
        assert len(text) <= 100 + len(mark("github-pat"))
    assert redact("x" * 50 + " " + token, NONE, head=60)[0] == "x" * 50 + " " + token[:9]
    assert redact("abc " * 10 + "y" * OVERLAP * 2 + token, rules(), head=40) == ("abc " * 10, ())


def test_a_head_is_searched_once_more_as_it_was_cut() -> None:
    at_the_end = Rules((Pattern("last", ("code",), re.compile(r"code [0-9]{4}\Z")),), lambda _: ())
    assert redact("the code 1234 and more", at_the_end, head=13)[0] == "the [secret:last]"


def test_kinds_are_short_words_and_make_marks_that_are_known() -> None:
    assert kind_of("Slack_Token.1") == "slack-token"
    assert kind_of("") == kind_of("...") == "unclear"
    for name in ("a" * 500, "x-" * 100, "1password", "v1"):
        text = mark(kind_of(name))
        assert len(text) <= 60
        assert find(f"password={text}", rules()) == ()


def test_a_mark_that_a_cut_left_open_is_taken_off() -> None:
    assert without_part_of_a_mark("a [secret:git") == "a"
    assert without_part_of_a_mark("a [secret:git] b") == "a [secret:git] b"


@settings(deadline=None)
@given(st.text(max_size=400), st.sampled_from(ALL), st.text(max_size=400))
def test_whatever_stands_around_a_secret_nothing_of_it_is_left(before: str, secret: Planted, after: str) -> None:
    text, _ = redact(f"{before} {secret.text} {after}", rules())
    assert [part for part in secret.parts if part in text] == []
    assert redact(text, rules()) == (text, ())


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1=:'\"/@[] \n-_.;{}"), max_size=300), st.none() | st.integers(1, 50))
def test_no_text_makes_it_fail_and_what_it_gives_it_gives_again(text: str, head: int | None) -> None:
    once, _ = redact(text, rules(), head)
    assert redact(once, rules()) == (once, ())


HOSTILE: dict[str, Callable[[int], str]] = {
    "one letter": lambda size: "a" * size,
    "base64": lambda size: base64.b64encode(random.Random(1).randbytes(size)).decode()[:size],  # noqa: S311
    "beginnings of tokens": lambda size: ("eyJ" + "gh" + "p_" + "ce_once_" * 2) * (size // 24),
    "keys that never end": lambda size: ("-----BEGIN RSA PRIVATE " + "KEY-----") * (size // 31),
    "addresses": lambda size: "https://a:b@" * (size // 12),
    "assignments": lambda size: "password=token=key: " * (size // 20),
    "many secrets": lambda size: "key=Ab1Cd2Ef3Gh4Ij5 " * (size // 20),
    "long values": lambda size: ('"publicKey":"' + base64.b64encode(random.Random(2).randbytes(size)).decode())[:size],  # noqa: S311
    "marks": lambda size: "[secret:a] [secret:" * (size // 19),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_of_hostile_text_takes_seconds_at_most(make: Callable[[int], str]) -> None:
    began = time.monotonic()
    redact(make(1_000_000), rules())
    assert time.monotonic() - began < 20


def test_our_patterns_alone_find_our_tokens() -> None:
    for secret in (one for one in ALL if one.kind in {"api_key", "gate", "invitation", "collector_access"}):
        assert redact(secret.text, NONE_BUT_OURS)[1][0].startswith("carnet-")


def test_a_short_text_that_holds_nothing_is_looked_through_once_and_no_secret_is_kept() -> None:
    looked: list[str] = []

    def scan(text: str) -> list[Hit]:
        looked.append(text)
        return [Hit("word", "hunter22")] if "hunter22" in text else []

    rules = sparing(Rules((), scan))
    long = "a name of a service " * 20
    for text in ("checkout-api", "password hunter22", long):
        assert [redact(text, rules) for _ in range(3)] == [redact(text, Rules((), scan))] * 3
    own = [text for text in looked if text == "checkout-api"]
    assert len(own) == 2, "once for the sparing rules, once for the others"
    assert looked.count("password hunter22") == 4
    assert looked.count(long) == 4


def test_what_is_known_of_clean_texts_has_an_end() -> None:
    looked: list[str] = []

    def scan(text: str) -> tuple[Hit, ...]:
        looked.append(text)
        return ()

    rules = sparing(Rules((), scan))
    for _ in range(2):
        for number in range(5_000):
            redact(f"service-{number:06}", rules)
    assert len(looked) == 10_000
