"""What the fields of a model are for: the words below each in the source, read when a document asks for them.

Pydantic would read them where a model is made, at every start: a tenth of the time until the receiver serves.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator

from pydantic import BaseModel


class Described(BaseModel):
    """Base of models whose fields are described by the words below them."""


def described_fields(model: type[BaseModel]) -> dict[str, str]:
    """Give what each field is for, by its name in Python; a field that a model says anew is described anew."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Described) and base.__pydantic_generic_metadata__["origin"] is None:
            for name, words in _written(base):
                found.pop(name, None)
                if words:
                    found[name] = words
    return found


def _written(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    written = next(one for one in tree.body if isinstance(one, ast.ClassDef)).body
    for one, below in zip(written, [*written[1:], None], strict=True):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            words = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
            yield one.target.id, inspect.cleandoc(words) if isinstance(words, str) else ""
