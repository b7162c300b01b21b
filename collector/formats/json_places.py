"""Which values of a large JSON document are wanted: a tree of the paths to them, and what stands in the way.

A path is as in `json_events`: keys, `EACH` for the items of an array, and besides `ANY` for the members of an object
whatever their keys are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from collector.formats.json_events import EACH, Path

Places: TypeAlias = Mapping[Path, Iterable[Path]]
"""The paths of wanted values, each with the paths below that are wanted of it, or `ALL`."""

ANY: Final = 1
"""Stands in a path for any key of an object: `("files", ANY, "summary")`."""

ALL: Final[tuple[Path, ...]] = ((),)
"""All of a value is wanted, however large it is."""


@dataclass(slots=True)
class Node:
    """One step on the paths: where it is, the steps behind it, and whether a value is wanted here.

    `fields` are the paths below a wanted value that are wanted of it, by themselves or with all below (`whole`).
    `is_way` says that no value is wanted here, but some are further down.
    """

    path: Path = ()
    steps: dict[str | int, Node] = field(default_factory=dict)
    fields: Node | None = None
    whole: bool = False
    is_way: bool = False

    def step(self, key: str | int) -> Node | None:
        """Return the step to a member or to the items (`EACH`), None where nothing is wanted there."""
        found = self.steps.get(key)
        return found if found is not None or key == EACH else self.steps.get(ANY)

    def takes(self, *, is_array: bool) -> bool:
        """Say whether an array, or an object, can stand on the way here."""
        return any((key == EACH) is is_array for key in self.steps)

    def add(self, path: Path) -> Node:
        """Return the step at the end of a path from here; makes what is missing of it."""
        node = self
        for length, part in enumerate(path, 1):
            node.is_way = node.fields is None
            node = node.steps.setdefault(part, Node((*self.path, *path[:length])))
        return node


def tree(places: Places) -> Node:
    """Make the tree of places and what is wanted of each: paths below it, or `ALL`."""
    root = Node()
    for place, wanted in places.items():
        node, fields = root.add(place), Node()
        node.fields, node.is_way = fields, False
        for path in wanted:
            fields.add(path).whole = True
    return root
