"""Dotted names in structs and JSON objects."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from outputs import rows
from pipeline.corpus.nested import get, names_inside, pick
from pipeline.launcher.command import run_command
from pipeline.score import score


def test_a_name_that_really_has_dots_wins():
    value = {"a.b": 1, "a": {"b": 2, "c.d": 3, "c": {"e": 4}}, "a.c": {"f": 5}, "s": "x"}
    names = ("a.b", "a.c.d", "a.c.e", "a.c.f", "a.x", "s.x", "q")
    assert [get(value, name) for name in names] == [1, 3, 4, 5, None, None, None]
    assert sorted(names_inside(value)) == ["a.b", "a.c", "a.c.d", "a.c.e", "a.c.f"]
    table = pa.Table.from_pylist([value, {"a": None, "a.c": {"f": 6}}])
    picked = pick(table, ["a.b", "a.c.d", "a.c.e", "a.c.f"])
    assert picked.to_pylist() == [
        {"a.b": 1, "a.c.d": 3, "a.c.e": 4, "a.c.f": 5},
        {"a.b": None, "a.c.d": None, "a.c.e": None, "a.c.f": 6},
    ]


ARTICLES = [
    {"meta": {"url": "u1", "tags": ["x", "y"]}, "body": {"title": "the team", "lines": ["a", "b"]}},
    {"meta": {"url": None, "tags": []}, "body": {"title": None, "lines": ["war", None, "new"]}},
    {"meta": None, "body": None},
    {"meta": {"url": "u4", "tags": None}, "body": {"title": "", "lines": []}},
]  # fmt: skip


def scored(path, output, fake):
    arguments = ["--input", str(path), "--output", str(output), "--model", fake]
    arguments += ["--text_columns", "body.title,body.lines", "--id_column", "meta.url"]
    arguments += ["--carry_columns", "meta.tags,body.lines:lines", "--gold_column", "body.title"]
    assert run_command(score, arguments) == 0
    return rows(output)


def test_structs_and_json_objects_are_scored_alike(tmp_path, fake, play):
    lists = pa.list_(pa.string())
    schema = pa.schema(
        {
            "meta": pa.struct({"url": pa.string(), "tags": lists}),
            "body": pa.struct({"title": pa.string(), "lines": lists}),
        }
    )
    pq.write_table(pa.Table.from_pylist(ARTICLES, schema), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in ARTICLES))
    from_structs = scored(tmp_path / "a.parquet", tmp_path / "out1", fake)
    from_json = scored(tmp_path / "a.jsonl", tmp_path / "out2", fake)
    for name in ("id", "label", "probabilities", "tokens", "error"):
        assert from_structs[name].to_pylist() == from_json[name].to_pylist(), name
    assert from_structs["id"].to_pylist() == ["u1", None, None, "u4"]
    assert from_structs["tokens"].to_pylist() == [4, 2, None, None]
    assert from_structs["error"].to_pylist()[2:] == ["blank: no text in body.title, body.lines"] * 2
    assert from_structs["meta.tags"].to_pylist() == [["x", "y"], [], None, None]
    assert from_structs["lines"].to_pylist() == [["a", "b"], ["war", None, "new"], None, []]
    assert from_json["meta.tags"].to_pylist() == ['["x","y"]', "[]", None, None]
    assert from_json["lines"].to_pylist() == ['["a","b"]', '["war",null,"new"]', None, "[]"]
