"""Material that lies beside a checkout, not in it: real CI outputs and published test vectors.

A test that uses it skips where it is absent.
"""

import os
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def shared_material() -> Path | None:
    """The folder that CARNET_SHARED names, else `shared` beside the checkout; None if there is none."""
    named = os.environ.get("CARNET_SHARED")
    folder = Path(named) if named else _CHECKOUT.parent / "shared"
    return folder.resolve() if folder.is_dir() else None


def material(relative: str) -> Path | None:
    """A file or folder of the shared material, such as `samples/junit`; None where it is absent."""
    root = shared_material()
    if root is None:
        return None
    path = root / relative
    return path if path.exists() else None
