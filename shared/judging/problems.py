"""What is wrong with a policy, and at which line and column of its text."""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import Code, MalformedError

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where (from 1 on, columns in characters), and what would be right ("" if obvious)."""

    line: int
    column: int
    text: str
    hint: str = ""
    code: Code = Code.INVALID_FIELD

    def __str__(self) -> str:
        """Say it in one line, as compilers do."""
        said = f"line {self.line}, column {self.column}: {self.text}"
        return f"{said} ({self.hint})" if self.hint else said


class PolicyError(MalformedError):
    """A policy that is refused; `problems` has all that was found, in the order of the text, at least one."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take the problems; the code is that of the first."""
        self.problems = tuple(sorted(problems, key=lambda one: (one.line, one.column)))
        said = "; ".join(str(one) for one in self.problems[:_SHOWN])
        more = len(self.problems) - _SHOWN
        detail = f"{said}; and {more} more" if more > 0 else said
        super().__init__(self.problems[0].code, detail, "mend the policy and check it again")
