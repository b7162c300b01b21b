"""What every predicate has, and what several are made of: audience, role, key, salt, collector, stream."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.encoding import JsonObject
from shared.fields import Count, DigestText, Id, Name, Random, Wire


class Audience(Wire):
    """For whom a statement is meant: one workspace of one receiver; receipts name the collector as well."""

    receiver: Id
    workspace: Id
    collector: Id | None = None

    def same_place(self, other: Audience) -> bool:
        """Say whether both name the same workspace of the same receiver."""
        return self.receiver == other.receiver and self.workspace == other.workspace


class Role(StrEnum):
    """Whose key may sign a type of statement."""

    COLLECTOR = "collector"
    ROOT = "root"
    RECEIPT = "receipt"
    CLAIM = "claim"
    DECISION = "decision"
    LOG = "log"


class Predicate(Wire):
    """What every predicate has; the time is named for the act in each of them."""

    audience: Audience
    key_id: DigestText
    salt: Random
    crit: tuple[str, ...] = Field(default=(), strict=False)

    def to_wire(self) -> JsonObject:
        """Give the fields as they stand on the wire; an empty `crit` is left out."""
        fields = super().to_wire()
        if not self.crit:
            fields.pop("crit", None)
        return fields


class Collector(Wire):
    """Which collector, which version of it, and the digest of the configuration that it runs with."""

    id: Id
    version: Name
    config_digest: DigestText


class StreamLink(Wire):
    """One place in a collector's numbered, chained stream; `previous` is null at sequence 0 and nowhere else."""

    id: Random
    epoch: Random
    sequence: Count
    previous: DigestText | None

    def to_wire(self) -> JsonObject:
        """Give the fields; the null of the first place is written out."""
        return {
            "id": self.id,
            "epoch": self.epoch,
            "sequence": self.sequence,
            "previous": self.previous,
        }
