"""What holds for any corpus: rows out equals rows in, in order, each with a label or a reason."""

import math
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings

from fakes import LABELS, FakeEngine, fake_tokenizer
from items import read_item
from model.engines.scorer import Scorer
from outputs import ERROR_CODES
from pipeline.corpus.documents import DICTIONARY
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.output.checkpoints import find_checkpoints, read_stats, write_checkpoint
from pipeline.output.parts import Part, pack
from pipeline.stages.scoring import score_table
from pipeline.stages.tokenizing import tokenize_table

TEXT = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "\t\n", "\u00a0", "\u3000", "a", "team won", "\x00", "x" * 5000]),
    st.text(max_size=20),
    st.text(max_size=3).map(lambda text: text * 2000),
)
TYPES = st.sampled_from(
    [
        pa.string(), pa.large_string(), pa.binary(), pa.int8(), pa.uint64(), pa.float64(),
        pa.float16(), pa.bool_(), pa.date32(), pa.timestamp("us", "UTC"), pa.decimal128(9, 2),
        pa.null(), pa.list_(pa.int32()), pa.struct([("a", pa.int64()), ("b", pa.string())]),
        pa.dictionary(pa.int16(), pa.string()), pa.time64("ns"), pa.duration("s"),
    ]
)  # fmt: skip


@st.composite
def columns(draw, kind: pa.DataType, count: int) -> pa.Array:
    """A column of any type: nulls, and values made from small numbers."""
    numbers = draw(st.lists(st.none() | st.integers(0, 100), min_size=count, max_size=count))
    if pa.types.is_null(kind):
        return pa.nulls(count)
    if pa.types.is_list(kind):
        return pa.array([None if n is None else [n, None] for n in numbers], kind)
    if pa.types.is_struct(kind):
        return pa.array([None if n is None else {"a": n, "b": str(n)} for n in numbers], kind)
    if pa.types.is_dictionary(kind):
        return pa.array([None if n is None else str(n) for n in numbers]).dictionary_encode()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = draw(st.lists(TEXT, min_size=count, max_size=count))
        return pa.array(texts, kind)
    if pa.types.is_binary(kind):
        return pa.array([None if n is None else bytes([n, 255]) for n in numbers], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if n is None else n / 8 for n in numbers], kind)
    if pa.types.is_boolean(kind):
        return pa.array([None if n is None else n > 50 for n in numbers])
    if pa.types.is_decimal(kind):
        return pa.array(numbers, pa.int32()).cast(pa.decimal128(12, 2)).cast(kind)
    wide = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return pa.array(numbers, wide).cast(kind)


@st.composite
def corpora(draw) -> pa.Table:
    """Tables with two text columns, an id and two carried columns of any type."""
    count = draw(st.integers(0, 40))
    texts = st.lists(TEXT, min_size=count, max_size=count)
    text_type = draw(st.sampled_from([pa.string(), pa.large_string()]))
    second = draw(st.sampled_from(["text", "null", "dictionary"]))
    two = pa.array(draw(texts), pa.string())
    two = {"text": two, "null": pa.nulls(count), "dictionary": two.dictionary_encode()}[second]
    return pa.table(
        {
            "one": pa.array(draw(texts), text_type),
            "two": two,
            "key": draw(columns(draw(TYPES), count)),
            "x": draw(columns(draw(TYPES), count)),
            "y": draw(columns(draw(TYPES), count)),
        }
    )


def comparable(value):
    return "nan" if isinstance(value, float) and math.isnan(value) else value


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(corpora(), st.integers(1, 17), st.integers(1, 12), st.booleans(), st.integers(1, 200))
def test_rows_out_equal_rows_in(corpus, shard_rows, group_rows, has_key, batch_tokens):
    with tempfile.TemporaryDirectory() as place:
        path, work = Path(place) / "news.parquet", Path(place) / "work"
        work.mkdir()
        pq.write_table(corpus, path, row_group_size=group_rows)
        before = pq.read_table(path)
        plan = make_plan(
            [(str(path), "parquet")],
            ["one", "two"],
            {"bundle": "b", "version": "1", "max_tokens": 16},
            id_column="key" if has_key else None,
            carry_columns=[("x", "x"), ("y", "why")],
            reading=ReadSettings(shard_rows),
        )
        scorer = Scorer(FakeEngine(), batch_tokens)
        counted = 0
        for item in plan.items:
            for shard in read_item(plan, item):
                assert shard.table.num_rows <= shard_rows
                documents = tokenize_table(shard.table, fake_tokenizer)
                scored, _ = score_table(documents, scorer, LABELS)
                name = write_checkpoint(shard.becomes(scored), plan, str(work))
                counted += read_stats(str(work / name))[0]["rows"]
        files, missing = find_checkpoints(plan, str(work))
        assert not missing
        pack(
            Part("part", [f.name for f in files], [f.size for f in files]),
            plan,
            str(work),
            f"{place}/part.parquet",
        )
        after = pq.read_table(f"{place}/part.parquet")
        assert after.num_rows == before.num_rows == counted
        assert after["source_row"].to_pylist() == list(range(len(before)))
        keys = before["key"].to_pylist() if has_key else [f"{path}#{n}" for n in range(len(before))]
        for name, values in (("id", keys), ("x", before["x"]), ("why", before["y"])):
            expected = [
                comparable(value) for value in (values if name == "id" else values.to_pylist())
            ]
            assert [comparable(value) for value in after[name].to_pylist()] == expected, name
            if name != "id" and pa.types.is_dictionary(values.type):
                assert after[name].type == DICTIONARY
        texts = zip(before["one"].to_pylist(), before["two"].to_pylist(), strict=True)
        for row, (one, two) in enumerate(texts):
            label, error = after["label"][row].as_py(), after["error"][row].as_py()
            assert (label is None) == (error is not None)
            assert error is None or error.split(":")[0] in ERROR_CODES
            probabilities = after["probabilities"][row].as_py()
            assert (probabilities is None) == (label is None)
            text = " ".join([one or "", two or ""])
            if not text.strip(" \t\n"):
                assert error == "blank: no text in one, two"
            if any(character.isalnum() for character in text):
                assert error is None
                assert label == LABELS[probabilities.index(max(probabilities))]
