"""Compressed text: members, truncated ends, damage, and what is kept of them."""

import bz2
import gzip
import io
import json
import lzma
import random

import pytest
import zstandard

from items import read_item
from pipeline.corpus.formats import compression, lines
from pipeline.corpus.formats.compression import DECODING_ERRORS, open_plain, without_ending
from pipeline.corpus.formats.registry import FORMATS, by_ending
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.errors import BadFileError, UsageError

COMPRESSORS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
ALL = pytest.mark.parametrize("ending", COMPRESSORS)


def decoded(ending: str, content: bytes) -> tuple[bytes, Exception | None]:
    """All that comes out, byte by byte, and what is raised then."""
    stream, found = open_plain(f"x{ending}", io.BytesIO(content)), []
    while True:
        try:
            byte = stream.read(1)
        except DECODING_ERRORS as error:
            return b"".join(found), error
        except OSError as error:
            return b"".join(found), error
        if not byte:
            return b"".join(found), None
        found.append(byte)


def text_of(rows: int, seed: int = 1) -> bytes:
    """Lines that don't compress well."""
    draw = random.Random(seed)
    return b"".join(
        json.dumps({"id": str(n), "t": f"{draw.random()}"}).encode() + b"\n" for n in range(rows)
    )


@ALL
def test_members_follow_each_other(ending):
    one, other = COMPRESSORS[ending](b"the team\nwon"), COMPRESSORS[ending](b" the\nwar\n")
    for content in (one + other, one + b"\0" * 512 + other + b"\0" * 2048, one + one[:0] + other):
        assert decoded(ending, content) == (b"the team\nwon the\nwar\n", None)
    assert decoded(ending.upper(), one) == (b"the team\nwon", None)
    assert decoded(ending, b"") == (b"", None)


def test_zstd_frames_that_are_to_be_skipped():
    skipped = bytes.fromhex("502a4d18") + (4).to_bytes(4, "little") + b"abcd"
    frame = zstandard.compress(b"text")
    assert decoded(".zst", skipped + frame + skipped + frame) == (b"texttext", None)


@ALL
def test_all_before_a_truncated_end_comes_out(ending):
    plain = text_of(400)
    whole = COMPRESSORS[ending](plain)
    for cut in (3, len(whole) // 2, len(whole) - 1):
        text, error = decoded(ending, whole + whole[:cut])
        assert isinstance(error, EOFError)
        assert text.startswith(plain)
        assert (plain * 2).startswith(text)
    assert len(text) >= len(plain)


@ALL
def test_damage_takes_little_along(ending):
    plain = text_of(20_000)
    blocks = [COMPRESSORS[ending](plain[n : n + 50_000]) for n in range(0, len(plain), 50_000)]
    blocks[12] = b"\xff" * 40 + blocks[12][40:]
    text, error = decoded(ending, b"".join(blocks))
    assert error is not None and not isinstance(error, EOFError)
    assert plain.startswith(text)
    assert len(text) > 12 * 50_000 - 8 * compression.STEP_BYTES


@ALL
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_before_a_truncated_end_are_kept(tmp_path, ending, kind):
    plain = (
        text_of(5000)
        if kind == "jsonl"
        else b"id,t\n"
        + b"".join(f"{n},text {random.Random(n).random()}\n".encode() for n in range(5000))
    )
    path = tmp_path / f"news.{kind}{ending}"
    whole = COMPRESSORS[ending](plain)
    path.write_bytes(whole + whole[: len(whole) // 3])
    plan = make_plan(
        [(str(path), kind)], ["t"], {}, id_column="id",
        reading=ReadSettings(3000), on_bad_file="skip",
    )  # fmt: skip
    tables = list(read_item(plan, plan.items[0], True))
    ids = [value for shard in tables for value in shard.table["id"].to_pylist()]
    expected = [str(n) for n in range(5000)]
    assert ids[:5000] == expected
    assert "ended before the end-of-stream marker" in tables[-1].bad_file
    assert [shard.bad_file for shard in tables[:-1]] == [None] * (len(tables) - 1)
    strict = make_plan([(str(path), kind)], ["t"], {}, reading=ReadSettings(3000))
    with pytest.raises(BadFileError, match="ended before the end-of-stream marker"):
        list(read_item(strict, strict.items[0]))


def test_truncated_among_the_first_rows(tmp_path):
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(gzip.compress(text_of(300))[:-600])
    plan = make_plan(
        [(str(path), "jsonl")], ["t"], {}, reading=ReadSettings(50), on_bad_file="skip"
    )
    rows = sum(shard.table.num_rows for shard in read_item(plan, plan.items[0], True))
    assert 200 < rows < 300
    with pytest.raises(UsageError, match="ended before the end-of-stream marker"):
        make_plan([(str(path), "jsonl")], ["t"], {}, reading=ReadSettings(50))


def test_a_limit_beyond_a_truncated_end(tmp_path):
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(gzip.compress(text_of(3000))[:-600])

    def plan(limit, on_bad_file="skip"):
        options = {"reading": ReadSettings(50), "limit": limit, "on_bad_file": on_bad_file}
        return make_plan([(str(path), "jsonl")] * 2, ["t"], {}, **options)

    assert [item.rows for item in plan(1000).items] == [1000]
    assert plan(4000).items[0].rows is None
    *_, last = read_item(plan(4000), plan(4000).items[0], True)
    assert "ended before the end-of-stream marker" in last.bad_file
    with pytest.raises(UsageError, match="ended before the end-of-stream marker"):
        plan(4000, "fail")
    assert plan(1000, "fail").rows() == 1000


def test_a_line_without_end_takes_no_earlier_row_along(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LINE_BYTES", 1000)
    path = tmp_path / "news.jsonl"
    path.write_text('{"t": "one"}\n{"t": "' + "x" * 2000 + '"}\n{"t": "three"}\n')
    stretches = FORMATS["jsonl"].reader.read(str(path), 0, None, Columns(("t",)), ReadSettings(4))
    assert next(stretches).table.to_pylist() == [{"t": "one"}]
    with pytest.raises(BadFileError, match="it has a line of more than"):
        next(stretches)


def test_no_more_is_decompressed_at_a_time_than_memory_bears():
    for ending, compress in COMPRESSORS.items():
        stream = iter([compress(bytes(64 << 20))])
        chunks = compression.decompress(stream, compression.DECOMPRESSORS[ending])
        sizes = [len(chunk) for chunk in chunks]
        assert sum(sizes) == 64 << 20 and max(sizes) <= 32 << 20, ending


def test_endings():
    assert [by_ending(f"a.csv{ending}") for ending in ("", ".gz", ".BZ2", ".xz")] == ["csv"] * 4
    assert by_ending("a.ndjson.zst") == "jsonl"
    assert by_ending("a.parquet.gz") is by_ending("a.gz") is None
    assert without_ending("a/b.csv.gz") == "a/b.csv" and without_ending("b.csv") == "b.csv"
