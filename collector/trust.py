"""Whom this collector believes: the enrolment it holds, and the walk from one keyring to the newest. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import dsse
from shared.encoding import parse_payload
from shared.errors import Code, MalformedError
from shared.keyring import TrustedKeyring, newer_keyring, version_of
from shared.predicates import Audience

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Enrolled:
    """For whom this host collects, under which id, and the keyring that the receiver's statements are read with."""

    collector_id: str
    keyring: TrustedKeyring
    envelope: bytes
    enrolment: bytes

    @property
    def audience(self) -> Audience:
        """The workspace, as every statement of this collector names it."""
        return Audience(receiver=self.keyring.audience.receiver, workspace=self.keyring.audience.workspace)

    @property
    def key_id(self) -> str:
        """The id of the key that the receiver took in, as the statement says; raises `MalformedError`."""
        predicate = parse_payload(dsse.parse(self.enrolment).payload).get("predicate")
        key_id = predicate.get("collectorKeyId") if isinstance(predicate, dict) else None
        if not isinstance(key_id, str):
            raise MalformedError(Code.MALFORMED_STATEMENT, "the enrolment names no key")
        return key_id


def follow(held: TrustedKeyring, versions: Sequence[bytes]) -> tuple[TrustedKeyring, bytes | None]:
    """Walk from the keyring held to the newest one of a list, link by link.

    Gives the newest with its envelope (None where nothing is newer); raises `UntrustedError` or `MalformedError`.
    """
    newest: bytes | None = None
    for raw in versions:
        envelope = dsse.parse(raw)
        if version_of(envelope) <= held.content.version:
            continue
        held, newest = newer_keyring(held, envelope), raw
    return held, newest
