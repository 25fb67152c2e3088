"""Damaged lines and damaged files: each row labelled or explained, each file read or named."""

import gzip
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import LABELS, FakeEngine, fake_tokenizer
from items import read_item
from model.engines.scorer import Scorer
from outputs import ERROR_CODES
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import UsageError
from pipeline.stages.scoring import score_table
from pipeline.stages.tokenizing import tokenize_table

LINES = 20_000
FILES = 500
TITLES = ["The team won", 'a "quoted", word', "Ünïcödé ☃ 新聞", "", "tab\tand \\ slash", "x" * 300]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def label_file(path, kind: str) -> tuple[list[pa.Table], list[str]]:
    """Plans, reads and labels one file.

    Returns:
        The Tables and the reasons why something could not be read.
    """
    settings = {"bundle": "b"}
    reading = ReadSettings(500)
    columns = ["title", "description"]
    plan = make_plan([(str(path), kind)], columns, settings, reading=reading, on_bad_file="skip")
    reasons = [reason for _, reason in plan.skipped]
    tables = []
    for item in plan.items:
        for shard in read_item(plan, item, skip_bad_files=True):
            tokens = tokenize_table(shard.table, fake_tokenizer)
            tables.append(score_table(tokens, Scorer(FakeEngine(), 4096), LABELS)[0])
            reasons += [shard.bad_file] if shard.bad_file else []
    return tables, reasons


def check_rows(tables: list[pa.Table]) -> int:
    """Each row has a label or a reason, and the rows are numbered without a gap."""
    numbers: list[int] = []
    for table in tables:
        for label, error in zip(
            table["label"].to_pylist(), table["error"].to_pylist(), strict=True
        ):
            assert (label is None) != (error is None)
            assert error is None or error.split(":")[0] in ERROR_CODES
            assert error is None or "\n" not in error
        numbers += table["source_row"].to_pylist()
    assert numbers == list(range(len(numbers)))
    return len(numbers)


def article(draw: random.Random) -> dict:
    value = {"title": draw.choice(TITLES), "description": draw.choice(TITLES)}
    return value | {"more": [1, {"a": None}]} if draw.random() < 0.3 else value


def damage(draw: random.Random, content: bytes) -> bytes:
    """Cuts, flips, inserts, or writes in another encoding."""
    how = draw.randrange(7)
    place = draw.randrange(len(content) + 1)
    if how == 0:
        return content[:place]
    if how == 1:
        flipped = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        return bytes(flipped)
    if how == 2:
        return content[:place] + draw.randbytes(draw.randint(1, 5)) + content[place:]
    if how == 3:
        return content.decode().encode("utf-16")
    if how == 4:
        return content.decode().encode("latin-1", "replace")
    if how == 5:
        deep = draw.choice([50, 300, 2000])
        return b'{"title": ' + b"[" * deep + b"]" * deep + b"}"
    return draw.choice([b"null", b"[]", b'"x"', b"1e999", b'{"title": 1e400}', b"{}" * 9, b"\x00"])


def json_line(draw: random.Random) -> bytes:
    return json.dumps(article(draw), ensure_ascii=draw.random() < 0.5).encode()


def csv_line(draw: random.Random) -> bytes:
    value = article(draw)
    quoted = [text.replace('"', '""') for text in (value["title"], value["description"])]
    return ",".join(f'"{text}"' for text in quoted).encode()


def test_damaged_json_lines(tmp_path):
    draw = random.Random(1)
    content = b"\n".join(damage(draw, json_line(draw)) for _ in range(LINES))
    # A byte order mark at the very beginning belongs to the file, not to its first line.
    (tmp_path / "news.jsonl").write_bytes(b'{"title": "", "description": ""}\n' + content)
    tables, reasons = label_file(tmp_path / "news.jsonl", "jsonl")
    assert reasons == []
    expected = [line for line in content.split(b"\n") if line.strip()]
    assert len(expected) > 0.9 * LINES
    assert check_rows(tables) == len(expected) + 1


def test_damaged_csv_lines(tmp_path):
    draw = random.Random(2)
    lines = [csv_line(draw) for _ in range(LINES)]
    damaged = [damage(draw, line) if draw.random() < 0.5 else line for line in lines]
    (tmp_path / "news.csv").write_bytes(b"title,description\n" + b"\n".join(damaged))
    tables, reasons = label_file(tmp_path / "news.csv", "csv")
    assert reasons == []
    # An open quote joins lines to one row, but never more than a megabyte of them.
    assert check_rows(tables) > LINES / 4


def whole_file(draw: random.Random, kind: str) -> bytes:
    rows = [article(draw) for _ in range(draw.choice([0, 1, 50]))]
    if kind == "parquet":
        columns = {name: [row[name] for row in rows] for name in ("title", "description")}
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        stream = io.BytesIO()
        codec = draw.choice(["snappy", "zstd", "gzip", "none"])
        pq.write_table(table, stream, compression=codec, use_dictionary=draw.random() < 0.5)
        return stream.getvalue()
    line = json_line if kind == "jsonl" else csv_line
    lines = [line(draw) for _ in rows]
    if kind == "csv":
        lines.insert(0, b"title,description")
    return b"\n".join(lines) + b"\n"


def damage_file(draw: random.Random, content: bytes) -> bytes:
    how = draw.randrange(5)
    if how == 0:
        return content[: draw.randrange(len(content))]
    if how == 1:
        flipped = bytearray(content)
        for _ in range(draw.randint(1, 20)):
            flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        return bytes(flipped)
    if how == 2:
        return content.decode("latin-1").encode("utf-16")
    if how == 3:
        return content + content
    start = draw.randrange(len(content))
    return content[:start] + bytes(len(content[start : start + 64])) + content[start + 64 :]


def test_damaged_files(tmp_path):
    """Each file is read, or named with a reason of one line; none is a traceback."""
    draw = random.Random(3)
    read = named = refused = 0
    for number in range(FILES):
        kind = draw.choice(["parquet", "jsonl", "csv"])
        content = whole_file(draw, kind)
        is_zipped = kind != "parquet" and draw.random() < 0.5
        if is_zipped and draw.random() < 0.7:
            content = damage_file(draw, gzip.compress(content))
        else:
            content = damage_file(draw, content)
        ending = draw.choice(["parquet", "jsonl", "csv"]) if draw.random() < 0.2 else kind
        path = tmp_path / f"{number}.{ending}{'.gz' * is_zipped}"
        path.write_bytes(content)
        try:
            tables, reasons = label_file(path, ending)
        except UsageError as error:  # a file without the text columns
            assert "\n" not in str(error)
            refused += 1
            continue
        check_rows(tables)
        assert all(reason and "\n" not in reason for reason in reasons)
        named += bool(reasons)
        read += not reasons
    assert read + named + refused == FILES
    assert min(read, named, refused) > 10
