"""Secrets that stand in a report, in whatever field of whatever format, stay where they are."""

import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.commands.program import program
from collector.context import ContextConfig, SpeaksFor
from collector.disclose import Level, Why, disclose
from collector.formats import FORMATS, Basis, Claim, ClaimType, Limits
from collector.formats.json_events import json_events
from collector.formats.testing.outcomes import TEXT_CHARS
from collector.logs import json_teller
from collector.masking import masked_error
from shared import dsse
from shared.encoding import JsonObject
from shared.errors import MalformedError
from shared.redaction import mark, redact
from tests.helpers.intakes import Host
from tests.helpers.planted_files import ALL, BY_HAND, leaked, planted_file, plantings
from tests.helpers.planting import read
from tests.helpers.secrets import rules
from tests.unit.formats.tables import GOOD, content

KEYS = [row.key for row in FORMATS]


def test_there_are_sixty_kinds_and_more() -> None:
    assert len({secret.kind for secret in ALL}) >= 60


@pytest.mark.parametrize("key", KEYS)
def test_each_format_has_places_for_texts(key: str) -> None:
    assert key in BY_HAND or plantings(key).places


@pytest.mark.parametrize("key", KEYS)
def test_no_secret_of_any_kind_leaves_from_any_field_at_any_level(key: str) -> None:
    masked = 0
    for turn in range(len(ALL)):
        claim = read(key, planted_file(key, turn))
        if claim is None:
            continue
        for level in Level:
            kept, cut = disclose(claim, level, rules())
            text = json.dumps([kept.name, kept.evidence, kept.subjects, [one.field for one in cut]])
            assert leaked(text) == []
            masked += any(one.why is Why.SECRET for one in cut)
    assert masked, "no text of this format leaves at any level: is the sample rich enough?"


# --- the whole way: a folder, the parsing child, the spool, the log, the commands ---

ALL_LEVELS = list(Level)
SPEAKS_FOR_ALL = SpeaksFor(repositories=("*",), services=("*",), environments=("*",))


@pytest.fixture(params=ALL_LEVELS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    made = Host(tmp_path)
    plan = made.intake.plans["ci"]
    secret = ALL[0].text
    made.intake.plans = {
        "ci": replace(
            plan, level=request.param, context=ContextConfig(values={"job": f"job {secret}"}, speaks_for=SPEAKS_FOR_ALL)
        )
    }
    yield made
    made.spool.close()


def payloads(host: Host) -> list[bytes]:
    shown = [host.spool.show(entry.sequence) for entry in host.spool.list(limit=10_000)]
    return [dsse.parse(one.envelope).payload for one in shown if one.envelope is not None]


def kept_by(host: Host) -> list[bytes]:
    """Everything that the collector wrote."""
    return [path.read_bytes() for path in (host.folder / "state").rglob("*") if path.is_file()]


def log_of(host: Host, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    tell = json_teller(host.clock.utcnow, rules())
    for event, facts in host.told:
        tell(event, **facts)
    return capsys.readouterr().err


def test_nothing_that_is_signed_kept_or_logged_holds_a_secret(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    for key in KEYS:
        for turn in range(0, len(ALL), 18):
            host.write(f"{key}-{turn}/report", planted_file(key, turn))
            host.write(f"{key}-{turn}/broken", planted_file(key, turn)[:-20])
    context = {"carnet": "context/v1", "repository": f"acme/{ALL[1].text}", "branch": ALL[2].text, "run": ALL[3].text}
    host.write("carnet-context.json", json.dumps(context))
    host.take()
    assert len(payloads(host)) >= len(KEYS)
    assert {trace for payload in payloads(host) for trace in leaked(payload)} == set()
    assert {trace for kept in kept_by(host) for trace in leaked(kept)} == set()
    assert leaked(log_of(host, capsys)) == []
    assert all(b"[secret:github-pat]" in payload for payload in payloads(host)), "the job has one"


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("level", ALL_LEVELS)
def test_a_preview_shows_no_secret_and_says_what_was_cut(tmp_path: Path, level: Level, output: str) -> None:
    for key in KEYS:
        (tmp_path / f"{key}.report").write_bytes(planted_file(key, 0))
        (tmp_path / f"{key}.broken").write_bytes(planted_file(key, 0)[:-20])
    found = CliRunner().invoke(program, ["preview", str(tmp_path), "--level", level.value, "--output", output])
    assert leaked(found.output) == []
    if level is Level.FULL:
        assert "a secret was taken out" in found.output
        assert "github-pat" in found.output


def test_a_secret_that_a_shortening_would_cut_in_two_leaves_no_half() -> None:
    token = ALL[0].text
    for before in range(250, 300):
        declared = read("attest", attest({"note": "x" * before + " " + token + " and so on" * 40}))
        assert declared is not None
        kept, _ = disclose(declared, Level.SUMMARY, rules())
        assert token[:8] not in json.dumps(kept.evidence)


def test_a_secret_that_a_reader_cut_in_two_leaves_no_half() -> None:
    token = ALL[0].text
    for length, level in ((Limits().max_text_chars, Level.SUMMARY), (TEXT_CHARS, Level.FULL)):
        cut = (" " * length + token)[4 : length + 4]
        failed: JsonObject = {"failedTests": [cut], "failedCases": [{"name": "a", "text": cut}]}
        claim = Claim(ClaimType.TEST_RESULTS, "JUnit", Basis.MEASURED, passed=False, evidence=failed)
        assert token[:4] not in json.dumps(disclose(claim, level, rules())[0].evidence)


def test_a_secret_in_a_json_pointer_is_found_in_spite_of_its_escapes_and_shown_whole_or_not_at_all() -> None:
    for secret in ALL:
        for before in ("", "k" * 95, "k" * 199):
            broken = json.dumps({"version": "2.1.0", "runs": [{before: {secret.text: "x"}}]}).encode()[:-6]
            with pytest.raises(MalformedError) as refused:
                list(json_events(io.BytesIO(broken), Limits()))
            told = masked_error(refused.value, rules())
            assert leaked(told.detail) == []
            assert not any(part[:12] in told.detail for part in secret.parts)


def test_what_becomes_a_secret_only_by_cleaning_is_found() -> None:
    spread = "password:" + " \n\x07" * 60 + "Tr0ub4dor"
    declared = read("attest", attest({"note": spread}))
    assert declared is not None
    kept, cut = disclose(declared, Level.SUMMARY, rules())
    assert "Tr0ub4dor" not in json.dumps(kept.evidence)
    assert any(one.why is Why.SECRET and one.field == "evidence.note" for one in cut)


def test_a_field_that_is_called_by_a_secret_stays_and_is_told_without_its_name() -> None:
    declared = read("attest", attest({ALL[0].text: 1, "reviewers": 2}))
    assert declared is not None
    for level in Level:
        kept, cut = disclose(declared, level, rules())
        assert ALL[0].text not in json.dumps([kept.evidence, [one.field for one in cut]])
        assert [one.kind for one in cut if one.why is Why.SECRET] == ["github-pat"]


def test_a_claim_full_of_secrets_is_bounded_in_time_and_masked_to_the_end() -> None:
    full = " ".join(["key=Ab1Cd2Ef3Gh4Ij5"] * 100)
    claim = Claim(ClaimType.SBOM, "SBOM", Basis.MEASURED, passed=True, evidence={"components": [full] * 2_000})
    began = time.monotonic()
    kept, cut = disclose(claim, Level.SUMMARY, rules())
    assert time.monotonic() - began < 30
    assert "Ab1Cd2Ef3Gh4Ij5" not in json.dumps(kept.evidence)
    assert json.dumps(kept.evidence["components"]).count(f'"{mark("unclear")}"') > 1_900
    assert {one.field for one in cut} == {"evidence.components"}


def attest(evidence: dict[str, object]) -> bytes:
    said = {"carnet": "attest/v1", "type": "CUSTOM", "name": "Note", "passed": True, "evidence": evidence}
    return json.dumps(said).encode()


# --- no false alarms ---


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def test_fewer_than_one_text_in_a_hundred_of_the_clean_samples_is_touched() -> None:
    looked, touched = 0, []
    for path in GOOD:
        claim = read(GOOD[path].format or "", content(path))
        if claim is None:
            continue
        for text in {*_texts(dict(claim.evidence)), claim.name, *_texts(claim.subjects)}:
            looked += 1
            masked, kinds = redact(text, rules())
            if kinds:
                touched.append((path, masked[:200]))
    assert looked > 1_000
    assert len(touched) * 100 < looked, touched
