"""docs/operations.md names every setting, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from collector.config import OVERRIDES, Config
from receiver.config import ReceiverConfig

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
WHOLE = {"roots[].context", "roots[].speaks_for", "roots[].names"}


def _section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def _documented(title: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", _section(title), re.MULTILINE))


def _keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        inner = [field.annotation, *get_args(field.annotation)]
        sections = [one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)]
        many = "[]" if get_origin(field.annotation) is tuple and sections else ""
        path = f"{prefix}{name}"
        if sections and path not in WHOLE:
            keys |= _keys(sections[0], f"{path}{many}.")
        else:
            keys.add(path)
    return keys


@pytest.mark.parametrize(
    ("title", "model"), [("The collector's configuration", Config), ("The receiver's configuration", ReceiverConfig)]
)
def test_every_setting_is_documented_and_nothing_else_is(title: str, model: type[BaseModel]) -> None:
    assert _documented(title) == _keys(model)


def test_every_override_from_the_environment_is_documented() -> None:
    section = _section("The collector's configuration")
    for name in OVERRIDES:
        assert f"_{name}`" in section or f"CARNET_COLLECTOR_{name}`" in section
