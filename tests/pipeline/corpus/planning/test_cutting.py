"""How large the ranges are that workers read."""

import gzip

import pyarrow as pa
import pytest

from pipeline.corpus.planning import cutting
from pipeline.corpus.planning.cutting import cut, ranges_of
from pipeline.corpus.sources import Facts, ReadSettings, Source


@pytest.mark.parametrize(
    ("seconds", "shards", "expected"),
    [
        (0.0, [131_072 + 7], [131_072, 7]),
        # The small transformer's 50 us: eight Tables; in a large row group more of them, since a
        # worker that enters it decodes half of it again.
        (50e-6, [300_000], [131_072, 131_072, 37_856]),
        (50e-6, [1_000_000], [200_000] * 5),
        (50e-6, [100_000] * 2, [100_000, 100_000]),
        # MiniLM's 27 ms: a Table. A BERT-base's 0.4 s: less than that, ten minutes all the same.
        (27e-3, [40_000], [16_384, 16_384, 7_232]),
        (0.4, [4_000], [1_500, 1_500, 1_000]),
        (60.0, [2_000], [1_024, 976]),  # each file costs something, too
    ],
)
def test_items_are_cut_by_what_they_cost(seconds, shards, expected):
    ranges = ranges_of(sum(shards), shards, 16_384, seconds)
    assert [rows for _, rows in ranges] == expected
    assert [start for start, _ in ranges] == [sum(expected[:n]) for n in range(len(expected))]


def cut_file(path, kind, seconds, limit=None):
    source = Source(str(path), kind, path.stat().st_size, None, "x")
    return cut([source], [Facts(pa.schema([]), None)], ReadSettings(16_384), limit, "fail", seconds)


@pytest.mark.parametrize(
    ("name", "seconds", "expected"),
    [
        # MiniLM's 27 ms: a Table of rows each, however the file is entered.
        ("a.jsonl", 27e-3, 13),
        ("a.jsonl.gz", 27e-3, 13),
        # The small transformer's 50 us: eight Tables. But who must read a file from its beginning
        # to come to his rows may take no longer than a twentieth of what they cost.
        ("a.jsonl", 50e-6, 2),
        ("a.jsonl.gz", 50e-6, 2),
        ("a.csv", 50e-6, 1),
        ("a.csv", 400e-6, 2),
        ("a.jsonl", 0.0, 1),  # unknown, as in a preparation
    ],
)
def test_large_files_are_cut_by_what_their_rows_cost(
    tmp_path, monkeypatch, name, seconds, expected
):
    monkeypatch.setattr(cutting, "LARGE_BYTES", 1000)
    row = b'{"t": "' + b"x" * 10 + b'"}\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(row * 200_000, 1) if name.endswith("gz") else row * 200_000)
    kind = name.split(".")[1]
    items = cut_file(path, kind, seconds)
    assert [item.pieces for item in items] == [expected] * expected
    assert [item.piece for item in items] == list(range(expected))
    assert {(item.start, item.rows) for item in items} == {(0, None)}


def test_a_limit_counts_and_shares_out_the_rows_of_a_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "LARGE_BYTES", 1000)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"t": "x"}\n' * 50_000)
    items = cut_file(path, "jsonl", 27e-3, limit=40_000)
    assert [(item.start, item.rows) for item in items] == [
        (0, 13_333), (13_333, 13_333), (26_666, 13_334),
    ]  # fmt: skip
    assert {item.pieces for item in items} == {1}


def test_small_files_are_one_item_and_nobody_looks_into_them(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "count_rows", lambda *_, **__: pytest.fail("looked into"))
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"t": "x"}\n' * 50_000)
    assert len(cut_file(path, "jsonl", 0.4)) == 1
