"""The program of a process that judges past decisions again: is told the question, and handed portions of decisions."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import cast

from receiver import companions
from receiver.core.retrial import Portion, Question, Retrial

_OBJECTS = 1_000_000


def main(descriptor: int) -> None:
    """Answer until the other end is closed."""
    companions.serve(descriptor, _start)


def _start(opening: object) -> Callable[[object], object]:
    question, recalled_bytes = cast("tuple[Question, int]", opening)
    retrial = Retrial(question.read(), recalled_bytes)
    # Looking for garbage takes a fifth of the time, and none is found: it is looked for once there is much more of
    # everything than what is kept accounts for.
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    return lambda portion: retrial.judge(cast("Portion", portion))


if __name__ == "__main__":
    main(int(sys.argv[1]))
