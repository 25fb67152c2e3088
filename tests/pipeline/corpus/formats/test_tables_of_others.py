"""ORC, Avro and Arrow IPC: the same rows as Parquet, ranges, cut-off and damaged files."""

import datetime
import decimal
import io
import json
import random

import fastavro
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard
from pyarrow import orc as pa_orc

from items import read_item
from outputs import rows
from pipeline.corpus.formats import arrow_ipc, avro, orc
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.errors import BadFileError, UsageError
from pipeline.launcher.command import run_command
from pipeline.score import score

SETTINGS = ReadSettings(shard_rows=100)
AVRO_SCHEMA = {
    "type": "record",
    "name": "article",
    "fields": [
        {"name": "key", "type": "long"},
        {"name": "title", "type": ["null", "string"]},
        {"name": "description", "type": "string"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {
            "name": "meta",
            "type": {"type": "record", "name": "m", "fields": [{"name": "url", "type": "string"}]},
        },
        {"name": "odd", "type": ["null", "string", "long"], "default": None},
    ],
}


def articles(count: int) -> list[dict]:
    draw = random.Random(3)
    words = ["the", "team", "won", "market", "fell", "京都"]
    return [
        {
            "key": number,
            "title": " ".join(draw.choices(words, k=draw.randrange(4))) or None,
            "description": " ".join(draw.choices(words, k=draw.randrange(9))),
            "tags": draw.choices(words, k=draw.randrange(3)),
            "meta": {"url": f"u{draw.random()}"},
        }
        for number in range(count)
    ]


def write(folder, kind: str, made: list[dict], **options):
    """Writes rows in a format; gives the file's path."""
    table = pa.Table.from_pylist(made)
    path = folder / f"news.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "orc":
        pa_orc.write_table(table, path, stripe_size=1 << 14)
    elif kind == "feather":
        pyarrow.feather.write_feather(table, path, chunksize=70)
    elif kind == "arrow":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=70)
    elif kind == "avro":
        content = io.BytesIO()
        fastavro.writer(content, AVRO_SCHEMA, made, sync_interval=4000, **options)
        path.write_bytes(content.getvalue())
    return path


def values(module, path, names=("key",), start=0, count=None, settings=SETTINGS):
    """Rows of a file, and why there are no more."""
    columns = Columns((), carry=tuple((name, name) for name in names))
    found = []
    try:
        for stretch in module.read(str(path), start, count, columns, settings):
            found += stretch.table.to_pylist()
    except BadFileError as error:
        return found, error.reason
    return found, None


@pytest.mark.parametrize("kind", ["orc", "avro", "feather", "arrow"])
def test_the_same_rows_as_from_parquet(tmp_path, fake, play, kind):
    made = articles(1000)

    def scored(path, output):
        arguments = ["--input", str(path), "--output", str(output), "--model", fake]
        arguments += [
            "--id_column",
            "key",
            "--carry_columns",
            "meta.url,tags",
            "--shard_rows",
            "90",
        ]
        assert run_command(score, arguments) == 0
        return rows(output)

    expected = scored(write(tmp_path, "parquet", made), tmp_path / "out1")
    found = scored(write(tmp_path, kind, made), tmp_path / "out2")
    assert found.schema.equals(expected.schema)
    assert found.drop(["source"]).equals(expected.drop(["source"]))


@pytest.mark.parametrize("start, count", [(0, 5000), (4999, 1), (700, 1200), (0, 1)])
def test_orc_ranges_lie_across_stripes(tmp_path, start, count):
    made = articles(5000)
    path = write(tmp_path, "orc", made)
    with open(path, "rb") as stream:
        file = pa_orc.ORCFile(stream)
        counts = orc.stripe_rows(file.reader.serialized_file_tail())
        assert counts == [file.read_stripe(n, ["key"]).num_rows for n in range(file.nstripes)]
    assert len(counts) > 3
    found, error = values(orc, path, ["key", "meta.url"], start, count)
    assert error is None
    assert [row["key"] for row in found] == list(range(start, start + count))
    assert found[0]["meta.url"] == made[start]["meta"]["url"]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_avro_before_a_cut_is_kept(tmp_path, codec):
    path = write(tmp_path, "avro", articles(1000), codec=codec)
    assert FORMATS["avro"].reader.inspect(str(path), SETTINGS).schema == pa.schema(
        {
            "key": pa.int64(),
            "title": pa.string(),
            "description": pa.string(),
            "tags": pa.list_(pa.string()),
            "meta": pa.struct({"url": pa.string()}),
        }
    )
    assert values(avro, path) == ([{"key": n} for n in range(1000)], None)
    assert values(avro, path, count=150) == ([{"key": n} for n in range(150)], None)
    path.write_bytes(path.read_bytes()[:-100])
    found, error = values(avro, path)
    assert error is not None
    assert 900 < len(found) < 1000 and [row["key"] for row in found] == list(range(len(found)))


def coded_avro(path, codec: str, compress) -> None:
    """An Avro file of two blocks, written by hand: the codecs that fastavro needs libraries for."""

    def number(value: int) -> bytes:
        content = io.BytesIO()
        fastavro.schemaless_writer(content, "long", value)
        return content.getvalue()

    header = io.BytesIO()
    fastavro.writer(header, AVRO_SCHEMA, [])
    content = header.getvalue().replace(b"\x08null", number(len(codec)) + codec.encode())
    marker = content[-16:]
    parsed = fastavro.parse_schema(AVRO_SCHEMA)
    for some in (articles(20)[:12], articles(20)[12:]):
        block = io.BytesIO()
        for one in some:
            fastavro.schemaless_writer(block, parsed, one)
        compressed = compress(block.getvalue())
        content += number(len(some)) + number(len(compressed)) + compressed + marker
    path.write_bytes(content)


@pytest.mark.parametrize(
    "codec, compress",
    [
        ("snappy", lambda plain: pa.compress(plain, "snappy", asbytes=True) + b"crc!"),
        ("zstandard", zstandard.compress),
    ],
)
def test_avro_codecs_of_hadoop(tmp_path, codec, compress):
    path = tmp_path / "news.avro"
    coded_avro(path, codec, compress)
    assert values(avro, path, ["key", "title"]) == (
        [{"key": one["key"], "title": one["title"]} for one in articles(20)],
        None,
    )


def test_avro_types(tmp_path):
    fields = {
        "day": ({"type": "int", "logicalType": "date"}, datetime.date(2026, 11, 25)),
        "when": (
            {"type": "long", "logicalType": "timestamp-micros"},
            datetime.datetime(2026, 11, 25, 1, 2, 3, 4, datetime.UTC),
        ),
        "price": (
            {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            decimal.Decimal("12.34"),
        ),
        "kind": ({"type": "enum", "name": "k", "symbols": ["A", "B"]}, "B"),
        "hash": ({"type": "fixed", "name": "h", "size": 2}, b"\x00\xff"),
        "counts": ({"type": "map", "values": "int"}, {"a": 1}),
        "at": ({"type": "int", "logicalType": "time-millis"}, datetime.time(1, 2, 3)),
    }
    schema = {
        "type": "record",
        "name": "r",
        "fields": [{"name": name, "type": kind} for name, (kind, _) in fields.items()],
    }
    path = tmp_path / "a.avro"
    with open(path, "wb") as stream:
        fastavro.writer(stream, schema, [{name: value for name, (_, value) in fields.items()}])
    [row], error = values(avro, path, list(fields))
    assert error is None
    assert row.pop("counts") == [("a", 1)]
    assert row == {name: value for name, (_, value) in fields.items() if name != "counts"}


def test_avro_bytes_that_are_no_text_are_one_row_in_error(tmp_path, fake, play):
    made = articles(3)
    made[1]["description"] = "caf~"
    path = write(tmp_path, "avro", made)
    path.write_bytes(path.read_bytes().replace(b"caf~", b"caf\xe9"))
    arguments = ["--input", str(path), "--output", str(tmp_path / "out"), "--model", fake]
    assert run_command(score, arguments) == 0
    errors = rows(tmp_path / "out")["error"].to_pylist()
    assert errors[1] == "encoding: column description is not UTF-8"


def test_an_arrow_stream_that_is_cut_off_is_no_whole_one(tmp_path):
    path = write(tmp_path, "arrow", articles(1000))
    content = path.read_bytes()
    assert arrow_ipc.inspect(str(path), SETTINGS).bad is None
    assert values(arrow_ipc, path) == ([{"key": n} for n in range(1000)], None)
    for cut in (len(content) - 8, len(content) // 2):
        path.write_bytes(content[:cut])
        assert arrow_ipc.inspect(str(path), SETTINGS).bad.reason == "it is cut off: it has no end"
        found, error = values(arrow_ipc, path)
        assert error is not None and len(found) > 300
        assert [row["key"] for row in found] == list(range(len(found)))


@pytest.mark.parametrize("kind", ["orc", "avro", "feather", "arrow"])
def test_damage_is_named(tmp_path, kind):
    """Whatever is damaged, rows come out or a reason in one line."""
    path = write(tmp_path, kind, articles(300))
    whole, draw = path.read_bytes(), random.Random(4)
    inputs = find_inputs([str(path)])
    for number in range(60):
        content = bytearray(whole)
        if kind != "orc":  # see there: the library crashes over some of these
            for _ in range(1 + number % 3):
                content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        is_cut = number % 4 == 0 or kind == "orc"
        path.write_bytes(content[: draw.randrange(len(content))] if is_cut else content)
        options = {
            "reading": SETTINGS,
            "on_bad_file": "skip",
            "carry_columns": [("key", "key"), ("tags", "tags")],
        }
        try:
            plan = make_plan(inputs, ["title"], {}, **options)
        except UsageError as error:  # the name of a column, or its type, is another now
            assert "\n" not in str(error)
            continue
        reasons = [reason for _, reason in plan.skipped]
        for item in plan.items:
            for shard in read_item(plan, item, skip_bad_files=True):
                shard.table.validate(full=True)
                reasons += [shard.bad_file] if shard.bad_file else []
        assert all(reason and "\n" not in reason for reason in reasons)


def test_feather_of_version_1(tmp_path):
    path = tmp_path / "a.feather"
    path.write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(BadFileError, match="it is Feather of version 1"):
        arrow_ipc.inspect(str(path), SETTINGS)


def test_a_folder_of_save_to_disk(tmp_path, fake, play):
    """As Hugging Face's datasets lays it out: splits, each with its data and what is about them."""
    (tmp_path / "news" / "train").mkdir(parents=True)
    (tmp_path / "news" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    folder = tmp_path / "news" / "train"
    made = articles(90)
    for number in range(2):
        path = write(tmp_path, "arrow", made[number * 50 : number * 50 + 50])
        path.rename(folder / f"data-{number:05d}-of-00002.arrow")
    names = [f"data-{number:05d}-of-00002.arrow" for number in range(2)]
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": n} for n in names]})
    )
    (folder / "dataset_info.json").write_text('{"features": {}}')
    (folder / "cache-0123.arrow").write_bytes(b"somebody's cache")
    expected = [(str(folder / name), "arrow") for name in names]
    assert find_inputs([str(tmp_path / "news")]) == expected == find_inputs([str(folder)])
    arguments = ["--input", str(tmp_path / "news"), "--output", str(tmp_path / "out")]
    assert run_command(score, [*arguments, "--model", fake, "--id_column", "key"]) == 0
    assert rows(tmp_path / "out")["id"].to_pylist() == list(range(90))
