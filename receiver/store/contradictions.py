"""What speaks against stored attestations: found when the later of two comes, and looked up with them.

What an attestation says against itself is stored with it (`attestations.add`). Here is what one says against another:
a digest that signed evidence names under two commits (of a build, or of a report that tells its own time), and a posted
claim that says worse than a signed one. Either may come first. Invariants: what was held when it came speaks against
others once it is released, and not before; what spoke against others before it was held goes on to do so, since
distrust of one thing never makes another one better; what is held never says that something was built.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, not_, select

from receiver.core.placing import Status
from receiver.core.posting import Record
from receiver.store import standing, suspects
from receiver.store.attestations import FromCollector, New
from receiver.store.bulk import insert_rows
from receiver.store.columns import micros
from receiver.store.engine import Tx
from receiver.store.record_tables import contradictions, dated_reports, failing_posts
from receiver.store.schema import attestations, envelopes, subjects
from shared.encoding import digest_text
from shared.judging.contradictions import Contradiction, Kind
from shared.predicates import ClaimType

_SHA256_BYTES = 32
_BUILT = frozenset({Record.ATTESTATION, Record.ARTIFACT})

# Asked for with every batch: built once, since building a query takes several times as long as running it.
_AGAINST = (
    select(contradictions, attestations.c.id, attestations.c.status)
    .join_from(contradictions, attestations, contradictions.c.other == attestations.c.n, isouter=True)
    .where(
        contradictions.c.workspace_id == bindparam("its_workspace"),
        contradictions.c.n.in_(bindparam("its_numbers", expanding=True)),
        # Worked out when it is read, since it goes by how the builds stand then.
        contradictions.c.kind != Kind.NOT_BUILT.value,
    )
    .order_by(contradictions.c.n, contradictions.c.other, contradictions.c.kind, contradictions.c.field)
)
_BUILT_AS = (
    select(subjects.c.digest, attestations.c.n, attestations.c.commit)
    .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
    .where(
        subjects.c.workspace_id == bindparam("its_workspace"),
        subjects.c.digest.in_(bindparam("its_digests", expanding=True)),
        attestations.c.collector_id.is_not(None),
    )
)
_REPORTED_AS = (
    select(dated_reports.c.digest, attestations.c.n, attestations.c.commit)
    .join_from(dated_reports, attestations, dated_reports.c.n == attestations.c.n)
    .where(
        dated_reports.c.workspace_id == bindparam("its_workspace"),
        dated_reports.c.digest.in_(bindparam("its_digests", expanding=True)),
    )
)
_FAILING = select(failing_posts.c.digest, failing_posts.c.type, failing_posts.c.name, failing_posts.c.n).where(
    failing_posts.c.workspace_id == bindparam("its_workspace"),
    failing_posts.c.digest.in_(bindparam("its_digests", expanding=True)),
)
_PASSING = (
    select(attestations.c.n, attestations.c.id)
    .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
    .where(
        subjects.c.workspace_id == bindparam("its_workspace"),
        subjects.c.digest.in_(bindparam("its_digests", expanding=True)),
        attestations.c.type == bindparam("its_type"),
        attestations.c.name == bindparam("its_name"),
        attestations.c.collector_id.is_not(None),
        attestations.c.passed == 1,
    )
    .distinct()
)
_BUILDS = (
    select(subjects.c.digest, func.min(subjects.c.n).label("n"))
    .join_from(subjects, attestations, subjects.c.n == attestations.c.n)
    .join(envelopes, envelopes.c.n == attestations.c.n)
    .where(
        subjects.c.workspace_id == bindparam("its_workspace"),
        subjects.c.digest.in_(bindparam("its_digests", expanding=True)),
        subjects.c.n < bindparam("its_last"),
        attestations.c.type == ClaimType.BUILD_PROVENANCE.value,
    )
)
_SOUND_BUILDS = _BUILDS.where(not_(suspects.suspect(envelopes.c.key_id))).group_by(subjects.c.digest)
_OTHER_BUILDS = _BUILDS.where(suspects.suspect(envelopes.c.key_id)).group_by(subjects.c.digest, subjects.c.n)


@dataclass(frozen=True, slots=True)
class Found:
    """One contradiction of a stored attestation; `other` is the id of the one that it is with, None for itself."""

    said: Contradiction
    other: bytes | None


def of(
    tx: Tx, workspace_id: str, numbers: Collection[int], deployed: Mapping[int, bytes] | None = None
) -> dict[int, list[Found]]:
    """Give what speaks against each of these attestations, by number; those without anything are left out.

    `deployed` are the digests of those that are of deployments.
    """
    rows = tx.execute(_AGAINST, {"its_workspace": workspace_id, "its_numbers": list(numbers)}).all()
    held = {row.other for row in rows if row.status == Status.HELD.value}
    silent = {n for n, stood in standing.of_numbers(tx, workspace_id, held).items() if stood.status is Status.HELD}
    found: dict[int, list[Found]] = {}
    for row in rows:
        if row.other not in silent:
            said = Contradiction(Kind(row.kind), row.field, row.detail)
            found.setdefault(row.n, []).append(Found(said, row.id))
    for n, digest in _not_built(tx, workspace_id, deployed or {}):
        detail = f"nobody has said that {digest_text(digest)} was built"
        found.setdefault(n, []).append(Found(Contradiction(Kind.NOT_BUILT, "", detail), None))
    return found


def look_around(tx: Tx, workspace_id: str, new: Sequence[New], now: datetime) -> None:
    """Find what attestations that were just stored contradict, or are contradicted by, and keep it.

    What is held is met too: it may be released.
    """
    found: set[tuple[int, str, int, str]] = set()
    found |= _two_commits(tx, workspace_id, [one for one in new if one.row.record in _BUILT])
    found |= _said_worse_before(tx, workspace_id, [one for one in new if isinstance(one.row.origin, FromCollector)])
    for one in new:
        if not isinstance(one.row.origin, FromCollector) and one.digests and (one.against or not one.row.passed):
            found |= _says_worse(tx, workspace_id, one)
            insert_rows(
                tx,
                failing_posts,
                [(workspace_id, digest, one.row.type, one.row.name, one.row.n) for digest in one.digests],
            )
    insert_rows(
        tx,
        contradictions,
        [(workspace_id, n, kind, "", other, detail, micros(now)) for n, kind, other, detail in sorted(found)],
    )


def _two_commits(tx: Tx, workspace_id: str, new: Sequence[New]) -> set[tuple[int, str, int, str]]:
    """Find digests that were signed as of another commit; both say so from now on.

    Asked for what was built, and for reports that tell their own time: an empty list of findings may be the same for
    many commits, the report of one run may not. A post speaks against nothing that is signed, but for itself.
    """
    built = [(one, _artifacts(one)) for one in new if one.row.type == ClaimType.BUILD_PROVENANCE.value]
    dated = [(one, {one.dated}) for one in new if one.dated is not None]
    return _of_another_commit(tx, workspace_id, _BUILT_AS, built) | _of_another_commit(
        tx, workspace_id, _REPORTED_AS, dated
    )


def _of_another_commit(
    tx: Tx, workspace_id: str, known_as: Select[Any], new: Sequence[tuple[New, set[bytes]]]
) -> set[tuple[int, str, int, str]]:
    asked = {digest for one, digests in new if one.row.commit is not None for digest in digests}
    if not asked:
        return set()
    known = tx.execute(known_as, {"its_workspace": workspace_id, "its_digests": list(asked)}).all()
    found: set[tuple[int, str, int, str]] = set()
    for one, mine in new:
        for digest, n, commit in known:
            if digest in mine and None not in (commit, one.row.commit) and commit != one.row.commit:
                detail = f"{digest_text(digest)} is signed as of the commit {one.row.commit} and of {commit}"
                found.add((one.row.n, Kind.TWO_COMMITS.value, n, detail))
                if isinstance(one.row.origin, FromCollector):
                    found.add((n, Kind.TWO_COMMITS.value, one.row.n, detail))
    return found


def _artifacts(one: New) -> set[bytes]:
    """The digests of files that it is about, without its commit."""
    commit = None if one.row.commit is None else one.row.commit.lower()
    return {digest for digest in one.digests if len(digest) == _SHA256_BYTES and digest.hex() != commit}


def _said_worse_before(tx: Tx, workspace_id: str, signed: Iterable[New]) -> set[tuple[int, str, int, str]]:
    """Find posts that failed what is now signed as passed."""
    passed = [one for one in signed if one.row.passed]
    digests = {digest for one in passed for digest in one.digests}
    if not digests:
        return set()
    known = tx.execute(_FAILING, {"its_workspace": workspace_id, "its_digests": list(digests)}).all()
    return {
        (one.row.n, Kind.SAID_WORSE.value, n, _WORSE)
        for one in passed
        for digest, type_, name, n in known
        if digest in one.digests and (type_, name) == (one.row.type, one.row.name)
    }


def _says_worse(tx: Tx, workspace_id: str, posted: New) -> set[tuple[int, str, int, str]]:
    """Find what is signed as passed and this post says failed."""
    asked = {
        "its_workspace": workspace_id,
        "its_digests": list(posted.digests),
        "its_type": posted.row.type,
        "its_name": posted.row.name,
    }
    return {(n, Kind.SAID_WORSE.value, posted.row.n, _WORSE) for n, _ in tx.execute(_PASSING, asked)}


def _not_built(tx: Tx, workspace_id: str, deployed: Mapping[int, bytes]) -> list[tuple[int, bytes]]:
    """Find deployments of a digest of which nobody whose word counts now had said that it was built when they came."""
    if not deployed:
        return []
    asked: dict[str, object] = {"its_workspace": workspace_id, "its_last": max(deployed)}
    sound = tx.execute(_SOUND_BUILDS, asked | {"its_digests": list(set(deployed.values()))})
    built: dict[bytes, int] = {row.digest: row.n for row in sound}
    open_ones = {digest for n, digest in deployed.items() if built.get(digest, n) >= n}
    if open_ones:
        others = tx.execute(_OTHER_BUILDS, asked | {"its_digests": list(open_ones)}).all()
        stood = standing.of_numbers(tx, workspace_id, {row.n for row in others})
        for digest, n in others:
            if stood[n].status is Status.ACCEPTED:
                built[digest] = min(n, built.get(digest, n))
    return [(n, digest) for n, digest in deployed.items() if built.get(digest, n) >= n]


_WORSE = "passed, and a claim of the same type and name for the same subject came with a token and did not"
