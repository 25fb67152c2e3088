"""A large file read by several workers: the rows of one worker, numbered as by one."""

import bz2
import gzip
import json
import lzma
import tempfile
from pathlib import Path

import fastavro
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings

from pipeline.corpus.planning.pieces import count_piece, is_counted, settled
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings, WorkItem
from pipeline.stages.reading import read_source

READING = ReadSettings(3)


def planned(path, kind, text="t", **options):
    return make_plan([(str(path), kind)], [text], {}, reading=READING, **options)


def counted(plan, source, items):
    """The items with their rows, as the first step finds them out."""
    pairs = [(source, item) for item in items]
    counts = [count_piece(*pair, plan.reading) for pair in pairs if is_counted(*pair)]
    by_source = {0: [(rows, bad and bad.reason) for rows, bad in counts]}
    return [item for _, item in settled(pairs, lambda: by_source)]


def read(plan, items, skip=False, source=None):
    """The documents of items, and why items end before their source does."""
    source = source or plan.sources[0]
    shards = [list(read_source(plan, source, item, skip)) for item in items]
    assert all(shard[-1].last for shard in shards)
    table = pa.concat_tables([shard.table for some in shards for shard in some])
    return table.to_pylist(), [some[-1].bad_file for some in shards if some[-1].bad_file]


def cut(plan, pieces):
    """The same work, in so many pieces."""
    items = [WorkItem(number, 0, 0, None, number, pieces) for number in range(pieces)]
    return counted(plan, plan.sources[0], items if pieces > 1 else plan.items)


GOOD = '{"t": "caf\u00e9 \u4eac\u90fd"}'
LINE = st.one_of(
    st.text(max_size=6).map(lambda text: json.dumps({"t": text}, ensure_ascii=False)),
    st.sampled_from([GOOD, "", " \t", "broken", "[1]", json.dumps({"t": "x" * 70})]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(LINE, max_size=8),
    st.integers(0, 8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 40),
)
def test_json_lines_are_the_same_wherever_they_are_cut(lines, at, end, has_mark, ends, pieces):
    lines.insert(at, GOOD)
    content = ("\ufeff" * has_mark + end.join(lines) + end * ends).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(content)
        plan = planned(path, "jsonl")
        with open(path, "ab") as stream:
            stream.write(b'more"}\n{"t": "came meanwhile"}\n')
        items = cut(plan, pieces)
        rows, bad = read(plan, items)
    kept = [line for line in lines if line.strip()]
    texts = [json.loads(line)["t"] if line.startswith("{") else None for line in kept]
    assert [row["text"] for row in rows] == [
        text if text and text.strip() else None for text in texts
    ]
    assert [row["source_row"] for row in rows] == list(range(len(kept)))
    assert [row["id"] for row in rows] == [f"{path}#{row}" for row in range(len(kept))]
    assert bad == []
    assert pieces == 1 or [item.rows is not None for item in items] == [True] * pieces


TEXTS = [f"text {number}" + ', \n"said"' * (number % 3) for number in range(29)]
PACK = {
    "": lambda content: content,
    ".gz": lambda content: gzip.compress(content[:400]) + gzip.compress(content[400:]),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}


def as_csv(path):
    pacsv.write_csv(pa.table({"t": TEXTS}), path)


def as_json(path):
    path.write_text(json.dumps([{"t": text} for text in TEXTS], indent=1))


def as_lines(path):
    path.write_text("\n\n".join(json.dumps({"t": text}) for text in TEXTS))


def as_avro(path):
    schema = {"type": "record", "name": "r", "fields": [{"name": "t", "type": "string"}]}
    with open(path, "wb") as stream:
        fastavro.writer(stream, schema, [{"t": text} for text in TEXTS], sync_interval=100)


@pytest.fixture
def expected(tmp_path):
    """The same rows in Parquet, which one worker reads."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": TEXTS}), path)
    plan = planned(path, "parquet")
    rows, _ = read(plan, plan.items)
    return [(row["text"], row["source_row"]) for row in rows]


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        *((kind, ending) for kind in ("csv", "json", "jsonl") for ending in PACK),
        ("avro", ""),
    ],
)
@pytest.mark.parametrize("pieces", [2, 7, 40])
def test_every_format_gives_the_rows_that_parquet_gives(tmp_path, expected, kind, ending, pieces):
    path = tmp_path / f"a.{kind}"
    {"csv": as_csv, "json": as_json, "jsonl": as_lines, "avro": as_avro}[kind](path)
    packed = tmp_path / f"b.{kind}{ending}"
    packed.write_bytes(PACK[ending](path.read_bytes()))
    plan = planned(packed, kind)
    rows, bad = read(plan, cut(plan, pieces))
    assert [(row["text"], row["source_row"]) for row in rows] == expected
    assert bad == []


@pytest.mark.parametrize("pieces", [2, 7, 40])
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_rows_before_the_damage_are_kept_once(tmp_path, ending, pieces):
    content = "".join(json.dumps({"t": f"text {n}"}) + "\n" for n in range(300)).encode()
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(PACK[ending](content[:3000]) + PACK[ending](content[3000:])[:-30])
    plan = planned(path, "jsonl", on_bad_file="skip")
    whole = read(plan, plan.items, skip=True)
    assert 0 < len(whole[0]) < 300 and len(whole[1]) == 1
    assert read(plan, cut(plan, pieces), skip=True) == whole


@pytest.mark.parametrize("pieces", [2, 7, 40])
def test_a_line_without_end_is_where_the_file_ends(tmp_path, monkeypatch, pieces):
    monkeypatch.setattr("pipeline.corpus.formats.lines.LINE_BYTES", 200)
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"t": f"text {n}"}) for n in range(30)]
    lines[20] = json.dumps({"t": "x" * 1000})
    path.write_text("\n".join(lines))
    plan = planned(path, "jsonl", on_bad_file="skip")
    whole = read(plan, plan.items, skip=True)
    assert len(whole[0]) == 20
    assert read(plan, cut(plan, pieces), skip=True) == whole


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz"])
def test_what_failed_for_a_moment_while_it_was_counted_is_read_all_the_same(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    content = "".join(json.dumps({"t": f"text {n:02}"}) + "\n" for n in range(30)).encode()
    path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    plan = planned(path, "jsonl")
    source = plan.sources[0]
    items = [WorkItem(number, 0, 0, None, number, 3) for number in range(3)]
    counts = [(10, None), (4, "a store that failed"), (10, None)]
    counts = counts if kind == "jsonl" else [(14, "a store that failed")]
    known = [item for _, item in settled([(source, item) for item in items], lambda: {0: counts})]
    rows, bad = read(plan, known, skip=True)
    assert [row["source_row"] for row in rows] == list(range(30))
    assert [row["text"] for row in rows] == [f"text {n:02}" for n in range(30)]
    assert bad == []
