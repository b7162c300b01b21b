"""Modules by name, as many as they bring: without looking for what is not needed any more while they are made."""

from __future__ import annotations

import gc
import importlib
from types import ModuleType


def imported(name: str) -> ModuleType:
    """Import a module and all that it needs; what is there then stays, and is never looked through again."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()
