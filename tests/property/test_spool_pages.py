"""The reader of damaged files: it finds every row of a sound one, and stumbles over nothing in a broken one."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.spool.pages import PAGE_BYTES, rows
from collector.spool.sqlite import dbapi

TABLE = st.dictionaries(
    st.integers(-(2**63), 2**63 - 1),
    st.tuples(
        st.one_of(st.binary(max_size=300), st.integers(0, 40_000).map(bytes)), st.text(max_size=50), st.integers()
    ),
    min_size=1,
    max_size=40,
)


def _file_of(table: dict[int, tuple[bytes, str, int]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        connection = dbapi.connect(Path(folder) / "t.db", isolation_level=None)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("CREATE TABLE t (number INTEGER PRIMARY KEY, data BLOB, words TEXT, count INTEGER)")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?)",
            [
                (number, data, words, max(-(2**63), min(count, 2**63 - 1)))
                for number, (data, words, count) in table.items()
            ],
        )
        connection.execute("COMMIT")
        connection.close()
        return (Path(folder) / "t.db").read_bytes()


@settings(max_examples=60)
@given(table=TABLE)
def test_every_row_of_a_sound_file_is_found_as_it_was_written(table: dict[int, tuple[bytes, str, int]]) -> None:
    found = {number: tuple(values) for number, values in rows(_file_of(table)) if len(values) == 4}
    assert found == {number: (None, data, words, None) for number, (data, words, _) in table.items()}


@settings(max_examples=60)
@given(table=TABLE, harm=st.data())
def test_a_damaged_page_costs_its_own_rows_and_raises_nothing(
    table: dict[int, tuple[bytes, str, int]], harm: st.DataObject
) -> None:
    data = bytearray(_file_of(table))
    for _ in range(harm.draw(st.integers(1, 20))):
        data[harm.draw(st.integers(0, len(data) - 1))] = harm.draw(st.integers(0, 255))
    assert len(list(rows(bytes(data)))) <= PAGE_BYTES * len(data)


@settings(max_examples=200)
@given(page=st.binary(min_size=PAGE_BYTES - 8, max_size=2 * PAGE_BYTES))
def test_a_page_of_anything_raises_nothing(page: bytes) -> None:
    list(rows(bytes(PAGE_BYTES) + b"\x0d\0\0\0\x20\0\0\0" + page))
