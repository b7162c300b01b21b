"""ULIDs: 26 characters that sort by time, then by chance; source: github.com/ulid/spec."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

RANDOM_BYTES = 10

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARS = 26
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def ulid(moment: datetime, random: bytes) -> str:
    """Write a ULID of a moment since 1970 and 10 random bytes."""
    if len(random) != RANDOM_BYTES:
        msg = f"a ULID is made of {RANDOM_BYTES} random bytes"
        raise ValueError(msg)
    value = ((moment - _EPOCH) // _MILLISECOND << 80) | int.from_bytes(random)
    chars: list[str] = []
    for _ in range(_CHARS):
        value, digit = divmod(value, len(_ALPHABET))
        chars.append(_ALPHABET[digit])
    return "".join(reversed(chars))
