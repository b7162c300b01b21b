"""The one collection of tables; a module that describes some of them adds to it."""

from __future__ import annotations

from sqlalchemy import MetaData

METADATA = MetaData()
