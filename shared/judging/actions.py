"""What to do about each cause, with the command to run: worded so that doing it has the effect that is promised.

Source: policy.md section 4. What the policy's author wrote (`fix`) goes before our own words wherever the remedy is to
make the evidence; where it is on its way, held, or waits for a person, we know more than the policy.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.judging.values import Request
from shared.judging.words import SHORT, listed
from shared.predicates import ClaimType

_COMMIT = "the commit"
_STEPS = 4
"""How many steps are told at once; whoever asks again is told the rest."""


def together(actions: Iterable[str]) -> str:
    """Put what has to be done, all of it, into one action."""
    steps = list(dict.fromkeys(one for one in actions if one))
    told, more = steps[:_STEPS], len(steps) - _STEPS
    return "; and ".join(told) + (f"; and ask again for {more} more" if more > 0 else "")


def make(request: Request, kind: str, name: str | None, *, signed: bool, fix: str = "") -> str:
    """Say how evidence that nobody has sent comes to be here."""
    if fix:
        return fix
    what = f'the job that makes "{name}"' if name else f"a job that makes {kind}"
    if signed:
        return f"run {what} for {commit(request)} and let a collector take its reports: carnet drop GLOB..."
    named = f' --name "{name}"' if name else ""
    post = f"carnet attest --report FILE{named} --commit SHA" if kind in ClaimType.__members__ else "carnet evidence"
    return f"run {what} for {commit(request)} and deliver its report by a collector, or: {post}"


def mend(request: Request, kind: str, name: str, fix: str = "") -> str:
    """Say how evidence that says no becomes evidence that says yes."""
    if fix:
        return fix
    if kind == "SECURITY_SCAN":
        return f'mend what "{name}" found, build, and gate the new digest'
    return f'mend what failed and run the job that makes "{name}" for {commit(request)} again; its new report counts'


def mend_posted(request: Request, name: str) -> str:
    """Say how a post that says no becomes one that says yes: another owner's token takes no place of it."""
    job = f'mend what failed and run the job that makes "{name}" for {commit(request)} again'
    return f"{job}; its new report counts if a token of the same owner posts it, else build from a new commit"


def rebuild(name: str) -> str:
    """Say what to do about a post that says no, and that no other post is a newer state of."""
    why = f'"{name}" was posted without --resource-id, so no newer post takes its place'
    return f"mend what failed, build from a new commit, and gate the new digest: {why}"


def agree(digest: str) -> str:
    """Say what to do about evidence that contradicts itself: a person has to look, no waiver lifts it."""
    return f"find out which is true and deliver it anew: carnet explain {digest}"


def build_anew(digest: str) -> str:
    """Say what to do about a digest that is signed as of two commits: nothing that comes later parts the two."""
    return f"build it anew from one commit and gate the new digest; why: carnet explain {digest}"


def name_the_commit() -> str:
    """Say what to do where the request names another commit than what links the digest."""
    return "ask with the commit that it was built from (carnet gate --source-sha), or gate the digest that was meant"


def rename(wanted: str, found: str) -> str:
    """Say how evidence under another name comes under the one that is asked for."""
    return f'name it "{wanted}" where it is made (--name, the collector\'s rule), or ask for "{found}" in the policy'


def link(digest: str, *, signed: bool = False) -> str:
    """Say how a digest is linked to its commit; where it must be `signed` no token's word will do."""
    attest = "let the build's collector attest what it built"
    return attest if signed else f"{attest}, or: carnet artifact --sha256 {digest} --commit SHA"


def release(ids: tuple[str, ...]) -> str:
    """Say how held evidence counts after all."""
    those = " ".join(ids[:1]) if len(ids) == 1 else "ID..."
    return f"two approvers look at it: carnet-receiver held release {those} --reason TEXT --by EMAIL EMAIL"


def collect_again(kind: str, name: str, fix: str = "") -> str:
    """Say how evidence that rests on a revoked key, or token, is had again."""
    if kind not in ClaimType.__members__:
        return fix or f"post {kind} again with a token that is good: carnet evidence"
    how = "carnet-receiver collectors ask rescan GLOB"
    return fix or f'let a collector with a good key attest {kind} "{name}" again: {how}'


def sign(name: str) -> str:
    """Say how evidence that was only posted comes signed."""
    return f'let a collector take the reports of "{name}" instead of posting them: carnet drop GLOB...'


def renew(request: Request, kind: str, name: str, fix: str = "") -> str:
    """Say how evidence that is too old becomes young."""
    return fix or f'run the job that makes {kind} "{name}" for {commit(request)} again'


def repair(policy: str, rule: str) -> str:
    """Say what to do about an expression that cannot be worked out."""
    mend_it = f"mend rule {rule.rpartition('/')[2]} of policy {policy}: carnet-receiver policy check FILE"
    return f"deliver evidence that says what the rule names (carnet-collector preview shows what leaves), or {mend_it}"


def state(policy: str, rule: str) -> str:
    """Say what to do about an expression over the request alone that cannot be worked out."""
    mend_it = f"mend rule {rule.rpartition('/')[2]} of policy {policy}: carnet-receiver policy check FILE"
    return f"say in the request what the rule names (carnet gate --request FILE), or {mend_it}"


def approve(rules: tuple[str, ...]) -> str:
    """Say how a person says yes."""
    return f"approve {listed(rules)} on the page of this passport, signed in as an approver"


def commit(request: Request) -> str:
    """Name the commit as short as people do."""
    return _COMMIT if request.source_sha is None else request.source_sha[:SHORT]
