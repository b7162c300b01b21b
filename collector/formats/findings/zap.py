"""ZAP's traditional reports, as JSON and as XML (`OWASPZAPReport`): the alerts of each site.

Each instance of an alert is a finding, by the alert's `riskcode`: 3 high, 2 medium, 1 low, 0 info, all else high. The
instances listed count; where there are none, what `count` says, and at least one. An alert of confidence 0 was marked
as a false positive: suppressed. A report without a site, or with a site without a list of alerts, is not passed, nor is
one with an insight that most of what was tried failed (`insight.*.failure`) or that ZAP ran out of a resource. Only the
first place of an alert is read, without its query: evidence, parameters and attacks are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind
from collector.formats.numbers import count
from collector.formats.times import moment
from collector.formats.xml_events import Start, xml_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Path
    from collector.formats.limits import Limits
    from collector.formats.xml_events import End

TITLE = "ZAP"

_ROOT = "OWASPZAPReport"
_FIELDS = frozenset({"pluginid", "alertRef", "alert", "name", "riskcode", "confidence", "count"})
_INSIGHT_FIELDS = frozenset({"level", "key"})
_SITE: Path = ("site", EACH)
_ALERT: Path = (*_SITE, "alerts", EACH)
_INSIGHT: Path = ("insights", EACH)
_INSTANCE: Path = ("instances", EACH)
_URI: Path = (*_INSTANCE, "uri")
_PLACES = {_ALERT: keys(*_FIELDS) | {_INSTANCE, _URI}, _INSIGHT: keys(*_INSIGHT_FIELDS)}

_RISKS = {"3": Severity.HIGH, "2": Severity.MEDIUM, "1": Severity.LOW, "0": Severity.INFO}
_FALSE_POSITIVE = "0"


def recognise_json(head: Head) -> bool:
    """Say whether sites stand at the top beside ZAP's version or time, or the first has a name and alerts."""
    if head.keys.get(("site",), "") is not None:
        return False
    return any((key,) in head.keys for key in ("@programName", "@version", "@generated")) or all(
        ("site", "[]", key) in head.keys for key in ("@name", "alerts")
    )


def recognise_xml(head: Head) -> bool:
    """Say whether the root is that of ZAP's report."""
    return head.root == _ROOT


def read_json(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the alerts of a JSON report; raises `MalformedError` where it is no whole one."""
    report = _Report(Tally(limits, tool=TITLE))
    for event in items(stream, limits, _PLACES):
        if not isinstance(event, Item):
            _take_event(report, event)
        elif event.place == _INSIGHT:
            report.insight({name: str(event.first(name)) for name in _INSIGHT_FIELDS})
        else:
            said = {name: str(event.first(name)) for name in _FIELDS if event.first(name) is not None}
            report.alert(said, event.numbers.get(_INSTANCE, 0), event.text(*_URI))
    return report.claim(thresholds)


def _take_event(report: _Report, event: Event) -> None:
    if event.path == _SITE and event.kind is Kind.MAP:
        report.sites += 1
    elif event.path == _ALERT[:-1] and event.kind is Kind.ARRAY:
        report.sites_with_alerts += 1
    elif event.path == ("@version",):
        report.tally.tool_version = event.value if isinstance(event.value, str) else None
    elif event.path == ("created",):
        report.tally.reported_at = moment(event.value)


def read_xml(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the alerts of an XML report; raises `MalformedError` where it is no whole one."""
    report = _Report(Tally(limits, tool=TITLE))
    element = _Element()
    for event in xml_events(stream, limits, text_of=_FIELDS | _INSIGHT_FIELDS | {"uri"}):
        if isinstance(event, Start):
            _take_start(report, element, event)
        else:
            _take_end(report, element, event)
    return report.claim(thresholds)


@dataclass(slots=True)
class _Element:
    """The alert or the insight that is open, at what depth, and what was said in it."""

    name: str = ""
    depth: int = 0
    said: dict[str, str] = field(default_factory=dict)
    instances: int = 0
    uri: str = ""


def _take_start(report: _Report, element: _Element, event: Start) -> None:
    if event.depth == 1:
        report.tally.tool_version = event.attributes.get("version")
        report.tally.reported_at = moment(event.attributes.get("created"))
    elif element.name:
        element.instances += event.name == "instance"
        report.tally.complete = report.tally.complete and event.name != "alertitem"
    elif event.name in {"alertitem", "insight"}:
        element.name, element.depth, element.said, element.instances, element.uri = event.name, event.depth, {}, 0, ""
    else:
        report.sites += event.name == "site"
        report.sites_with_alerts += event.name == "alerts"


def _take_end(report: _Report, element: _Element, event: End) -> None:
    if not element.name:
        return
    if event.depth > element.depth:
        if event.depth == element.depth + 1 and event.text:
            element.said.setdefault(event.name, event.text.strip())
        elif event.name == "uri":
            element.uri = element.uri or event.text
    else:
        if element.name == "insight":
            report.insight(element.said)
        else:
            report.alert(element.said, element.instances, element.uri)
        element.name = ""


@dataclass(slots=True)
class _Report:
    """What is known of a report of either spelling so far."""

    tally: Tally
    sites: int = 0
    sites_with_alerts: int = 0

    def alert(self, said: Mapping[str, str], instances: int, uri: str) -> None:
        """Count one alert: its fields, how many instances are listed, and where the first is."""
        number = instances or max(count(said.get("count")) or 0, 1)
        if said.get("confidence") == _FALSE_POSITIVE:
            self.tally.suppressed += number
            return
        rule = said.get("alertRef") or said.get("pluginid") or ""
        severity = _RISKS.get(said.get("riskcode", ""), Severity.HIGH)
        self.tally.count(rule, severity, number)
        name = said.get("name") or said.get("alert")
        self.tally.show(rule, severity, path=uri.partition("?")[0], message=name)

    def insight(self, said: Mapping[str, str]) -> None:
        """Look at what ZAP says of the scan itself: what failed, and what it ran out of."""
        level, key = said.get("level", "").lower(), said.get("key", "")
        if level not in {"info", "low"} and (level != "medium" or key.endswith(".failure")):
            self.tally.complete = False

    def claim(self, thresholds: Thresholds) -> Claim:
        self.tally.complete = self.tally.complete and 0 < self.sites <= self.sites_with_alerts
        return self.tally.claim(TITLE, thresholds)
