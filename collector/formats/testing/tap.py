"""TAP, the Test Anything Protocol, versions 12 to 14: Perl, `node --test`, node-tap, tape, bats and others.

Rules that are ours, beside those of the protocol:

* What counts are the test points without subtests. A point with subtests stands for them, and counts only if it
  failed and none of them did; a subtest that failed has failed, whatever the point above it says.
* `SKIP` and `TODO` are skipped, whether the point is ok or not.
* A plan with another number of test points is a contradiction: `declaredTotals`, and not passed. No plan (the report
  was cut), more than one, numbers that are not those of the plan, `Bail out!`, a YAML block or a subtest that never
  ends and a subtest whose plan does not hold are an error more each.
* Other lines mean nothing in TAP; if they stand where a test should, the plan tells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, Literal

from collector.formats.lines import text_lines
from collector.formats.testing.outcomes import Outcome
from collector.formats.testing.tally import Tally
from collector.formats.testing.tap_points import YAML_BEGIN, YAML_END, Diagnostics, Document, Point, point
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "TAP"

_INDENT, _YAML_INDENT = 4, 2
_VERSION = re.compile(r"TAP version \d+\s*", re.ASCII)
_PLAN = re.compile(r"1\.\.(\d{1,15})(?=\s|$)", re.ASCII)
_FIRST_POINT = re.compile(r"(?:not )?ok 1(?=\s|$)")
_BAIL_OUT = re.compile(r"bail\s+out!\s*", re.IGNORECASE)
_SUBTEST = re.compile(r"#\s*Subtest:\s*")


@dataclass(slots=True)
class _Report:
    """What is known of the file so far: the documents that are open, outermost first, and the point that is.

    `is_case` says whether that point counts, `failures` how many cases failed, with all that is wrong beside them.
    """

    limits: Limits
    tally: Tally
    open: list[Document] = field(default_factory=list)
    point: Point | None = None
    suite: str = ""
    depth: int = 0
    is_case: bool = False
    yaml: Diagnostics | None = None
    failures: int = 0

    def fault(self, suite: str, name: str, message: str | None = None) -> None:
        """Count an error that is no test, under the name of what is wrong."""
        self.failures += 1
        self.tally.case(suite, name, Outcome.ERROR, message=message)


def recognise(head: Head) -> bool:
    """Say whether there is a version near the top, or else a plan or a numbered test point in front."""
    if any(_VERSION.fullmatch(line) for line in head.lines):
        return True
    said = [line.strip() for line in head.lines]
    first = next((line for line in said if line and not line.startswith("#")), "")
    if point(first) and any(_PLAN.match(line) for line in head.lines):
        return True
    return bool(_PLAN.match(first) or _FIRST_POINT.match(first))


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Count the test points of a TAP stream; raises `MalformedError` where it is no text."""
    del thresholds
    root = Document(limits)
    report = _Report(limits, Tally(limits), [root])
    is_stopped = False
    for _, text in text_lines(stream, limits):
        line = text.lstrip(" ")
        indent = len(text) - len(line)
        if report.yaml is not None and _yaml(report, report.yaml, indent, text):
            continue
        if bail_out := _BAIL_OUT.match(line):
            is_stopped = True
            report.fault("", "Bail out!", line[bail_out.end() :].rstrip())
        elif indent % _INDENT == 0:
            _line(report, indent // _INDENT, line.rstrip())
        elif line.rstrip() == YAML_BEGIN and report.point and indent == report.depth * _INDENT + _YAML_INDENT:
            report.yaml = Diagnostics(indent)
    _end_yaml(report)
    _settle(report)
    _close(report, 0, "nothing")
    if not is_stopped:
        for fault in root.faults() or (["there is no plan and no test"] if root.plan is None else []):
            report.fault("", fault)
    claim = report.tally.claim(TITLE)
    if root.plan in {None, root.points} or is_stopped:
        return claim
    return replace(claim, passed=False, evidence={**claim.evidence, "declaredTotals": {"tests": root.plan}})


def _line(report: _Report, depth: int, line: str) -> None:
    if found := point(line):
        _settle(report)
        child = _close(report, depth, "point")
        document = _document(report, depth)
        document.take_point(found.number)
        if found.opens:
            suite = _joined(document.suite, found.name, report.limits)
            report.open.append(Document(report.limits, suite, report.failures, opened_by=found))
        else:
            _take(report, depth, found, child)
    elif plan := _PLAN.match(line):
        _settle(report)
        _document(report, depth).take_plan(int(plan[1]))
    elif subtest := _SUBTEST.match(line):
        _announce(report, depth, line[subtest.end() :])
    elif line == "}" and len(report.open) > depth + 1 and (opened_by := report.open[depth + 1].opened_by):
        _settle(report)
        _take(report, depth, opened_by, _close(report, depth, "brace"))


def _announce(report: _Report, depth: int, name: str) -> None:
    """Take the comment in front of a subtest: at the depth of the point that follows it, or of its own lines."""
    above = len(report.open) - 1
    if depth == above + 1 and not report.open[above].title:
        report.open[above].title = name
        _document(report, depth)
    elif depth <= above + 1:
        _document(report, depth).title = name


def _document(report: _Report, depth: int) -> Document:
    if depth > report.limits.max_depth:
        raise MalformedError(Code.TOO_DEEP, f"subtests are nested deeper than {report.limits.max_depth}")
    while len(report.open) <= depth:
        above = report.open[-1]
        suite = _joined(above.suite, above.title, report.limits)
        report.open.append(Document(report.limits, suite, report.failures))
    return report.open[depth]


def _joined(suite: str, title: str, limits: Limits) -> str:
    return " > ".join(filter(None, (suite, title)))[: limits.max_text_chars]


def _close(report: _Report, depth: int, by: Literal["point", "brace", "nothing"]) -> Document | None:
    """Close all documents below that depth, and give the outermost of them, the one that a point or brace ends."""
    child = None
    while len(report.open) > depth + 1:
        child = report.open.pop()
        faults = child.faults()
        if child.plan not in {None, child.points}:
            faults.append(f"{child.plan} tests were planned, and {child.points} are there")
        is_ended = len(report.open) == depth + 1 and by == ("brace" if child.opened_by else "point")
        if child.points and not is_ended:
            faults.append("the test that these belong to is missing")
        for fault in faults:
            report.fault(child.suite, fault)
    return child


def _take(report: _Report, depth: int, found: Point, child: Document | None) -> None:
    stands_for_others = child is not None and child.points > 0
    is_fault_its_own = child is not None and found.outcome.is_failure and child.failures == report.failures
    report.point, report.depth, report.suite = found, depth, report.open[depth].suite
    report.is_case = is_fault_its_own or not stands_for_others


def _settle(report: _Report) -> None:
    """Count the point that is open."""
    found, report.point = report.point, None
    if found is None or not report.is_case:
        return
    name = found.name or f"test {found.number or ''}".rstrip()
    report.failures += found.outcome.is_failure
    report.tally.case(report.suite, name, found.outcome, seconds=found.seconds, message=found.message, text=found.text)


def _yaml(report: _Report, yaml: Diagnostics, indent: int, text: str) -> bool:
    """Take a line that may be one of an open YAML block; False if it cannot, so that the block was cut."""
    if report.point is None or (text.strip() and indent < yaml.indent):
        _end_yaml(report)
        return False
    if indent == yaml.indent and text.strip() == YAML_END:
        yaml.end(report.point)
        report.yaml = None
    else:
        yaml.take(text, report.point)
    return True


def _end_yaml(report: _Report) -> None:
    if report.yaml is not None:
        report.yaml = None
        report.fault(report.suite, "a YAML block never ends")
