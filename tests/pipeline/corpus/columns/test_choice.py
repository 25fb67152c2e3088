"""Columns that were asked for against columns that there are."""

import pyarrow as pa
import pytest

from pipeline.corpus.columns.choice import choose_columns
from pipeline.corpus.columns.names import split_carried
from pipeline.corpus.sources import Columns, Facts
from pipeline.errors import UsageError

NEWS = pa.schema([("id", pa.int32()), ("title", pa.large_string()), ("label", pa.string())])


def choose(carry=(), text=("title",), id_column=None, gold=None, schemas=None):
    inputs = [(path, Facts(schema, None)) for path, schema in schemas or [("a", NEWS)]]
    return choose_columns(inputs, list(text), id_column, split_carried(",".join(carry)), gold)


def test_all_leaves_out_the_id_and_renames():
    columns = choose(carry=["all", "label:gold"], id_column="id")
    assert columns == Columns(("title",), "id", (("title", "title"), ("label", "gold")), None)
    assert columns.names() == ["id", "title", "label"]


def test_taken_names_are_refused_with_the_way_out():
    with pytest.raises(UsageError, match="--carry_columns label:label_in"):
        choose(carry=["all"], id_column="id")
    with pytest.raises(UsageError, match="make it yours: --id_column id"):
        choose(carry=["id"])
    with pytest.raises(UsageError, match="two carried columns would be called x"):
        choose(carry=["id:x", "title:x"])


def test_missing_columns_are_named_with_what_there_is():
    with pytest.raises(UsageError, match=r"no column titel in a, .* did you mean title"):
        choose(text=["titel"])
    with pytest.raises(UsageError, match="no column Z in a, it has id, title, label"):
        choose(gold="Z")
    with pytest.raises(UsageError, match="no text columns"):
        choose(text=[])


def test_columns_inside_columns():
    meta = pa.struct({"url": pa.string(), "size": pa.int32(), "more.so": pa.date32()})
    schema = pa.schema([("t", pa.string()), ("meta", meta), ("meta.size", pa.int64())])
    columns = choose(
        carry=["meta.url", "meta.size:size", "meta.more.so"], text=["t"], schemas=[("a", schema)]
    )
    assert columns.carry == (
        ("meta.url", "meta.url"),
        ("meta.size", "size"),
        ("meta.more.so", "meta.more.so"),
    )
    assert choose(carry=["all", "meta.url"], text=["t"], schemas=[("a", schema)]).carry == (
        ("t", "t"),
        ("meta", "meta"),
        ("meta.size", "meta.size"),
        ("meta.url", "meta.url"),
    )
    with pytest.raises(UsageError, match=r"no column meta\.uri in a, it has t, meta, meta\.size"):
        choose(text=["meta.uri"], schemas=[("a", schema)])


def test_a_typo_among_many_columns_prints_one_line():
    schema = pa.schema([(f"column {n}", pa.string()) for n in range(5000)])
    with pytest.raises(UsageError) as error:
        choose(text=["colum 17"], schemas=[("a", schema)])
    assert len(str(error.value)) < 600
    assert str(error.value).endswith("and 4,970 more; did you mean column 17?")
