"""The notebook runs from its first cell to its last, and is committed as it came out of a run."""

import base64
import os

import nbformat
import pytest
from nbclient import NotebookClient

from bert_toys import TOY_BERT_CONFIG, write_bert
from places import ROOT

FILE = ROOT / "examples" / "agnews.ipynb"
MOST_BYTES = 200_000


def printed(notebook) -> str:
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert not [one for one in outputs if one.output_type == "error"]
    return "".join(one.text for one in outputs if one.output_type == "stream")


def pictures(notebook, kind: str) -> list[str]:
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    return [one.data[kind] for one in outputs if kind in one.get("data", {})]


def test_it_is_readable_as_committed():
    notebook = nbformat.read(FILE, 4)
    nbformat.validate(notebook)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))
    said = printed(notebook)
    assert "659,592 parameters, 659,592 of them trained" in said
    assert "128 rows read, 125 labelled, 3 in error" in said
    (picture,) = pictures(notebook, "image/png")
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert FILE.stat().st_size < MOST_BYTES
    assert str(ROOT) not in FILE.read_text() and os.path.expanduser("~/") not in FILE.read_text()


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    backbone = write_bert(tmp_path / "toy", TOY_BERT_CONFIG | {"max_position_embeddings": 64})
    monkeypatch.setenv("NEWS_BACKBONE", str(backbone))
    monkeypatch.setenv("NEWS_EPOCHS", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(FILE, 4)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": FILE.parent}})
    client.execute()
    said = printed(notebook)
    assert "[CLS]" in said and "[SEP]" in said
    assert "finetuned" in said and "128 rows read, 125 labelled, 3 in error" in said
    assert len(pictures(notebook, "image/png")) == 1
    assert any("<svg" in page for page in pictures(notebook, "text/html"))
    (work,) = tmp_path.glob("news-*")
    made = {path.name for path in work.iterdir()}
    assert {"small", "frozen", "finetuned", "labels"} <= made
    assert "oneDNN" not in said and "cuda" not in said
