"""`preview` as it is typed: what a configuration changes, what a level would add, and colours where they are wanted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.terminal import wants_color
from tests.helpers import reports

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def run(*words: str | Path, exits: int = 0) -> str:
    # As if on a terminal: what is printed is not stripped of colours.
    done = CliRunner().invoke(program, ["preview", *map(str, words)], color=True)
    assert done.exit_code == exits, (done.output, done.exception)
    return done.stdout


def asked(*words: str | Path, exits: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*words, "--output", "json", exits=exits).splitlines()]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "inbox" / "unit" / "a.xml"
    path.parent.mkdir(parents=True)
    path.write_text(reports.JUNIT_RED)
    return path


@pytest.fixture
def config(tmp_path: Path, report: Path) -> Path:
    path = tmp_path / "collector.toml"
    path.write_text(
        f"""state_dir = "{tmp_path}/state"
[receiver]
url = "https://receiver.example.com"
[[roots]]
name = "ci"
path = "{tmp_path}/inbox"
exclude = ["tmp/**"]
artifacts = ["dist/**"]
names = [{{match = "unit/**", name = "Unit Tests"}}]
disclosure = "summary"
disclosure_by = {{junit-xml = "full"}}
[roots.context]
repository = "acme/checkout"
"""
    )
    assert report.exists()
    return path


# --- as configured ---


def test_with_a_configuration_level_name_and_context_are_the_roots(report: Path, config: Path) -> None:
    [loose] = asked(report)
    [found] = asked(report, "--config", config)
    assert (loose["claim"]["name"], loose["statement"]["predicate"]["context"]) == ("JUnit", {})
    predicate = found["statement"]["predicate"]
    assert found["claim"]["name"] == "Unit Tests"
    assert predicate["disclosure"]["level"] == "full"
    assert predicate["context"] == {"repository": "acme/checkout"}
    assert predicate["contextFrom"] == {"repository": "config"}
    assert set(found) == {"path", "format", "claim", "cut", "statement"}


def test_a_level_that_is_asked_for_goes_before_the_configured_ones(report: Path, config: Path) -> None:
    [found] = asked(report, "--config", config, "--level", "verdict")
    assert found["statement"]["predicate"]["disclosure"]["level"] == "verdict"
    assert reports.CANARY not in json.dumps(found["statement"])


def test_a_file_that_the_root_hashes_only_is_shown_as_an_artifact(config: Path) -> None:
    wheel = config.parent / "inbox" / "dist" / "a.xml"
    wheel.parent.mkdir()
    wheel.write_text(reports.JUNIT_RED)
    [found] = asked(wheel, "--config", config)
    assert (found["format"], found["claim"]["type"]) == ("artifact", "BUILD_PROVENANCE")


@pytest.mark.parametrize("name", ["tmp/a.xml", ".hidden.xml", "../outside.xml"])
def test_what_the_collector_would_not_look_at_is_65_and_says_why(config: Path, name: str) -> None:
    path = config.parent / "inbox" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(reports.junit(1))
    [found] = asked(path, "--config", config, exits=65)
    assert found["error"]["code"] == "outside_root"
    assert found["error"]["hint"]


def test_a_folder_is_what_a_scan_of_it_meets_and_a_folder_above_is_every_root_below(config: Path) -> None:
    inbox = config.parent / "inbox"
    for name in ("unit/b.xml", "tmp/c.xml", "d.xml", ".e.xml"):
        (inbox / name).parent.mkdir(exist_ok=True)
        (inbox / name).write_bytes(reports.junit(1))

    def names(folder: Path) -> list[str]:
        return [str(Path(one["path"]).relative_to(inbox.resolve())) for one in asked(folder, "--config", config)]

    assert names(inbox / "unit") == ["unit/a.xml", "unit/b.xml"]
    assert sorted(names(inbox)) == sorted(names(config.parent)) == ["d.xml", "unit/a.xml", "unit/b.xml"]


def test_a_link_out_of_the_root_is_refused_as_the_collector_refuses_it(config: Path) -> None:
    outside = config.parent / "outside.xml"
    outside.write_bytes(reports.junit(1))
    (config.parent / "inbox" / "link.xml").symlink_to(outside)
    [found] = asked(config.parent / "inbox" / "link.xml", "--config", config, exits=65)
    assert set(found["error"]) == {"code", "detail", "hint"}


def test_nothing_is_made_by_a_preview(report: Path, config: Path) -> None:
    run(report, "--config", config)
    assert sorted(one.name for one in config.parent.iterdir()) == ["collector.toml", "inbox"]


# --- another level ---


def test_a_change_of_level_is_told_by_field_and_value(report: Path) -> None:
    [found] = asked(report, "--diff", "verdict", "full")
    assert set(found) == {"path", "format", "levels", "bytes", "added", "changed", "removed"}
    added = {one["field"]: one["value"] for one in found["added"]}
    assert set(added) == {"claim.evidence.suites", "claim.evidence.failedTests", "claim.evidence.failedCases"}
    assert added["claim.evidence.failedTests"] == [f"{reports.CANARY}.Class.{reports.CANARY}_fails"]
    changed = {one["field"]: (one["before"], one["after"]) for one in found["changed"]}
    assert changed["disclosure.level"] == ("verdict", "full")
    assert found["removed"] == []
    assert found["levels"] == ["verdict", "full"]
    assert found["bytes"][0] < found["bytes"][1]


def test_the_other_way_round_what_was_added_is_removed(report: Path) -> None:
    [up], [down] = asked(report, "--diff", "verdict", "summary"), asked(report, "--diff", "summary", "verdict")
    assert (down["removed"], down["added"]) == (up["added"], [])


def test_what_a_level_adds_is_the_difference_of_the_two_previews(report: Path, config: Path) -> None:
    [found] = asked(report, "--config", config, "--diff", "verdict", "summary")
    [low], [high] = (asked(report, "--config", config, "--level", level) for level in ("verdict", "summary"))
    evidence = {**low["claim"]["evidence"]}
    evidence |= {one["field"].removeprefix("claim.evidence."): one["value"] for one in found["added"]}
    assert evidence == high["claim"]["evidence"]


def test_a_diff_of_one_level_says_that_nothing_changes(report: Path) -> None:
    assert "the same leaves at both levels" in run(report, "--diff", "full", "full")


def test_a_diff_for_people_marks_every_line(report: Path) -> None:
    lines = run(report, "--diff", "verdict", "summary", "--color", "never").splitlines()
    assert lines[0] == str(report)
    assert re.fullmatch(r"  junit-xml, from verdict to summary: \+\d+ bytes \([\d,]+ to [\d,]+\)", lines[1])
    assert "  + claim.evidence.failedTests: [" in lines
    assert "  ~ disclosure.level" in lines
    assert '      - "verdict"' in lines
    assert '      + "summary"' in lines


def test_of_what_cannot_be_read_there_is_no_diff(report: Path) -> None:
    report.write_bytes(reports.junit(1)[:-20])
    [found] = asked(report, "--diff", "verdict", "full", exits=65)
    assert (set(found), found["error"]["code"]) == ({"path", "error"}, "truncated")


@pytest.mark.parametrize("words", [["--diff", "verdict"], ["--diff", "verdict", "all"], ["--level", "all"],
                                   ["--diff", "verdict", "full", "--level", "full"], ["--color", "red"]])  # fmt: skip
def test_wrong_usage_is_2(report: Path, words: list[str]) -> None:
    assert CliRunner().invoke(program, ["preview", str(report), *words]).exit_code == 2


# --- for people ---


def test_what_leaves_what_stays_and_why_are_shown(report: Path) -> None:
    text = run(report, "--color", "never")
    assert text.splitlines()[:3] == [
        str(report), "  TEST_RESULTS 'JUnit' (junit-xml): NOT passed", "  would leave:",
    ]  # fmt: skip
    assert "    evidence.suites: leaves at a higher level only" in text
    assert "null: known only when it is captured" in text


def test_the_text_without_colours_is_the_coloured_one_without_its_escapes(report: Path) -> None:
    for words in ([], ["--diff", "verdict", "full"]):
        colored, bare = (run(report, *words, "--color", when) for when in ("always", "never"))
        assert ESCAPE.search(colored)
        assert "\x1b" not in bare
        assert ESCAPE.sub("", colored) == bare


def test_the_statement_can_be_read_back_out_of_the_text(report: Path) -> None:
    text = run(report, "--color", "never")
    [found] = asked(report)
    shown = text[text.index("    {") : text.index("\n    null: known")]
    assert json.loads(shown) == found["statement"]


def test_json_is_never_coloured(report: Path) -> None:
    assert "\x1b" not in run(report, "--color", "always", "--output", "json")


@pytest.mark.parametrize(
    ("when", "environment", "is_terminal", "wanted"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"TERM": "xterm-256color"}, True, True),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_colours_are_for_terminals_unless_somebody_says_otherwise(
    when: str, environment: dict[str, str], *, is_terminal: bool, wanted: bool
) -> None:
    assert wants_color(when, environment, is_terminal=is_terminal) is wanted


@pytest.mark.parametrize("words", [[], ["--diff", "verdict", "full"]])
def test_a_report_that_would_steer_a_terminal_steers_none(report: Path, words: list[str]) -> None:
    hostile = report.with_name("a\n\x1b]0;owned\x07.xml")
    hostile.write_text(
        '<testsuite name="&#x9b;2J&#x85;\u202e" tests="1" failures="1"><testcase name="\u2028x">'
        '<failure message="\u009b31m">&#x9b;2J&#xa;second line</failure></testcase></testsuite>'
    )
    text = run(hostile, "--level", "full", "--color", "never", *words) if not words else run(hostile, *words)
    assert all(char.isprintable() or char == "\n" for char in ESCAPE.sub("", text))
    assert text.splitlines()[0].endswith("a\\n\\x1b]0;owned\\x07.xml" + ("\x1b[0m" if "\x1b" in text else ""))


@pytest.mark.parametrize(("tool", "name"), [("Unit Tests", "CTRF"), (" unit \u200b TESTS", "CTRF"), ("Unit", "Unit")])
def test_no_report_calls_itself_by_a_name_that_the_configuration_gives(config: Path, tool: str, name: str) -> None:
    forged = config.parent / "inbox" / "elsewhere.json"
    tests = [{"name": "a", "status": "passed", "duration": 1}]
    summary = {"tests": 1, "passed": 1, "failed": 0, "skipped": 0, "pending": 0, "other": 0, "start": 1, "stop": 2}
    forged.write_text(json.dumps({"results": {"tool": {"name": tool}, "summary": summary, "tests": tests}}))
    (said,) = asked(forged, "--config", config)
    assert (said["format"], said["claim"]["name"]) == ("ctrf", name)
