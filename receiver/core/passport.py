"""What a decision rests on, and when two decisions are the same: the part of a passport that judging does not say.

Pure. Invariants: `facts_key` covers everything that the answer rests on and no clock, so a question that is asked again
while nothing changed has the same one; a passport names every envelope that its docket speaks of.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from shared.encoding import JsonObject, JsonValue, canonical, digest_text, sha256
from shared.judging.docket import Docket, emit_docket
from shared.judging.recorded import ENGINE, verdict_of
from shared.judging.replay import asked_of
from shared.judging.values import Approval, Considered, Facts, Judgement, Target, Waiver
from shared.passports import Input, Passport, name_inputs
from shared.predicates import Audience, Register

ALLOWING = frozenset({"ALLOW", "ALLOW_WITH_CANARY"})


@dataclass(frozen=True)
class Judged:
    """A question, what was known, and what judging said; `said` is the request as it was asked.

    `inputs` are all envelopes that the facts are of, and those that say why something of them counts.
    """

    docket: Docket
    said: JsonObject
    judgement: Judgement
    inputs: tuple[Input, ...] = ()

    @property
    def facts(self) -> Facts:
        """What was known."""
        return self.docket.facts

    @cached_property
    def written(self) -> bytes:
        """The docket as canonical JSON, which takes as long to write as to judge."""
        return canonical(emit_docket(self.docket))


@dataclass(frozen=True, slots=True)
class Issued:
    """What a passport needs besides the judgement: its id, its place in the register, who signs, what it follows.

    `rotations` are those that introduced the keys which signed its inputs, sorted by id.
    """

    passport_id: str
    place: Register
    audience: Audience
    key_id: str
    salt: str
    keyring_version: int
    supersedes: str | None = None
    former: tuple[Audience, ...] = ()
    rotations: tuple[Input, ...] = ()


def release_key(target: Target, digest: str) -> bytes:
    """Name what one passport is in force of: service, namespace, environment and digest (hex), as 32 bytes."""
    return sha256(canonical([target.service, target.namespace or "", target.environment, digest]))


def facts_key(judged: Judged) -> bytes:
    """Name all that the answer rests on, as 32 bytes: the same again is answered with the same passport.

    The reasons in words are left out: they tell ages, which change by the second.
    """
    judgement, facts = judged.judgement, judged.facts
    findings: list[JsonValue] = [
        [one.rule, one.met, one.cause and one.cause.value, one.otherwise.value, _helping(one.considered), [*one.marks]]
        for one in judgement.findings
    ]
    rests_on: JsonObject = {
        "engine": ENGINE,
        "request": judged.said,
        "mode": judgement.mode.value,
        "policies": [one.digest for one in judgement.policies],
        "findings": findings,
        "approvals": _for(facts.request.target, facts.approvals),
        "waivers": _for(facts.request.target, facts.waivers),
        "authors": [*sorted(facts.authors)],
    }
    return sha256(canonical(rests_on))


def half_over(evaluated_at: datetime, valid_until: datetime, now: datetime) -> bool:
    """Say whether half of the time that an answer holds is over."""
    return now - evaluated_at >= (valid_until - evaluated_at) / 2


def passport_of(judged: Judged, issued: Issued) -> Passport:
    """Write the passport of a judgement."""
    place, artifact, release = asked_of(judged.facts.request)
    inputs, omitted = name_inputs(judged.inputs)
    verdict = verdict_of(judged.judgement)
    return Passport(
        **{name: getattr(verdict, name) for name in type(verdict).model_fields},
        audience=issued.audience,
        key_id=issued.key_id,
        salt=issued.salt,
        register_=issued.place,
        passport_id=issued.passport_id,
        target=place,
        artifact=artifact,
        release=release,
        request=digest_text(sha256(canonical(judged.said))),
        facts=digest_text(sha256(judged.written)),
        inputs=inputs,
        inputs_omitted=omitted,
        engine=ENGINE,
        keyring_version=issued.keyring_version,
        supersedes=issued.supersedes,
        audiences=issued.former,
        rotations=issued.rotations,
    )


def pack(judged: Judged) -> bytes:
    """Write the docket of a judgement as it is kept."""
    return zlib.compress(judged.written)


def unpack(kept: bytes) -> bytes:
    """Give the canonical JSON of a docket that was kept; raises `ValueError` where it was altered."""
    try:
        return zlib.decompress(kept)
    except zlib.error:
        msg = "the docket is not what was kept"
        raise ValueError(msg) from None


def _for(target: Target, acts: Iterable[Approval | Waiver]) -> list[JsonValue]:
    """Name the acts that are for this service in this environment."""
    where = (target.service, target.environment)
    return [*sorted(one.id for one in acts if (one.target.service, one.target.environment) == where)]


def _helping(considered: Iterable[Considered]) -> list[JsonValue]:
    return [*sorted({one.id for one in considered if one.refused is None})]
