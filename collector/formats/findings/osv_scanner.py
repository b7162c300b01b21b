"""OSV-Scanner JSON (`osv-scanner --format json`): each group of vulnerabilities of a package is one finding.

A group holds the entries of several databases on the same flaw; its `max_severity` is the worst of their scores. Where
it says none, the worst word that a database has for one of its entries counts, and without one the group is high. A
vulnerability that is in no group is a finding of its own, and so, high, are a licence that the scan does not allow and
what a detector found. What call analysis takes for not called counts like the rest. The tool lists the packages with
findings only, so a report with an empty `results` is that of a clean scan; one without `results` has no scan in it and
is not passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from collector.formats.claim import Severity
from collector.formats.findings.items import Item, items, keys
from collector.formats.findings.severities import severity_of_score, severity_of_word
from collector.formats.findings.tally import Tally
from collector.formats.json_events import EACH, Kind
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Event, Path, Scalar
    from collector.formats.limits import Limits

TITLE = "OSV-Scanner"

_RESULT: Path = ("results", EACH)
_PACKAGE: Path = (*_RESULT, "packages", EACH)
_VULNERABILITY: Path = (*_PACKAGE, "vulnerabilities", EACH)
_GROUP: Path = (*_PACKAGE, "groups", EACH)
_LICENSE: Path = (*_PACKAGE, "license_violations", EACH)
_SOURCE: Path = (*_RESULT, "source", "path")
_NAME: Path = (*_PACKAGE, "package", "name")
_ID: Path = ("ids", EACH)
_WORD: Path = ("database_specific", "severity")
_DETECTED: Path = ("experimental_generic_findings", EACH)
_ADVISORY: Path = ("Adv", "ID", "Reference")
_PLACES = {
    _DETECTED: frozenset({_ADVISORY}),
    _VULNERABILITY: keys("id", "summary") | {_WORD},
    _GROUP: keys("max_severity") | {_ID},
}


@dataclass(slots=True)
class _Package:
    """One package while it is read; groups and vulnerabilities stand in any order."""

    name: str = ""
    vulnerabilities: dict[str, tuple[Severity | None, str]] = field(default_factory=dict)
    nameless: int = 0
    groups: list[tuple[list[str], Scalar]] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)
    licenses: list[str] = field(default_factory=list)


def recognise(head: Head) -> bool:
    """Say whether results with packages begin, or results with the scanner's configuration."""
    return ("results", "[]", "packages") in head.keys or (
        ("results",) in head.keys and ("experimental_config",) in head.keys
    )


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the groups of an OSV-Scanner report; raises `MalformedError` where it is no whole one."""
    tally = Tally(limits, complete=False)
    package = _Package()
    source = ""
    for event in items(stream, limits, _PLACES):
        if isinstance(event, Item) and event.place == _DETECTED:
            tally.finding(event.text(*_ADVISORY), Severity.HIGH)
        elif isinstance(event, Item):
            _take(package, event, limits)
        elif event.path == _PACKAGE:
            if event.kind is Kind.MAP_END:
                _end(tally, package, source)
            package = _Package()
        elif event.path == ("results",):
            tally.complete = tally.complete or event.kind is Kind.ARRAY
        elif event.path == _RESULT:
            source = ""
        elif event.path == _SOURCE:
            source = _text(event)
        elif event.path == _NAME:
            package.name = _text(event)
        elif event.path == _LICENSE:
            package.licenses.append(_cut(_text(event), limits))
            _bound(len(package.licenses), limits)
    return tally.claim(TITLE, thresholds)


def _take(package: _Package, item: Item, limits: Limits) -> None:
    if item.place == _GROUP:
        ids = [_cut(found, limits) for found in item.values.get(_ID, ()) if isinstance(found, str)]
        package.groups.append((ids, item.first("max_severity")))
        package.grouped.update(ids)
        _bound(len(package.groups) + len(package.grouped), limits)
        return
    word = item.text(*_WORD)
    if found := _cut(item.text("id"), limits):
        package.vulnerabilities[found] = (severity_of_word(word) if word else None, item.text("summary"))
        _bound(len(package.vulnerabilities), limits)
    else:
        package.nameless += 1


def _bound(number: int, limits: Limits) -> None:
    if number > limits.max_tracked:
        raise MalformedError(Code.TOO_LARGE, f"a package has more than {limits.max_tracked} vulnerabilities")


def _end(tally: Tally, package: _Package, source: str) -> None:
    known = package.vulnerabilities
    for ids, score in package.groups:
        entries = [known[found] for found in ids if found in known]
        words = [word for word, _ in entries if word is not None]
        severity = severity_of_score(score)
        if score in {None, ""} or severity is Severity.INFO:  # a score of 0 is none: there is a vulnerability
            severity = min(words, key=lambda level: level.rank, default=Severity.HIGH)
        summary = next((text for _, text in entries if text), "")
        tally.finding(next(iter(ids), ""), severity, path=source, message=f"{package.name}: {summary}")
    for found, (word, summary) in known.items():
        if found not in package.grouped:
            tally.finding(found, word or Severity.HIGH, path=source, message=f"{package.name}: {summary}")
    for _ in range(package.nameless):
        tally.finding("", Severity.HIGH, path=source, message=package.name)
    for name in package.licenses:
        tally.finding(name, Severity.HIGH, path=source, message=f"{package.name}: licence not allowed")


def _cut(text: str, limits: Limits) -> str:
    return text[: limits.max_text_chars]


def _text(event: Event) -> str:
    return event.value if isinstance(event.value, str) else ""
