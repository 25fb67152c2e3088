"""The formats against literal files, and CSV against Python's own reader."""

import csv
import gzip
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.formats import delimited, parquet
from pipeline.corpus.formats.json_files import jsonl
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.errors import BadFileError, UsageError

SETTINGS = ReadSettings(shard_rows=4)


def as_values(names):
    """Columns whose values are wanted as they are."""
    return Columns((), carry=tuple((name, name) for name in names))


def rows_of(module, path, columns, settings=SETTINGS, start=0, rows=None):
    """All rows of a file: values under the columns' names, and errors."""
    values, errors = [], []
    for stretch in module.read(str(path), start, rows, as_values(columns), settings):
        values += stretch.table.to_pylist()
        errors += stretch.error.to_pylist() if stretch.error is not None else [None] * len(values)
    return values, errors


def test_csv_names_broken_rows_and_goes_on(tmp_path):
    path = tmp_path / "news.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,title\r\n"
        b'1,"Ship, lost"\r\n'
        b"\r\n"
        b"2,two,many\r\n"
        b"3\r\n"
        b'4,"says ""no""\r\ntwice"\r\n'
        b"5,caf\xe9\r\n"
        b"6,last"
    )
    values, errors = rows_of(delimited, path, ["title", "id"])
    assert values == [
        {"title": "Ship, lost", "id": "1"},
        {"title": None, "id": None},
        {"title": None, "id": None},
        {"title": 'says "no"\r\ntwice', "id": "4"},
        {"title": None, "id": None},
        {"title": "last", "id": "6"},
    ]
    assert errors == [
        None,
        "fields: 3 fields where 2 are expected",
        "fields: 1 fields where 2 are expected",
        None,
        "encoding: byte 0xe9 at offset 5 is not UTF-8",
        None,
    ]


def test_csv_open_quote_costs_one_line(tmp_path):
    path = tmp_path / "news.csv"
    long = "x" * 300_000
    lines = ["id,title", '1,"never closed', *(f"{number},{long}" for number in range(2, 8))]
    path.write_text("\n".join([*lines, '8,"open at the end', "9,last"]) + "\n")
    values, errors = rows_of(delimited, path, ["id"])
    assert [row["id"] for row in values] == [None, *"234567", None, "9"]
    assert errors[0] == "quote: a quote is still open after 1 MB"
    assert errors[7] == "quote: a quote is still open at the end of the file"
    assert errors[1:7] == [None] * 6 and errors[8] is None


def test_csv_reads_what_the_csv_module_reads(tmp_path):
    draw = random.Random(7)
    pieces = ["a", "é", '"', ",", "\n", " ", "京", "\\", "'"]
    records = [
        ["".join(draw.choices(pieces, k=draw.randrange(6))) + "." for _ in range(3)]
        for _ in range(500)
    ]
    text = io.StringIO()
    csv.writer(text).writerows([["a", "b", "c"], *records])
    path = tmp_path / "news.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    values, errors = rows_of(delimited, path, ["a", "b", "c"])
    assert [list(row.values()) for row in values] == records
    assert errors == [None] * 500


def test_csv_without_header(tmp_path):
    path = tmp_path / "news.csv"
    path.write_text('"3","Fans cheer"\n"4","New chip"\n')
    settings = ReadSettings(4, csv_columns=("label", "title"))
    assert rows_of(delimited, path, ["title"], settings)[0] == [
        {"title": "Fans cheer"},
        {"title": "New chip"},
    ]
    with pytest.raises(UsageError, match=r"names 3 columns, but the first row of .* has 2"):
        delimited.inspect(str(path), ReadSettings(4, csv_columns=("a", "b", "c")))


def test_jsonl_gives_strings_json_text_and_reasons(tmp_path):
    path = tmp_path / "news.jsonl"
    lines = [
        b'{"id": 7, "title": "A \\u00e9", "tags": ["x", 1]}',
        b"",
        b"[1, 2]",
        b'{"id": 8, "title": ',
        b'{"id": 9, "title": "caf\xe9"}',
        b'{"id": 1.5, "title": null}',
        b"null",
    ]
    path.write_bytes(b"\n".join(lines))
    values, errors = rows_of(jsonl, path, ["id", "title", "tags"])
    assert values[0] == {"id": "7", "title": "A é", "tags": '["x",1]'}
    assert values[4] == {"id": "1.5", "title": None, "tags": None}
    assert [values[row] for row in (1, 2, 3, 5)] == [{"id": None, "title": None, "tags": None}] * 4
    assert errors[0] is None and errors[4] is None
    assert errors[1] == "json: the line is an array, not an object"
    assert errors[2].startswith("json: ")
    assert errors[3] == "encoding: byte 0xe9 at offset 23 is not UTF-8"
    assert errors[5] == "json: the line is null, not an object"


def test_jsonl_keys_come_from_the_first_rows(tmp_path):
    path = tmp_path / "news.jsonl"
    path.write_text('{"a": 1}\nbroken\n{"b": 2, "a": 3}\n')
    assert jsonl.inspect(str(path), SETTINGS).schema.names == ["a", "b"]


def test_truncated_gzip_is_a_bad_file(tmp_path):
    path = tmp_path / "news.jsonl.gz"
    content = "".join(json.dumps({"t": str(random.random())}) + "\n" for _ in range(5000))
    path.write_bytes(gzip.compress(content.encode())[:-2000])
    with pytest.raises(BadFileError, match=r"cannot read .*news.jsonl.gz: Compressed file ended"):
        rows_of(jsonl, path, ["t"])


@pytest.mark.parametrize("start, rows", [(0, 10), (0, 3), (3, 4), (9, 1), (5, 0)])
def test_parquet_reads_a_range_inside_a_row_group(tmp_path, start, rows):
    path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"n": list(range(10)), "t": ["x"] * 10}), path, row_group_size=6)
    values, _ = rows_of(parquet, path, ["n"], start=start, rows=rows)
    assert [row["n"] for row in values] == list(range(start, start + rows))


def test_damaged_parquet_is_named(tmp_path):
    path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"t": ["text"] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadFileError, match=r"cannot read .*news.parquet: "):
        parquet.inspect(str(path), SETTINGS)


def test_parquet_that_lost_rows_since_the_plan_is_bad(tmp_path):
    path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"t": ["text"] * 5}), path)
    with pytest.raises(BadFileError, match="it has 5 rows now"):
        rows_of(parquet, path, ["t"], rows=8)


def test_parquet_with_wrong_page_checksums_is_bad(tmp_path):
    path = tmp_path / "news.parquet"
    table = pa.table({"t": [f"text {n}" for n in range(1000)]})
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    pq.write_table(table, path, **options)
    path.write_bytes(path.read_bytes().replace(b"text 500", b"text 5O0", 1))
    with pytest.raises(BadFileError, match="CRC checksum verification failed"):
        rows_of(parquet, path, ["t"], rows=1000)


def test_parquet_with_names_that_are_no_text_is_bad(tmp_path):
    path = tmp_path / "news.parquet"
    pq.write_table(pa.table({"t": ["a"], "caf~": ["b"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"caf~", b"caf\xe9"))
    with pytest.raises(BadFileError, match="can't decode byte 0xe9"):
        parquet.inspect(str(path), SETTINGS)


@pytest.mark.parametrize(
    "odd, reason",
    [
        (b"1e999", "json: a number is beyond the range of a double"),
        (b"-1e999", "json: a number is beyond the range of a double"),
        (rb'"\ud800"', "json: a string has half of a surrogate pair"),
        (rb'["x", {"y": "\udfff"}]', "json: a string has half of a surrogate pair"),
        (b"[" * 1000 + b"]" * 1000, "json: a value is nested too deep"),
        (b'{"a":' * 1005 + b"1" + b"}" * 1005, "json: a value is nested too deep"),
    ],
)
def test_json_that_nobody_can_use_matters_only_where_it_is_used(tmp_path, odd, reason):
    path = tmp_path / "news.jsonl"
    path.write_bytes(b'{"t": "one", "odd": ' + odd + b'}\n{"t": "two", "odd": 1}\n')
    names = jsonl.inspect(str(path), SETTINGS).schema.names
    assert names == ["t", "odd"]
    assert rows_of(jsonl, path, ["t"]) == ([{"t": "one"}, {"t": "two"}], [None, None])
    values, errors = rows_of(jsonl, path, ["t", "odd"])
    assert values == [{"t": None, "odd": None}, {"t": "two", "odd": "1"}]
    assert errors == [reason, None]


@pytest.mark.parametrize("odd", [b"NaN", b"Infinity", b"01", b"[" * 2000 + b"]" * 2000, b'"\t"'])
def test_what_is_no_json_is_an_error_wherever_it_stands(tmp_path, odd):
    path = tmp_path / "news.jsonl"
    path.write_bytes(b'{"t": "one", "odd": ' + odd + b'}\n{"t": "two"}\n')
    values, [first, second] = rows_of(jsonl, path, ["t"])
    assert values == [{"t": None}, {"t": "two"}]
    assert first.startswith("json: ") and second is None
