"""docs/wire.md says what the code does: every route and who may use it, every code, every statement, every command."""

import re
from pathlib import Path

import click
import pytest

from receiver.commands.all import GROUP
from receiver.commands.quickstart import quickstart
from receiver.web.routes import Proof, Route
from receiver.web.table import TABLE as ROUTES
from shared.errors import HELD_CODES, REFUSED_CODES
from shared.predicates import TABLE as STATEMENTS
from shared.predicates import Predicate
from shared.problems import STATUS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "wire.md").read_text()
COMMON = set(Predicate.model_fields)


def rows(pattern: str) -> list[tuple[str, ...]]:
    return [found.groups() for found in re.finditer(rf"^\| {pattern}", PAGE, flags=re.MULTILINE)]


def proof_in_words(route: Route) -> str:
    words = {
        Proof.NOTHING: "nothing",
        Proof.KNOWN: "any good token",
        Proof.INVITATION: "an invitation",
        Proof.SIGNED_BODY: "a body signed with the collector's key",
        Proof.PASSWORD: "an account's password",
    }
    found = []
    if route.proof is Proof.SCOPED:
        found.append("scope " + " or ".join(f"`{scope}`" for scope in sorted(route.scopes)))
    if route.role is not None:
        found.append(f"role `{route.role}`")
    return ", or ".join(found) or words[route.proof]


def test_every_route_stands_there_with_who_may_use_it() -> None:
    listed = rows(r"`([A-Z]+) (/\S*)` \| ([^|]+) \|")
    assert sorted(listed) == sorted((one.method, one.path, proof_in_words(one)) for one in ROUTES)


def test_every_code_of_a_request_stands_there_with_its_status() -> None:
    listed = {code: int(status) for code, status in rows(r"`([a-z_]+)` \| (\d{3}) \|")}
    assert listed == {code.value: int(status) for code, status in STATUS.items()}


@pytest.mark.parametrize(("status", "codes"), [("held", HELD_CODES), ("refused", REFUSED_CODES)])
def test_every_code_of_an_entry_stands_there(status: str, codes: frozenset[str]) -> None:
    ((listed,),) = rows(rf"{status} \| ((?:`[a-z_]+` ?)+)\|")
    assert set(re.findall(r"`([a-z_]+)`", listed)) == {str(code) for code in codes}


def test_every_statement_stands_there_with_who_signs_it_and_its_fields() -> None:
    listed = {
        uri: (role, set(re.findall(r"`([A-Za-z]+)`", fields)))
        for uri, role, fields in rows(r"`([a-z]+:[a-z0-9_:/.-]+)` \| ([a-z]+) \| [^|]+ \| ([^|]+) \|")
    }
    assert listed == {
        uri: (
            kind.role.value,
            {field.alias or name for name, field in kind.model.model_fields.items() if name not in COMMON},
        )
        for uri, kind in STATEMENTS.items()
    }


def test_every_command_of_the_receiver_stands_there() -> None:
    listed = {
        words
        for (cell,) in rows(r"(`carnet-receiver [^|]+) \|")
        for words in re.findall(r"`(?:carnet-receiver )?([a-z]+(?: [a-z][a-z-]*)?)", cell)
    }
    assert listed == commands_of(GROUP)


def commands_of(command: click.Command, *words: str) -> set[str]:
    if not isinstance(command, click.Group):
        return {" ".join(words)}
    return {name for word, one in within(command).items() for name in commands_of(one, *words, word)}


def within(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: one for name, one in found.items() if one is not None}


def test_every_command_can_print_json() -> None:
    def options(command: click.Command) -> set[str]:
        if isinstance(command, click.Group):
            return set.intersection(*(options(one) for one in within(command).values()))
        return {option for parameter in command.params for option in parameter.opts}

    assert "--output" in options(GROUP)


def test_every_option_of_quickstart_stands_there() -> None:
    ((usage,),) = rows(r"`carnet-receiver quickstart ([^`]+)`")
    shown = set(re.findall(r"--[a-z]+", usage))
    assert shown == {option for parameter in quickstart.params for option in parameter.opts} - {"--output"}
