"""Our own patterns of secrets: tokens of this product, and what a library's rules find only in company or with quotes.

A report holds one text here and one there, so a cloud key stands without its id, and a password without a user name.
Invariant: the time is linear. No expression matches in two ways, and one that can fail at each letter looks only so
far ahead.
"""

from __future__ import annotations

import re

from shared.redaction import Pattern

_ASSIGNED = r"[\"'`]?\s{0,20}(?:=>|:=|=|:)\s{0,20}[\"'`]?"
_NOTHING = r"(?!(?:none|null|nil|true|false|undefined|required|redacted)\b|[*<{%]|\$\{)"
_VALUE = r"[^\s\"'`,;&<>()\[\]{}|]"
_WITH_DIGIT = rf"(?={_VALUE}{{0,200}}\d)"


def _pattern(kind: str, needles: str, regex: str) -> Pattern:
    return Pattern(kind, tuple(needles.split()), re.compile(regex, re.IGNORECASE))


def _prefixed(kind: str, prefix: str, rest: str) -> Pattern:
    """A token that begins with a prefix of its own, wherever it stands."""
    return Pattern(kind, (prefix.lower(),), re.compile(re.escape(prefix) + rest))


OURS: tuple[Pattern, ...] = (
    _prefixed("carnet-api-key", "mw_live_", r"[0-9A-Za-z]{8,}"),
    _prefixed("carnet-gate-token", "rp_live_", r"[0-9A-Za-z]{8,}"),
    _prefixed("carnet-invitation", "ce_once_", r"[0-9A-Za-z]{8,}"),
    _prefixed("carnet-access-token", "ca_hour_", r"[0-9A-Za-z]{8,}"),
    _prefixed("carnet-session", "rp_sess_", r"[0-9A-Za-z]{8,}"),
)
"""The tokens that this product gives out."""

ALONE: tuple[Pattern, ...] = (
    Pattern(
        "aws-access-key-id",
        ("akia", "asia", "abia", "acca", "a3t"),
        re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Z0-9])"),
    ),
    Pattern("azure-client-secret", ("q~",), re.compile(r"[\w~.]{3}\dQ~[\w~.-]{31,34}")),
    Pattern("azure-storage-key", ("==",), re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==")),
    _prefixed("alibaba-access-key-id", "LTAI", r"(?=[A-Za-z]{0,24}\d)[A-Za-z0-9]{12,24}(?![A-Za-z0-9])"),
    _prefixed("artifactory-api-key", "AKCp", r"[A-Za-z0-9]{40,}"),
    _prefixed("artifactory-reference-token", "cmVmdGtu", r"[A-Za-z0-9+/=]{20,}"),
    Pattern("cloudflare-origin-ca-key", ("v1.0-",), re.compile(r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}")),
    _prefixed("exoscale-api-key", "EXO", r"[a-f0-9]{24}(?![a-z0-9])"),
    Pattern("jwt", ("eyj",), re.compile(r"eyJ[\w-]{15,400}\.ey[\w-]{10,}(?:\.[\w-]{5,})?")),
    _prefixed("langfuse-secret-key", "sk-lf-", r"[0-9a-f-]{36}"),
    _prefixed("mongodb-atlas-secret", "mdb_sa_sk_", r"[\w-]{20,}"),
    _prefixed("new-relic-key", "NRAK-", r"[A-Z0-9]{27}"),
    _prefixed("planetscale-token", "pscale_tkn_", r"[\w.-]{20,}"),
    Pattern("razorpay-key-id", ("rzp_",), re.compile(r"rzp_(?:live|test)_[A-Za-z0-9]{14}")),
    Pattern("salesforce-token", ("00d",), re.compile(r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{80,}")),
    Pattern("sendgrid-api-token", ("sg.",), re.compile(r"SG\.[\w=-]{20,24}\.[\w=-]{39,50}")),
    _prefixed("supabase-key", "sb_secret_", r"[\w-]{20,}"),
    Pattern("telegram-token", (":aa",), re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{32,34}")),
    Pattern("vault-token", ("hvs.", "hvb."), re.compile(r"hv[sb]\.[\w-]{24,}")),
)
"""What the library reports only where its other half or a blank stands beside it, and can be told without."""

WRITTEN: tuple[Pattern, ...] = (
    _pattern("uri-password", "://", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:\"'<>]{0,128}:([^\s/\"'<>]{1,256})@"),
    _pattern("uri-token", "://", r"\b[a-z][a-z0-9+.-]{1,20}://([^\s/@:\"'<>]{20,256})@"),
    _pattern(
        "authorization-header",
        "authorization",
        rf"authorization{_ASSIGNED}(?:(?:basic|bearer|token|apikey|digest|negotiate)\s{{1,3}})?{_NOTHING}({_VALUE}{{8,}})",
    ),
    _pattern("bearer-token", "bearer", rf"\bbearer\s{{1,3}}{_WITH_DIGIT}([\w.~+/=-]{{16,}})"),
    _pattern(
        "password",
        "password passwd passphrase passcode pwd",
        rf"(?:password|passwd|passphrase|passcode|pwd){_ASSIGNED}{_NOTHING}{_WITH_DIGIT}({_VALUE}{{4,}})",
    ),
    _pattern(
        "password",
        "password passwd passphrase passcode pwd",
        rf"(?:password|passwd|passphrase|passcode|pwd)[\"'`]?=[\"'`]?{_NOTHING}({_VALUE}{{4,}})",
    ),
    _pattern(
        "shared-key",
        "key secret token sig",
        r"(?:account|access|api|auth|client|private|refresh|secret|shared|signing)[ _-]?(?:access[ _-]?)?"
        rf"(?:key|secret|signature|token){_ASSIGNED}{_NOTHING}{_WITH_DIGIT}({_VALUE}{{12,}})",
    ),
    _pattern("signed-url", "sig=", rf"[?&]sig={_WITH_DIGIT}({_VALUE}{{16,}})"),
    _pattern(
        "command-line-secret",
        "--",
        r"--(?:password|passwd|token|secret|api-?key|access-?key|secret-?key)[= ]"
        rf"\s{{0,3}}[\"']?{_NOTHING}({_VALUE}{{4,}})",
    ),
)
"""What says by the words before it that it is a secret."""

PATTERNS = (*OURS, *ALONE, *WRITTEN)
"""All of them, in the order in which they are tried."""
