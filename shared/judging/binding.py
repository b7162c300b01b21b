"""Which evidence is about the digest that is asked for, and how strongly it is bound to it.

Source: policy.md section 1, "Binding". Invariants: evidence that names digests counts for those alone; a link that is
held binds nothing that helps; a link that a token brought never makes evidence signed; contradictions between links
stay when a link is held, since distrust of one thing never makes another one better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from shared.judging.contradictions import Contradiction, Kind
from shared.judging.values import Facts, Link, Piece, Request

_SHORT = 7


class Tie(IntEnum):
    """What binds evidence to the digest, the weakest first."""

    HELD = 0
    """Its commit is linked by statements that are held alone."""
    POSTED = 1
    """Its commit is linked by what came with a token."""
    SIGNED = 2
    """Its commit is linked by what a collector signed."""
    SUBJECT = 3
    """It is about this very digest, or about this very target."""


class Linked(NamedTuple):
    """A commit that the digest is linked to: by what that counts, and by what if nothing were held."""

    tie: Tie
    claimed: Tie


@dataclass(frozen=True, slots=True)
class Binding:
    """The commits of the digest (full hex), and what speaks against them."""

    digest: str
    commits: Mapping[str, Linked]
    contradictions: tuple[Contradiction, ...]

    @property
    def linked(self) -> bool:
        """Whether a commit is known that the digest was built from, by a link that counts."""
        return any(one.tie > Tie.HELD for one in self.commits.values())

    def of(self, piece: Piece) -> Linked | None:
        """Say what binds a piece to the digest; None where nothing does."""
        if piece.digests:
            return SUBJECT if self.digest in piece.digests else None
        if len(piece.commits) == 1:
            (commit,) = piece.commits
            return self.commits.get(commit)
        found = [self.commits[commit] for commit in piece.commits if commit in self.commits]
        if not found:
            return None
        return Linked(max(one.tie for one in found), max(one.claimed for one in found))


SUBJECT = Linked(Tie.SUBJECT, Tie.SUBJECT)
"""What binds evidence on the digest itself."""


def bind(facts: Facts) -> Binding:
    """Find the commits that the digest of the request is linked to, and what contradicts what about them."""
    links = [link for link in facts.links if link.digest == facts.request.digest]
    commits: dict[str, Linked] = {}
    for link in links:
        claimed = Tie.SIGNED if link.signed else Tie.POSTED
        before = commits.get(link.commit, Linked(Tie.HELD, Tie.HELD))
        tie = claimed if link.held is None else Tie.HELD
        commits[link.commit] = Linked(max(tie, before.tie), max(claimed, before.claimed))
    against = (*_two_commits(links), *_other_commit(facts.request, commits))
    return Binding(facts.request.digest, MappingProxyType(commits), against)


def _two_commits(links: list[Link]) -> tuple[Contradiction, ...]:
    signed = sorted({link.commit for link in links if link.signed})
    if len(signed) <= 1:
        return ()
    named = " and of ".join(commit[:_SHORT] for commit in signed)
    return (Contradiction(Kind.TWO_COMMITS, "", f"its digest is signed as of the commit {named}"),)


def _other_commit(request: Request, commits: Mapping[str, Linked]) -> tuple[Contradiction, ...]:
    """Compare the commit that the request names with those that the strongest links name."""
    if request.source_sha is None or not commits:
        return ()
    strongest = max(linked.claimed for linked in commits.values())
    named = sorted(commit for commit, linked in commits.items() if linked.claimed is strongest)
    asked = request.source_sha.lower()
    if any(commit.startswith(asked) for commit in named):
        return ()
    detail = f"the request says commit {asked[:_SHORT]}, its digest is linked to {named[0][:_SHORT]}"
    return (Contradiction(Kind.TWO_COMMITS, "sourceSha", detail),)
