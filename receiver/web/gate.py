"""What the gate keeps in memory for all of its requests: policies that were read, and those who wait."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from receiver.gather import Memory
from receiver.issuing import PassportCache
from receiver.policies import PolicyCache
from receiver.web.turns import Turns
from receiver.web.waiting import Changes


@dataclass(frozen=True, slots=True)
class Gate:
    """The policies, evidence and passports that were read before, and the waiting for changes."""

    changes: Changes
    turns: Turns
    """Whose question is looked at now; one that has to be decided anew holds no turn, since it may wait for a write."""
    cache: PolicyCache = field(default_factory=PolicyCache)
    memory: Memory = field(default_factory=Memory)
    passports: PassportCache = field(default_factory=PassportCache)


GATE = web.AppKey("gate", Gate)
