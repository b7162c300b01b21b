"""The answer as one page of text: what the gate prints, `Accept: text/plain` answers and the console shows first.

Source: policy.md section 4. Invariants: no line is longer than 120 columns and no page than 25 lines, whatever the
rules say; what was cut is said to be cut; nothing that does not print reaches the terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import timedelta

from shared.judging.headline import is_care
from shared.judging.values import STRENGTH, Cause, Decision, Finding, Judgement, Request
from shared.judging.words import SHORT, clock, counted, cut, joined, listed, plain

WIDTH = 120
LINES = 25
_NAME = 24
_DO = "do"
_WHO_COLUMN = 84
_WHO = 40
_WAIVED_FOR = timedelta(hours=24)
_MOST_NOTES = 2
_CAUSES = {
    Cause.FAILED: "failed",
    Cause.CONTRADICTED: "contradicted",
    Cause.REVOKED: "revoked",
    Cause.HELD: "held",
    Cause.STALE: "too old",
    Cause.UNSIGNED: "unsigned",
    Cause.NEAR_MISS: "near miss",
    Cause.ON_ITS_WAY: "on its way",
    Cause.NOT_REPORTED: "not reported",
    Cause.MISSING: "missing",
    Cause.WAITING_FOR_PERSON: "waiting",
    Cause.ERROR: "error",
    Cause.WAIVED: "waived",
}


def page(request: Request, judgement: Judgement, passport_id: str, url: str = "") -> str:
    """Give the page, its lines parted by newlines and none at the end."""
    open_ = _to_do(judgement)
    top = [_header(request, judgement, passport_id), judgement.headline]
    top += [f"note: {one}" for one in judgement.warnings[:_MOST_NOTES]]
    bottom = [*_met(judgement), *_after(judgement, open_), *_anyway(judgement, open_), *([url] if url else [])]
    middle = _middle(open_, LINES - len(top) - len(bottom) - 1)
    lines = [*top, "", *middle, *bottom] if middle or bottom else top
    return "\n".join(cut(plain(line), WIDTH).rstrip() for line in lines)


def _to_do(judgement: Judgement) -> Sequence[Finding]:
    """Give what is open; what only asks for care is shown apart, unless nothing else is open."""
    open_ = judgement.blockers
    return [one for one in open_ if not is_care(one)] or open_


def _header(request: Request, judgement: Judgement, passport_id: str) -> str:
    target = request.target
    release = request.release_id or request.digest[: SHORT + 5]
    mode = judgement.mode.value
    if judgement.requested_mode is not judgement.mode:
        mode += f" (asked: {judgement.requested_mode.value})"
    ends = f"{mode}     {passport_id}"
    room = WIDTH - len(judgement.decision.value) - len(ends) - len("        ")
    return f"{judgement.decision.value}   {cut(f'{target.service} {release} -> {target.environment}', room)}     {ends}"


def _met(judgement: Judgement) -> list[str]:
    lines = []
    if met := [one.rule for one in judgement.findings if one.met]:
        lines.append(_names("  met: ", met))
    if waived := [one for one in judgement.findings if one.cause is Cause.WAIVED]:
        lines.append(_names("  waived: ", [f"{one.rule} (by {listed(one.waived_by)})" for one in waived]))
    return lines


def _names(label: str, names: Sequence[str]) -> str:
    """Put as many names on one line as it takes, and say how many it did not."""
    for most in range(len(names), 0, -1):
        left = len(names) - most
        line = label + "  ".join(names[:most]) + (f"  and {left} more" if left else "")
        if len(line) <= WIDTH:
            return line
    return f"{label}{len(names)}"


def _after(judgement: Judgement, open_: Sequence[Finding]) -> list[str]:
    """Say what the decision becomes when all that is shown as open is done."""
    if not open_:
        return []
    left = [one for one in judgement.blockers if one not in open_]
    decision = min((one.otherwise for one in left), key=STRENGTH.index, default=Decision.ALLOW)
    done = {1: "this is", 2: "both are"}.get(len(open_), f"all {len(open_)} are")
    because = f" ({joined([one.reason or one.title for one in left])})" if left else ""
    return [f"When {done} done: {decision.value}{because}."]


def _anyway(judgement: Judgement, open_: Sequence[Finding]) -> list[str]:
    """Say how to ship all the same, where a waiver can lift something of what is open."""
    needed = max((one.waivers_needed for one in open_), default=0)
    if not needed:
        return []
    who = {1: "an approver", 2: "two approvers"}.get(needed, f"{needed} approvers")
    until = clock(judgement.evaluated_at + _WAIVED_FOR, judgement.evaluated_at)
    return [f"Ship anyway: {who} can waive a rule for this digest until {until}; it shows on the passport for ever."]


def _middle(open_: Sequence[Finding], room: int) -> list[str]:
    """Show the open findings, the strongest first, each with what to do about it as far as there is room."""
    shown = open_ if len(open_) <= room else open_[: max(0, room - 1)]
    left = open_[len(shown) :]
    spare = room - len(shown) - bool(left)
    names = min(_NAME, max((len(one.rule) for one in shown), default=0)) + 3
    words = max((len(_word(one)) for one in shown), default=0) + 3
    # Every finding gets its first line of action before any gets a second one.
    acting = [at for at, one in enumerate(shown) if one.next_action][:spare]
    spare -= len(acting)
    column = min(_WHO_COLUMN, WIDTH - max((len(_who(shown[at])) for at in acting), default=0) - len("  "))
    lines = []
    for at, one in enumerate(shown):
        lines.append(f"  {_id(one.rule, names - 3):<{names}}{_word(one):<{words}}{one.reason}")
        if at in acting:
            action = _action(one, " " * (names + 2) + f"{_DO:<{words}}", column)
            over = min(len(action) - 1, spare)
            spare -= over
            lines += action[: 1 + over]
            if len(action) > 1 + over:
                lines[-1] = f"{lines[-1]} ..."
    if left:
        lines.append(f"  and {counted(len(left), 'rule')} more: {listed([one.rule for one in left])}")
    return lines


def _id(rule: str, width: int) -> str:
    """Shorten an id so that of `policy/id` the id stays to be seen."""
    policy, _, own = rule.rpartition("/")
    return cut(rule, width) if not policy or len(rule) <= width else cut(f".../{own}", width)


def _word(finding: Finding) -> str:
    return "" if finding.cause is None else _CAUSES[finding.cause]


def _who(finding: Finding) -> str:
    return f"who: {cut(plain(finding.who), _WHO)}" if finding.who else ""


def _action(finding: Finding, prefix: str, column: int) -> list[str]:
    """Wrap what to do beside who does it; the lines after the first stand below its text."""
    who = _who(finding)
    width = (column if who else WIDTH) - len(prefix)
    first, *more = textwrap.wrap(plain(finding.next_action), width, break_on_hyphens=False) or [""]
    line = f"{prefix + first:<{column}}  {who}" if who else prefix + first
    return [line, *(f"{'':<{len(prefix)}}{one}" for one in more)]
