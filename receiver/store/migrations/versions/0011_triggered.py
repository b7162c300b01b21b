"""Whom the words on runs ever named as who triggered them: of each run, and of each commit that one was of.

Revision: 0011

Until now only a run's newest word was looked at, so the words before it are gone through once.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from receiver.store.triggers import forbid_changes
from shared.encoding import JsonValue, parse_payload
from shared.errors import ConfigError

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FULL = frozenset({40, 64})


def upgrade() -> None:
    triggered = op.create_table(
        "triggered",
        sa.Column("workspace_id", TEXT, nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.workspace_id"]),
        sa.PrimaryKeyConstraint("workspace_id", "about", "name"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    runs = sa.text("SELECT workspace_id, record_id, natural_key, n FROM records WHERE kind = 'pipeline-run' ORDER BY r")
    found: set[tuple[str, str, str]] = set()
    for workspace_id, record_id, natural_key, n in connection.execute(runs).all():
        run = record_id if natural_key is None else f"sha256:{bytes(natural_key).hex()}"
        named: set[str] = set()
        for name, commit in reversed([*_words(connection, workspace_id, n)]):
            named |= {name} if name is not None else set()
            abouts = [run] if commit is None or len(commit) not in FULL else [run, commit]
            found |= {(workspace_id, about, one) for about in abouts for one in named}
    if found:
        op.bulk_insert(triggered, [dict(zip(("workspace_id", "about", "name"), row, strict=True)) for row in found])
    forbid_changes(connection, "triggered")


def _words(connection: sa.Connection, workspace_id: str, newest: int) -> Iterator[tuple[str | None, str | None]]:
    """Give what the words on a run say, the newest first: who triggered it, and its commit."""
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
        said = parse_payload(bytes(row.payload)).get("predicate")
        yield _text(said, "claim", "evidence", "triggeredBy"), _text(said, "context", "commit")
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
