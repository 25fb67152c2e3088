"""Tables that are partitioned: by columns, by days, and how many small files that may make."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from other_writers import LAKES
from pipeline.errors import NewsbeamError, UsageError
from pipeline.output.published import published_manifest
from pipeline.tables import partitions
from pipeline.tables.formats import check_table, table_to_write
from pipeline.tables.partitions import PartitionColumn, as_text, count_partitions
from toy_runs import ToyRun

UTC = pa.timestamp("us", "UTC")
MONDAY = pa.scalar(datetime.datetime(2026, 11, 23, 23, 59, tzinfo=datetime.UTC), UTC)
TUESDAY = pa.scalar(datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC), UTC)


@pytest.fixture(params=LAKES)
def lake(request, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return LAKES[request.param](tmp_path, monkeypatch)


def run(lake, corpus, section, time, output, by=("section", "day(time)"), bundle="a") -> ToyRun:
    more = {"section": pa.scalar(section, pa.string()), "time": time}
    place = lake.root.parent
    return ToyRun(place, corpus, lake.name, bundle, output, more=more, partition_by=by)


def test_runs_go_into_a_table_by_section_and_day(lake, tmp_path):
    first = run(lake, {"a.csv": ["a0", "a1"], "b.csv": ["b0"]}, "news", MONDAY, "one")
    first.publish()
    second = run(lake, {"b.csv": ["b1"], "c.csv": ["c0"]}, None, TUESDAY, "two", by=(), bundle="b")
    second.publish()
    kept = [row for row in first.rows() if not row[0].endswith("b.csv")]
    assert lake.rows() == sorted([*kept, *second.rows()])
    table = lake.arrow().select(["section", "time"]).to_pylist()
    assert {(row["section"], row["time"].day) for row in table} == {("news", 23), (None, 24)}
    noted = [published_manifest(one.output)["table"] for one in (first, second)]
    assert [one["partitions"] for one in noted] == [1, 1]
    assert [one["partition_by"] for one in noted] == [["section", "day(time)"]] * 2


def test_readers_skip_the_partitions_that_they_do_not_want(lake):
    run(lake, {"a.csv": ["a0"]}, "news", MONDAY, "one").publish()
    run(lake, {"b.csv": ["b0"]}, "sport", TUESDAY, "two").publish()
    if lake.name.startswith("delta"):
        found = DeltaTable(lake.root).file_uris([("time_day", "=", "2026-11-24")])
    else:
        scan = lake.table().scan("time >= '2026-11-24T00:00:00+00:00'")
        found = [task.file.file_path for task in scan.plan_files()]
    assert len(found) == 1


def test_what_is_nothing_to_partition_by_is_refused_before_any_work(lake):
    name = table_to_write(lake.name)
    schema = pa.schema([("section", pa.string()), ("time", UTC), ("x", pa.float32())])
    carried = set(schema.names)
    for by, reason in [
        ("label", "there is no carried column label"),
        ("day(section)", "column section holds no times but string"),
        ("time", r"timestamp\[us, tz=UTC\] is nothing to partition by; day\(time\) is"),
        ("x", "float is nothing to partition by"),
    ]:
        with pytest.raises(UsageError, match=reason):
            check_table(name, schema, [by], carried)
    run(lake, {"a.csv": ["a0"]}, "news", MONDAY, "one").publish()
    with pytest.raises(UsageError, match=r"is partitioned by section,day\(time\); leave out"):
        check_table(name, schema.remove(2), ["section"], carried)
    check_table(name, schema.remove(2), [], carried)
    with pytest.raises(UsageError, match="there is no carried column section"):
        check_table(name, pa.schema([("time", UTC)]), [], {"time"})


def test_too_many_small_files_are_refused_before_it_is_decided(lake, monkeypatch):
    monkeypatch.setattr(partitions, "MOST_PARTITIONS", 0)
    begun = run(lake, {"a.csv": ["a0"]}, "news", MONDAY, "one", by=("section",))
    with pytest.raises(NewsbeamError, match="more than 0 small files of one run; choose columns"):
        begun.publish()
    monkeypatch.undo()
    assert not list(Path(begun.output).glob("_work-*/swap-*"))


def test_partitions_are_counted_by_their_values(tmp_path):
    path = str(tmp_path / "part.parquet")
    table = pa.table({"a": ["x", "y", None, "x", "", None], "b": [1, 1, 2, 1, 2, 3]})
    pq.write_table(table, path, row_group_size=2)
    assert count_partitions([path, path], [PartitionColumn("a"), PartitionColumn("b")]) == 4
    assert count_partitions([path], [PartitionColumn("a")]) == 3
    assert [as_text(v) for v in ("", None, True, datetime.date(2026, 1, 2), 3)] == [
        None, None, "true", "2026-01-02", "3",
    ]  # fmt: skip
