"""What exists of a type of evidence that a rule might have meant: of another name, commit or digest.

Source: policy.md section 4, the cause `near_miss`. None of it ever counts; it is what a person is told to look at. What
only lacks a signature is a group of its own, with the cause `unsigned`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from functools import lru_cache

from shared.judging.ordering import moment
from shared.judging.values import Piece

_SHORT = 7


class Off(StrEnum):
    """In what it is off, the nearest first."""

    NAME = "name"
    COMMIT = "commit"
    DIGEST = "digest"


_OFF = tuple(Off)


@dataclass(frozen=True, slots=True)
class Near:
    """A piece that is nearly what was asked for, in what it is off, and what it has there instead, in words."""

    piece: Piece
    off: Off
    instead: str


def near_misses(bound: Iterable[Piece], others: Iterable[Piece], name: str | None) -> tuple[Near, ...]:
    """Sort what is bound under another name, and what is not bound; the nearest and newest first, one of each kind."""
    found = [Near(piece, Off.NAME, f'"{piece.name}"') for piece in bound if name is not None and piece.name != name]
    for piece in others:
        if piece.digests:
            instead = ", ".join(digest[:_SHORT] for digest in sorted(piece.digests))
            found.append(Near(piece, Off.DIGEST, f"sha256:{instead}"))
        else:
            commits = ", ".join(commit[:_SHORT] for commit in sorted(piece.commits))
            found.append(Near(piece, Off.COMMIT, commits or "no full commit"))
    alike = _alike({one.piece.name for one in found}, name)
    found.sort(key=lambda one: _distance(one, name, alike[one.piece.name]))
    kept: dict[tuple[Off, str, str], Near] = {}
    for one in found:
        kept.setdefault((one.off, one.piece.name, one.instead), one)
    return tuple(kept.values())


def _alike(names: Iterable[str], wanted: str | None) -> Mapping[str, float]:
    """Say how alike names are spelled to the one that is wanted; it takes long, and many pieces have the same name."""
    if wanted is None:
        return dict.fromkeys(names, 1.0)
    return {one: _likeness(one.lower(), wanted.lower()) for one in names}


@lru_cache(maxsize=1024)
def _likeness(name: str, wanted: str) -> float:
    """Say how alike two names are spelled: the same few are compared for each release."""
    return SequenceMatcher(None, name, wanted).ratio()


def _distance(one: Near, name: str | None, alike: float) -> tuple[bool, int, float, float, str]:
    piece = one.piece
    other_name = one.off is not Off.NAME and name is not None and piece.name != name
    return other_name, _OFF.index(one.off), -alike, -moment(piece).timestamp(), piece.id
