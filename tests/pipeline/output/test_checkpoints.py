"""Which checkpoints make up a work item."""

import pytest

from pipeline.output.checkpoints import find_checkpoints, finished_of, whole


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], None),
        (["000000-000000.parquet"], None),
        (["000000-000000.end.parquet"], ["000000-000000.end.parquet"]),
        (["000000-000001.end.parquet"], None),
        (
            ["000000-000001.end.parquet", "000000-000000.parquet"],
            ["000000-000000.parquet", "000000-000001.end.parquet"],
        ),
        # Two readings of one item, of which one came less far: the shorter is a whole, once.
        (
            [
                "000000-000000.parquet",
                "000000-000001.end.parquet",
                "000000-000001.parquet",
                "000000-000002.end.parquet",
            ],
            ["000000-000000.parquet", "000000-000001.end.parquet"],
        ),
    ],
)
def test_whole(names, expected):
    assert whole(names) == expected


def test_finished_files_stand_in_the_order_of_the_corpus(tmp_path, monkeypatch):
    for name in ("000001-000000.end", "000000-000001.end", "000000-000000", "000009-000000.end"):
        (tmp_path / f"{name}.parquet").write_bytes(b"x")
    (tmp_path / "started.json").write_text("{}")

    class Item:
        def __init__(self, number):
            self.number = number

    class ThreeItems:
        items = (Item(0), Item(1), Item(2))

    files, missing = find_checkpoints(ThreeItems(), str(tmp_path))
    assert [file.name for file in files] == [
        "000000-000000.parquet",
        "000000-000001.end.parquet",
        "000001-000000.end.parquet",
    ]
    assert missing == [2]
    assert finished_of(str(tmp_path), 1) == ["000001-000000.end.parquet"]
    assert finished_of(None, 1) == []


def test_an_items_checkpoints_are_found_without_reading_the_folder(tmp_path, monkeypatch):
    """With 800,000 of them, each of as many items would read a folder of 800,000 names."""
    names = ["000001-000000.parquet", "000001-000001.parquet", "000001-000002.end.parquet"]
    for name in (*names, "000001-000004.parquet", "000002-000000.end.parquet"):
        (tmp_path / name).write_text("")

    def scan(*_args, **_kwargs):
        raise AssertionError("the folder is read")

    monkeypatch.setattr("os.scandir", scan)
    monkeypatch.setattr("os.listdir", scan)
    assert finished_of(str(tmp_path), 1) == names
    assert finished_of(str(tmp_path), 2) == ["000002-000000.end.parquet"]
    assert finished_of(str(tmp_path), 0) == []
