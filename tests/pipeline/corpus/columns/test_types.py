"""One type for each column, over all the inputs."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.columns.types import unite as unite_facts
from pipeline.corpus.documents import DICTIONARY
from pipeline.corpus.sources import Columns, Facts
from pipeline.errors import UsageError

NEWS = pa.schema([("id", pa.int32()), ("title", pa.large_string()), ("label", pa.string())])


def unite(schemas, columns):
    return unite_facts([(path, Facts(schema, None)) for path, schema in schemas], columns)


def test_widths_are_widened_and_kinds_clash():
    other = pa.schema([("id", pa.int64()), ("title", pa.dictionary(pa.int8(), pa.string()))])
    columns = Columns(("title",), "id")
    types = unite([("a", NEWS), ("b", other), ("empty", pa.schema([]))], columns)
    assert types == {"id": pa.int64(), "title": pa.string()}
    strings = pa.schema([("id", pa.string()), ("title", pa.string())])
    with pytest.raises(UsageError, match="column id is int32 in a and string in b"):
        unite([("a", NEWS), ("b", strings)], columns)


def test_carried_dictionaries_of_strings_stay_dictionaries_if_all_inputs_have_them():
    narrow = pa.schema([("title", pa.string()), ("place", pa.dictionary(pa.int8(), pa.string()))])
    wide = pa.schema([("place", pa.dictionary(pa.int64(), pa.large_string()))])
    plain = pa.schema([("place", pa.string())])
    years = pa.schema([("place", pa.dictionary(pa.int8(), pa.int32()))])
    columns = Columns(("title",), carry=(("place", "place"),))

    def place(*schemas, columns=columns):
        return unite([(str(n), schema) for n, schema in enumerate(schemas)], columns)["place"]

    assert place(narrow) == place(narrow, wide, pa.schema([])) == DICTIONARY
    assert place(narrow, plain) == place(plain, narrow) == pa.string()
    assert place(years) == pa.int32()
    assert place(narrow, columns=Columns(("title", "place"), carry=columns.carry)) == pa.string()
    assert place(narrow, columns=Columns(("title",), "place", columns.carry)) == pa.string()


def test_only_columns_in_use_can_clash():
    other = pa.schema([("id", pa.string()), ("title", pa.string())])
    assert unite([("a", NEWS), ("b", other)], Columns(("title",))) == {"title": pa.string()}


def test_text_must_be_text():
    with pytest.raises(UsageError, match="column id of a holds no text but int32"):
        unite([("a", NEWS)], Columns(("id",)))
    binary = pa.schema([("title", pa.binary())])
    assert unite([("a", binary)], Columns(("title",))) == {"title": pa.string()}


@pytest.mark.parametrize(
    "one, other, united",
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.uint32(), pa.int32(), pa.int64()),
        (pa.int32(), pa.float64(), pa.float64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.null(), pa.int8(), pa.int8()),
        (pa.date32(), pa.date64(), pa.date32()),  # as which Parquet stores both
        (pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("us")),
        (pa.decimal128(5, 2), pa.decimal128(9, 1), pa.decimal128(10, 2)),
        (pa.string(), pa.binary(), pa.binary()),
        (pa.list_(pa.int8()), pa.list_(pa.int32()), pa.list_(pa.int32())),
        (pa.int64(), pa.float64(), None),
        (pa.uint64(), pa.int64(), None),
        (pa.int64(), pa.decimal128(10, 2), None),
        (pa.timestamp("us"), pa.timestamp("ns"), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
        (pa.date32(), pa.timestamp("us"), None),
        (pa.bool_(), pa.int8(), None),
        (pa.list_(pa.int64()), pa.list_(pa.float64()), None),
        (pa.struct({"a": pa.int64()}), pa.struct({"a": pa.float64()}), None),
    ],
)
def test_a_type_that_does_not_hold_all_values_of_both_is_a_clash(one, other, united):
    columns = Columns(("title",), "key")
    for pair in ((one, other), (other, one)):
        inputs = [
            (name, pa.schema([("title", pa.string()), ("key", kind)]))
            for name, kind in zip("ab", pair, strict=True)
        ]
        if united is not None:
            assert unite(inputs, columns)["key"] == united
            continue
        with pytest.raises(UsageError, match=r"column key is .* in a and .* in b.* runs of their"):
            unite(inputs, columns)


def test_what_the_line_says_of_pandas_works(tmp_path):
    """Files as pandas writes them, and as it writes them after what the line says."""
    large = 9007199254740993  # no double has it
    frames = {
        "whole": pd.DataFrame({"title": ["a", "b"], "key": [large, 2]}),
        "gaps": pd.DataFrame({"title": ["c", "d"], "key": [3, None]}),
    }
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / name)

    def schemas():
        return [(name, pq.read_schema(tmp_path / name)) for name in frames]

    columns = Columns(("title",), "key")
    with pytest.raises(UsageError) as caught:
        unite(schemas(), columns)
    said = str(caught.value)
    assert "column key is int64 in whole and double in gaps" in said
    advice = "write gaps again after .astype({'key': 'Int64'})"
    assert said.endswith(advice)
    again = pd.read_parquet(tmp_path / "gaps")
    again.astype({"key": "Int64"}).to_parquet(tmp_path / "gaps")
    assert unite(schemas(), columns)["key"] == pa.int64()
    tables = [pq.read_table(tmp_path / name) for name in frames]
    assert pa.concat_tables(tables)["key"].to_pylist() == [large, 2, 3, None]


def test_a_column_has_its_own_type_though_it_is_text_as_well():
    schema = pa.schema([("t", pa.binary()), ("p", pa.list_(pa.string()))])
    columns = Columns(("t", "p"), "t", (("p", "p"),))
    assert unite([("a", schema)], columns) == {"t": pa.binary(), "p": pa.list_(pa.string())}


def test_what_cannot_be_carried_or_compared_is_refused():
    interval = pa.schema([("t", pa.string()), ("x", pa.month_day_nano_interval())])
    with pytest.raises(UsageError, match="column x of a is month_day_nano_interval, which Parquet"):
        unite([("a", interval)], Columns(("t",), carry=(("x", "x"),)))
    lists = pa.schema([("t", pa.string()), ("x", pa.list_(pa.string()))])
    with pytest.raises(UsageError, match=r"column x of a holds no labels but list<"):
        unite([("a", lists)], Columns(("t",), gold="x"))


def test_columns_inside_columns():
    meta = pa.struct({"url": pa.string(), "size": pa.int32(), "more.so": pa.date32()})
    schema = pa.schema([("t", pa.string()), ("meta", meta), ("meta.size", pa.int64())])
    names = ("meta.url", "meta.size", "meta.more.so")
    assert unite([("a", schema)], Columns(("t",), carry=tuple(zip(names, names, strict=True)))) == {
        "t": pa.string(),
        "meta.url": pa.string(),
        "meta.size": pa.int64(),
        "meta.more.so": pa.date32(),
    }
