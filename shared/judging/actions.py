"""What to do about each cause, with the command to run: worded so that doing it has the effect that is promised.

Source: policy.md section 4. What the policy's author wrote (`fix`) goes before our own words wherever the remedy is to
make the evidence; where it is on its way, held, or waits for a person, we know more than the policy.
"""

from __future__ import annotations

from shared.judging.values import Request
from shared.judging.words import SHORT, listed
from shared.predicates import ClaimType

_COMMIT = "the commit"


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


def agree(digest: str) -> str:
    """Say what to do about evidence that contradicts itself: a person has to look, no waiver lifts it."""
    return f"find out which is true and deliver it anew: carnet explain {digest}"


def rename(wanted: str, found: str) -> str:
    """Say how evidence under another name comes under the one that is asked for."""
    return f'name it "{wanted}" where it is made (--name, the collector\'s rule), or ask for "{found}" in the policy'


def link(digest: str) -> str:
    """Say how a digest is linked to its commit."""
    return f"let the build's collector attest what it built, or: carnet artifact --sha256 {digest} --commit SHA"


def release(ids: tuple[str, ...]) -> str:
    """Say how held evidence counts after all."""
    those = " ".join(ids[:1]) if len(ids) == 1 else "ID..."
    return f"two approvers look at it: carnet-receiver held release {those} --reason TEXT --by EMAIL EMAIL"


def collect_again(kind: str, name: str, fix: str = "") -> str:
    """Say how evidence that rests on a revoked key is had again."""
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


def approve(rules: tuple[str, ...]) -> str:
    """Say how a person says yes."""
    return f"approve {listed(rules)} on the page of this passport, signed in as an approver"


def commit(request: Request) -> str:
    """Name the commit as short as people do."""
    return _COMMIT if request.source_sha is None else request.source_sha[:SHORT]
