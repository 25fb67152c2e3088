"""Tables scored by the command: their rows, columns and refusals; a resumed run's version."""

import datetime
import json
import shutil

import lake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from outputs import manifest, rows
from pipeline.launcher.command import run_command
from pipeline.launcher.options import parse
from pipeline.launcher.prepare_options import PrepareOptions
from pipeline.prepare import plan_preparation
from pipeline.score import score
from pipeline.stages.reading import read_source

DAYS = [datetime.date(2026, 1, day) for day in (1, 2, 2, 3)]
NEWS = pa.table({"key": ["a", "b", "c", "d"], "title": ["one", "two", "six", "ten"], "day": DAYS})


@pytest.fixture
def run(tmp_path, fake, play):
    def run(name: str, *more: str) -> pa.Table:
        output = tmp_path / "labels"
        shutil.rmtree(output, ignore_errors=True)
        flags = ["--input", name, "--text_columns", "title", "--model", fake, *more]
        assert run_command(score, [*flags, "--output", str(output)]) == 0
        return rows(output)

    return run


def refusal(name: str, fake: str, tmp_path, capsys, *more: str) -> str:
    flags = ["--input", name, "--text_columns", "title", "--model", fake, *more]
    assert run_command(score, [*flags, "--output", str(tmp_path / "refused")]) == 2
    assert not (tmp_path / "refused").exists()
    [line] = [line for line in capsys.readouterr().err.splitlines() if line]
    return line


def test_partition_values_and_columns_that_old_files_lack(tmp_path, run):
    root = str(tmp_path / "t")
    write_deltalake(root, NEWS, partition_by=["day"])
    newer = pa.table({"key": ["e"], "title": ["new"], "day": [None], "words": [7]})
    newer = newer.set_column(2, "day", pa.array([None], pa.date32()))
    write_deltalake(root, newer, mode="append", schema_mode="merge")
    found = run(f"delta:{root}", "--carry_columns", "day,words", "--id_column", "key")
    assert found.schema.field("day").type == pa.date32()
    assert found.schema.field("words").type == pa.int64()
    assert found.select(["id", "day", "words"]).sort_by("id").to_pylist() == [
        {"id": key, "day": day, "words": words}
        for key, day, words in zip("abcde", [*DAYS, None], [None] * 4 + [7], strict=True)
    ]
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.concat_tables([NEWS, newer.drop_columns("words")]), plain)
    expected = run(str(plain), "--id_column", "key").sort_by("id")
    labels = ["id", "label", "score", "probabilities", "tokens", "error"]
    assert found.sort_by("id").select(labels).equals(expected.select(labels))


def test_the_version_is_fixed_by_the_plan(tmp_path, run):
    root = str(tmp_path / "t")
    write_deltalake(root, NEWS.slice(0, 2))
    write_deltalake(root, NEWS.slice(2), mode="append")
    first = run(f"delta:{root}@0", "--id_column", "key")
    assert first["id"].to_pylist() == ["a", "b"]
    assert manifest(tmp_path / "labels")["plan"]["settings"]["tables"] == {f"delta:{root}": 0}
    assert sorted(run(f"delta:{root}", "--id_column", "key")["id"].to_pylist()) == list("abcd")
    assert manifest(tmp_path / "labels")["plan"]["settings"]["tables"] == {f"delta:{root}": 1}


def test_sources_and_ids_are_those_of_the_files(tmp_path, run):
    root = str(tmp_path / "t")
    write_deltalake(root, NEWS)
    [file] = DeltaTable(root).file_uris()
    found = run(f"delta:{root}")
    assert found["source"].to_pylist() == [file] * 4
    assert found["id"].to_pylist() == [f"{file}#{number}" for number in range(4)]


def test_rows_that_a_deletion_vector_deletes(tmp_path, run):
    rows_of_file = pa.table({"title": [f"text {number}" for number in range(50)]})
    gone = [0, 3, 20, 21, 49]
    name = lake.delta_by_hand(
        tmp_path / "t",
        [lake.string_field("title")],
        {
            "a.parquet": (
                rows_of_file,
                {"deletionVector": lake.deletion_vector(gone), "stats": '{"numRecords": 50}'},
            )
        },
        lake.features("deletionVectors"),
    )
    left = [f"text {number}" for number in range(50) if number not in gone]
    found = run(name, "--carry_columns", "title:t", "--shard_rows", "7")
    assert found["t"].to_pylist() == left
    assert found["source_row"].to_pylist() == list(range(45))
    assert run(name, "--carry_columns", "title:t", "--limit", "9")["t"].to_pylist() == left[:9]


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_columns(tmp_path, run, mode):
    fields = [lake.string_field("title", "col-1", 1), lake.string_field("day", "col-2", 2)]
    one = pa.field("col-1" if mode == "name" else "old", pa.string(), metadata={})
    if mode == "id":
        one = one.with_metadata({"PARQUET:field_id": "1"})
    name = lake.delta_by_hand(
        tmp_path / "t",
        fields,
        {
            "a.parquet": (
                pa.table([["x", "y"]], schema=pa.schema([one])),
                {"partitionValues": {"col-2": "monday"}},
            )
        },
        lake.MAPPED,
        {"delta.columnMapping.mode": mode},
        ["day"],
    )
    found = run(name, "--carry_columns", "all")
    assert found.select(["title", "day"]).to_pylist() == [
        {"title": "x", "day": "monday"},
        {"title": "y", "day": "monday"},
    ]


def test_an_iceberg_table_through_its_life(tmp_path, run, monkeypatch):
    catalog = lake.iceberg_catalog(tmp_path / "lake", monkeypatch)
    catalog.create_namespace("news")
    news = NEWS.append_column("meta", pa.array([{"url": f"u{n}"} for n in range(4)]))
    table = catalog.create_table("news.daily", schema=news.schema)
    table.append(news)
    old = table.current_snapshot().snapshot_id
    with table.update_schema() as update:
        update.rename_column("title", "headline")
        update.rename_column(("meta", "url"), "link")
        update.rename_column("key", "title")  # a name that had another meaning
    table.append(
        pa.table({"title": ["e"], "headline": ["new"], "day": [DAYS[0]], "meta": [{"link": "u9"}]})
    )
    more = ["--text_columns", "headline", "--id_column", "title"]
    found = run("iceberg:lake.news.daily", *more, "--carry_columns", "meta.link,headline")
    assert found.select(["id", "meta.link", "headline"]).sort_by("id").to_pylist() == [
        {"id": "a", "meta.link": "u0", "headline": "one"},
        {"id": "b", "meta.link": "u1", "headline": "two"},
        {"id": "c", "meta.link": "u2", "headline": "six"},
        {"id": "d", "meta.link": "u3", "headline": "ten"},
        {"id": "e", "meta.link": "u9", "headline": "new"},
    ]
    before = run(f"iceberg:lake.news.daily@{old}", "--id_column", "key", "--carry_columns", "all")
    assert before.select(["id", "title", "meta"]).to_pylist() == [
        {"id": row["key"], "title": row["title"], "meta": row["meta"]} for row in news.to_pylist()
    ]
    noted = manifest(tmp_path / "labels")["plan"]["settings"]["tables"]
    assert noted == {"iceberg:lake.news.daily": old}


def test_a_struct_with_renamed_columns_is_refused_as_a_whole(
    tmp_path, fake, play, monkeypatch, capsys
):
    catalog = lake.iceberg_catalog(tmp_path / "lake", monkeypatch)
    catalog.create_namespace("news")
    news = pa.table({"title": ["one"], "meta": [{"url": "u1"}]})
    table = catalog.create_table("news.daily", schema=news.schema)
    table.append(news)
    with table.update_schema() as update:
        update.rename_column(("meta", "url"), "link")
    line = refusal("iceberg:lake.news.daily", fake, tmp_path, capsys, "--carry_columns", "meta")
    assert "column meta is struct<link: string>, and in " in line
    assert "struct<url: string>" in line


def test_iceberg_deletes(tmp_path, run, monkeypatch):
    catalog = lake.iceberg_catalog(tmp_path / "lake", monkeypatch)
    catalog.create_namespace("news")
    news = pa.table({"title": [f"text {number}" for number in range(20)]})
    table = catalog.create_table("news.daily", schema=news.schema)
    table.append(news.slice(0, 10))
    [task] = table.scan().plan_files()
    table.append(news.slice(10))
    deletes = pa.table({"file_path": [task.file.file_path] * 3, "pos": pa.array([0, 4, 9])})
    file = lake.iceberg_file(table, tmp_path / "deletes.parquet", deletes, "POSITION_DELETES")
    lake.add_files(table, file)
    found = run("iceberg:lake.news.daily", "--carry_columns", "title:t")
    left = [f"text {number}" for number in range(20) if number not in (0, 4, 9)]
    assert sorted(found["t"].to_pylist()) == sorted(left)


def test_tables_are_training_data_too(tmp_path):
    root = str(tmp_path / "t")
    write_deltalake(
        root, NEWS.append_column("label", pa.array(list("xyxy"))), partition_by=["label"]
    )
    flags = ["--input", f"delta:{root}", "--text_columns", "title", "--label_column", "label"]
    argv = [*flags, "--output", str(tmp_path / "prepared")]
    options, _ = parse(PrepareOptions, argv, "prepare", "")
    plan, _ = plan_preparation(options)
    assert plan.settings["tables"] == {f"delta:{root}": 0}
    gold = [
        (row["text"], row["gold"])
        for item in plan.items
        for shard in read_source(plan, plan.sources[item.source], item)
        for row in shard.table.to_pylist()
    ]
    assert sorted(gold) == [("one", "x"), ("six", "x"), ("ten", "y"), ("two", "y")]


def test_tables_that_cannot_be_read_are_one_line(tmp_path, fake, play, monkeypatch, capsys):
    root = str(tmp_path / "t")
    write_deltalake(root, NEWS)
    write_deltalake(root, NEWS.slice(1), mode="overwrite")
    DeltaTable(root).vacuum(0, dry_run=False, enforce_retention_duration=False)
    empty = str(tmp_path / "empty")
    write_deltalake(empty, NEWS.slice(0, 0))
    catalog = lake.iceberg_catalog(tmp_path / "lake", monkeypatch)
    catalog.create_namespace("news")
    catalog.create_table("news.empty", schema=NEWS.schema)
    for name, line in {
        f"delta:{tmp_path}": f"no input: there is no Delta table at {tmp_path}",
        f"delta:{root}@0": f"delta:{root}@0 was vacuumed, perhaps",
        f"delta:{root}@9": f"no input: delta:{root} has no version 9, its latest is 3",
        f"delta:{empty}": f"no input: the table delta:{empty}@0 has no rows",
        "iceberg:lake.news.empty": "no input: iceberg:lake.news.empty has no snapshot yet",
        "iceberg:lake.news.none": "no input: the catalogue lake has no table news.none",
        "iceberg:pond.news.none": "pyiceberg's configuration has no catalogue pond",
        "iceberg:news": "it takes CATALOG.NAMESPACE.TABLE",
        "delta:s3://news/table": "s3://news/table: s3:// is not supported",
    }.items():
        assert line in refusal(name, fake, tmp_path, capsys), name
    flags = ["--input", f"delta:{root}@0", "--text_columns", "title", "--model", fake]
    argv = [*flags, "--input", f"delta:{root}", "--output", str(tmp_path / "refused")]
    assert run_command(score, argv) == 2
    assert "is asked for in two versions; take one" in capsys.readouterr().err


def test_a_resumed_run_keeps_its_version(tmp_path, fake, play, monkeypatch):
    root = str(tmp_path / "t")
    write_deltalake(root, NEWS)
    output = tmp_path / "labels"
    flags = ["--input", f"delta:{root}", "--text_columns", "title", "--id_column", "key"]
    argv = [*flags, "--model", fake, "--output", str(output), "--shard_rows", "2"]
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.stages.publishing.manifest_of", None)
        assert run_command(score, argv) == 1
    [plan] = output.glob("_work-*/plan.json")
    digest = json.loads(plan.read_text())["digest"]
    write_deltalake(root, NEWS, mode="append")
    assert run_command(score, argv) == 0
    assert rows(output)["id"].to_pylist() == ["a", "b", "c", "d"]
    assert manifest(output)["plan"]["digest"] == digest
    assert manifest(output)["plan"]["settings"]["tables"] == {f"delta:{root}": 0}
    # What is published is another matter: the same command, now of another corpus.
    assert run_command(score, argv) == 2
    assert run_command(score, [*argv, "--overwrite"]) == 0
    assert manifest(output)["plan"]["settings"]["tables"] == {f"delta:{root}": 1}


def test_a_resumed_run_whose_version_has_gone_begins_anew(tmp_path, fake, play, monkeypatch):
    root = str(tmp_path / "t")
    write_deltalake(root, NEWS)
    output = tmp_path / "labels"
    flags = ["--input", f"delta:{root}", "--text_columns", "title", "--id_column", "key"]
    argv = [*flags, "--model", fake, "--output", str(output)]
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.stages.publishing.manifest_of", None)
        assert run_command(score, argv) == 1
    write_deltalake(root, NEWS.slice(0, 1), mode="overwrite")
    DeltaTable(root).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert run_command(score, argv) == 2
    assert run_command(score, [*argv, "--overwrite"]) == 0
    assert rows(output)["id"].to_pylist() == ["a"]
