"""Policies and when they were active, against their statements in the register and what the audit trail tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from receiver.checks.walk import Walk
from receiver.store import audit, policies
from receiver.store.policies import Activation
from shared.encoding import digest_text, sha256
from shared.passports import PolicyActivated

_ENDED = "policy.deactivate"


def check_policies(walk: Walk) -> None:
    """Compare texts with their digests, activations with what was signed, and their ends with what ended them."""
    digests: dict[tuple[str, int], str] = {}
    for row in policies.every(walk.tx, walk.workspace_id):
        digest = sha256(policies.text_of(walk.tx, walk.workspace_id, row.name, row.version).encode())
        digests[row.name, row.version] = digest_text(digest)
        walk.add(f"policy {row.name} {row.version}", [] if digest == row.digest else ["its text is another one"])
    signed = {one.register_.number: one for one in walk.acts if isinstance(one, PolicyActivated)}
    stored = {one.number: one for one in policies.activations(walk.tx, walk.workspace_id)}
    ended = _ended(walk)
    for number in sorted(signed.keys() | stored.keys()):
        if number not in stored:
            problems = ["this policy was activated, and its row is gone"]
        elif number not in signed:
            problems = ["nobody signed that this policy is active"]
        else:
            ends = _end(signed, number, ended)
            problems = _compare(signed[number], stored[number], digests, ends)
        walk.add(f"register {number}", problems)


def _compare(
    signed: PolicyActivated, row: Activation, digests: Mapping[tuple[str, int], str], ends: datetime | None
) -> list[str]:
    columns = {
        "name and version": ((row.name, row.version), (signed.name, signed.version)),
        "time": (row.active_from, signed.activated_at),
        "override": (row.override, signed.override),
        "text": (digests.get((signed.name, signed.version)), signed.digest),
    }
    problems = [f"its {name} is not what was signed" for name, (here, there) in columns.items() if here != there]
    return problems if row.ended_at == ends else [*problems, f"it ended {ends or 'never'}, its row says otherwise"]


def _end(signed: Mapping[int, PolicyActivated], number: int, deactivated: Mapping[object, datetime]) -> datetime | None:
    """Say when an activation ended: by the next one of its policy, or by a person's word before."""
    name = signed[number].name
    later = [one.activated_at for at, one in sorted(signed.items()) if at > number and one.name == name]
    return deactivated.get(number, later[0] if later else None)


def _ended(walk: Walk) -> dict[object, datetime]:
    rows = audit.rows(walk.tx, walk.workspace_id, [_ENDED])
    return {row.act.detail.get("register"): row.act.at for row in rows}
