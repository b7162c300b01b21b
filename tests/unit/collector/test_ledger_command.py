"""`carnet-collector ledger` as it is typed: the table, the total, the empty state, JSON, and from when on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector import requested
from collector.commands.program import program
from collector.instance import SPOOL_NAME
from collector.leaving import Destination, Kind, Leaving, Outcome, Told
from collector.spool import Spool
from shared.encoding import sha256
from shared.errors import ConfigError
from tests.helpers.spools import COLLECTOR_ID, NOW, SMALL, STREAM_ID, TO, beat, put, settle

ENROLMENT = Leaving(Kind.ENROLMENT_REQUEST, sha256(b"enrolment"), 900)
ACCESS = Leaving(Kind.ACCESS, sha256(b"access"), 600)
ELSEWHERE = Destination("https://other.example.com", "rcv_2", "ws_2")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "state").mkdir(mode=0o700)
    path = tmp_path / "collector.toml"
    path.write_text(
        f'state_dir = "{tmp_path}/state"\n[receiver]\nurl = "https://receiver.example.com"\n'
        f'[[roots]]\nname = "ci"\npath = "{tmp_path}/inbox"\n'
    )
    return path


def opened(config: Path) -> Spool:
    path = config.parent / "state" / SPOOL_NAME
    return Spool.open(path, SMALL, collector_id=COLLECTOR_ID, new_stream_id=STREAM_ID, now=NOW)


@pytest.fixture
def sent(config: Path) -> Path:
    """A host that enrolled, asked for access, and sent two entries, one of them again to another receiver."""
    requested.note(config.parent / "state", ENROLMENT, TO, NOW - timedelta(hours=1))
    with opened(config) as spool:
        put(spool, 1, 2)
        first, second = (Leaving(Kind.COLLECTED, spool.show(n).entry.id, spool.show(n).entry.size, n) for n in (0, 1))
        spool.leave([ACCESS], TO, NOW)
        spool.note_answered(ACCESS)
        spool.leave([first, second, beat(spool)], TO, NOW)
        spool.leave([first], TO, NOW + timedelta(minutes=5))
        spool.leave([second], ELSEWHERE, NOW + timedelta(minutes=6))
        settle(spool, [0], told=(Told(Kind.COLLECTED, 0, first.id, Outcome.DUPLICATE),))
    return config


def run(config: Path, *words: str) -> str:
    done = CliRunner().invoke(program, ["ledger", "--config", str(config), *words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def items(config: Path, *words: str) -> list[dict[str, Any]]:
    return list(json.loads(run(config, *words, "--output", "json"))["items"])


def test_the_table_says_what_left_when_how_often_how_large_and_to_whom(sent: Path) -> None:
    lines = run(sent).splitlines()
    assert " ".join(lines[0].split()) == "FIRST SENT LAST SENT TIMES KIND NUMBER BYTES RECEIPT TO ATTESTATION"
    rows = [line.split() for line in lines[1:7]]
    assert [(row[3], row[4], row[2]) for row in rows] == [
        ("enrolment-request", "-", "1"),
        ("access", "-", "1"),
        ("collected", "0", "2"),
        ("collected", "1", "1"),
        ("heartbeat", "1", "1"),
        ("collected", "1", "1"),
    ]
    assert [" ".join(row[6:-2]) for row in rows] == [
        "none yet", "answered", "duplicate", "none yet", "none yet", "none yet",
    ]  # fmt: skip
    assert rows[2][:2] == ["2026-03-02T17:24:30Z", "2026-03-02T17:29:30Z"]
    assert rows[1][-1] == f"sha256:{ACCESS.id.hex()}"
    assert [row[-2] for row in rows] == ["1", "1", "1", "1", "1", "2"]
    assert lines[8:10] == [
        "to 1: https://receiver.example.com:8443, receiver rcv_1, workspace ws_1",
        "to 2: https://other.example.com, receiver rcv_2, workspace ws_2",
    ]
    assert lines[10].startswith("total: 6 envelopes, ")
    assert "(1 access, 3 collected, 1 enrolment-request, 1 heartbeat); sent 7 times, " in lines[10]
    assert len(lines) == 11


def test_json_is_one_object_with_every_row_and_the_total(sent: Path) -> None:
    text = run(sent, "--output", "json")
    assert text.count("\n") == 1
    found = json.loads(text)
    assert set(found) == {"items", "total"}
    entry = found["items"][2]
    assert entry | {"attestationId": "", "bytes": 0} == {
        "attestationId": "",
        "kind": "collected",
        "sequence": 0,
        "beat": None,
        "bytes": 0,
        "to": {"origin": "https://receiver.example.com:8443", "receiver": "rcv_1", "workspace": "ws_1"},
        "firstSentAt": "2026-03-02T17:24:30.000000Z",
        "lastSentAt": "2026-03-02T17:29:30.000000Z",
        "times": 2,
        "receipt": "duplicate",
    }
    assert (found["items"][4]["sequence"], found["items"][4]["beat"]) == (None, 1)
    total = found["total"]
    assert (total["envelopes"], total["times"]) == (6, 7)
    assert total["bytes"] == sum(one["bytes"] for one in found["items"])
    assert total["bytesSent"] == sum(one["bytes"] * one["times"] for one in found["items"])
    assert total["kinds"] == {"enrolment-request": 1, "access": 1, "collected": 3, "heartbeat": 1}


@pytest.mark.parametrize(
    ("since", "count"),
    [
        ("2026-03-02T16:24:30Z", 6),
        ("2026-03-02T17:24:30Z", 5),
        ("2026-03-02T17:24:30.000001Z", 2),
        ("2026-03-02T19:29:30+02:00", 2),
        ("2026-03-02T18:30:30+01:00", 1),
        ("2026-03-02T18:30:31+01:00", 0),
        ("99999d", 6),
    ],
)
def test_since_takes_a_time_with_its_zone(sent: Path, since: str, count: int) -> None:
    assert len(items(sent, "--since", since)) == count


def test_since_takes_an_age(config: Path) -> None:
    now = datetime.now(UTC)
    with opened(config) as spool:
        for number, age in enumerate([timedelta(days=8), timedelta(hours=30), timedelta(minutes=90), timedelta(0)]):
            spool.leave([Leaving(Kind.HEARTBEAT, sha256(b"%d" % number), 700, number)], TO, now - age)
    assert [len(items(config, "--since", age)) for age in ("9d", "7d", "24h", "60m", "0s")] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("since", ["yesterday", "7", "d7", "-7d", "7w", "2026-03-02", "2026-02-30T00:00:00Z",
                                   "2026-03-02T17:24:30", "0001-01-01T00:00:00+23:59", "999999d", ""])  # fmt: skip
def test_what_is_no_time_is_wrong_usage_with_an_example(config: Path, since: str) -> None:
    done = CliRunner().invoke(program, ["ledger", "--config", str(config), "--since", since])
    assert done.exit_code == 2
    assert "such as 2026-03-02T17:00:00Z, or an age such as 7d or 24h" in " ".join(done.stderr.split())


def test_kinds_can_be_picked(sent: Path) -> None:
    picked = items(sent, "--kind", "access", "--kind", "enrolment-request")
    assert [one["kind"] for one in picked] == ["enrolment-request", "access"]


def test_an_empty_ledger_says_what_that_means(config: Path) -> None:
    for _ in range(2):
        text = run(config)
        assert text == (
            "nothing has left this host since the ledger was begun; what waits to leave: carnet-collector spool list\n"
        )
        assert json.loads(run(config, "--output", "json")) == {
            "items": [],
            "total": {"envelopes": 0, "bytes": 0, "times": 0, "bytesSent": 0, "kinds": {}},
        }
        opened(config).close()
    since = run(config, "--since", "2026-03-02T17:24:30Z")
    assert since.startswith("nothing has left this host since 2026-03-02T17:24:30Z;")


def test_it_is_read_beside_the_daemon_and_changes_nothing(sent: Path) -> None:
    path = sent.parent / "state" / SPOOL_NAME
    with opened(sent) as daemon:
        before = path.read_bytes()
        assert len(items(sent)) == 6
        assert path.read_bytes() == before
        put(daemon, 3)


def test_without_a_configuration_it_says_how_to_name_one(tmp_path: Path) -> None:
    done = CliRunner().invoke(program, ["ledger", "--config", str(tmp_path / "none.toml")])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.hint == "name it with --config"
