"""How things hang together: the digests, commits and pull requests that stand with each other in what was said.

Links are by digest and by full commit, so evidence may come before or after what it is of. Invariants: every query goes
by an index and has an end; of what very much hangs on, the newest is found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, false, func, select

from receiver.core.posting import Record
from receiver.store.engine import Tx
from receiver.store.keyed import of_workspace
from receiver.store.record_tables import components, records
from receiver.store.schema import attestations, envelopes, subjects
from shared.encoding import parse_payload
from shared.predicates import ClaimType

COUNTED = 200
"""How many of one kind are found by one key, the newest."""
_TYPES_OF_FILES = (ClaimType.BUILD_PROVENANCE.value, ClaimType.SBOM.value)
_FULL_COMMITS = frozenset({40, 64})
_OF_FILES = (Record.ARTIFACT, Record.ATTESTATION, Record.DEPLOYMENT)
_MAX_OPENED = 20
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class ByDigest:
    """Hangs on the SHA-256 of a file (32 bytes)."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class ByCommit:
    """Hangs on a commit, in hex as it was written."""

    commit: str

    @property
    def digest(self) -> bytes | None:
        """The commit as a subject; None for an abbreviated one, which links nothing."""
        return bytes.fromhex(self.commit) if len(self.commit) in _FULL_COMMITS else None


@dataclass(frozen=True, slots=True)
class ByPullRequest:
    """Hangs on a pull request; without a repository, on any of that number.

    `alone` keeps what names neither a commit nor a file: the rest of a pull request may be of another commit of it.
    """

    number: int
    repository: str | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class ByRepository:
    """Is of a repository."""

    repository: str


@dataclass(frozen=True, slots=True)
class ByComponent:
    """Lists a component."""

    component: str


Key = ByDigest | ByCommit | ByPullRequest | ByRepository | ByComponent
"""What something hangs on."""


def with_prefix(tx: Tx, workspace_id: str, digits: str, limit: int) -> list[bytes]:
    """Give the digests and full commits that something is about and that begin with these lower-case hex digits."""
    odd = len(digits) % 2
    low, high = bytes.fromhex(digits + "0" * odd), bytes.fromhex((digits + "f" * odd).ljust(_SHA256_DIGITS + 2, "f"))
    found: list[bytes] = []
    above: ColumnElement[bool] = subjects.c.digest >= low
    while len(found) < limit:
        # The least one above the last: a row of the index for each, however much is about it.
        asked = select(func.min(subjects.c.digest)).where(
            subjects.c.workspace_id == workspace_id, above, subjects.c.digest <= high
        )
        one: bytes | None = tx.execute(asked).scalar_one()
        if one is None:
            break
        found.append(one)
        above = subjects.c.digest > one
    return found


def commits_with_prefix(tx: Tx, workspace_id: str, digits: str, limit: int) -> list[str]:
    """Give the commits that something was posted of and that begin so, abbreviated ones too."""
    found: list[str] = []
    above: ColumnElement[bool] = records.c.commit >= digits
    while len(found) < limit:
        asked = select(func.min(records.c.commit)).where(
            records.c.workspace_id == workspace_id, above, records.c.commit < digits + "g"
        )
        one: str | None = tx.execute(asked).scalar_one()
        if one is None:
            break
        found.append(one)
        above = records.c.commit > one
    return found


def is_commit(tx: Tx, workspace_id: str, digest: bytes) -> bool:
    """Say whether 32 bytes that something is about are a commit's, by what is about them."""
    asked = _about(workspace_id, digest, attestations.c.commit).limit(1)
    return tx.execute(asked).scalar() == digest.hex()


def digests_named(tx: Tx, workspace_id: str, name: str) -> list[bytes]:
    """Give the digests of the newest artifacts with this name."""
    asked = _records(workspace_id, records.c.digest, records.c.name == name, records.c.kind == Record.ARTIFACT.value)
    return _each_once(tx.execute(asked).scalars())


def commits_of(tx: Tx, workspace_id: str, key: Key) -> list[str]:
    """Give the commits that stand with something, the newest first."""
    if isinstance(key, ByDigest):
        asked = _about(workspace_id, key.digest, attestations.c.commit)
    else:
        asked = _said(workspace_id, attestations.c.commit, _of_attestations(key))
    return _each_once(tx.execute(asked).scalars())


def pull_requests_of(tx: Tx, workspace_id: str, key: ByDigest | ByCommit) -> list[ByPullRequest]:
    """Give the pull requests that stand with a file or a full commit, the newest first."""
    if key.digest is None:
        return []
    asked = _about(workspace_id, key.digest, attestations.c.pr_number).add_columns(attestations.c.repository)
    found = tx.execute(asked.where(attestations.c.pr_number.is_not(None)))
    return _each_once(ByPullRequest(number, repository, alone=True) for number, repository in found)


def digests_of(tx: Tx, workspace_id: str, key: Key) -> list[bytes]:
    """Give the digests of files that stand with something, the newest first."""
    posted: list[bytes | None] = []
    for kind in _OF_FILES:
        asked = _records(workspace_id, records.c.digest, _of_records(key), records.c.kind == kind.value)
        posted += tx.execute(asked).scalars()
    signed: list[int] = []
    if isinstance(key, ByCommit) and key.digest is not None:
        of_files = _about(workspace_id, key.digest, attestations.c.n).where(
            attestations.c.type.in_(_TYPES_OF_FILES), attestations.c.collector_id.is_not(None)
        )
        signed = list(tx.execute(of_files.limit(_MAX_OPENED)).scalars())
    commit = key.digest if isinstance(key, ByCommit) else None
    return _each_once([*posted, *(one for one in subjects_of(tx, workspace_id, signed) if one != commit)])


def subjects_of(tx: Tx, workspace_id: str, numbers: Collection[int]) -> list[bytes]:
    """Give the digests of files that attestations name as their subjects, out of their signed bytes."""
    payloads = tx.execute(
        select(envelopes.c.payload).where(
            of_workspace(envelopes, workspace_id), envelopes.c.n.in_(list(numbers)[:_MAX_OPENED])
        )
    )
    found: list[bytes] = []
    for payload in payloads.scalars():
        named = parse_payload(payload).get("subject")
        for subject in named if isinstance(named, list) else []:
            digests = subject.get("digest") if isinstance(subject, dict) else None
            digits = digests.get("sha256") if isinstance(digests, dict) else None
            if isinstance(digits, str):
                found.append(bytes.fromhex(digits))
    return _each_once(found)


def attestation_numbers(tx: Tx, workspace_id: str, key: Key) -> list[int]:
    """Give the numbers of the newest attestations that hang on a key."""
    digest = key.digest if isinstance(key, ByDigest | ByCommit) else None
    if digest is not None:
        asked = _about(workspace_id, digest, attestations.c.n)
    elif isinstance(key, ByComponent):
        return _listing(tx, workspace_id, key.component)
    else:
        asked = _said(workspace_id, attestations.c.n, _of_attestations(key))
    return list(tx.execute(asked.where(attestations.c.record == Record.ATTESTATION.value)).scalars())


def record_numbers(tx: Tx, workspace_id: str, kind: Record, key: Key) -> list[int]:
    """Give the numbers of the newest records of a kind that hang on a key."""
    asked = _records(workspace_id, records.c.r, _of_records(key), records.c.kind == kind.value)
    return list(tx.execute(asked).scalars())


def _listing(tx: Tx, workspace_id: str, component: str) -> list[int]:
    found = tx.execute(
        select(components.c.n)
        .where(components.c.workspace_id == workspace_id, components.c.component == component)
        .order_by(components.c.n.desc())
        .limit(COUNTED)
    )
    return list(found.scalars())


def _about(workspace_id: str, digest: bytes, column: ColumnElement[Any]) -> Select[Any]:
    """Ask for a column of the newest attestations about a digest or a commit."""
    return (
        select(column)
        .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
        .where(subjects.c.workspace_id == workspace_id, subjects.c.digest == digest)
        .order_by(subjects.c.n.desc())
        .limit(COUNTED)
    )


def _said(workspace_id: str, column: ColumnElement[Any], where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(column)
        .where(attestations.c.workspace_id == workspace_id, where)
        .order_by(attestations.c.n.desc())
        .limit(COUNTED)
    )


def _records(workspace_id: str, column: ColumnElement[Any], *where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(column).where(records.c.workspace_id == workspace_id, *where).order_by(records.c.r.desc()).limit(COUNTED)
    )


def _of_attestations(key: Key) -> ColumnElement[bool]:
    if isinstance(key, ByPullRequest):
        return _of_pull_request(attestations, key)
    return attestations.c.repository == key.repository if isinstance(key, ByRepository) else false()


def _of_records(key: Key) -> ColumnElement[bool]:
    if isinstance(key, ByDigest):
        return records.c.digest == key.digest
    if isinstance(key, ByCommit):
        return records.c.commit == key.commit
    if isinstance(key, ByPullRequest):
        return _of_pull_request(records, key)
    return records.c.repository == key.repository if isinstance(key, ByRepository) else false()


def _of_pull_request(table: Table, key: ByPullRequest) -> ColumnElement[bool]:
    said = table.c.pr_number == key.number
    if key.repository is not None:
        said = and_(said, table.c.repository == key.repository)
    return and_(said, table.c.commit.is_(None)) if key.alone else said


def _each_once(found: Any) -> list[Any]:  # noqa: ANN401 - of whatever is in it
    return list(dict.fromkeys(one for one in found if one is not None))
