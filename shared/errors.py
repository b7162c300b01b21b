"""The one error tree, sorted by what the person or program that meets the error can do about it.

A family exists because its *remedy* differs (`docs/architecture.md`); the reason codes are a closed list, and a new one
is a change of the wire contract. Third-party exceptions are translated into these at the edge that called them.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Every reason code that may stand in a receipt, a problem body, or a list of what was set aside."""

    # Entries of a batch that are refused.
    MALFORMED_ENVELOPE = "malformed_envelope"
    MALFORMED_STATEMENT = "malformed_statement"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_TYPE = "wrong_type"
    WRONG_COLLECTOR = "wrong_collector"
    WRONG_STREAM = "wrong_stream"
    OUTSIDE_LIMITS = "outside_limits"
    BAD_LINK = "bad_link"
    TOO_LARGE = "too_large"
    # Entries of a batch that are stored, but held.
    KEY_REVOKED = "key_revoked"
    KEY_RETIRED = "key_retired"
    FORKED = "forked"
    NOT_UNDERSTOOD = "not_understood"
    # Files.
    UNKNOWN_FORMAT = "unknown_format"
    TRUNCATED = "truncated"
    BAD_ENCODING = "bad_encoding"
    BAD_SYNTAX = "bad_syntax"
    ENTITY = "entity"
    TOO_DEEP = "too_deep"
    TOO_SLOW = "too_slow"
    CHANGED_WHILE_READ = "changed_while_read"
    NOT_REGULAR = "not_regular"
    OUTSIDE_ROOT = "outside_root"
    # Requests.
    BAD_JSON = "bad_json"
    DUPLICATE_KEY = "duplicate_key"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_FIELD = "unknown_field"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    RATE_LIMITED = "rate_limited"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BODY_TOO_LARGE = "body_too_large"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


FILE_CODES = frozenset(
    {
        Code.UNKNOWN_FORMAT,
        Code.TRUNCATED,
        Code.BAD_ENCODING,
        Code.BAD_SYNTAX,
        Code.ENTITY,
        Code.TOO_DEEP,
        Code.TOO_LARGE,
        Code.TOO_SLOW,
        Code.CHANGED_WHILE_READ,
        Code.NOT_REGULAR,
        Code.OUTSIDE_ROOT,
    }
)
"""The codes that may explain why a watched file could not be read."""

HELD_CODES = frozenset({Code.KEY_REVOKED, Code.KEY_RETIRED, Code.FORKED, Code.NOT_UNDERSTOOD})
"""The codes of entries that are stored and receipted, but help no decision."""

REFUSED_CODES = frozenset(
    {
        Code.MALFORMED_ENVELOPE,
        Code.MALFORMED_STATEMENT,
        Code.BAD_SIGNATURE,
        Code.UNKNOWN_KEY,
        Code.WRONG_AUDIENCE,
        Code.WRONG_TYPE,
        Code.WRONG_COLLECTOR,
        Code.WRONG_STREAM,
        Code.OUTSIDE_LIMITS,
        Code.BAD_LINK,
        Code.TOO_LARGE,
    }
)
"""The codes of entries that are not stored."""


class CarnetError(Exception):
    """Base of everything this product raises on purpose.

    `code` is machine-readable, `detail` says what is wrong, `hint` says what to do about it. None of the three ever
    holds a secret.
    """

    exit_status = 70

    def __init__(self, code: Code, detail: str, hint: str | None = None) -> None:
        """Keep the three parts; `str(error)` is the detail, followed by the hint where there is one."""
        super().__init__(detail if hint is None else f"{detail} ({hint})")
        self.code = code
        self.detail = detail
        self.hint = hint


class ConfigError(CarnetError):
    """The configuration or the set-up of this host is wrong: fix the file; only raised at start."""

    exit_status = 78

    def __init__(self, detail: str, hint: str | None = None) -> None:
        """Take what is wrong and what would be right; the code of a configuration error is always `invalid_field`."""
        super().__init__(Code.INVALID_FIELD, detail, hint)


class MalformedError(CarnetError):
    """The sender's bytes are wrong: the same bytes will never work."""

    exit_status = 65


class UntrustedError(CarnetError):
    """Well-formed, but not believed: key, signature, token or scope."""

    exit_status = 77


class StateError(CarnetError):
    """What is asked for is not there, or no longer in that state."""

    exit_status = 1


class TryLaterError(CarnetError):
    """Wait and try again; the only family that is ever retried."""

    exit_status = 75

    def __init__(
        self,
        code: Code,
        detail: str,
        hint: str | None = None,
        *,
        delay_seconds: float | None = None,
    ) -> None:
        """Take, besides the three parts, how long the other side asked to wait, where it said so."""
        super().__init__(code, detail, hint)
        self.delay_seconds = delay_seconds
