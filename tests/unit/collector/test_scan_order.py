"""A scan goes through a root in the order in which the spool remembers files."""

from pathlib import Path

from collector.opening import RootSpec
from collector.scan import scan


def test_files_come_in_the_order_of_their_paths_bytes(tmp_path: Path) -> None:
    names = ("a", "a-b", "a0", "b/c-d/e", "b/c/e", "b-c", "b.xml", "\u00e9/1", "\u00e9.xml", "z", "\U0001f4c4")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [path for path, _ in scan(RootSpec("ci", tmp_path))]
    assert found == sorted(names, key=str.encode)
