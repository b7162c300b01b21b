"""Expressions in policies: CEL through a library, compiled against declared names, and true only if exactly true.

Source: policy.md section 2. Invariants: a name that is not declared, or a type that cannot be right, is refused when
the policy is read; nothing but what an expression names is converted; evidence that it names and that is missing, cut
or left out makes it not met, whatever the rest of it says. The library bounds the time: 10,000 iterations, expressions
nested at most 32 deep, regular expressions that are linear in time (RE2).

The one module that knows the library. The order in which an expression goes through an object's keys is not defined.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cel_expr_python import cel

from shared.encoding import JsonValue
from shared.judging.celtext import chains_of, tokens
from shared.judging.names import Holds, in_expect, in_where
from shared.judging.problems import PolicyError, Problem

MAX_CHARS: Final = 2000
_MAX_SHOWN = 200
_MAX_VALUE_SHOWN = 40
_BLANK = frozenset("\n\r\t")
_EVIDENCE = "evidence."

_TYPES: Mapping[Holds, Any] = MappingProxyType(
    {
        Holds.WHOLE: cel.Type.INT,
        Holds.NUMBER: cel.Type.DYN,  # so that `coverage >= 80` compares a fraction with a whole number
        Holds.FLAG: cel.Type.BOOL,
        Holds.TEXT: cel.Type.STRING,
        Holds.LIST: cel.Type.List(cel.Type.DYN),
        Holds.MAP: cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
        Holds.ANY: cel.Type.DYN,
    }
)
_REFUSAL = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_STATUS = re.compile(r"\A[A-Z_]+: |\s*\[[A-Z_]+\]\s*\Z")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an expression: met only if it is exactly true; else the reason, in words.

    `is_false` parts what was worked out and is false from what could not be worked out.
    """

    met: bool
    reason: str = ""
    is_false: bool = False


_MET = Outcome(met=True)


class _Named(NamedTuple):
    """A name that an expression uses, cut into its parts once: `field` is what it names of evidence, empty if none."""

    name: str
    path: tuple[str, ...]
    field: str
    omitted: tuple[str, ...]
    holds: Holds
    like: Callable[[JsonValue], bool]

    @classmethod
    def of(cls, name: str, holds: Holds) -> _Named:
        """Cut a dotted name."""
        field_ = name.removeprefix(_EVIDENCE) if name.startswith(_EVIDENCE) else ""
        return cls(name, tuple(name.split(".")), field_, tuple(f"{name}Omitted".split(".")), holds, _LIKE[holds])


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression: its text, the dotted names that it uses, and the fields of evidence among them."""

    text: str
    names: Mapping[str, Holds] = field(compare=False)
    touches: frozenset[str]
    parts: Mapping[str, frozenset[str]] = field(compare=False)
    """By the first part of its names what follows it: of `health.ready` under `health` `ready`."""
    _compiled: Any = field(repr=False, compare=False)
    _named: tuple[_Named, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Cut the names, which are asked for of each release."""
        object.__setattr__(self, "_named", tuple(_Named.of(*one) for one in self.names.items()))

    def evaluate(self, names: Mapping[str, JsonValue], *, cut: Collection[str] = ()) -> Outcome:
        """Work it out over nested objects, `{"evidence": {"failed": 0}, "group": {"size": 1}}`.

        `cut` names fields of evidence (as `touches` does) that the disclosure level left out. Null is missing. Raises
        nothing: whatever goes wrong is a reason why it is not met.
        """
        data = self._data(names, cut)
        if isinstance(data, str):
            return Outcome(met=False, reason=data)
        try:
            found = self._compiled.eval(data=data)
            value = found.value()
        except RuntimeError as error:
            return Outcome(met=False, reason=f"{self._shown()} cannot be worked out: {_plain(str(error))}")
        if value is True:
            return _MET
        if found.type() == cel.Type.ERROR:
            return Outcome(met=False, reason=f"{self._shown()} cannot be worked out: {_plain(str(value))}")
        if value is not False:
            return Outcome(met=False, reason=f"{self._shown()} is neither true nor false")
        said = ", ".join(_values(data))
        reason = f"{self._shown()} is false" + (f": {said}" if said else "")
        return Outcome(met=False, reason=reason, is_false=True)

    def is_met(self, names: Mapping[str, JsonValue], *, cut: Collection[str] = ()) -> bool:
        """Say whether `evaluate` finds it met, without a reason: that takes several times as long to word."""
        data = self._data(names, cut)
        if isinstance(data, str):
            return False
        try:
            return self._compiled.eval(data=data).value() is True
        except RuntimeError:
            return False

    def looks_at(self, names: Mapping[str, JsonValue]) -> str:
        """Give all that it looks at of some names, in a spelling: where that is the same, so is what comes of it."""
        values: list[JsonValue] = [
            _found(names, path)
            for one in self._named
            for path in ((one.path, one.omitted) if one.field else (one.path,))
        ]
        return repr(values)

    def _data(self, names: Mapping[str, JsonValue], cut: Collection[str]) -> dict[str, Any] | str:
        """Give the values of what it names, or why there is nothing to work out."""
        data: dict[str, Any] = {}
        for named in self._named:
            value = _found(names, named.path)
            if reason := _unfit(names, named, value, cut):
                return reason
            if value is not None:
                data[named.name] = int(value) if named.holds is Holds.WHOLE and isinstance(value, float) else value
        return data

    def _shown(self) -> str:
        return _plain(self.text)


def compile_where(text: str, kind: str) -> Expression:
    """Compile a rule's `where` for evidence of one type; raises `PolicyError`, with places in the expression."""
    return _compile(text, lambda named: in_where(kind, named))


def compile_expect(text: str) -> Expression:
    """Compile an `expect`; raises `PolicyError`, with places in the expression."""
    return _compile(text, in_expect)


def _compile(text: str, declare: Callable[[Iterable[str]], dict[str, Holds]]) -> Expression:
    if len(text) > MAX_CHARS:
        raise PolicyError((Problem(1, 1, f"the expression has {len(text)} characters", f"at most {MAX_CHARS}"),))
    if not text.strip():
        raise PolicyError((Problem(1, 1, "the expression is empty", 'for instance "evidence.failed == 0"'),))
    if not all(char.isprintable() or char in _BLANK for char in text):
        raise PolicyError((Problem(1, 1, "the expression holds a character that cannot be shown", "remove it"),))
    chains = frozenset(chains_of(text))
    declared = declare(chains)
    _refuse_has(text, declared)
    env = cel.NewEnv(variables={name: _TYPES[holds] for name, holds in declared.items()})
    try:
        compiled = env.compile(text)
    except RuntimeError as error:
        raise PolicyError(_problems(text, str(error), declared)) from None
    if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        kind = compiled.return_type().name().lower()
        raise PolicyError((Problem(1, 1, f"the expression gives {kind}", "it must give true or false"),))
    used = {name: holds for name, holds in declared.items() if name in chains}
    touches = frozenset(name.removeprefix(_EVIDENCE) for name in used if name.startswith(_EVIDENCE))
    return Expression(text, MappingProxyType(used), touches, MappingProxyType(_parts(used)), compiled)


def _parts(names: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        first, _, rest = name.partition(".")
        found.setdefault(first, set()).add(rest)
    return {first: frozenset(rest) for first, rest in found.items()}


def _refuse_has(text: str, declared: Collection[str]) -> None:
    """Refuse `has` of a declared name: the library would give what stands behind the name, not whether it is there."""
    words = [token.group().strip("`") for token in tokens(text)]
    for at, token in enumerate(tokens(text)):
        if token.group() != "has" or words[at + 1 : at + 2] != ["("]:
            continue
        inside = itertools.dropwhile(lambda one: one in ("(", "."), words[at + 1 :])
        name = "".join(itertools.takewhile(lambda one: one not in ("(", ")"), inside))
        if name in declared:
            before = text[: token.start()]
            line, column = before.count("\n") + 1, token.start() - before.rfind("\n")
            hint = "leave it out: what is missing is never met"
            raise PolicyError((Problem(line, column, f"has({name}) is not taken", hint),))


def look_up(names: Mapping[str, JsonValue], dotted: str) -> JsonValue:
    """Give what stands behind a dotted name in nested objects; None where nothing does."""
    return _found(names, dotted.split("."))


def _found(names: Mapping[str, JsonValue], path: Sequence[str]) -> JsonValue:
    here = names.get(path[0])
    for part in path[1:]:
        if not isinstance(here, dict):
            return None
        here = here.get(part)
    return here


def _unfit(names: Mapping[str, JsonValue], named: _Named, value: JsonValue, cut: Collection[str]) -> str:
    """Say why nothing can be worked out with a value: it is not here, not whole, or not what its name holds."""
    if named.field:
        if named.field in cut:
            return f"{named.name} was left out by the collector's disclosure level"
        if value is None:
            return f"{named.name} is missing"
        omitted = _found(names, named.omitted)
        if omitted not in (None, 0):
            return f"{named.name} was cut: {_value(omitted)} entries are left out"
    return "" if value is None or named.like(value) else f"{named.name} is not {named.holds.value}"


def _whole(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


_LIKE: Mapping[Holds, Callable[[JsonValue], bool]] = MappingProxyType(
    {
        Holds.WHOLE: _whole,
        Holds.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        Holds.FLAG: lambda value: isinstance(value, bool),
        Holds.TEXT: lambda value: isinstance(value, str),
        Holds.LIST: lambda value: isinstance(value, list),
        Holds.MAP: lambda value: isinstance(value, dict),
        Holds.ANY: lambda _value: True,
    }
)


def _problems(text: str, refusal: str, declared: Collection[str]) -> tuple[Problem, ...]:
    found = [_problem(text, int(line), int(column), said) for line, column, said in _REFUSAL.findall(refusal)]
    if not found:
        return (Problem(1, 1, f"the expression does not compile: {_plain(refusal)}"),)
    return tuple(_with_hint(one, declared) for one in found)


def _problem(text: str, line: int, column: int, said: str) -> Problem:
    """Put a problem where the name begins that it is about: the library points at its last dot."""
    unknown = _UNKNOWN.match(said)
    if unknown is None:
        return Problem(line, column, _plain(said.partition(" expecting ")[0]))
    name = unknown[1]
    lines = text.splitlines()
    start = lines[line - 1].rfind(name, 0, column - 1 + len(name)) if line <= len(lines) else -1
    return Problem(line, column if start < 0 else start + 1, f"there is no {name}")


def _with_hint(problem: Problem, declared: Collection[str]) -> Problem:
    if not problem.text.startswith("there is no "):
        return problem
    name = problem.text.removeprefix("there is no ")
    near = difflib.get_close_matches(name, sorted(declared), n=1, cutoff=0.6)
    if near:
        return replace(problem, hint=f"did you mean {near[0]}?")
    return replace(problem, hint="docs/policies.md lists the names")


def _values(data: Mapping[str, JsonValue]) -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _MAX_VALUE_SHOWN):
            yield f"{name} is {_value(value)}"


def _value(value: JsonValue) -> str:
    return str(value).lower() if isinstance(value, bool) else _plain(str(value))


def _plain(text: str) -> str:
    """Make one short line of it that does nothing to a terminal, and leave out the library's status codes."""
    line = " ".join(_STATUS.sub("", text).split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= _MAX_SHOWN else f"{line[: _MAX_SHOWN - 1]}…"
