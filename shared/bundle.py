"""The bundle: one JSON document with a passport and everything that it rests on, in one spelling.

Nothing that is read here is believed: `shared.verify` does that. Invariants: what was read is written to the very same
bytes, or it is refused; a bundle is a function of its passport alone, so whoever exports it, and whenever, gets the
same bytes. Members, in this order and without white space: `carnet` (the format), `passport`, `request` (what was
asked), `facts` (what was known besides), `policies` (texts), `inputs` (the envelopes that the passport names), `keys`
(enrolments and rotations that introduce the collectors' keys, sorted by id), `keyrings` (version 1 to the one that the
passport names), `rootKey` (SubjectPublicKeyInfo of the root that the last of these stands under: a hint).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared import dsse
from shared.dsse import Envelope
from shared.encoding import JsonObject, JsonValue, b64decode, b64encode, canonical, compact
from shared.errors import CarnetError, Code, MalformedError
from shared.keys import PublicKey, key_from_spki
from shared.members import split_members

FORMAT = "passport-bundle/v1"
MAX_BUNDLE_BYTES = 256 << 20
_MAX_ENVELOPES = 100_000

_RAW = frozenset({"passport"})
_LISTS = frozenset({"inputs", "keys", "keyrings"})
_VALUES = frozenset({"carnet", "request", "facts", "policies", "rootKey"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that nobody has verified; the module says what each part is."""

    passport: Envelope
    request: JsonObject
    facts: JsonObject
    policies: tuple[str, ...]
    inputs: tuple[Envelope, ...]
    keys: tuple[Envelope, ...]
    keyrings: tuple[Envelope, ...]
    root: PublicKey


def emit_bundle(bundle: Bundle) -> bytes:
    """Write a bundle in its one spelling; raises `ValueError` where request or facts are no JSON of ours."""
    members = (
        ("carnet", compact(FORMAT)),
        ("passport", bundle.passport.to_bytes()),
        ("request", canonical(bundle.request)),
        ("facts", canonical(bundle.facts)),
        ("policies", canonical(list(bundle.policies))),
        ("inputs", _list(bundle.inputs)),
        ("keys", _list(bundle.keys)),
        ("keyrings", _list(bundle.keyrings)),
        ("rootKey", compact(b64encode(bundle.root.spki))),
    )
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members) + b"}"


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle; believes nothing of it; raises `MalformedError` for any spelling but its one."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise MalformedError(Code.TOO_LARGE, f"a bundle of {len(data)} bytes", f"at most {MAX_BUNDLE_BYTES}")
    found = split_members(data, raw=_RAW, lists=_LISTS, max_elements=_MAX_ENVELOPES)
    if set(found.values) | set(found.raw) | set(found.lists) != _VALUES | _RAW | _LISTS:
        raise _not_one("its members are not those of a bundle")
    values = found.values
    if values["carnet"] != FORMAT:
        raise _not_one(f"it is not {FORMAT}")
    bundle = Bundle(
        passport=dsse.parse(found.raw["passport"]),
        request=_object(values["request"]),
        facts=_object(values["facts"]),
        policies=_texts(values["policies"]),
        inputs=tuple(dsse.parse(one) for one in found.lists["inputs"]),
        keys=tuple(dsse.parse(one) for one in found.lists["keys"]),
        keyrings=tuple(dsse.parse(one) for one in found.lists["keyrings"]),
        root=_root(values["rootKey"]),
    )
    if emit_bundle(bundle) != data:
        raise _not_one("it is not in its one spelling: a byte differs from what would be written")
    return bundle


def _list(envelopes: Sequence[Envelope]) -> bytes:
    return b"[" + b",".join(one.to_bytes() for one in envelopes) + b"]"


def _object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise _not_one("request and facts are objects")
    return value


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _not_one("policies are texts")
    texts = tuple(one for one in value if isinstance(one, str))
    if len(texts) != len(value):
        raise _not_one("policies are texts")
    return texts


def _root(value: JsonValue) -> PublicKey:
    try:
        return key_from_spki(b64decode(value if isinstance(value, str) else ""))
    except CarnetError as error:
        raise _not_one(f"rootKey: {error.detail}") from None


def _not_one(detail: str) -> MalformedError:
    return MalformedError(Code.INVALID_FIELD, f"this is not a bundle: {detail}", "use the file as it was exported")
