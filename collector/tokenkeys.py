"""Private keys in a token (PKCS#11 3.0, CKM_EDDSA): made there, never leaving it, found by the key that signs.

The key has the configured label. A new one is made beside it under the label with `.next`, and takes the configured
one once its rotation was receipted. Invariants: the token is not believed: a signature that PyNaCl does not verify
under the public key is used for nothing; a key is ours by class, type, label and id, and by its public half, and no
other one is changed or destroyed; one that nothing names gets a label with `.unused`, and is not used.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, cast

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import MultipleObjectsReturned, NoSuchKey, PKCS11Error

from collector.keys import RESTORE_THE_KEY, Held, is_held, not_introduced, own_keys
from collector.tokens import TokenPlace, TokenSession
from shared.errors import CarnetError, Code, ConfigError, TryLaterError
from shared.keys import KEY_BYTES, PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pkcs11.types import SignMixin

    from collector.keys import Rotation
    from collector.pins import RefusedPin
    from shared.keys import Signer

ED25519 = bytes.fromhex("06032b6570")
"""CKA_EC_PARAMS: the curve's object identifier 1.3.101.112 in DER (RFC 8410)."""
POINT_PREFIXES = (b"\x04\x20", b"\x03\x21\x00", b"")
"""What tokens write before the 32 bytes of CKA_EC_POINT: an octet string, a bit string, or nothing."""
_ID_BYTES = 16
_NEXT, _UNUSED = ".next", ".unused"
_UNKNOWN_AGE = date(1970, 1, 1)
_KIND = {Attribute.KEY_TYPE: KeyType.EC_EDWARDS}


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A key in the token: its public half, and the CKA_ID that both halves have."""

    public: PublicKey
    object_id: bytes
    keys: TokenKeys = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """Have the token sign; raises `TryLaterError` where it does not, or signs wrongly: then files wait."""
        signature = self.keys.sign(self.object_id, message)
        if not self.public.verify(message, signature):
            raise TryLaterError(
                Code.BAD_SIGNATURE,
                f"the token's signature does not verify under {self.public.key_id}",
                "nothing was signed; look whether the token, or another program that uses it, is in order",
            )
        return signature


class TokenKeys:
    """The keys of one collector in one token; one session at a time, from any thread."""

    def __init__(self, place: TokenPlace, today: Callable[[], date], refused: RefusedPin | None = None) -> None:
        """Take where the keys are, and where a refused PIN is remembered; nothing is opened before it is needed."""
        self._place = place
        self._today = today
        self._private: dict[bytes, SignMixin] = {}
        self._session = TokenSession(place, refused, self._private.clear)

    def __repr__(self) -> str:
        """Show the place, never the PIN."""
        return f"TokenKeys({self._place!r})"

    @property
    def place(self) -> str:
        """The label of the key, and the token's."""
        return f"{self._place.label} in the token {self._place.token}"

    def check(self, _hint: str = "") -> None:
        """Log in to the token; raises `ConfigError`."""
        with self._opened():
            pass

    def load(self) -> Signer | None:
        """Give the only key with the configured label; raises `ConfigError` where there are several."""
        with self._opened() as session:
            found = list(self._signers(session, self._place.label))
        if len(found) > 1:
            raise ConfigError(
                f"{len(found)} keys in the token are labelled {self._place.label!r}: which one is this collector's?",
                "give each collector a label of its own, or label the others differently",
            )
        return found[0] if found else None

    def make_first(self, random: Callable[[int], bytes]) -> Signer:
        """Make the first key; raises `ConfigError` where one has the label."""
        with self._session.lock:
            if self.load() is not None:
                raise ConfigError(f"the token has a key labelled {self._place.label!r} already", "use another label")
            return self._made(self._place.label, random)

    def make(self, random: Callable[[int], bytes]) -> Signer:
        """Make a further key, labelled as the next one."""
        return self._made(self._place.label + _NEXT, random)

    def choose(self, rotations: Sequence[Rotation]) -> Held:
        """Find the keys that the spool's rotations name; raises `ConfigError` where the one that signs is not here."""
        with self._opened() as session:
            if not rotations:
                signer = self.load()
                if signer is None:
                    raise ConfigError(f"no key in the token is labelled {self._place.label!r}", RESTORE_THE_KEY)
                return Held(signer, self._made_at(session, signer.public), (), (signer.public,))
            known = {one.public: one for one in self._both(session)}
        last = rotations[-1]
        signing = known.get(last.new)
        if signing is None:
            raise ConfigError(
                f"no key in the token is {last.new.key_id}, which signs since the rotation at {last.place}",
                f"its label is {self._place.label!r}, or that and {_NEXT!r}; give this host the token that it had",
            )
        older = tuple(known[one.old] for one in not_introduced(rotations) if one.old in known)
        own = own_keys(signing.public, rotations)
        return Held(signing, last.rotated_at, older, own, is_held(rotations))

    def discard(self, key: PublicKey) -> None:
        """Destroy a new key that never came into force; one that stays is put away at the next start."""
        with suppress(CarnetError), self._opened() as session:
            self._destroy(session, key)

    def retire(self, signing: PublicKey, old: Collection[PublicKey]) -> None:
        """Give the key that signs the configured label, and destroy the old ones; raises `ConfigError`."""
        with self._opened() as session:
            for signer in self._signers(session, self._place.label + _NEXT):
                if signer.public == signing:
                    self._label(session, signer, self._place.label)
            for key in old:
                if key != signing:
                    self._destroy(session, key)

    def put_away(self, held: Held) -> list[str]:
        """Label the new keys that no rotation ever named as unused; gives their labels with their key ids."""
        kept = {one.public for one in held.asking}
        put: list[str] = []
        with self._opened() as session:
            for signer in list(self._signers(session, self._place.label + _NEXT)):
                if signer.public not in kept:
                    self._label(session, signer, self._place.label + _UNUSED)
                    put.append(f"{self._place.label}{_UNUSED} {signer.public.key_id}")
        return put

    def sign(self, object_id: bytes, message: bytes) -> bytes:
        """Give what the token answers; raises `TryLaterError`, after a second session was tried too."""
        try:
            with self._opened() as session:
                return self._signed(session, object_id, message)
        except ConfigError:
            self.close()  # the token was pulled, or its daemon began anew
        try:
            with self._opened() as session:
                return self._signed(session, object_id, message)
        except ConfigError as error:
            raise TryLaterError(Code.UNAVAILABLE, error.detail, error.hint) from None

    def close(self) -> None:
        """Log out."""
        self._session.close()

    def _opened(self) -> AbstractContextManager[pkcs11.Session]:
        return self._session.opened()

    def _signed(self, session: pkcs11.Session, object_id: bytes, message: bytes) -> bytes:
        key = self._private.get(object_id)
        if key is None:
            # Looked for once in a session: a search costs a token more than a signature.
            found = self._halves(session, object_id, ObjectClass.PRIVATE_KEY)
            if len(found) != 1:
                raise NoSuchKey if not found else MultipleObjectsReturned
            key = self._private[object_id] = cast("SignMixin", found[0])
        return bytes(key.sign(message, mechanism=Mechanism.EDDSA))

    def _made(self, label: str, random: Callable[[int], bytes]) -> Signer:
        object_id = random(_ID_BYTES)
        with self._opened() as session:
            curve = session.create_domain_parameters(KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: ED25519}, local=True)
            public, _ = curve.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                label=label,
                id=object_id,
                public_template={Attribute.START_DATE: self._today()},
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
            key = _public_key(public[Attribute.EC_POINT])
        if key is None:
            raise ConfigError("the token made a key that is none of Ed25519", "this token cannot be used")
        key.check_sound()
        return TokenSigner(key, object_id, self)

    def _both(self, session: pkcs11.Session) -> Iterator[TokenSigner]:
        yield from self._signers(session, self._place.label)
        yield from self._signers(session, self._place.label + _NEXT)

    def _signers(self, session: pkcs11.Session, label: str) -> Iterator[TokenSigner]:
        """Give the keys with a label of which both halves are there; raises `ConfigError` where an id has two keys."""
        for one in list(self._publics(session, label)):
            if self._halves(session, one.object_id, ObjectClass.PRIVATE_KEY):
                _check_alone(session, one.object_id, label)
                yield one

    def _publics(self, session: pkcs11.Session, label: str) -> Iterator[TokenSigner]:
        wanted = {**_KIND, Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: label}
        for found in list(session.get_objects(wanted)):
            key = _public_key(found[Attribute.EC_POINT])
            if key is not None:
                yield TokenSigner(key, bytes(found[Attribute.ID]), self)

    def _made_at(self, session: pkcs11.Session, key: PublicKey) -> datetime:
        made = _UNKNOWN_AGE
        for signer in self._signers(session, self._place.label):
            if signer.public == key:
                for public in self._halves(session, signer.object_id, ObjectClass.PUBLIC_KEY):
                    with suppress(ValueError, PKCS11Error):  # a key that others made has no date
                        made = public[Attribute.START_DATE]
        return datetime.combine(made, time(), UTC)

    def _label(self, session: pkcs11.Session, signer: TokenSigner, label: str) -> None:
        for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
            for half in self._halves(session, signer.object_id, kind):
                half[Attribute.LABEL] = label

    def _destroy(self, session: pkcs11.Session, key: PublicKey) -> None:
        for label in (self._place.label, self._place.label + _NEXT):
            for one in self._publics(session, label):
                if one.public == key:
                    _check_alone(session, one.object_id, label)
                    # The private half first: what is left of a kill in between is found again by the public one.
                    self._private.pop(one.object_id, None)
                    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
                        for half in self._halves(session, one.object_id, kind):
                            half.destroy()

    def _halves(self, session: pkcs11.Session, object_id: bytes, kind: ObjectClass) -> list[pkcs11.Object]:
        """Find one half of a key of ours by its id: of its class and type, under any label that we give."""
        found: list[pkcs11.Object] = []
        for label in (self._place.label, self._place.label + _NEXT, self._place.label + _UNUSED):
            wanted = {**_KIND, Attribute.CLASS: kind, Attribute.ID: object_id, Attribute.LABEL: label}
            found += session.get_objects(wanted)
        return found


def _check_alone(session: pkcs11.Session, object_id: bytes, label: str) -> None:
    """Refuse an id that two keys have: one cannot be told from the other; raises `ConfigError`."""
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        if len(list(session.get_objects({Attribute.CLASS: kind, Attribute.ID: object_id}))) > 1:
            raise ConfigError(
                f"two keys in the token have the id (CKA_ID) {object_id.hex() or 'of no bytes'}, one of them labelled"
                f" {label!r}: nothing is signed or removed",
                "give each key in the token an id of its own",
            )


def _public_key(point: bytes) -> PublicKey | None:
    for prefix in POINT_PREFIXES:
        if point.startswith(prefix) and len(point) == len(prefix) + KEY_BYTES:
            return PublicKey(bytes(point[len(prefix) :]))
    return None
