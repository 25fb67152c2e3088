"""Delta tables: the files of a version, what its metadata says of them, and refusals."""

import datetime

import lake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from pipeline.corpus.tables import delta
from pipeline.errors import UsageError
from pipeline.table_names import parse_table

ROWS = pa.table({"title": ["a", "b", "c", "d", "e"]})


def snapshot(name: str):
    return delta.snapshot(parse_table(name))


def titles(path: str) -> list[str]:
    return pq.ParquetFile(path).read()["title"].to_pylist()


def plain_table(folder) -> str:
    return lake.delta_by_hand(folder, [lake.string_field("title")], {"a.parquet": (ROWS, {})})


def test_the_files_of_a_version_in_the_order_of_their_writing(tmp_path):
    root = str(tmp_path / "t")
    for version in range(3):
        write_deltalake(root, ROWS.slice(version, 1), mode="append")
    latest = snapshot(f"delta:{root}")
    assert latest.version == 2
    assert str(latest) == f"delta:{root}@2"
    assert [titles(file.path) for file in latest.files] == [["a"], ["b"], ["c"]]
    assert snapshot(f"delta:{root}@1").files == latest.files[:2]
    assert latest.schema.names == ["title"]


def test_values_that_stand_in_the_log_only(tmp_path):
    root = str(tmp_path / "t")
    keys = ['a b%/é#?"', None]
    rows = pa.table({"key": keys, "day": [datetime.date(2026, 1, 2)] * 2, "title": ["a", "b"]})
    write_deltalake(root, rows, partition_by=["key", "day"])
    files = sorted(snapshot(f"delta:{root}").files, key=lambda file: file.values["key"] or "")
    assert [file.values for file in files] == [
        {"key": key, "day": datetime.date(2026, 1, 2)} for key in reversed(keys)
    ]
    assert [titles(file.path) for file in files] == [["b"], ["a"]]


def test_deletion_vectors(tmp_path):
    name = lake.delta_by_hand(
        tmp_path / "t",
        [lake.string_field("title")],
        {
            "a.parquet": (
                ROWS,
                {"deletionVector": lake.deletion_vector([1, 3]), "stats": '{"numRecords": 5}'},
            )
        },
        lake.features("deletionVectors"),
        {"delta.enableDeletionVectors": "true"},
    )
    [file] = snapshot(name).files
    assert np.flatnonzero(file.deleted).tolist() == [1, 3]


def test_what_a_commit_only_rewrote(tmp_path):
    root = str(tmp_path / "t")
    for version in range(3):
        write_deltalake(root, ROWS.slice(version, 1), mode="append")
    name = parse_table(f"delta:{root}")
    before = {file.path for file in delta.snapshot(name).files}
    assert delta.rewrites(name, 0, 2) == []
    DeltaTable(root).optimize.compact()
    DeltaTable(root).delete("title = 'a'")
    [after] = [file.path for file in snapshot(f"delta:{root}@3").files]
    assert delta.rewrites(name, 1, 4) == [(before, {after})]
    assert delta.rewrites(name, 3, 4) == []
    assert delta.rewrites(name, 4, 3) is None
    DeltaTable(root).create_checkpoint()  # behind which logs are cleaned up
    (tmp_path / "t/_delta_log/00000000000000000003.json").unlink()
    assert delta.rewrites(name, 1, 4) is None


def test_a_commit_that_also_changed_rows_only_rewrote_nothing(tmp_path):
    folder = tmp_path / "t"
    name = parse_table(plain_table(folder))
    written = {**lake.file_action(folder, "a.parquet"), "path": "b.parquet", "dataChange": False}
    remove = {"remove": {"path": "a.parquet", "dataChange": False}}
    lake.commit(folder, 1, [remove, {"add": written}])
    assert len(delta.rewrites(name, 0, 1)) == 1
    new = {"add": {**written, "path": "c.parquet", "dataChange": True}}
    lake.commit(folder, 1, [remove, {"add": written}, new])
    assert delta.rewrites(name, 0, 1) == []
    lake.commit(folder, 1, [{"add": written}])  # for its statistics, say: nothing went
    assert delta.rewrites(name, 0, 1) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("{root}-nowhere", "no input: there is no Delta table at {root}-nowhere"),
        ("{root}/..", "no input: there is no Delta table at {root}/.."),
        ("{root}@7", "no input: delta:{root} has no version 7, its latest is 0"),
        ("s3://news/table", "s3://news/table: s3:// is not supported, only disks and gs:// are"),
        ("{root}/a.parquet", "cannot read delta:{root}/a.parquet: "),
    ],
)
def test_what_is_no_table(tmp_path, name, reason):
    root = tmp_path / "folder" / "t"
    plain_table(root)
    with pytest.raises(UsageError) as caught:
        snapshot("delta:" + name.format(root=root))
    assert str(caught.value).startswith(reason.format(root=root))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "folder" / "t-nowhere").exists()


@pytest.mark.parametrize("feature", ["fancy", "variantType"])
def test_reader_features_that_nobody_here_knows(tmp_path, feature):
    name = lake.delta_by_hand(
        tmp_path / "t",
        [lake.string_field("title")],
        {"a.parquet": (ROWS, {})},
        lake.features(feature),
    )
    with pytest.raises(UsageError, match=f"cannot read {name}: .*{feature}"):
        snapshot(name)


def test_a_damaged_log(tmp_path):
    name = plain_table(tmp_path / "t")
    (tmp_path / "t/_delta_log/00000000000000000000.json").write_bytes(b'{"add": {"pa')
    with pytest.raises(UsageError, match=f"cannot read {name}: ") as caught:
        snapshot(name)
    assert "\n" not in str(caught.value)
