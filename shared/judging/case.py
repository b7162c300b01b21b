"""One question while it is judged: its facts, and what was selected from them, each worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property

from shared.judging import actions, streams
from shared.judging.grouping import Evidence
from shared.judging.names import RUNTIME
from shared.judging.near import Near
from shared.judging.policy import Require
from shared.judging.standing import Word, word
from shared.judging.values import Basis, Cause, Facts, Group, Piece

_Asked = tuple[str, str | None, bool, timedelta | None]


class Case:
    """What rules ask of the facts of one question."""

    def __init__(self, facts: Facts) -> None:
        """Sort the facts out; they are read and never changed."""
        self.facts = facts
        self._evidence = Evidence(facts)
        self.torn_links: tuple[str, ...] = tuple(one.detail for one in self._evidence.binding.contradictions)
        """What the links of the digest contradict: each other, or the commit that the request names."""
        self._bare: dict[str, tuple[Group, ...]] = {}
        self._groups: dict[_Asked, tuple[Group, ...]] = {}
        self._words: dict[tuple[str, str], Word] = {}

    def groups(self, kind: str, test: Require | None = None) -> tuple[Group, ...]:
        """Give the groups of one type that a rule covers; without one all of the type, as a bare rule would."""
        if test is None:
            bare = self._bare.get(kind)
            if bare is None:
                bare = self._bare[kind] = self.groups(kind, Require((kind,)))
            return bare
        key = (kind, test.name, test.signed, test.age_of(kind))
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = self._select(*key)
        return found

    def word(self, kind: str, field: str) -> Word:
        """Give what is known of the target: `health` `ready`, `rollback` `available` or `verified`."""
        key = (kind, field)
        found = self._words.get(key)
        if found is None:
            request = self.facts.request
            claims = {
                ("health", "ready"): request.ready,
                ("rollback", "available"): request.rollback_available,
                ("rollback", "verified"): request.rollback_verified,
            }
            found = self._words[key] = word(self.groups(kind), field, claims.get(key))
        return found

    def near(self, kind: str, test: Require) -> tuple[Near, ...]:
        """Give what there is of a type that a rule might have meant, the nearest first."""
        return self._evidence.near(kind, test.name)

    def unlinked(self, kind: str, name: str | None = None) -> tuple[Piece, ...]:
        """Give what would be of a type, and a name, were its commit linked: the one that is asked for, else any."""
        asked = (self.facts.request.source_sha or "").lower()
        if not asked and self._evidence.binding.commits:
            return ()
        return tuple(
            one
            for one in self._evidence.others(kind)
            if not one.digests and name in {None, one.name} and any(of.startswith(asked) for of in one.commits)
        )

    def waiting_for(self, kind: str, name: str) -> str:
        """Say what to do about evidence that has begun to come and is not all here."""
        bringing = streams.bringing(self.facts.streams, kind, name)
        if bringing and streams.lagging(bringing[0]):
            return streams.on_its_way(bringing[0], self.facts.now).action
        return "wait until its collector has sent the rest: carnet gate --wait 30m"

    def held(self, group: Group) -> tuple[str, ...]:
        """Give the ids of what is held of a group: of its pieces, else what links their commits to the digest."""
        refused = {one.id for one in group.considered if one.refused is Cause.HELD}
        held = {one.id for one in self.facts.evidence if one.held is not None}
        if not refused <= held:
            links = {one.id for one in self.facts.links if one.held is not None and self._is_ours(one.digest)}
            return tuple(sorted((refused & held) | links))
        return tuple(sorted(refused))

    def agree(self, details: Iterable[str]) -> str:
        """Say what to do about contradictions, whether evidence makes them or what binds it."""
        digest, said = self.facts.request.digest, set(details)
        steps = [actions.agree(digest)] if said - {*self.torn_links} else []
        if said & {*self.torn_links}:
            torn = self._evidence.binding.contradictions
            steps.append(actions.name_the_commit() if all(one.field for one in torn) else actions.build_anew(digest))
        return actions.together(steps)

    def link(self, *, signed: bool = False) -> str:
        """Say how the digest is linked to its commit, `signed` if it must be; nothing where it is."""
        is_linked = self.linked and (not signed or self.link_basis is Basis.MEASURED)
        return "" if is_linked else actions.link(self.facts.request.digest, signed=signed)

    @cached_property
    def known(self) -> Mapping[str, Piece]:
        """All evidence by its id."""
        return {one.id: one for one in self.facts.evidence}

    @property
    def linked(self) -> bool:
        """Whether the digest is linked to a commit."""
        return self._evidence.binding.linked

    @property
    def link_basis(self) -> Basis:
        """On what the link between digest and commit rests."""
        signed = any(one.signed for one in self.facts.links if one.held is None and self._is_ours(one.digest))
        return Basis.MEASURED if signed else Basis.POSTED

    @cached_property
    def contradictions(self) -> tuple[str, ...]:
        """Say what contradicts itself about the digest: its links, and any evidence that is bound to it."""
        found = set(self.torn_links)
        for kind in sorted({one.type for one in self.facts.evidence}):
            groups = self._evidence.groups(kind) if kind in RUNTIME else self.groups(kind)
            bad = [one for one in groups if one.cause is Cause.CONTRADICTED]
            found |= {f'"{one.name}": {one.detail}' for one in bad if one.detail not in found}
        return tuple(sorted(found))

    def _is_ours(self, digest: str) -> bool:
        return digest == self.facts.request.digest

    def _select(self, kind: str, name: str | None, signed: bool, max_age: timedelta | None) -> tuple[Group, ...]:  # noqa: FBT001
        whole = self._groups.get((kind, None, signed, max_age))
        if whole is not None:
            return tuple(one for one in whole if one.name == name)
        if kind in RUNTIME:
            groups = self._evidence.runtime(kind, max_age=max_age)
            return tuple(one for one in groups if name is None or one.name == name)
        return self._evidence.groups(kind, name, signed=signed, max_age=max_age)
