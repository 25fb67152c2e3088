"""Files that are written whole, once."""

import pytest

from pipeline import durable, storage


def test_a_file_is_created_once(tmp_path):
    path = str(tmp_path / "one.json")
    assert durable.create_json(path, {"a": 1})
    assert not durable.create_json(path, {"a": 2})
    assert storage.read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.json"]
    with pytest.raises(FileNotFoundError):
        durable.create_json(str(tmp_path / "gone" / "one.json"), {})
