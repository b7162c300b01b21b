"""What people did about a release, of approvals and waivers alike: found by service, environment and digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, Table, bindparam, select

from receiver.store.engine import Tx


def acts_of(table: Table) -> Select[Any]:
    """Ask for the acts on one release in the order of the register; built once for a table, run by `rows`."""
    return (
        select(table)
        .where(
            table.c.workspace_id == bindparam("its_workspace"),
            table.c.digest == bindparam("its_digest"),
            table.c.service == bindparam("its_service"),
            table.c.environment == bindparam("its_environment"),
        )
        .order_by(table.c.number)
    )


def rows(
    tx: Tx, asked: Select[Any], workspace_id: str, service: str, environment: str, digest: bytes
) -> Sequence[Row[Any]]:
    """Give the acts for a service, environment and digest (32 bytes), whatever the namespace.

    Those that have ended or were for another namespace are among them: judging says why they do not help.
    """
    values = {
        "its_workspace": workspace_id,
        "its_service": service,
        "its_environment": environment,
        "its_digest": digest,
    }
    return tx.execute(asked, values).all()
