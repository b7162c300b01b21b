"""Attach evidence to a release or to a target: what CI, tests, scanners and approved automation say with a token.

Order: secrets are cut before the transaction; then one write transaction stores every piece as a claim of its own,
signed by us, or finds that the same is there. Invariants: all of a post is stored or nothing; what is answered is what
was stored; no piece stands in for another one of the same post, nor for what another voice said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from receiver import once
from receiver.core import posted as builders
from receiver.core.cutting import cut
from receiver.core.tokens import Scope
from receiver.keys_at_hand import RoleSigners
from receiver.once import Done, Made, Posting
from receiver.store import ingested, posts
from receiver.store import posts as post_rows
from receiver.store.engine import Store, Tx
from receiver.store.posts import Hand
from shared.encoding import JsonObject, digest_text, format_time
from shared.judging.names import RUNTIME
from shared.redaction import Rules

__all__ = ["Attached", "Cut", "Done", "Posting", "Render", "Stored", "attach", "without_secrets"]

# Named here because whoever calls a use case does not look into the store.
Stored: TypeAlias = post_rows.Stored

SCOPES = (Scope.EVIDENCE_WRITE, Scope.GATE_EVALUATE, Scope.ADMIN)
_CANNOT_HOLD_SECRETS = frozenset({"status", "artifactSha256", "sourceSha", "observedAt", "expiresAt"})


@dataclass(frozen=True, slots=True)
class Cut:
    """Pieces without their secrets, and for each the fields that held one."""

    pieces: tuple[JsonObject, ...]
    paths: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Attached:
    """What is there after a post: each piece in the order of the post, and the fields in which secrets were masked.

    A field of a piece is named by its place: `evidence.0.summary`.
    """

    pieces: tuple[Stored, ...]
    cut: tuple[str, ...]

    @property
    def created(self) -> bool:
        """Whether any of it is new or a correction."""
        return any(one.created for one in self.pieces)


Render: TypeAlias = Callable[[Attached], tuple[int, bytes]]
"""Writes what was stored as the status and the body of an answer."""


def without_secrets(_store: Store, whole: JsonObject, each: Sequence[JsonObject], rules: Rules) -> Cut:
    """Cut secrets out of what is said of the whole post and of each piece; works on nothing but them."""
    of_all, found = cut(whole, rules, _CANNOT_HOLD_SECRETS)
    pieces, paths = list[JsonObject](), list[tuple[str, ...]]()
    for one in each:
        kept, its = cut(one, rules, _CANNOT_HOLD_SECRETS)
        pieces.append({**of_all, **kept})
        paths.append((*found, *its))
    return Cut(_told_apart(pieces), tuple(paths))


def attach(store: Store, signers: RoleSigners, posting: Posting, said: Cut, render: Render) -> Done:
    """Store the pieces of a post, or find them there.

    Raises `UntrustedError` (`forbidden`) without the scope, for what the token is not limited to, or for what names no
    environment where the token is limited to some; `MalformedError` (`idempotency_mismatch`) for a key that came with
    another body; `TryLaterError` where nothing can be written now. In every such case nothing was stored.
    """
    posting.caller.require(*SCOPES)

    def act(tx: Tx, hand: Hand) -> Made:
        stored = []
        for fields, paths in zip(said.pieces, said.paths, strict=True):
            made = builders.ingested(_observed(fields, hand.now), paths, hand.voice)
            about = made.context
            # On an artifact, what names no environment would count for each one that this goes to.
            posting.caller.require_inside(None, about.service, about.environment, everywhere=True)
            one = posts.put(tx, hand, made)
            if one.created:
                ingested.add(tx, hand.workspace_id, one.record)
            stored.append(one)
        attached = Attached(tuple(stored), _named(said.paths, said.pieces))
        status, body = render(attached)
        ids = [digest_text(one.attestation_id) for one in stored]
        detail: JsonObject = {"evidence": [*ids], "new": sum(one.created for one in stored)}
        return Made(status, body, detail)

    return once.do(store, signers, posting, "evidence.ingest", act)


def _observed(fields: JsonObject, now: datetime) -> JsonObject:
    """Say when a target was seen to be so, where nothing does: the same words later tell of another moment."""
    return fields if fields["type"] not in RUNTIME else {"observedAt": format_time(now), **fields}


def _told_apart(pieces: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """Number pieces of one type: source, external id and type name a piece, and the later would correct the earlier."""
    seen: Counter[str] = Counter()
    told = []
    for fields in pieces:
        kind = str(fields["type"])
        seen[kind] += 1
        named = fields if seen[kind] == 1 else {**fields, "externalId": f"{fields['externalId']}#{seen[kind]}"}
        told.append(named)
    return tuple(told)


def _named(paths: Sequence[Sequence[str]], pieces: Sequence[JsonObject]) -> tuple[str, ...]:
    """Name the fields that held secrets: those of the whole post once, those of a piece by its place."""
    of_pieces = {"type", "status", "summary", "metrics", "url", "observedAt", "expiresAt"}
    found: dict[str, None] = {}
    for place in range(len(pieces)):
        for path in paths[place]:
            its = path.partition(".")[0] in of_pieces
            found[f"evidence.{place}.{path}" if its else path] = None
    return tuple(found)
