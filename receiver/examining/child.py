"""The program of an examiner: is handed batches, and answers what became of their entries."""

from __future__ import annotations

import sys
from typing import cast

from receiver import companions
from receiver.core.admit import Judged, Sender, examine_all


def main(descriptor: int) -> None:
    """Answer until the other end is closed."""
    companions.serve(descriptor, lambda _opening: _examined)


def _examined(question: object) -> Judged:
    return examine_all(*cast("tuple[tuple[bytes, ...], Sender]", question))


if __name__ == "__main__":
    main(int(sys.argv[1]))
