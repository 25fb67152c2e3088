"""The recipes of docs/output.md for reading labels, run as they are printed."""

import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pages_of_docs import recipes
from pipeline.corpus.documents import DICTIONARY, output_schema


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A corpus of 60 rows and its labels in two parts, two rows of them in error."""
    draw = np.random.default_rng(3)
    ids = [f"n{number}" for number in range(60)]
    pq.write_table(
        pa.table({"id": ids, "title": [f"title of {one}" for one in ids]}),
        tmp_path / "news.parquet",
    )
    ok = [number not in (7, 40) for number in range(60)]
    names = [["Sports", "World"][number % 3 == 0] if ok[number] else None for number in range(60)]
    columns = {
        "id": pa.array(ids),
        "label": pa.array(names).dictionary_encode().cast(DICTIONARY),
        "score": pa.array(
            [float(s) if o else None for s, o in zip(draw.random(60), ok, strict=True)],
            pa.float32(),
        ),
        "probabilities": pa.array([[0.5, 0.5] if o else None for o in ok], pa.list_(pa.float32())),
        "tokens": pa.array([3 if o else None for o in ok], pa.int32()),
        "error": pa.array([None if o else "blank: no text" for o in ok], pa.string()),
        "source": pa.array(["news.parquet"] * 60).dictionary_encode().cast(DICTIONARY),
        "source_row": pa.array(np.arange(60)),
    }
    documents = pa.schema([("id", pa.string()), ("error", pa.string()), ("source_row", pa.int64())])
    table = pa.table(columns, schema=output_schema(documents))
    (tmp_path / "labels").mkdir()
    for part, start in enumerate((0, 30)):
        name = f"part-{part:05d}-of-00002.parquet"
        pq.write_table(table.slice(start, 30), tmp_path / "labels" / name)
    (tmp_path / "labels" / "_SUCCESS").touch()
    monkeypatch.chdir(tmp_path)
    return table


def test_duckdb(published, capfd):
    exec(compile(recipes()["duckdb"], "output.md", "exec"), {})
    sys.stdout.flush()
    shown = capfd.readouterr().out
    best = sorted(
        zip(published["score"].to_pylist(), published["id"].to_pylist(), strict=True),
        key=lambda pair: pair[0] or 0,
    )[-10:]
    for _, one in best:
        assert f"title of {one} " in shown
    assert shown.count("title of") == 10


def test_pandas(published, capsys):
    found: dict = {}
    exec(compile(recipes()["pandas"], "output.md", "exec"), found)
    shown = dict(
        line.split()
        for line in capsys.readouterr().out.splitlines()
        if line[:5] in ("Sport", "World")
    )
    assert shown == {"Sports": "38", "World": "20"}
    assert len(found["joined"]) == 60


def test_polars(published, capsys):
    exec(compile(recipes()["polars"], "output.md", "exec"), {})
    shown = capsys.readouterr().out
    rows = re.findall(r"│ (\w+) +┆ (\d+) +┆ ([\d.]+)", shown)
    assert [row[:2] for row in rows] == [("Sports", "38"), ("World", "20")]
    scores = [
        s
        for s, n in zip(published["score"].to_pylist(), published["label"].to_pylist(), strict=True)
        if n == "Sports"
    ]
    assert float(rows[0][2]) == pytest.approx(np.mean(scores), abs=1e-4)
