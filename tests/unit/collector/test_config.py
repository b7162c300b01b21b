"""The configuration: what is wrong is told with its key, its value and what would be right."""

from pathlib import Path

import pytest

from collector.config import ENVIRONMENT_PREFIX, OVERRIDES, load_config
from collector.formats.fields import Level
from collector.plans import root_plans
from shared.errors import ConfigError
from shared.redaction import Rules

RULES = Rules((), lambda _text: ())

GOOD = """
state_dir = "/var/lib/carnet"
[receiver]
url = "https://receiver.example"
[[roots]]
name = "reports"
path = "/srv/reports"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "collector.toml"
    path.write_text(text)
    return path


def test_a_short_file_is_enough_and_what_it_does_not_say_is_safe(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD), {})
    [root] = config.roots
    assert root.disclosure == "verdict"
    assert root.follow_symlinks is False
    assert root.speaks_for.repositories == ()
    assert config.key_path == Path("/var/lib/carnet/key.pem")
    assert config.ship.heartbeat_seconds == 120
    assert config.spool.journal == "rollback"
    assert config.health.listen is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("state_dir", "statedir"), "statedir: this key is not known"),
        (GOOD + "[ship]\nmax_entires = 5\n", "ship.max_entires: this key is not known"),
        (GOOD + "[ship]\nmax_entries = 101\n", "ship.max_entries"),
        (GOOD + "[ship]\nmax_entries = 0\n", "(given: '0')"),
        (GOOD + "[ship]\nheartbeat_seconds = -1\n", "ship.heartbeat_seconds"),
        (GOOD + "[ship]\nheartbeat_seconds = nan\n", "ship.heartbeat_seconds"),
        (GOOD + "[ship]\nheartbeat_seconds = 301\n", "ship.heartbeat_seconds"),
        (GOOD + "[ship]\nmax_batch_bytes = 1000\n", "ship.max_batch_bytes"),
        (GOOD + "[spool]\njournal = 'off'\n", "spool.journal"),
        (GOOD.replace("reports", "Reports"), "roots.0.name"),
        (GOOD.replace('"/srv', '"srv'), "give an absolute path"),
        (GOOD.replace('"/var', '"var'), "state_dir: give an absolute path"),
        (GOOD.replace("/srv/reports", "/var/lib"), "state_dir lies inside of the root reports"),
        (GOOD + '[[roots]]\nname = "reports"\npath = "/srv/b"\n', "two of them have one name"),
        (GOOD.partition("[[roots]]")[0], "roots"),
        (GOOD.partition("[receiver]")[0], "receiver"),
        ("state_dir = ", "is not TOML"),
        ("\x00", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_and_what_would_be_right(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, text), {})
    assert told in refused.value.detail
    assert refused.value.hint


def test_a_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "collector.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(path, {})


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        load_config(tmp_path / "absent.toml", {})
    with pytest.raises(ConfigError, match="is it the right file"):
        load_config(written(tmp_path, "#" * ((1 << 20) + 1)), {})


@pytest.mark.parametrize("name", OVERRIDES)
def test_the_environment_overrides_what_it_may(tmp_path: Path, name: str) -> None:
    value = "https://other.example" if name == "RECEIVER_URL" else "/elsewhere/x"
    config = load_config(written(tmp_path, GOOD), {ENVIRONMENT_PREFIX + name: value})
    found: object = config
    for key in OVERRIDES[name]:
        found = getattr(found, key)
    assert str(found) == value
    assert config.digest() != load_config(written(tmp_path, GOOD), {}).digest()


def test_the_environment_overrides_nothing_else(tmp_path: Path) -> None:
    environment = {ENVIRONMENT_PREFIX + "SHIP_MAX_ENTRIES": "1", "STATE_DIR": "/tmp/x"}  # noqa: S108 - not used
    assert load_config(written(tmp_path, GOOD), environment) == load_config(written(tmp_path, GOOD), {})


def test_a_section_that_is_no_section_is_refused_in_words_also_where_the_environment_reaches_into_it(
    tmp_path: Path,
) -> None:
    text = GOOD.replace('[receiver]\nurl = "https://receiver.example"\n', "").replace(
        "[[roots]]", "receiver = 5\n[[roots]]"
    )
    for environment in ({}, {ENVIRONMENT_PREFIX + "RECEIVER_URL": "https://receiver.example"}):
        with pytest.raises(ConfigError, match="receiver"):
            load_config(written(tmp_path, text), environment)


def test_the_digest_of_a_configuration_is_that_of_what_is_in_force(tmp_path: Path) -> None:
    spelled_out = GOOD + "[ship]\nmax_entries = 100\n"
    changed = GOOD + "[ship]\nmax_entries = 99\n"
    digests = [load_config(written(tmp_path, text), {}).digest() for text in (GOOD, spelled_out, changed)]
    assert digests[0] == digests[1] != digests[2]


def test_each_format_of_a_root_may_have_its_own_level_and_fields_may_be_named(tmp_path: Path) -> None:
    text = GOOD + 'disclosure = "summary"\ndisclosure_by = {junit-xml = "full"}\nfields = ["failed", "failedTests"]\n'
    plan = root_plans(load_config(written(tmp_path, text), {}), RULES)["reports"]
    assert plan.level_for("junit-xml") is Level.FULL
    assert plan.level_for("sarif") is Level.SUMMARY
    assert plan.fields == frozenset({"failed", "failedTests"})


def test_a_level_for_a_format_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD + 'disclosure_by = {junit = "full"}\n'), {})
    with pytest.raises(ConfigError, match="'junit' is no format"):
        root_plans(config, RULES)
