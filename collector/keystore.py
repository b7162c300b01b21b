"""Where this host's private keys are kept, as far as whoever turns them over has to know: files, or a token. Pure.

Invariants that every store keeps: a new key is durable before it is handed out; no key is ended before whoever calls
says that nothing needs it; a key that nothing names is put away and never used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from collector.keys import Held, Rotation
    from shared.keys import PublicKey, Signer


class KeyStore(Protocol):
    """Keeps the keys of one collector; every method raises `ConfigError` for what the operator has to mend."""

    @property
    def place(self) -> str:
        """Where the key that signs is, in words."""
        ...

    def check(self, hint: str) -> None:
        """Look whether the store can be used at all; `hint` says what to do where there is no key."""
        ...

    def load(self) -> Signer | None:
        """Give the key that was never turned over; None where none was made yet."""
        ...

    def make_first(self, random: Callable[[int], bytes]) -> Signer:
        """Make the first key; raises where there is one already."""
        ...

    def choose(self, rotations: Sequence[Rotation]) -> Held:
        """Find the keys that the spool's rotations name; raises where the one that signs is not here."""
        ...

    def make(self, random: Callable[[int], bytes]) -> Signer:
        """Make a further key, beside those that are there."""
        ...

    def discard(self, key: PublicKey) -> None:
        """End a new key that is known to have never come into force; one that stays is put away at the next start."""
        ...

    def retire(self, signing: PublicKey, old: Collection[PublicKey]) -> None:
        """Give the key that signs the configured name, and end the private halves of the old ones."""
        ...

    def put_away(self, held: Held) -> list[str]:
        """Put away new keys that no rotation ever named; gives the names that they have now."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...
