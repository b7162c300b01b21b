"""Strict JSON, strict base64, SHA-256 and RFC 3339: the spellings that both sides accept, and no others.

Invariants: what is written here can be read here; a value is read in one way only. JSON (RFC 8259) is UTF-8, has no
duplicate key, no NaN or Infinity, integers within 2^53, no lone surrogate, and is nested at most 100 deep. Signed
payloads must moreover have their keys sorted and no insignificant white space.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from datetime import UTC, datetime
from itertools import chain
from typing import NoReturn, TypeAlias

from pydantic_core import from_json, to_json

from shared.errors import Code, MalformedError

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
JsonObject: TypeAlias = dict[str, JsonValue]

_CONTAINERS = (dict, list)
MAX_DEPTH = 100
MAX_INTEGER = 2**53

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,6})?Z", re.ASCII)
_HEX_256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SHAPES = bytes(ord("0") if chr(one) in "0123456789" else ord(":") if chr(one) in ":[,-" else 32 for one in range(256))
_LONG_NUMBER = b":" + b"0" * 16
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_WHITE_SPACE = frozenset(" \t\r\n")


def _bad_json(detail: str) -> MalformedError:
    return MalformedError(Code.BAD_JSON, detail, "send strict JSON in UTF-8 (RFC 8259)")


def _refuse_constant(name: str) -> NoReturn:
    raise _bad_json(f"{name} is not a JSON number")


def _integer(text: str) -> int:
    # Its length is looked at first: converting a number of a million digits would take seconds.
    if len(text) > len("-9007199254740992") or not -MAX_INTEGER <= int(text) <= MAX_INTEGER:
        raise _bad_json("an integer is outside of +-2^53")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _bad_json("a number is too large")
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise MalformedError(
                    Code.DUPLICATE_KEY,
                    f"the key {name[:80]!r} stands twice in one object",
                    "name each key once",
                )
            seen.add(name)
    return made


def _sorted_object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    names = [name for name, _ in pairs]
    if names != sorted(names):
        raise _bad_json("the keys of an object are not sorted")
    return _object(pairs)


DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_refuse_constant,
    parse_int=_integer,
    parse_float=_float,
)
"""Reads one value strictly except for depth and surrogates, which `check_tree` looks at."""

_CANONICAL_DECODER = json.JSONDecoder(
    object_pairs_hook=_sorted_object,
    parse_constant=_refuse_constant,
    parse_int=_integer,
    parse_float=_float,
)

_CANONICAL = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def check_tree(value: JsonValue) -> None:
    """Refuse what no reader of ours takes: too deep, too large an integer, half of a surrogate pair.

    Raises `MalformedError`. Scalars count for no depth: 100 arrays inside each other are read, 101 are not.
    """
    level: list[JsonValue] = [value]
    depth = 0
    while level:
        deeper: list[JsonValue] = []
        containers = False
        for node in level:
            if isinstance(node, str):
                _check_text(node)
            elif isinstance(node, dict):
                containers = True
                for name in node:
                    _check_text(name)
                deeper.extend(node.values())
            elif isinstance(node, list):
                containers = True
                deeper.extend(node)
            elif isinstance(node, int) and not -MAX_INTEGER <= node <= MAX_INTEGER:
                raise _bad_json("an integer is outside of +-2^53")
        depth += containers
        if depth > MAX_DEPTH:
            raise _bad_json(f"JSON is nested deeper than {MAX_DEPTH}")
        level = deeper


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _bad_json("a string holds half of a surrogate pair") from None


def decode_utf8(data: bytes) -> str:
    """Turn bytes into text; raises `MalformedError` where they are not UTF-8 or open with a byte-order mark."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad_json(f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _bad_json("a byte-order mark stands in front")
    return text


def _parse(data: bytes, decoder: json.JSONDecoder) -> JsonValue:
    text = decode_utf8(data)
    try:
        value: JsonValue = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _bad_json(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _bad_json(f"JSON is nested deeper than {MAX_DEPTH}") from None
    # Nothing is nested deeper than there are brackets, and half a surrogate pair can only come from an escape.
    if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:
        check_tree(value)
    return value


def parse_json(data: bytes) -> JsonValue:
    """Read one JSON value strictly; raises `MalformedError` with `bad_json` or `duplicate_key`."""
    return _parse(data, DECODER)


def parse_object(data: bytes) -> JsonObject:
    """Read one JSON object strictly; raises `MalformedError`, also where the value is no object."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise _bad_json("a JSON object is expected")
    return value


def parse_payload(data: bytes) -> JsonObject:
    """Read a signed payload: strict JSON that is one object, keys sorted, no insignificant white space."""
    quick = _parse_own_spelling(data)
    if quick is not None:
        return quick
    value = _parse(data, _CANONICAL_DECODER)
    if not isinstance(value, dict):
        raise _bad_json("a JSON object is expected")
    text = data.decode()
    if not _WHITE_SPACE.isdisjoint(text) and not _WHITE_SPACE.isdisjoint(_STRING.sub("", text)):
        raise _bad_json("white space stands between the parts of a payload")
    return value


def parse_again(data: bytes) -> JsonObject:
    """Read what was read as a payload before: the same values, several times faster, since its spelling is known.

    Raises `MalformedError` where it is damaged; a spelling that `parse_payload` would refuse may be taken.
    """
    if b"\\u" in data:
        return parse_payload(data)
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else parse_payload(data)


def _parse_own_spelling(data: bytes) -> JsonObject | None:
    """Read a payload that is spelled as `canonical` would; None for any other, good or bad, which is read slowly.

    What is written again to the very same bytes had each key once and nothing in between; the order of the keys, the
    size of integers and the depth are looked at besides; escapes are left to the slow way. Six times faster than it.
    """
    if b"\\u" in data:
        return None
    try:
        value = from_json(data, allow_inf_nan=False)
        if not isinstance(value, dict) or to_json(value) != data:
            return None
    except ValueError:
        return None
    return value if _is_own_order(value) else None


def _is_own_order(value: JsonObject) -> bool:
    """Whether all keys are sorted, no integer is too large, and nothing is nested too deep."""
    level: list[JsonObject | list[JsonValue]] = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[JsonObject | list[JsonValue]] = []
        for node in level:
            if isinstance(node, dict) and list(node) != sorted(node):
                return False
            for one in node.values() if isinstance(node, dict) else node:
                if isinstance(one, dict | list):
                    deeper.append(one)
                elif isinstance(one, int) and not -MAX_INTEGER <= one <= MAX_INTEGER:
                    return False
        if not deeper:
            return True
        level = deeper
    return False


def canonical(value: JsonValue) -> bytes:
    """Write a value in the one spelling of payloads: sorted keys, no white space, UTF-8, nothing escaped in vain.

    Keys are sorted by code point, as Python compares strings (RFC 8785 would sort by UTF-16 unit, which differs beyond
    the BMP). Raises `ValueError` for what `parse_payload` would not take back (NaN, Infinity, too large, too deep, half
    of a surrogate pair), which is a bug of the caller.
    """
    try:
        text = _CANONICAL.encode(value)
        written = text.encode()
    except (RecursionError, UnicodeEncodeError):
        pass
    else:
        # Nothing is nested deeper than there are brackets, and an integer below 2^53 has at most sixteen digits.
        flat = text.count("{") + text.count("[") <= MAX_DEPTH or _is_flat(value)
        if flat and _LONG_NUMBER not in b":" + written.translate(_SHAPES):
            return written
    try:
        check_tree(value)
    except MalformedError as error:
        raise ValueError(error.detail) from None
    return _CANONICAL.encode(value).encode()


def _is_flat(value: JsonValue) -> bool:
    """Say whether a value is nested no deeper than is read; looks at containers alone."""
    level: list[JsonObject | list[JsonValue]] = [one for one in (value,) if isinstance(one, dict | list)]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return True
        lists = chain.from_iterable(node.values() if isinstance(node, dict) else node for node in level)
        level = [one for one in lists if isinstance(one, _CONTAINERS)]
    return False


def compact(value: JsonValue) -> bytes:
    """Write a value for the wire in the order it has, without white space."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def b64encode(data: bytes) -> str:
    """Standard padded base64 (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def b64decode(text: str) -> bytes:
    """Read standard padded base64 in its one spelling: no white space, trailing bits zero; raises `MalformedError`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode("ascii") != text:
        raise MalformedError(
            Code.MALFORMED_ENVELOPE,
            "not standard padded base64",
            "encode as RFC 4648 section 4 with zero trailing bits",
        )
    return data


def sha256(data: bytes) -> bytes:
    """SHA-256 (FIPS 180-4) of some bytes, as 32 bytes."""
    return hashlib.sha256(data).digest()


def digest_text(digest: bytes) -> str:
    """Write a 32-byte digest as `sha256:` and 64 lower-case hex digits."""
    return f"sha256:{digest.hex()}"


def parse_digest(text: str) -> bytes:
    """Read `sha256:` and 64 lower-case hex digits into 32 bytes; raises `MalformedError`."""
    kind, _, digits = text.partition(":")
    if kind != "sha256" or not _HEX_256.fullmatch(digits):
        raise MalformedError(
            Code.INVALID_FIELD,
            f"not a digest: {text[:80]!r}",
            "write sha256: and 64 lower-case hex digits",
        )
    return bytes.fromhex(digits)


def format_time(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds; raises `ValueError` for one without a time zone."""
    if moment.tzinfo is None:
        msg = "a moment without a time zone"
        raise ValueError(msg)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """Read RFC 3339 in UTC (`...Z`, at most six digits of fraction); raises `MalformedError`."""
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise MalformedError(
        Code.INVALID_FIELD,
        f"not a time: {text[:40]!r}",
        "write RFC 3339 in UTC, for instance 2026-01-31T09:30:00Z",
    )


def base32_id(prefix: str, random: bytes) -> str:
    """Make an id out of a prefix and random bytes, for instance `rcv_` and 128 bits (RFC 4648 base32, lower case)."""
    return prefix + base64.b32encode(random).decode("ascii").rstrip("=").lower()
