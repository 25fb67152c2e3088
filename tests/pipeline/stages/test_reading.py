"""From rows of the corpus to numbered Tables of documents."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import ServiceUnavailable

from items import read_item
from pipeline.corpus.documents import document_schema
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import Columns, ReadSettings, Rows, Source
from pipeline.errors import BadFileError
from pipeline.stages.to_documents import to_documents


def documents(table, columns, types, error=None):
    rows = Rows(pa.table(table), error)
    source = Source("f", "parquet", 0, None, "")
    return to_documents(rows, columns, document_schema(types, columns), source, 10).to_pydict()


def test_text_is_joined_and_blank_text_is_an_error():
    columns = Columns(("title", "body"), None, (("n", "number"),))
    types = {"title": pa.string(), "body": pa.string(), "n": pa.int64()}
    table = {"title": ["a", None, " ", None], "body": ["b", "c", "\t", None], "n": [1, 2, None, 4]}
    assert documents(table, columns, types) == {
        "id": ["f#10", "f#11", "f#12", "f#13"],
        "carried:number": [1, 2, None, 4],
        "text": ["a b", " c", None, None],
        "error": [None, None, *["blank: no text in title, body"] * 2],
        "source_row": [10, 11, 12, 13],
    }


def test_bytes_that_are_no_text_make_the_row_an_error():
    texts = pa.array([b"fine", b"caf\xe9", "京".encode()], pa.binary())
    unchecked = pa.Array.from_buffers(pa.string(), 3, texts.buffers())
    columns = Columns(("t",), "id")
    types = {"t": pa.string(), "id": pa.int8()}
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), unchecked)
    for array in (texts, unchecked, pa.array(texts).cast(pa.large_binary()), coded):
        made = documents({"t": array, "id": pa.array([1, 2, 3], pa.int8())}, columns, types)
        assert made["text"] == ["fine", None, "京"]
        assert made["error"] == [None, "encoding: column t is not UTF-8", None]
        assert made["id"] == [1, 2, 3]


def test_errors_of_the_format_come_first():
    made = documents(
        {"t": [None, "x"]}, Columns(("t",)), {"t": pa.string()}, pa.array(["json: no", None])
    )
    assert made["error"] == ["json: no", None]


def test_gold_is_text_whatever_it_was():
    columns = Columns(("t",), gold="g")
    types = {"t": pa.string(), "g": pa.string()}
    assert documents({"t": ["x", "y"], "g": [3, None]}, columns, types)["gold"] == ["3", None]


@pytest.mark.parametrize("group", [100, 7])
def test_tables_are_numbered_and_the_last_says_so(tmp_path, group):
    path = str(tmp_path / "a.parquet")
    pq.write_table(pa.table({"t": [f"text {n}" for n in range(45)]}), path, row_group_size=group)
    plan = make_plan([(path, "parquet")], ["t"], {}, reading=ReadSettings(4))
    assert len(plan.items) == 2
    names, texts = [], []
    for item in plan.items:
        for shard in read_item(plan, item):
            names.append((shard.file_name, shard.table.num_rows))
            texts += shard.table["text"].to_pylist()
    assert texts == [f"text {n}" for n in range(45)]
    assert names == [
        *((f"000000-{n:06d}.parquet", 4) for n in range(7)),
        ("000000-000007.end.parquet", 4),
        *((f"000001-{n:06d}.parquet", 4) for n in range(3)),
        ("000001-000003.end.parquet", 1),
    ]


def test_no_rows_are_one_empty_table(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n\n")
    plan = make_plan([(str(path), "jsonl")], ["t"], {}, reading=ReadSettings(4))
    [shard] = read_item(plan, plan.items[0])
    assert (shard.table.num_rows, shard.last, shard.number) == (0, True, 0)


def test_large_rows_end_a_table_early(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.stages.reading.TABLE_BYTES", 2000)
    monkeypatch.setattr("pipeline.corpus.formats.lines.TABLE_BYTES", 500)
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"t": "x" * 900}) + "\n" + (json.dumps({"t": "y" * 990}) + "\n") * 4)
    plan = make_plan([(str(path), "jsonl")], ["t"], {}, reading=ReadSettings(1000))
    assert [shard.table.num_rows for shard in read_item(plan, plan.items[0])] == [2, 2, 1]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.binary()),
        pa.list_view(pa.string()),
        pa.list_(pa.string_view()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_paragraphs_are_joined_by_line_breaks(kind):
    paragraphs = [["one", None, "two"], None, [], ["", "three"], [None]]
    values = paragraphs if kind.value_type != pa.binary() else [
        None if some is None else [None if one is None else one.encode() for one in some]
        for some in paragraphs
    ]  # fmt: skip
    table = {"t": pa.array(values, kind)}
    made = documents(table, Columns(("t",)), {"t": pa.string()})
    assert made["text"] == ["one\ntwo", None, None, "\nthree", None]


def test_bad_bytes_in_paragraphs_make_the_row_an_error():
    table = {"t": pa.array([[b"fine"], [b"caf\xe9", b"x"]], pa.list_(pa.binary()))}
    made = documents(table, Columns(("t",)), {"t": pa.string()})
    assert made["text"] == ["fine", None]
    assert made["error"] == [None, "encoding: column t is not UTF-8"]


def test_bytes_that_are_text_and_carried_stay_bytes():
    columns = Columns(("t",), "t", (("t", "raw"),))
    table = {"t": pa.array([b"fine", b"caf\xe9"], pa.binary())}
    made = documents(table, columns, {"t": pa.binary()})
    assert made["carried:raw"] == made["id"] == [b"fine", b"caf\xe9"]
    assert made["text"] == ["fine", None]


class Failing(io.BytesIO):
    """A file whose disk fails behind its first bytes."""

    error: Exception = OSError(5, "Input/output error")

    def read(self, size=-1):
        if self.tell() > 0:
            raise self.error
        return super().read(min(size, 300) if size >= 0 else 300)

    read1 = read


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), ServiceUnavailable("503 busy")], ids=["disk", "gs"]
)
def test_a_disk_or_store_that_fails_is_no_broken_file(tmp_path, monkeypatch, kind, error):
    """With `--on_bad_file skip` the rows up to there would count as the whole file for ever."""
    path = tmp_path / f"a.{kind}"
    line = json.dumps({"t": "text"}) if kind == "jsonl" else "text"
    path.write_text("t\n" * (kind == "csv") + f"{line}\n" * 100)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plan = make_plan([(str(path), kind)], ["t"], {}, reading=ReadSettings(10))
    content = path.read_bytes()
    monkeypatch.setattr(Failing, "error", error)
    monkeypatch.setattr("pipeline.storage.open_input", lambda _: Failing(content))
    with pytest.raises((BadFileError, ServiceUnavailable), match=r"Input/output error|503"):
        list(read_item(plan, plan.items[0], skip_bad_files=True))
