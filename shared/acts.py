"""Acts of a workspace's root and decision keys: keyrings, and what people decided, each with a place in the register.

The register is one chained list a workspace, so that nobody can leave out an act unseen. A person in a statement is the
receiver's record of who asked; the signature is the receiver's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.encoding import MAX_INTEGER, JsonObject
from shared.fields import Count, DigestText, Id, LongName, Name, Random, Spki, Timestamp, Wire
from shared.predicatebase import Predicate, Role


class Register(Wire):
    """A place in the workspace's chained list of acts: numbered from 1 without a hole, `previous` null at 1."""

    number: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    previous: DigestText | None

    def to_wire(self) -> JsonObject:
        """Give the fields; the null of the first number is written out."""
        return {"number": self.number, "previous": self.previous}


class Registered(Predicate):
    """What statements have that take a place in the register."""

    register_: Annotated[Register, Field(alias="register")]

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire."""
        return super().to_wire() | {"register": self.register_.to_wire()}


class RoleKey(Wire):
    """A key of the receiver's, the one role it signs for, and from when until when it is good."""

    key_id: DigestText
    public_key: Spki
    role: Annotated[Role, Field(strict=False)]
    valid_from: Timestamp
    valid_until: Timestamp | None = None


class EndedKey(Wire):
    """A collector's key that a revocation ended: the revocation's number in the register, and since when.

    `since` null is always; of a lost key it is the time of the revocation.
    """

    key_id: DigestText
    number: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    since: Timestamp | None

    def to_wire(self) -> JsonObject:
        """Give the fields; a null is written out."""
        return {"since": None} | super().to_wire()


class Keyring(Registered):
    """`urn:carnet:keyring:v1`: who signs what for this workspace; signed by its root key alone.

    One that brings a new root names both in `roots`, the old one first, and is signed by both in this order.
    `revocations` are the ids of keys that are no longer good; `ended` says of them by which revocation, and since when.
    """

    version: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    previous: DigestText | None
    issued_at: Timestamp
    keys: tuple[RoleKey, ...] = Field(strict=False)
    revocations: tuple[DigestText, ...] = Field(default=(), strict=False)
    ended: tuple[EndedKey, ...] = Field(default=(), strict=False)
    roots: tuple[Spki, Spki] | None = Field(default=None, strict=False)

    def to_wire(self) -> JsonObject:
        """Give the fields; the null of the first version is written out, an empty `ended` is left out."""
        fields = super().to_wire() | {"previous": self.previous, "ended": [one.to_wire() for one in self.ended]}
        return {name: value for name, value in fields.items() if name != "ended" or self.ended}


class Person(Wire):
    """Who did an act, as the receiver recorded it: issuer and subject of the sign-in, its method, the role held."""

    issuer: Name
    subject: Name
    method: Name
    role: Name


class Limits(Wire):
    """What a collector may speak for: globs of repositories, services and environments; `*` is everything."""

    repositories: tuple[Name, ...] = Field(default=("*",), strict=False)
    services: tuple[Name, ...] = Field(default=("*",), strict=False)
    environments: tuple[Name, ...] = Field(default=("*",), strict=False)


class Enrolment(Registered):
    """`urn:carnet:enrolment:v1`: a collector's key was taken in, by whom, and for what it may speak.

    `request` is the attestation id of the request that it answers, where that was carried in as a file.
    """

    collector_id: Id
    name: Name
    public_key: Spki
    collector_key_id: DigestText
    limits: Limits
    by: Person
    enrolled_at: Timestamp
    request: DigestText | None = None


class Revocation(Registered):
    """`urn:carnet:revocation:v1`: a collector, one of its keys, or a token is no longer good.

    `keys` are all keys that it ends, those that came in by their rotations among them. What was received from `since`
    on is held; null is always. A `lost` key is good for what came before the revocation itself.
    """

    what: Literal["collector", "key", "token"]
    id: Name
    kind: Literal["lost", "compromised"]
    since: Timestamp | None
    keys: tuple[DigestText, ...] = Field(default=(), strict=False)
    reason: LongName
    by: Person
    revoked_at: Timestamp

    def to_wire(self) -> JsonObject:
        """Give the fields; a null is written out."""
        return super().to_wire() | {"since": super().to_wire().get("since")}


class Release(Registered):
    """`urn:carnet:release:v1`: held evidence counts after all, as two people say, or a revocation is taken back.

    Names the attestations that are released, or the register number of the revocation. `reason` is what the first of
    `by` said, `second_reason` what the second did, where that was something else.
    """

    attestations: tuple[DigestText, ...] = Field(default=(), strict=False)
    revocation: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    reason: LongName
    second_reason: LongName | None = None
    by: tuple[Person, ...] = Field(min_length=2, max_length=2, strict=False)
    released_at: Timestamp


class GapClosed(Registered):
    """`urn:carnet:gap-closed:v1`: these places of a stream are known to be lost, inclusive at both ends.

    Where `last` is the highest number that there is (2^53), nothing comes any more from `first` on, by what was known.
    """

    collector_id: Id
    stream: Random
    first: Count
    last: Count
    reason: LongName
    by: tuple[Person, ...] = Field(min_length=1, max_length=2, strict=False)
    closed_at: Timestamp
