"""How a table sees its files: which column is which, what is constant, what is deleted."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from pipeline.corpus.sources import Columns, Rows, View
from pipeline.corpus.tables.snapshot import FIELD_ID, FILE_NAMES, Snapshot, TableFile
from pipeline.corpus.tables.view import pack, read_view, unpack, view_of
from pipeline.errors import UsageError
from pipeline.table_names import TableName

FILE = pa.table({"a": [f"a{n}" for n in range(10)], "b": list(range(10))})


TEXT = pa.string()


def field(name: str, kind: pa.DataType = TEXT, number: int = 0, names: str = "") -> pa.Field:
    told = {FIELD_ID: str(number)} if number else {}
    return pa.field(name, kind, metadata={**told, **({FILE_NAMES: names} if names else {})})


def table_of(*fields: pa.Field, needs_ids: bool = False) -> Snapshot:
    name = TableName("delta", "/t")
    return Snapshot(name, 3, pa.schema(fields), [], needs_ids)


def view(table: Snapshot, inside: pa.Schema, names: list[str], **values) -> View | None:
    return view_of(table, TableFile("/t/a.parquet", values), inside, names)


def test_a_file_that_is_as_its_table_has_it_needs_no_view():
    table = table_of(field("a"), field("b", pa.int64()))
    assert view(table, FILE.schema, ["a", "b"]) is None


def test_numbers_tell_columns_before_names_do():
    inside = pa.schema([field("b", number=1), field("a", number=2)])
    table = table_of(field("a", number=1), field("b", number=2), field("c", number=3))
    assert view(table, inside, ["a", "b", "c"]) == View(
        (("a", "b", None), ("b", "a", None), ("c", None, None))
    )


def test_a_file_that_numbers_nothing_is_told_by_the_name_mapping():
    inside = pa.schema([field("older")])
    mapped = table_of(field("a", number=1, names='["old", "older"]'), needs_ids=True)
    assert view(mapped, inside, ["a"]) == View((("a", "older", None),))
    with pytest.raises(UsageError, match="numbers no columns, and the table has no name mapping"):
        view(table_of(field("a", number=1), needs_ids=True), inside, ["a"])


def test_columns_inside_columns():
    inside = pa.schema([field("m", pa.struct([field("url", number=5)]), 1)])
    kind = pa.struct([field("link", number=5), field("new", number=6)])
    table = table_of(field("meta", kind, 1))
    assert view(table, inside, ["meta.link", "meta.new"]) == View(
        (("meta.link", "m.url", None), ("meta.new", None, None))
    )
    with pytest.raises(UsageError, match="column meta is struct<"):
        view(table, inside, ["meta"])


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (pa.date32(), datetime.date(2026, 1, 2), "2026-01-02"),
        (pa.int32(), -4, "-4"),
        (pa.bool_(), False, "false"),
        (pa.string(), "", ""),
        (pa.float64(), 0.1, "0.1"),
        (
            pa.timestamp("us", "UTC"),
            datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC),
            "2026-01-02 03:00:00.000000Z",
        ),
        (pa.int32(), None, None),
    ],
)
def test_values_of_partitions(kind, value, text):
    found = view(table_of(field("p", kind)), FILE.schema, ["p"], p=value)
    assert found == View((("p", None, text),))
    if text is not None:
        assert pa.array([text]).cast(kind)[0].as_py() == value


def test_values_that_are_no_text_and_types_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="the values of its column p are binary; leave it out"):
        view(table_of(field("p", pa.binary())), FILE.schema, ["p"], p=b"\xff")
    with pytest.raises(UsageError, match="column b is struct<x: string>, and in /t/a"):
        view(table_of(field("b", pa.struct([field("x")]))), FILE.schema, ["b"])


def read_file(start: int, rows: int | None, columns: Columns):
    """The file, three rows at a time."""
    assert rows is not None
    for at in range(start, start + rows, 3):
        stretch = FILE.slice(at, min(3, start + rows - at))
        yield Rows(stretch.select(columns.names()))


@pytest.mark.parametrize("gone", [[], [0], [9], [0, 1, 2], [3, 4, 8], list(range(9))])
@pytest.mark.parametrize("start", [0, 1, 4])
def test_every_range_of_the_rows_that_are_left(gone, start):
    deleted = np.isin(np.arange(10), gone)
    left = [n for n in range(10) if n not in gone]
    seen = View((("n", "b", None), ("k", None, "7"), ("z", None, None)), pack(deleted))
    for count in range(max(0, len(left) - start) + 1):
        parts = [*read_view(seen, read_file, start, count, Columns(("n", "k", "z")))]
        found = [row for part in parts for row in part.table.to_pylist()]
        assert found == [{"n": n, "k": "7", "z": None} for n in left[start : start + count]]


def test_rows_that_are_only_counted():
    seen = View((), pack(np.isin(np.arange(10), [2, 3])))
    assert sum(part.num_rows for part in read_view(seen, read_file, 0, 8, Columns(()))) == 8


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 1000])
def test_deleted_rows_in_a_line_of_text(rows):
    deleted = np.arange(rows) % 3 == 0
    assert np.array_equal(unpack(pack(deleted)), deleted)
