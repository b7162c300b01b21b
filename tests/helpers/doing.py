"""What is done when somebody follows a finding's next action: its words, read as a change of what is known.

Every step that an action may name stands here with all the ways to do it; words that are not here are no action.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from shared.judging.values import Finding
from tests.helpers import deeds, deeds_elsewhere
from tests.helpers.deeds import Way, Words, World, later
from tests.helpers.facts import DIGEST

__all__ = ["World", "follow", "later", "ways"]


def ways(known: World, finding: Finding) -> Iterator[World]:
    """Give the world after a finding's action was followed, in each way that its words leave open."""
    for instead in finding.next_action.split("; or "):
        steps = [(words, those) for step in instead.split("; and ") for words, those in [_read(step)]]
        for chosen in itertools.product(*(those for _, those in steps)):
            done = later(known)
            for (words, _), way in zip(steps, chosen, strict=True):
                done = way(done, finding, words)
            yield done


def follow(known: World, finding: Finding) -> World:
    """Give the world after a finding's action was followed in the first way."""
    return next(ways(known, finding))


def _read(step: str) -> tuple[Words, tuple[Way, ...]]:
    for pattern, those in STEPS.items():
        if words := re.fullmatch(pattern, step):
            return words, those
    msg = f"nobody knows how to do this: {step}"
    raise AssertionError(msg)


_FOR = r"for (?:[0-9a-f]{7}|the commit)"
_JOB = rf'run (?:the job that makes "(?P<name>[^"]+)"|a job that makes (?P<kind>\w+)) {_FOR}'
STEPS: dict[str, tuple[Way, ...]] = {
    rf"{_JOB} and let a collector take its reports: carnet drop GLOB\.\.\.": (deeds.by_collector,),
    rf"{_JOB} and deliver its report by a collector, or: carnet attest --report FILE.* --commit SHA": (
        deeds.by_collector,
        deeds.by_post,
    ),
    rf"{_JOB} and deliver its report by a collector, or: carnet evidence": (deeds.by_evidence,),
    rf'mend what failed and run the job that makes "(?P<name>[^"]+)" {_FOR} again; its new report counts': (
        deeds.again,
    ),
    rf'mend what failed and run the job that makes "(?P<name>[^"]+)" {_FOR} again; its new report counts if a token '
    r"of the same owner posts it, else build from a new commit": (deeds.again, deeds.new_digest),
    rf'run the job that makes \w+ "(?P<name>[^"]+)" {_FOR} again': (deeds.again,),
    r'mend what failed, build from a new commit, and gate the new digest: "(?P<name>[^"]+)" was posted without '
    r"--resource-id, so no newer post takes its place": (deeds.new_digest,),
    r'mend what "(?P<name>[^"]+)" found, build, and gate the new digest': (deeds.new_digest,),
    rf"find out which is true and deliver it anew: carnet explain {DIGEST}": (deeds.all_again,),
    rf"build it anew from one commit and gate the new digest; why: carnet explain {DIGEST}": (deeds.build_anew,),
    r"ask with the commit that it was built from \(carnet gate --source-sha\), or gate the digest that was meant": (
        deeds.right_commit,
    ),
    r'name it "(?P<name>[^"]+)" where it is made \(--name, the collector\'s rule\), '
    r'or ask for "(?P<found>[^"]+)" in the policy': (deeds.by_collector, deeds_elsewhere.other_name),
    r"let the build's collector attest what it built": (deeds.attest_build,),
    rf"let the build's collector attest what it built, or: carnet artifact --sha256 (?P<digest>{DIGEST}) "
    r"--commit SHA": (deeds.attest_build, deeds.record_artifact),
    r"two approvers look at it: carnet-receiver held release (?P<id>.+?) --reason TEXT --by EMAIL EMAIL": (
        deeds.release,
    ),
    r'let a collector with a good key attest (?P<kind>\w+) "(?P<name>[^"]+)" again: '
    r"carnet-receiver collectors ask rescan GLOB": (deeds.by_collector,),
    r'let a collector take the reports of "(?P<name>[^"]+)" instead of posting them: carnet drop GLOB\.\.\.': (
        deeds.signed,
    ),
    r"deliver evidence that says what the rule names \(carnet-collector preview shows what leaves\), or "
    r"mend rule (?P<rule>\S+) of policy (?P<policy>\S+): carnet-receiver policy check FILE": (
        deeds.by_collector,
        deeds_elsewhere.mend_policy,
    ),
    r"approve (?P<rules>.+) on the page of this passport, signed in as an approver": (deeds.approve,),
    r"wait until its collector has sent the rest: carnet gate --wait 30m": (deeds_elsewhere.wait,),
    r"restart carnet-collector on (?P<name>\S+), then ask again": (deeds_elsewhere.restart,),
    r"wait for carnet-collector on (?P<name>\S+) \(carnet gate --wait 30m\); to see why: carnet-collector status": (
        deeds_elsewhere.restart,
    ),
    r"find out who else signs as (?P<name>\S+), and end that key: "
    r"carnet-receiver keys revoke KEY_ID --kind compromised --since TIME --reason TEXT": (
        deeds_elsewhere.settle(forked=False),
    ),
    r"post (?P<kind>\w+) again with a token that is good: carnet evidence": (deeds.by_evidence,),
    r"say in the request what the rule names \(carnet gate --request FILE\), or "
    r"mend rule (?P<rule>\S+) of policy (?P<policy>\S+): carnet-receiver policy check FILE": (
        deeds.say_context,
        deeds_elsewhere.mend_policy,
    ),
    r"let carnet-collector on (?P<name>\S+) send again what it still has; "
    r"what is lost: carnet-receiver streams close \S+ RANGE --reason TEXT": (
        deeds_elsewhere.settle(lacking=0),
        deeds_elsewhere.settle(lacking=0, closed=2),
    ),
    r"close its end: carnet-receiver streams close (?P<name>\S+) N- --reason TEXT, where N follows the highest number "
    r"that streams show names": (deeds_elsewhere.settle(abandoned=False, retired=True, closed=1),),
    r"enrol a collector of that name, or mend the policy: (?P<name>\S+) stands under collectors": (
        deeds_elsewhere.enrol,
        deeds_elsewhere.without_glob,
    ),
    r"let a collector deliver for this service, or bind one to it in the console": (deeds_elsewhere.enrol,),
    r"roll back to the release before it, or mend the target": (
        deeds_elsewhere.rolled_back,
        deeds_elsewhere.mend_target,
    ),
    r"activate a version of the policy that has rules: carnet-receiver policy check FILE": (
        deeds_elsewhere.with_rules,
    ),
    r"make it so, then ask again: .+": (deeds_elsewhere.so,),
    r"say (?:health|rollback)\.\w+.* in the request, or post evidence on it: carnet evidence": (
        deeds.say_it,
        deeds.post_it,
    ),
}
