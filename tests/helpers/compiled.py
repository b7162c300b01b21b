"""SQL that is compiled once a process, however many databases the tests of that process open.

A receiver has one database for its life and compiles a statement for it once. Tests open hundreds, and a third of
their processor time went into compiling the same statements anew: SQLAlchemy keeps what it compiled by the engine.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event

_Key = tuple[Any, ...]


class _Compiled(dict[_Key, Any]):
    """What was compiled, kept by the kind and version of the database instead of by the one dialect object."""

    def get(self, key: _Key, default: Any = None) -> Any:  # noqa: ANN401 - as in dict
        return super().get(_for_any(key), default)

    def __setitem__(self, key: _Key, compiled: object) -> None:
        super().__setitem__(_for_any(key), compiled)


def compile_once() -> None:
    """Have all engines of this process, also those that are still to come, share what they compiled."""
    compiled = _Compiled()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)


def _for_any(key: _Key) -> _Key:
    dialect, *statement = key
    assert isinstance(dialect, Dialect)
    return (dialect.name, dialect.driver, dialect.server_version_info, *statement)
