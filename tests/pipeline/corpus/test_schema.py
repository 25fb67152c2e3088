"""Columns that were asked for against columns that there are."""

import pyarrow as pa
import pytest

from pipeline.corpus.documents import DICTIONARY, Columns
from pipeline.corpus.schema import choose_columns, unite
from pipeline.errors import UsageError

NEWS = pa.schema([("id", pa.int32()), ("title", pa.large_string()), ("label", pa.string())])


def choose(carry=(), text=("title",), id_column=None, gold=None, schemas=None):
    return choose_columns(schemas or [("a", NEWS)], list(text), id_column, list(carry), gold)


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
