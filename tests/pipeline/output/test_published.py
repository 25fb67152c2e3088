"""A read error says nothing of what is published: it is raised, never taken for an answer."""

import json

import pytest

from pipeline import storage
from pipeline.output.published import commit_of, published, published_manifest, readable_manifest


@pytest.mark.parametrize("name", ["_SUCCESS", "_manifest.json"])
def test_a_read_error_is_not_not_published(tmp_path, monkeypatch, name):
    content = json.dumps({"plan": {"digest": "a"}, "parts": []}).encode()
    (tmp_path / "_manifest.json").write_bytes(content)
    (tmp_path / "_SUCCESS").write_text(commit_of(content))
    real = storage.read_bytes

    def fails(path):
        if path.endswith(name):
            raise OSError(5, "Input/output error", path)
        return real(path)

    monkeypatch.setattr(storage, "read_bytes", fails)
    for look in (published, published_manifest, readable_manifest):
        with pytest.raises(OSError, match="Input/output error"):
            look(str(tmp_path))
