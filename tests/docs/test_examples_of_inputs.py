"""One file of every format, written as docs/inputs.md prints it, and scored by its command."""

from pathlib import Path

from lake import iceberg_catalog

from outputs import rows
from pages_of_docs import EXAMPLES, TABLES, recipes
from pipeline.launcher.command import run_command
from pipeline.score import score


def test_every_format_gives_the_same_rows(tmp_path, monkeypatch, fake, play):
    monkeypatch.chdir(tmp_path)
    iceberg_catalog(tmp_path / "lake", monkeypatch)
    space: dict = {}
    names = ["articles", *(f"{name}_input" for name in EXAMPLES), *TABLES]
    for name in names:
        exec(compile(recipes()[name], "inputs.md", "exec"), space)
    files = sorted(path.name for path in Path().glob("news.*"))
    assert len(files) == len(EXAMPLES)
    options = ["--text_columns", "title,lines", "--id_column", "key", "--carry_columns", "meta.url"]
    outputs = []
    for number, name in enumerate([*files, *TABLES.values()]):
        run = ["--input", name, *options, "--model", fake, "--output", f"labels-{number}"]
        assert run_command(score, run) == 0, name
        outputs.append(rows(tmp_path / f"labels-{number}"))
    first = outputs[0].drop_columns(["source"])
    assert first["id"].to_pylist() == ["a1", "a2", "a3"]
    assert first["meta.url"].to_pylist() == ["u1", "u2", "u3"]
    assert first["tokens"].to_pylist() == [9, 3, None]
    assert first["error"].to_pylist() == [None, None, "blank: no text in title, lines"]
    for made in outputs[1:]:
        assert made.drop_columns(["source"]).equals(first)
