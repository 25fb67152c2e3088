"""`.json` files: arrays, objects over several lines, JSON lines."""

import gzip
import json
import random

import orjson
import pytest

from pipeline.corpus.formats.json_files import json_values
from pipeline.corpus.formats.json_files.json_values import read_values
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.errors import BadFileError

SETTINGS = ReadSettings(shard_rows=4)


def values_of(path) -> tuple[list[bytes], str | None]:
    """All values, and why there are no more."""
    found: list[bytes] = []
    try:
        found.extend(read_values(str(path)))
    except BadFileError as error:
        return found, error.reason
    return found, None


def cut(tmp_path, content: bytes):
    (tmp_path / "a.json").write_bytes(content)
    return values_of(tmp_path / "a.json")


def value(draw: random.Random, depth: int = 0):
    """Any JSON value with brackets, quotes and backslashes in its strings."""
    kinds = [lambda: None, lambda: draw.random() < 0.5, lambda: draw.randrange(100)]
    kinds += [lambda: "".join(draw.choices('ab{}[],:"\\ \n京', k=draw.randrange(12)))] * 3
    if depth < 3:
        kinds.append(lambda: [value(draw, depth + 1) for _ in range(draw.randrange(4))])
        kinds.append(lambda: {str(n): value(draw, depth + 1) for n in range(draw.randrange(4))})
    return draw.choice(kinds)()


@pytest.mark.parametrize("read_bytes", [8, 23, 1 << 20])
def test_arrays_are_cut_as_a_parser_reads_them(tmp_path, monkeypatch, read_bytes):
    monkeypatch.setattr(json_values, "READ_BYTES", read_bytes)
    draw = random.Random(5)
    for _ in range(60):
        expected = [value(draw) for _ in range(draw.randrange(6))]
        text = json.dumps(expected, indent=draw.choice([None, 2]), ensure_ascii=False)
        found, error = cut(tmp_path, b"\xef\xbb\xbf\n " + text.encode() + b"\n")
        assert error is None
        assert [orjson.loads(one) for one in found] == expected


@pytest.mark.parametrize("between", [b"\n", b",\n", b" ", b""])
def test_objects_over_several_lines(tmp_path, between):
    objects = [{"a": 1, "b": {"c": "}"}}, {"a": [2, {}]}, {}]
    content = between.join(json.dumps(one, indent=1).encode() for one in objects)
    found, error = cut(tmp_path, content + b"\n")
    assert error is None
    assert [orjson.loads(one) for one in found] == objects


def test_lines(tmp_path):
    found, error = cut(tmp_path, b'{"a": 1}\n\n{"a": [\n3\n"x"]}')
    assert (found, error) == ([b'{"a": 1}\n', b'{"a": [\n', b"3\n", b'"x"]}'], None)
    assert cut(tmp_path, b"") == cut(tmp_path, b" \n") == cut(tmp_path, b"[ ]") == ([], None)


@pytest.mark.parametrize(
    "content, expected, reason",
    [
        (b'[{"a": 1}, {"a": 2', [b'{"a": 1}'], "its array has no end"),
        (b'[{"a": 1}, {"a": 2}', [b'{"a": 1}', b'{"a": 2}'], "its array has no end"),
        (b'[{"a": 1}, "open', [b'{"a": 1}'], "its array has no end"),
        (b"[1]]", [b"1"], "something follows the end of its array"),
        (b"[1] [2]", [b"1"], "something follows the end of its array"),
        (b"[1}", [b"1"], "it has a } too many"),
        (b'{\n"a": 1}\n{"a"', [b'{\n"a": 1}'], "its last object has no end"),
        (b"{\n}}", [b"{\n}"], "it has a } too many"),
        (b"[1,, 2,]", [b"1", b"2"], None),
        (b'[{"a" 1}, {"a": 2}]', [b'{"a" 1}', b'{"a": 2}'], None),
        (b"[" * 100_000, [], "its array has no end"),
    ],
)
def test_what_is_broken_is_named_after_what_is_whole(tmp_path, content, expected, reason):
    assert cut(tmp_path, content) == (expected, reason)


def test_rows_and_errors(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"t": "one", "n": 1},\n {"t": "two" "n": 2},\n 3, {"t": "four"}]')
    assert json_values.inspect(str(path), SETTINGS).schema.names == ["t", "n"]
    [rows] = json_values.read(str(path), 0, None, Columns(("t",), "n"), SETTINGS)
    assert rows.table.to_pylist() == [
        {"n": "1", "t": "one"},
        {"n": None, "t": None},
        {"n": None, "t": None},
        {"n": None, "t": "four"},
    ]
    assert [error and error.split(":")[0] for error in rows.error.to_pylist()] == [
        None, "json", "json", None,
    ]  # fmt: skip


def test_a_truncated_archive_keeps_the_elements_before(tmp_path):
    draw = random.Random(1)
    articles = [{"t": str(draw.random())} for _ in range(3000)]
    whole = gzip.compress(json.dumps(articles).encode())
    (tmp_path / "a.json.gz").write_bytes(whole[: len(whole) // 2])
    found, error = values_of(tmp_path / "a.json.gz")
    assert error.startswith("Compressed file ended")
    assert 1000 < len(found) < 2000
    assert [orjson.loads(one) for one in found] == articles[: len(found)]


def test_an_element_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_values, "LINE_BYTES", 3 << 20)
    found, error = cut(tmp_path, b'[{"t": "one"}, {"t": "' + b"x" * (8 << 20) + b'"}]')
    assert (found, error) == ([b'{"t": "one"}'], "it has an element of more than 3 MB")
