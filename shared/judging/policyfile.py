"""The text of a policy, and nothing else, turned into a policy; all that is wrong is said, with line and column.

Source: policy.md section 2. Unknown keys are refused wherever they stand: a misspelt `signed` would ask for less.
"""

from __future__ import annotations

from datetime import timedelta

from shared.encoding import digest_text, sha256
from shared.judging.policy import MAX_VALIDITY, VALIDITY, Policy, Rule
from shared.judging.problems import PolicyError, Problem
from shared.judging.readers import Table, duration, exactly, glob, listed, one_of, word, wrong
from shared.judging.rulefile import ID, ID_HINT, read_rule
from shared.judging.scope import Scope
from shared.judging.values import Mode
from shared.judging.yamltext import Items, Node, read

_KEYS = ("apiVersion", "kind", "metadata", "scope", "mode", "validity", "rules")
_MOST_RULES = 200
_MOST_GLOBS = 100


def read_policy(data: bytes, version: int) -> Policy:
    """Read a policy from its text (YAML, UTF-8); raises `PolicyError` with all that is wrong with it.

    Whether it is as specific as another one is asked by `shared.judging.scope.refuse_conflicts`.
    """
    problems: list[Problem] = []
    table = Table(read(data), "a policy", _KEYS, problems)
    table.need("apiVersion", exactly("carnet/v1"), "")
    table.need("kind", exactly("GatePolicy"), "")
    name = table.need("metadata", lambda node: _name(node, problems), "")
    scope = table.need("scope", lambda node: _scope(node, problems), Scope((), ()))
    mode = table.need("mode", one_of(Mode), Mode.ENFORCE)
    validity = table.take("validity", _validity, VALIDITY)
    rules = table.need("rules", lambda node: _rules(node, problems), ())
    if problems:
        raise PolicyError(tuple(problems))
    return Policy(name, version, digest_text(sha256(data)), scope, mode, validity, rules)


def _name(node: Node, problems: list[Problem]) -> str:
    return Table(node, "metadata", ("name",), problems).need("name", word(ID, ID_HINT), "")


def _scope(node: Node, problems: list[Problem]) -> Scope:
    table = Table(node, "scope", ("services", "environments"), problems)
    globs = listed(glob, _MOST_GLOBS)
    return Scope(table.need("services", globs, ()), table.need("environments", globs, ()))


def _validity(node: Node) -> timedelta:
    return duration(MAX_VALIDITY)(node)


def _rules(node: Node, problems: list[Problem]) -> tuple[Rule, ...]:
    if not isinstance(node, Items) or len(node.items) > _MOST_RULES:
        raise wrong(node.place, f"a list of at most {_MOST_RULES} rules is expected")
    rules: list[Rule] = []
    for item in node.items:
        rule = read_rule(item, problems)
        if rule is None:
            continue
        if any(one.id == rule.id for one in rules):
            problems.append(Problem(item.place.line, item.place.column, f"the rule {rule.id!r} stands twice"))
        rules.append(rule)
    return tuple(rules)
