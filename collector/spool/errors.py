"""What the spool raises besides the families of `shared.errors`: full, and broken."""

from __future__ import annotations

from shared.errors import CarnetError, Code, TryLaterError


class SpoolFull(TryLaterError):  # noqa: N818 (a state to wait out, not a fault)
    """There is no room, by quota or on the disk: nothing was stored, and the files wait where they are."""

    def __init__(self, detail: str, hint: str) -> None:
        """Take what is full and what makes room."""
        super().__init__(Code.UNAVAILABLE, detail, hint)


class SignsNoMore(TryLaterError):  # noqa: N818 (beside SpoolFull)
    """Another key signs by now: whoever signed learns of it in a moment, or asks the spool once more."""

    def __init__(self, key_id: str) -> None:
        """Take the id of the key that was rotated."""
        super().__init__(Code.UNAVAILABLE, f"the key {key_id} was rotated and signs no more", "try again")


class DamagedError(Exception):
    """The file is no sound spool; never leaves this package, since whoever opens it next moves it aside."""


class SpoolBroken(CarnetError):  # noqa: N818 (beside SpoolFull)
    """The disk keeps failing, or the file turned out damaged while open: leave, and let the service start anew."""

    exit_status = 74  # EX_IOERR of sysexits.h

    def __init__(self, detail: str) -> None:
        """Take what SQLite said."""
        super().__init__(
            Code.UNAVAILABLE,
            detail,
            "look at the kernel's log for errors of this disk; the next start checks the spool, and what was stored"
            " stays stored",
        )
