"""Whom the words on runs ever named, and of which commits they were: each on its own, so that no order hides a name.

Revision: 0012

Until now a name went with the commits that its run was of by then, so all words are gone through once more; a name that
an older receiver left out since comes in, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.encoding import JsonValue, parse_payload
from shared.errors import ConfigError

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FULL = frozenset({40, 64})


def upgrade() -> None:
    # What forbids to change its rows goes with it.
    op.drop_table("triggered")
    named = _table("triggered", "run", "name")
    linked = _table("run_commits", "commit_sha", "run")
    connection = op.get_bind()
    runs = sa.text("SELECT workspace_id, record_id, n FROM records WHERE kind = 'pipeline-run' ORDER BY r")
    names: set[tuple[str, str, str]] = set()
    commits: set[tuple[str, str, str]] = set()
    for workspace_id, record_id, newest in connection.execute(runs).all():
        for said in _words(connection, workspace_id, newest):
            name, commit = _text(said, "claim", "evidence", "triggeredBy"), _text(said, "context", "commit")
            run = _text(said, "sourceKey") or record_id
            if name is not None:
                names.add((workspace_id, run, name))
            if commit is not None and len(commit) in FULL:
                commits.add((workspace_id, commit, run))
    for table, found in ((named, names), (linked, commits)):
        columns = [column.name for column in table.columns]
        if found:
            op.bulk_insert(table, [dict(zip(columns, row, strict=True)) for row in sorted(found)])
        forbid_changes(connection, table.name)


def _table(name: str, *columns: str) -> Any:  # noqa: ANN401 - what Alembic gives
    texts = ("workspace_id", *columns)
    return op.create_table(
        name,
        *(sa.Column(one, TEXT, nullable=False) for one in texts),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint(*texts),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _words(connection: sa.Connection, workspace_id: str, newest: int) -> Iterator[JsonValue]:
    """Give what the words on a run say, the newest first."""
    by_number = sa.text(
        "SELECT a.supersedes, e.payload FROM attestations a JOIN envelopes e ON e.n = a.n WHERE a.n = :n"
    )
    by_id = sa.text("SELECT n FROM attestations WHERE workspace_id = :workspace AND id = :id").bindparams(
        sa.bindparam("id", type_=sa.LargeBinary())
    )
    n: int | None = newest
    while n is not None:
        row = connection.execute(by_number, {"n": n}).one_or_none()
        if row is None:
            return
        yield parse_payload(bytes(row.payload)).get("predicate")
        before = row.supersedes
        n = (
            None
            if before is None
            else connection.execute(by_id, {"workspace": workspace_id, "id": before}).scalar_one_or_none()
        )


def _text(said: JsonValue, *path: str) -> str | None:
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return said if isinstance(said, str) else None


def downgrade() -> None:
    raise ConfigError("a database is never taken back to an older schema", "restore a backup made before the upgrade")
