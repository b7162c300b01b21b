"""How much of a hostile file a reader takes in before it refuses; every reader gets these as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one file's structure; its size in bytes and the time it may take are bounded by the caller.

    `max_depth` nested elements or containers; `max_events` elements, values and containers in one file;
    `max_token_bytes` of one indivisible piece (a tag with its attributes, a JSON string), which is what a
    parser must hold in memory; `max_item_chars` of a JSON value that is read as one: a larger one is read by its
    parts, of which what is wanted may take `max_item_bytes` of memory; `max_text_chars` kept of a name;
    `max_tracked` distinct names, rules or identities held at a time; `chunk_bytes` read at a time.
    """

    max_depth: int = 100
    max_events: int = 20_000_000
    max_token_bytes: int = 8 * 1024 * 1024
    max_item_chars: int = 256 * 1024
    max_item_bytes: int = 16 * 1024 * 1024
    max_text_chars: int = 1_000
    max_tracked: int = 200_000
    chunk_bytes: int = 64 * 1024
