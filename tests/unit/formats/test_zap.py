"""What counts in ZAP's reports, the same in JSON and in XML, and what it takes to pass."""

import json
from typing import Any

import pytest

from collector.formats import recognise
from collector.formats.claim import Claim
from tests.unit.formats.reading import claim_of

Json = dict[str, Any]
SECRET = "hunter2"
PLACE = {"uri": f"http://x/login?token={SECRET}", "param": SECRET, "attack": SECRET, "evidence": SECRET}


def alert(risk: object = "1", instances: int = 1, **more: object) -> Json:
    return {
        "alertRef": "10-1",
        "pluginid": "10",
        "name": "Bad",
        "riskcode": risk,
        "confidence": "2",
        "desc": SECRET,
    } | {
        "instances": [PLACE] * instances,
        **more,
    }


def as_json(sites: list[list[Json]], insights: list[Json]) -> bytes:
    made = [{"@name": "http://x", "alerts": alerts} for alerts in sites]
    report = {"@programName": "ZAP", "@version": "2.17.0", "created": "2026-01-02T03:04:05Z", "insights": insights}
    return json.dumps(report | {"site": made}).encode()


def tags(fields: Json) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value is not None)


def as_xml(sites: list[list[Json]], insights: list[Json]) -> bytes:
    body = "<insights>" + "".join(f"<insight>{tags(insight)}</insight>" for insight in insights) + "</insights>"
    for alerts in sites:
        body += "<site name='http://x'><alerts>"
        for one in alerts:
            instances = "".join(f"<instance>{tags(place)}</instance>" for place in one["instances"])
            body += f"<alertitem>{tags(one | {'instances': instances})}</alertitem>"
        body += "</alerts></site>"
    head = "<OWASPZAPReport programName='ZAP' version='2.17.0' created='2026-01-02T03:04:05Z'>"
    return f"<?xml version='1.0'?>{head}{body}</OWASPZAPReport>".encode()


SPELLINGS = pytest.mark.parametrize("spelt", [as_json, as_xml])


def read(spelt: Any, *sites: list[Json], insights: list[Json] | None = None) -> Claim:  # noqa: ANN401
    return claim_of(spelt(list(sites), insights or []))


@SPELLINGS
@pytest.mark.parametrize(
    ("risk", "level"),
    [("3", "high"), ("2", "medium"), ("1", "low"), ("0", "info"), ("-1", "high"), ("", "high"), (None, "high")],
)
def test_severity_of_an_alert(spelt: Any, risk: object, level: str) -> None:  # noqa: ANN401
    claim = read(spelt, [alert(risk)])
    assert claim.evidence[level] == claim.evidence["total"] == 1
    assert claim.passed is (level != "high")


@SPELLINGS
@pytest.mark.parametrize(
    ("listed", "said", "number"),
    [(3, "3", 3), (3, "67", 3), (0, "7", 7), (0, "0", 1), (0, "many", 1), (0, None, 1), (1, "0", 1)],
)
def test_the_instances_that_are_listed_count(spelt: Any, listed: int, said: object, number: int) -> None:  # noqa: ANN401
    assert read(spelt, [alert(instances=listed, count=said)]).evidence["low"] == number


@SPELLINGS
def test_alerts_of_all_sites_count(spelt: Any) -> None:  # noqa: ANN401
    claim = read(spelt, [alert(), alert("2")], [], [alert("0", 2)])
    assert [claim.evidence[level] for level in ("high", "medium", "low", "info")] == [0, 1, 1, 2]


@SPELLINGS
def test_a_false_positive_is_suppressed(spelt: Any) -> None:  # noqa: ANN401
    claim = read(spelt, [alert("3", 2, confidence="0")])
    assert claim.passed
    assert (claim.evidence["total"], claim.evidence["suppressed"]) == (0, 2)


@SPELLINGS
def test_an_alert_says_its_place_and_nothing_of_what_was_sent(spelt: Any) -> None:  # noqa: ANN401
    claim = read(spelt, [alert(), alert(alertRef=None, name=None, alert="Worse", instances=0)])
    assert claim.evidence["findings"] == [
        {"id": "10-1", "severity": "low", "path": "http://x/login", "message": "Bad"},
        {"id": "10", "severity": "low", "message": "Worse"},
    ]
    assert SECRET not in repr(claim)


@SPELLINGS
def test_a_report_says_its_version_and_time(spelt: Any) -> None:  # noqa: ANN401
    evidence = read(spelt, []).evidence
    assert (evidence["toolVersion"], evidence["reportedAt"]) == ("2.17.0", "2026-01-02T03:04:05.000000Z")


@SPELLINGS
@pytest.mark.parametrize(
    ("level", "key", "passed"),
    [
        ("Info", "insight.code.2xx", True),
        ("Low", "insight.network.failure", True),
        ("Medium", "insight.network.failure", False),
        ("Medium", "insight.auth.failure", False),
        ("Medium", "insight.memory.usage", True),
        ("High", "insight.memory.usage", False),
        ("Worst", "insight.new", False),
        ("", "", False),
    ],
)
def test_a_scan_that_mostly_failed_is_not_passed(spelt: Any, level: str, key: str, passed: bool) -> None:  # noqa: ANN401, FBT001
    claim = read(spelt, [alert()], insights=[{"level": level, "key": key, "statistic": "63"}])
    assert claim.passed is passed
    assert claim.evidence.get("complete", True) is passed


@SPELLINGS
def test_a_report_without_a_site_is_not_passed(spelt: Any) -> None:  # noqa: ANN401
    assert read(spelt, []).passed
    assert not read(spelt).passed


@pytest.mark.parametrize(
    "data",
    [
        b'{"@programName":"ZAP","site":[{"@name":"x"}]}',
        b'{"@programName":"ZAP","site":[{"@name":"x","alerts":null}]}',
        b'{"@programName":"ZAP","site":[{"alerts":[]},{}]}',
        b'{"@programName":"ZAP","site":null}',
        b"<OWASPZAPReport><site/></OWASPZAPReport>",
        b"<OWASPZAPReport><site><alerts/></site><site/></OWASPZAPReport>",
        b"<OWASPZAPReport><site><alerts><alertitem><a/><alertitem/></alertitem></alerts></site></OWASPZAPReport>",
    ],
)
def test_a_site_without_a_list_of_alerts_is_not_passed(data: bytes) -> None:
    claim = claim_of(data)
    assert not claim.passed
    assert claim.evidence["complete"] is False


@pytest.mark.parametrize(
    "data", [b'{"@programName":"ZAP","site":"http://x"}', b'{"site":[{"name":"x"}]}', b'{"site":[]}']
)
def test_another_report_about_sites_is_left_alone(data: bytes) -> None:
    assert recognise(data) is None
