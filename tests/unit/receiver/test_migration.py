"""Databases of every older schema are read by this version; `tests/fixtures/receiver-N/` has one each."""

import shutil
from pathlib import Path

import pytest

from receiver import fsck, lookup
from receiver.store import attestations, revisions, workspaces
from receiver.store import migrate as migrations
from receiver.store.engine import Store
from receiver.store.migrate import migrate

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
STORED = 12
EVIDENCE = {"receiver-0001": 12, "receiver-0002": 9}
"""How much of what is stored is evidence; the rest are a run, an artifact and a deployment."""


def test_this_version_needs_the_last_migration_that_it_brings() -> None:
    versions = Path(migrations.__file__).parent / "migrations" / "versions"
    assert max(path.name.split("_")[0] for path in versions.glob("[0-9]*.py")) == revisions.HEAD


@pytest.mark.parametrize("schema", sorted(path.name for path in FIXTURES.glob("receiver-*")))
def test_an_older_database_is_migrated_with_everything_in_it(schema: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    path = Path(shutil.copy(FIXTURES / schema / "receiver.db", folder))
    path.chmod(0o600)
    assert migrate(f"sqlite:///{path}").before == schema.removeprefix("receiver-")
    store = Store.open(f"sqlite:///{path}")
    try:
        (workspace_id,) = store.read(workspaces.all_ids)
        assert store.read(lambda tx: attestations.count(tx, workspace_id)) == STORED
        listed = lookup.attestations(store, workspace_id, lookup.Filters(), 200).items
        assert len(listed) == EVIDENCE[schema]
        assert all(lookup.attestation(store, workspace_id, one.row.id).predicate for one in listed)
        assert fsck.check(store) == []
    finally:
        store.close()
