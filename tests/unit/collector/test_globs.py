"""Which paths a root's patterns pick."""

import pytest

from collector.globs import Globs, Picked, Rules
from shared.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**", "a.xml", True),
        ("**", "a/b/c.xml", True),
        ("*.xml", "a.xml", True),
        ("*.xml", "a/b.xml", False),
        ("**/*.xml", "a.xml", True),
        ("**/*.xml", "a/b/c.xml", True),
        ("**/*.xml", "a/b/c.xml.gz", False),
        ("a/**", "a/b", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**", "ab/c", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("a/**/**/b", "a/b", True),
        ("TEST-?.xml", "TEST-1.xml", True),
        ("TEST-?.xml", "TEST-12.xml", False),
        ("a?b", "a/b", False),
        ("[a-c].xml", "b.xml", True),
        ("[!a-c].xml", "b.xml", False),
        ("[!a-c].xml", "d.xml", True),
        ("a[!x]b", "a/b", False),
        ("[]x].xml", "].xml", True),
        ("[.xml", "[.xml", True),
        ("a+(b).xml", "a+(b).xml", True),
        ("A.xml", "a.xml", False),
        ("*.xml", "line\nbreak.xml", True),
        ("*.xml", "a.xml\n", False),
    ],
)
def test_a_pattern_means_what_it_means_to_full_match(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001
    assert Globs([pattern]).match(path) is matches


def test_no_pattern_at_all_matches_nothing() -> None:
    assert not Globs([]).match("a.xml")


@pytest.mark.parametrize("pattern", ["/a/*.xml", "a//b", "../a", "./a", "a/../b", "a/", "", "a**b", "a/***", "[z-a]"])
def test_a_pattern_that_could_never_match_is_refused_with_a_hint(pattern: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Globs([pattern])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("path", "picked"),
    [
        ("reports/a.xml", Picked.REPORT),
        ("dist/a.whl", Picked.ARTIFACT),
        ("dist/old/a.whl", None),
        ("notes.txt", None),
        (".a.xml", None),
        ("reports/.tmp/a.xml", None),
        ("reports/.a.xml", None),
        ("reports/a.xml.done", None),
        ("dist/a.whl.done", None),
        ("reports/carnet-context.json", None),
        ("carnet-context.json", None),
    ],
)
def test_exclude_goes_before_artifacts_before_include_and_markers_are_never_picked(
    path: str, picked: Picked | None
) -> None:
    rules = Rules(
        include=["**/*.xml", "**/*.whl", "**/*.json", "**/*.done"],
        exclude=["dist/old/**"],
        artifacts=["dist/**"],
    )
    assert rules.pick(path) is picked


@pytest.mark.timeout(60)
def test_a_long_hostile_name_is_matched_in_little_time() -> None:
    globs = Globs(["**/*-*-*-*.xml"])
    assert not globs.match("/".join(["-" * 250] * 4))
