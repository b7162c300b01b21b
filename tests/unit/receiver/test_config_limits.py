"""Where limits are shared is said in the configuration, without a secret in it."""

from pathlib import Path

import pytest

from receiver.app import SharedLimits, plan_for
from receiver.config import ReceiverConfig, load_config
from shared.errors import ConfigError

NEEDED = 'database_url = "sqlite:///receiver.db"\nmaster_key_file = "master.key"\n'


def read(folder: Path, *lines: str) -> ReceiverConfig:
    path = folder / "receiver.toml"
    path.write_text(NEEDED + "\n".join(lines) + "\n")
    return load_config(path, {})


def test_limits_are_this_process_own_unless_said(tmp_path: Path) -> None:
    assert plan_for(read(tmp_path)).shared_limits is None


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379",
        "rediss://carnet@limits.example:6379/1?ssl_ca_certs=/etc/ca.pem",
        "valkey://[::1]",
        "valkeys://limits.example",
    ],
)
def test_a_server_is_named_by_its_url(tmp_path: Path, url: str) -> None:
    found = read(tmp_path, f'rate_limit_storage_url = "{url}"', 'rate_limit_password_file = "/etc/x"')
    assert plan_for(found).shared_limits == SharedLimits(url, Path("/etc/x"), 0.1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('rate_limit_storage_url = "memcached://limits.example"', "rediss://limits.example:6379/0"),
        ('rate_limit_storage_url = "redis://"', "rediss://limits.example:6379/0"),
        ('rate_limit_storage_url = "redis://limits.example:x"', "rediss://limits.example:6379/0"),
        ('rate_limit_storage_url = "redis://u:hunter2@limits.example"', "a file of its own"),
        ('rate_limit_storage_url = "redis://:hunter2@limits.example:x"', "rediss://limits.example:6379/0"),
        ('rate_limit_storage_url = "redis://limits.example?password=hunter2"', "a file of its own"),
        ('rate_limit_password_file = "/etc/x"', "there is no rate_limit_storage_url"),
        ("rate_limit_storage_seconds = 5", "less than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named_and_no_password_is_quoted(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError, match="rate_limit") as refused:
        read(tmp_path, line)
    assert words in refused.value.detail
    assert "hunter2" not in str(refused.value)
