"""Carried columns of every Arrow type come out equal, or are refused in one line."""

import datetime
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from outputs import rows
from pipeline.launcher.command import run_command
from pipeline.score import score


def extension(kind, storage):
    return pa.ExtensionArray.from_storage(kind, storage)


ARRAYS = {
    "bool": pa.array([True, None, False]),
    **{
        f"int{b}": pa.array([-(2 ** (b - 1)), None, 2 ** (b - 1) - 1], getattr(pa, f"int{b}")())
        for b in (8, 16, 32, 64)
    },
    **{
        f"uint{b}": pa.array([0, None, 2**b - 1], getattr(pa, f"uint{b}")())
        for b in (8, 16, 32, 64)
    },
    "half": pa.array([1.5, None, -0.0], pa.float16()),
    "float": pa.array([0.1, None, math.inf], pa.float32()),
    "double": pa.array([0.1, None, 1e308]),
    "decimal32": pa.array([Decimal("1.23"), None, Decimal("-9.99")], pa.decimal32(5, 2)),
    "decimal64": pa.array([Decimal("1.23"), None, Decimal("-9.99")], pa.decimal64(15, 2)),
    "decimal128": pa.array([Decimal("1.23"), None, Decimal("-9.99")], pa.decimal128(38, 2)),
    "decimal256": pa.array([Decimal("1.23"), None, Decimal("-9.99")], pa.decimal256(60, 2)),
    "date32": pa.array([datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)]),
    "date64": pa.array(
        [datetime.date(1969, 12, 31), None, datetime.date(9999, 12, 31)], pa.date64()
    ),
    **{f"time32{u}": pa.array([0, None, 86399], pa.time32(u)) for u in ("s", "ms")},
    **{f"time64{u}": pa.array([0, None, 86399999999], pa.time64(u)) for u in ("us", "ns")},
    **{
        f"timestamp_{u}": pa.array([-1, None, 253402300799], pa.timestamp(u))
        for u in ("s", "ms", "us", "ns")
    },
    **{
        f"timestamp_{u}_tz": pa.array([-1, None, 1700000000], pa.timestamp(u, "Europe/Berlin"))
        for u in ("s", "ms", "us", "ns")
    },
    "timestamp_ns_odd": pa.array([-1, None, 1700000000123456789], pa.timestamp("ns")),
    "timestamp_offset": pa.array([1], pa.timestamp("us", "+02:00")).take(pa.array([0, None, 0])),
    **{
        f"duration_{u}": pa.array([-1, None, 2**40], pa.duration(u))
        for u in ("s", "ms", "us", "ns")
    },
    "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 0])]),
    "string": pa.array(["", "é", None]),
    "large_string": pa.array(["", "é", None], pa.large_string()),
    "string_view": pa.array(["", "a much longer string than twelve", None], pa.string_view()),
    "binary": pa.array([b"", b"\xff", None]),
    "large_binary": pa.array([b"", b"\xff", None], pa.large_binary()),
    "binary_view": pa.array([b"", b"\xff" * 20, None], pa.binary_view()),
    "fixed_binary": pa.array([b"abc", None, b"\x00\xff\x01"], pa.binary(3)),
    "list": pa.array([[1, None], None, []]),
    "large_list": pa.array([[1, None], None, []], pa.large_list(pa.int16())),
    "fixed_list": pa.array([[1, 2], [3, 4], [5, None]], pa.list_(pa.int32(), 2)),
    "fixed_list_null": pa.array([[1, 2], None, [5, None]], pa.list_(pa.int32(), 2)),
    "list_view": pa.array([[1, 2], None, []], pa.list_view(pa.int32())),
    "large_list_view": pa.array([[1, 2], None, []], pa.large_list_view(pa.int32())),
    "list_string_view": pa.array([["a"], None, []], pa.list_(pa.string_view())),
    "list_large_string": pa.array([["a"], None, []], pa.list_(pa.large_string())),
    "struct": pa.array([{"a": 1, "b": None}, None, {"a": None, "b": "x"}]),
    "struct_views": pa.array(
        [{"a": "x", "b": b"y"}, None, {"a": None, "b": None}],
        pa.struct([("a", pa.string_view()), ("b", pa.binary_view())]),
    ),
    "struct_dict": pa.array(
        [{"a": "x"}, None, {"a": None}], pa.struct([("a", pa.dictionary(pa.int8(), pa.string()))])
    ),
    "struct_ns": pa.array([{"a": 1}, None, {"a": None}], pa.struct([("a", pa.timestamp("ns"))])),
    "struct_deep": pa.array([{"a": {"b": [{"c": 1}]}}, None, {"a": None}]),
    "list_struct": pa.array([[{"a": 1}], None, []]),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "map_deep": pa.array([[(1, ["x"])], None, []], pa.map_(pa.int32(), pa.list_(pa.string()))),
    "map_sorted": pa.array(
        [[("k", 1)], None, []], pa.map_(pa.string(), pa.int64(), keys_sorted=True)
    ),
    "dict": pa.array(["a", None, "b"]).dictionary_encode(),
    "dict8": pa.array(["a", None, "b"], pa.dictionary(pa.int8(), pa.string())),
    "dict_ordered": pa.array(["a", None, "b"], pa.dictionary(pa.int8(), pa.string(), ordered=True)),
    "dict_int": pa.array([7, None, 8]).dictionary_encode(),
    "dict_binary": pa.array([b"\xff", None, b"b"]).dictionary_encode(),
    "dict_ts": pa.array([1, None, 2], pa.timestamp("us")).dictionary_encode(),
    "list_dict": pa.array([["a"], None, []], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    "null": pa.nulls(3),
    "list_null": pa.array([[None], None, []], pa.list_(pa.null())),
    "union_sparse": pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    ),
    "union_dense": pa.UnionArray.from_dense(
        pa.array([0, 1, 0], pa.int8()),
        pa.array([0, 0, 1], pa.int32()),
        [pa.array([1, 3]), pa.array(["b"])],
    ),
    "ree": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"])),
    "uuid": pa.array([b"a" * 16, None, b"b" * 16], pa.uuid()),
    "json": extension(pa.json_(), pa.array(['{"a":1}', None, "1"])),
    "bool8": extension(pa.bool8(), pa.array([1, None, 0], pa.int8())),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(
        np.arange(18, dtype="float32").reshape(3, 2, 3)
    ),
    "opaque": extension(pa.opaque(pa.int32(), "x", "y"), pa.array([1, None, 2], pa.int32())),
    "list_fixed_binary": pa.array([[b"a" * 16], None, []], pa.list_(pa.binary(16))),
    "struct_fixed_list": pa.array(
        [{"a": [1, 2]}, None, {"a": [3, 4]}], pa.struct([("a", pa.list_(pa.int32(), 2))])
    ),
}
REFUSED = {"interval", "union_sparse", "union_dense", "ree"}  # Parquet has no place for them
# A null list of a fixed length: pyarrow writes it to Parquet and can't read it again.
UNREADABLE_IN_PARQUET = {"fixed_list_null", "struct_fixed_list"}
# Read as nanoseconds, which end in 2262.
BEYOND_ORC = {"date64", "timestamp_s"}


def write(kind: str, table: pa.Table, path: Path) -> None:
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "orc":
        pa.orc.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)


def can_be_written(kind: str, array: pa.Array, path: Path) -> bool:
    """Whether a format has a type at all, tried by itself."""
    try:
        write(kind, pa.table({"x": array}), path)
    except pa.ArrowException:
        return False
    return True


def values(column) -> list:
    """Values to compare: the bytes of numbers, since NaN and -0.0 are."""
    return [repr(value) for value in column.to_pylist()]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "orc"])
def test_every_type_comes_out_equal(kind, tmp_path, fake, play, capsys):
    left_out = REFUSED | {
        "parquet": UNREADABLE_IN_PARQUET, "arrow": set(), "orc": BEYOND_ORC
    }[kind]  # fmt: skip
    carried = {
        name: array
        for name, array in ARRAYS.items()
        if name not in left_out and can_be_written(kind, array, tmp_path / "tried")
    }
    assert len(carried) > {"parquet": 55, "arrow": 60, "orc": 30}[kind]
    texts = {"title": ["a", "b", "c"], "description": ["d", "", None]}
    path = tmp_path / f"news.{kind}"
    write(kind, pa.table({**texts, **carried}), path)
    argv = ["--input", str(path), "--model", fake, "--output", str(tmp_path / "labels")]
    assert run_command(score, [*argv, "--carry_columns", ",".join(carried)]) == 0, (
        capsys.readouterr()
    )
    made = rows(tmp_path / "labels")
    for name, array in carried.items():
        expected = array.storage if isinstance(array, pa.FixedShapeTensorArray) else array
        if kind == "orc" and pa.types.is_timestamp(array.type):
            expected = expected.cast(pa.timestamp("ns", array.type.tz and "UTC"))
        assert values(made[name]) == values(expected), name


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_parquet_cannot_hold_is_one_line(name, tmp_path, fake, play, capsys):
    path = tmp_path / "news.arrow"
    write(
        "arrow", pa.table({"title": ["a"] * 3, "description": ["b"] * 3, name: ARRAYS[name]}), path
    )
    argv = ["--input", str(path), "--model", fake, "--output", str(tmp_path / "labels")]
    assert run_command(score, [*argv, "--carry_columns", name]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"newsbeam: column {name} of {path} is ") and told.count("\n") == 1
    assert told.endswith(", which Parquet cannot hold; leave it out\n")
    assert not (tmp_path / "labels").exists()


def test_a_parquet_file_that_arrow_cannot_read_is_one_line(tmp_path, fake, play, capsys):
    path = tmp_path / "news.parquet"
    fixed = ARRAYS["fixed_list_null"]
    write("parquet", pa.table({"title": ["a"] * 3, "description": ["b"] * 3, "x": fixed}), path)
    argv = ["--input", str(path), "--model", fake, "--output", str(tmp_path / "labels")]
    assert run_command(score, [*argv, "--carry_columns", "x"]) == 1
    told = capsys.readouterr().err
    assert "Expected all lists to be of size=2" in told and told.count("\n") == 1
    assert run_command(score, [*argv, "--overwrite"]) == 0  # what isn't asked for doesn't matter
